import { describe, expect, it } from 'vitest';
import { measures, percent, type Quality, scored, wrongs } from './quality';

const quality = (more: Partial<Quality> = {}): Quality => ({
  transport: 'webrtc',
  encoding: 'opus',
  length_ms: 9_000,
  inbound: { packets: 400, network: null, mos: null },
  outbound: {
    packets: 300,
    reported: null,
    late: 0,
    skipped_ms: 0,
    refused: 0,
    underruns: 0,
    dry_ms: 0,
    mos: null,
  },
  round_trip_ms: null,
  flaws: [],
  poor: false,
  ...more,
});

const network = {
  expected: 400,
  lost: 24,
  late: 3,
  recovered: 20,
  loss_percent: 6,
  unrecovered_percent: 1,
  reordered: 0,
  duplicates: 0,
  concealed_ms: 80,
  gaps: 0,
  gap_ms: 0,
  jitter_ms: 41.4,
};

describe("a call's audio", () => {
  it('is said to be bad where it was, by whose way', () => {
    const inbound = { packets: 376, network, mos: 4.1 };
    expect(wrongs(quality({ inbound, flaws: ['loss_in', 'jitter_in'] }))).toEqual([
      "The caller's network lost 6.0 % here; all but 1.0 % was restored.",
      "The caller's voice came unevenly, by 41 ms.",
    ]);
    const reported = { packets: 250, lost: 30, loss_percent: 12, jitter_ms: 5 };
    const outbound = { ...quality().outbound, reported, underruns: 1, dry_ms: 180 };
    expect(wrongs(quality({ outbound, flaws: ['loss_out', 'underruns'] }))).toEqual([
      "The way to the caller lost 12 % of the agent's voice here.",
      "The agent's voice ran out once, for 180 ms: its maker was too slow.",
    ]);
    expect(wrongs(quality())).toEqual([]);
    expect(wrongs(null)).toEqual([]);
  });
  it('is unknown where nobody can know, and never nothing', () => {
    const shown = Object.fromEntries(measures(quality()).map((one) => [one.name, one.values]));
    expect(shown.Lost).toEqual(['unknown', 'unknown']);
    expect(shown.Score).toEqual(['unknown', 'unknown']);
    expect(shown['Too late']).toEqual(['unknown', '0']);
  });
  it('is scored in words', () => {
    expect([4.4, 4.03, 3.7, 3.2, 2, null].map(scored)).toEqual([
      '4.4, good',
      '4.0, good',
      '3.7, fair',
      '3.2, poor',
      '2.0, bad',
      'unknown',
    ]);
    expect([0, 0.25, 6, 12.4].map(percent)).toEqual(['0 %', '0.3 %', '6.0 %', '12 %']);
  });
});
