import { describe, expect, it } from 'vitest';
import { days, milliseconds, written } from './whole';

describe('days that something is kept', () => {
  it('are a whole number, and nothing where it is kept for ever', () => {
    expect([days.of('30'), days.of(' 1 '), days.of('3650')]).toEqual([30, 1, 3650]);
    expect([days.of(''), days.of('  ')]).toEqual([null, null]);
    expect([written(30), written(null), written(undefined)]).toEqual(['30', '', '']);
    expect([null, 7].map((kept) => days.of(written(kept)))).toEqual([null, 7]);
  });
  it('are refused where the server would refuse them', () => {
    for (const text of ['0', '3651', '1.5', '-1', 'a week', '99999999'])
      expect([days.of(text), days.refusal(text)]).toEqual([
        undefined,
        expect.stringContaining('from 1 to 3650'),
      ]);
    expect(days.refusal('')).toBeUndefined();
    expect([milliseconds.of('700'), milliseconds.refusal('60001')]).toEqual([
      700,
      'A whole number of ms from 1 to 60000, or nothing',
    ]);
  });
});
