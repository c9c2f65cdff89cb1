import { describe, expect, it } from 'vitest';
import { heights, peaks } from './peaks';

const close = (values: Float32Array) => Array.from(values, (value) => Math.round(value * 100) / 100);

describe('peaks of a waveform', () => {
  it('are the loudest sample of each column, of either sign', () => {
    const samples = Float32Array.from([0.1, -0.5, 0.2, 0, 0.9, -0.3, 0, 0]);
    expect(close(peaks([{ samples, rate: 1000, offsetMs: 0 }], 4, 8))).toEqual([0.5, 0.2, 0.9, 0]);
  });
  it('stand where their part of the recording began, and nothing stands where none is', () => {
    const samples = new Float32Array(10).fill(0.4);
    const shown = peaks([{ samples, rate: 1000, offsetMs: 20 }], 10, 100);
    expect(close(shown)).toEqual([NaN, NaN, 0.4, NaN, NaN, NaN, NaN, NaN, NaN, NaN]);
  });
  it('join parts, and leave out what is beyond the end', () => {
    const part = (offsetMs: number) => ({ samples: new Float32Array(50).fill(0.2), rate: 1000, offsetMs });
    expect(close(peaks([part(0), part(80)], 4, 100))).toEqual([0.2, 0.2, NaN, 0.2]);
  });
  it('are lifted so that quiet speech is seen', () => {
    expect(close(heights(Float32Array.from([0.25, 1, NaN, 0])))).toEqual([0.5, 1, NaN, 0]);
    expect(close(heights(Float32Array.from([0, 0.0005])))).toEqual([0, 0.1]);
  });
});
