import { describe, expect, it } from 'vitest';
import type { Drill, DrillReport } from '../../server';
import { findings, percent, told } from './telling';

const drill: Drill = {
  id: 'drl_1',
  environment: 'staging',
  kind: 'tts',
  fault: 'hang',
  moment: 'mid_sentence',
  provider: null,
  share: 0.2,
  started_by: 'operator',
  started_at: '2026-11-26T10:00:00Z',
  ends_at: '2026-11-26T10:10:00Z',
  stopped_at: null,
  running: true,
};

describe('a drill in words', () => {
  it('says whom it strikes, how and when', () => {
    expect(told(drill)).toBe('Voice, whichever is asked first: says nothing more in mid-sentence');
    expect(told({ ...drill, provider: 'voices' })).toContain('Voice, voices:');
  });

  it('shows shares as people read them', () => {
    expect([percent(0.2), percent(0.001), percent(1)]).toEqual(['20 %', '0.1 %', '100 %']);
  });

  it('names what somebody must look at, and nothing where there is nothing', () => {
    const report = { calls_lost: 0, last_resorts: 0, words_lost: 0, words_doubled: 0 } as DrillReport;
    expect(findings(report)).toEqual([]);
    expect(findings({ ...report, calls_lost: 2, words_lost: 1 })).toEqual([
      '2 calls were lost',
      '1 word was not heard',
    ]);
  });
});
