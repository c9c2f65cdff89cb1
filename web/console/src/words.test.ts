import { describe, expect, it } from 'vitest';
import { bytes, compact, duration, ending, moment, ms, partyOf, plural, position, sentence } from './words';

describe('words', () => {
  it('writes positions in a call to the tenth, and carries into the minute', () => {
    expect(position(0)).toBe('0:00.0');
    expect(position(61_240)).toBe('1:01.2');
    expect(position(59_960)).toBe('1:00.0');
    expect(position(-3)).toBe('0:00.0');
  });
  it('writes lengths by their size', () => {
    expect(duration(8_400)).toBe('8 s');
    expect(duration(96_000)).toBe('1 min 36 s');
    expect(duration(7_260_000)).toBe('2 h 1 min');
  });
  it('writes sizes of files', () => {
    expect([bytes(12), bytes(1_234), bytes(45_600), bytes(2_500_000)]).toEqual([
      '12 B',
      '1.2 kB',
      '46 kB',
      '2.5 MB',
    ]);
  });
  it('says whom a call came from or went to, where somebody knows', () => {
    const party = '+49301234';
    expect(partyOf({ direction: 'outbound', party })).toMatchObject({ text: 'to +49301234', name: 'Called' });
    expect(partyOf({ direction: 'inbound', party })).toMatchObject({
      text: 'from +49301234',
      name: 'Caller',
    });
    expect([partyOf({ direction: 'inbound', party: null }), partyOf({})]).toEqual([null, null]);
  });
  it('writes numbers so that they are read at a glance', () => {
    expect([ms(1234.4), compact(9_999), compact(12_345)]).toEqual(['1,234 ms', '9,999', '12.3K']);
    expect([plural(1, 'call'), plural(2, 'call')]).toEqual(['1 call', '2 calls']);
  });
  it('shortens times near to now', () => {
    const now = new Date(2026, 10, 26, 12, 0);
    expect(moment(new Date(2026, 10, 26, 9, 5).toISOString(), now)).toMatch(/^Today /);
    expect(moment(new Date(2026, 10, 25, 23, 5).toISOString(), now)).toMatch(/^Yesterday /);
    expect(moment(new Date(2026, 3, 2, 9, 5).toISOString(), now)).not.toMatch(/2026/);
    expect(moment(new Date(2025, 3, 2, 9, 5).toISOString(), now)).toMatch(/2025/);
    expect(moment('never', now)).toBe('never');
  });
  it('makes sentences of details and keeps their own end', () => {
    expect(sentence('the draft was changed')).toBe('The draft was changed.');
    expect(sentence('Really?')).toBe('Really?');
    expect(sentence('')).toBe('');
  });
  it('knows how calls end', () => {
    expect(ending('agent_ended')).toBe('Agent said goodbye');
    expect(ending('something_new')).toBe('Something new');
    expect(ending(null)).toBe('Not known');
  });
});
