import { describe, expect, it } from 'vitest';
import { daysOf, refusal, written } from './days';

describe('days that something is kept', () => {
  it('are a whole number, and nothing where it is kept for ever', () => {
    expect([daysOf('30'), daysOf(' 1 '), daysOf('3650')]).toEqual([30, 1, 3650]);
    expect([daysOf(''), daysOf('  ')]).toEqual([null, null]);
    expect([written(30), written(null), written(undefined)]).toEqual(['30', '', '']);
    expect([null, 7].map((days) => daysOf(written(days)))).toEqual([null, 7]);
  });
  it('are refused where the server would refuse them', () => {
    for (const text of ['0', '3651', '1.5', '-1', 'a week', '99999999'])
      expect([daysOf(text), refusal(text)]).toEqual([undefined, expect.stringContaining('from 1 to 3650')]);
    expect(refusal('')).toBeUndefined();
  });
});
