import { describe, expect, it } from 'vitest';
import { perMinute, pollMs, recent, windowFrom } from './series';

describe('series', () => {
  it('count per minute, and are asked for as often as they change', () => {
    expect(perMinute(3, 5)).toBe(36);
    expect(pollMs('5m')).toBe(1000);
    expect(windowFrom('7d')).toBe('7d');
    expect(windowFrom('aeon')).toBe('1h');
  });
  it('say what happened in the last minute, a second ago included', () => {
    expect(recent([30, 1], 60, 0)).toBe(31);
    expect(recent([30, 1], 60, 20)).toBe(21);
    expect(recent([30, 1], 60, 60)).toBe(1);
    expect(recent([4], 60, 3)).toBe(4);
    expect(recent([9, ...Array(12).fill(2), 1], 5, 0)).toBe(25);
    expect(recent([], 60, 0)).toBe(0);
    expect(recent([120, 600, 7], 3600, 100)).toBe(10);
  });
});
