import { describe, expect, it } from 'vitest';
import { perMinute, pollMs, recent, windowFrom } from './series';

describe('series', () => {
  it('count per minute, and are asked for as often as they change', () => {
    expect(perMinute(3, 5)).toBe(36);
    expect(recent([9, ...Array(12).fill(2), 0], 5)).toBe(24);
    expect(recent([120, 60, 7], 60)).toBe(60);
    expect(recent([4], 60)).toBe(0);
    expect(pollMs('5m')).toBe(1000);
    expect(windowFrom('7d')).toBe('7d');
    expect(windowFrom('aeon')).toBe('1h');
  });
});
