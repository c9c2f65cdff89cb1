import { describe, expect, it } from 'vitest';
import { active, asked, type Filters, fromAddress, NONE, toAddress } from './filters';

const read = (address: string) => fromAddress(new URLSearchParams(address));

describe('filters of calls', () => {
  it('come back from the address as they went in', () => {
    const filters: Filters = {
      ...NONE,
      q: 'beard trim & more',
      agent: 'front-desk',
      end: 'caller_left',
      direction: 'inbound',
      slower: 1500,
      problems: true,
      poorAudio: true,
      range: '7d',
    };
    expect(toAddress(filters).toString()).toBe(
      'q=beard+trim+%26+more&agent=front-desk&end=caller_left&direction=inbound&slower=1500&problems=yes&audio=poor&range=7d',
    );
    expect(read(toAddress(filters).toString())).toEqual(filters);
    expect(toAddress(NONE).toString()).toBe('');
    expect(read('')).toEqual(NONE);
  });
  it('keep two times of the reader', () => {
    const filters: Filters = { ...NONE, range: 'between', from: '2026-11-20T08:00', to: '' };
    expect(read(toAddress(filters).toString())).toEqual(filters);
    expect(read('from=2026-11-20T08:00').range).toBe('between');
    expect(asked(filters, 0)).toEqual({ from: new Date('2026-11-20T08:00').toISOString() });
  });
  it('leave out what an address says wrongly', () => {
    expect(read('slower=fast&range=aeon&problems=perhaps&direction=up&from=yesterday')).toEqual(NONE);
    expect(read('slower=-4').slower).toBeNull();
  });
  it('ask the server in its words', () => {
    const now = Date.parse('2026-11-26T12:00:00Z');
    expect(
      asked(read('end=agent_ended&direction=outbound&slower=900&problems=yes&audio=poor&range=1h&q=hi'), now),
    ).toEqual({
      q: 'hi',
      end_reason: 'agent_ended',
      direction: 'outbound',
      slower_than_ms: 900,
      problems: true,
      poor_audio: true,
      from: '2026-11-26T11:00:00.000Z',
    });
    expect(asked(NONE, now)).toEqual({});
  });
  it('are counted without the search', () => {
    expect(active(read('q=hi&agent=a&range=between&from=2026-11-20T08:00'))).toBe(2);
  });
});
