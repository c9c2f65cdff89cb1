import { describe, expect, it } from 'vitest';
import { matches } from '../src/events';
import { duration, position, rounded } from '../src/words';

describe('numbers', () => {
  it('that are rounded still add up', () => {
    expect(rounded([300.4, 0, 40.3, 151.6, 29.3], 521.6)).toEqual([301, 0, 40, 152, 29]);
    for (let seed = 1; seed < 500; seed += 1) {
      const parts = Array.from({ length: 5 }, (_, index) => ((seed * 7919 * (index + 3)) % 100_000) / 100);
      const whole = parts.reduce((sum, part) => sum + part, 0);
      expect(
        rounded(parts, whole).reduce((sum, part) => sum + part, 0),
        `seed ${seed}`,
      ).toBe(Math.round(whole));
    }
  });

  it('read as people say them', () => {
    expect([position(0), position(61_250), duration(42_000), duration(125_000)]).toEqual([
      '0:00.0',
      '1:01.3',
      '42 s',
      '2 min 5 s',
    ]);
  });
});

describe('the filter of events', () => {
  const event = (kind: string, text: string) => ({ at_ms: 0, kind, turn: null, text });

  it('wants every word and hides partials until asked', () => {
    expect(matches(event('heard', 'final: When are you open'), 'heard OPEN', false)).toBe(true);
    expect(matches(event('heard', 'final: When are you open'), 'heard closed', false)).toBe(false);
    expect(matches(event('heard', 'partial: When'), '', false)).toBe(false);
    expect(matches(event('heard', 'partial: When'), '', true)).toBe(true);
  });
});
