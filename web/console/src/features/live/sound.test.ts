import { expect, test } from 'vitest';
import { channels, due } from './sound';

test('samples are split by channel', () => {
  const bytes = new ArrayBuffer(8);
  const view = new DataView(bytes);
  [16_384, -32_768, 0, 8_192].forEach((sample, at) => {
    view.setInt16(at * 2, sample, true);
  });
  const [caller, agent] = channels(bytes);
  expect([...caller]).toEqual([0.5, 0]);
  expect([...agent]).toEqual([-1, 0.25]);
  expect(channels(new ArrayBuffer(3))[0]).toHaveLength(0);
});

test('a piece follows the one before, begins anew after a gap, and is left out of a backlog', () => {
  expect(due(10, 10.1)).toBe(10.1);
  expect(due(10, 9)).toBeCloseTo(10.12);
  expect(due(10, 10.7)).toBeNull();
});
