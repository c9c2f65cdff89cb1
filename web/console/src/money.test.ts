import { describe, expect, it } from 'vitest';
import { costOf, dollars, exact, money, nanoOf, perUnit } from './money';

describe('money', () => {
  it('is as exact as is worth reading, and never nothing where there is something', () => {
    expect(money(0)).toBe('$0.00');
    expect(money(12_345_678_901)).toBe('$12.35');
    expect(money(4_200_000)).toBe('$0.0042');
    expect(money(420_000_000)).toBe('$0.42');
    expect(money(1_000)).toBe('< $0.0001');
    expect(exact(2_500)).toBe('$0.0000025');
  });
  it('is read to the nano-dollar and written back the same', () => {
    for (const [text, nano] of [
      ['2.5', 2_500_000_000],
      ['0.0000025', 2_500],
      ['$30', 30_000_000_000],
      [' 0.000000001 ', 1],
      ['0', 0],
    ] as const) {
      expect(nanoOf(text)).toBe(nano);
      expect(nanoOf(dollars(nano))).toBe(nano);
    }
    for (const wrong of ['', '-1', '1,5', '1e3', '0.0000000001', 'free', '.5'])
      expect(nanoOf(wrong)).toBeNull();
  });
  it('is unknown where nothing has a price, and more where something has none', () => {
    expect(costOf({ cost_nano_usd: 0, unpriced: 3 })).toBe('unknown');
    expect(costOf({ cost_nano_usd: 2_000_000_000, unpriced: 1 })).toBe('$2.00 and more');
    expect(costOf({ cost_nano_usd: 0, unpriced: 0 })).toBe('$0.00');
  });
  it('is charged for units in the numbers that vendors name', () => {
    expect(perUnit('input_token', 1_000_000)).toBe('per 1M input tokens');
    expect(perUnit('character', 1000)).toBe('per 1K characters');
    expect(perUnit('audio_in_second', 60)).toBe('per minute heard');
    expect(perUnit('request', 1)).toBe('per request');
    expect(perUnit('character', 250)).toBe('per 250 characters');
  });
});
