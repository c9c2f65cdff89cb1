import { describe, expect, it } from 'vitest';
import { ms } from '../words';
import { grid, ranked, rows, summary } from './series';

const at = (seconds: number) => new Date(seconds * 1000).toISOString();

describe('series', () => {
  it('are evenly spaced over the window, with gaps where nothing was', () => {
    const points = [
      { at: at(120), p50_ms: 700 },
      { at: at(240), p50_ms: null },
    ];
    const window = { from: 60, to: 300, stepSeconds: 60 };
    expect(grid(points, window, (point) => point.p50_ms, null)).toEqual({
      times: [60, 120, 180, 240],
      values: [null, 700, null, null],
    });
    expect(grid([], window, () => 1, 0).values).toEqual([0, 0, 0, 0]);
  });
  it('are summed up in a sentence', () => {
    const chart = {
      times: [1, 2, 3],
      series: [{ label: 'p95', colour: '', write: ms, values: [null, 1200, 900] }],
    };
    expect(summary('Response', chart)).toBe(
      'Response, 3 points: p95 last 900 ms, lowest 900 ms, highest 1,200 ms.',
    );
    expect(summary('Response', { times: [], series: [] })).toBe('Response: nothing in this time.');
  });
  it('have tables short enough to be read, which keep the worst', () => {
    const values = Array.from({ length: 300 }, (_, index) =>
      index === 150 ? 5000 : index < 10 ? null : 100,
    );
    const chart = {
      times: values.map((_, index) => index * 60),
      series: [{ label: 'p50', colour: '', write: ms, values }],
    };
    const table = rows(chart);
    expect(table.length).toBeLessThanOrEqual(60);
    expect(Math.max(...table.map((row) => row.values[0] ?? 0))).toBe(5000);
    expect(table[0]?.at).toBe(600);
  });
  it('are ranked, the largest first', () => {
    expect(ranked({ thinking: 200, underrun: 0, synthesis: 400 })).toEqual([
      { name: 'synthesis', amount: 400, share: 1 },
      { name: 'thinking', amount: 200, share: 0.5 },
    ]);
  });
});
