import { describe, expect, it } from 'vitest';
import { loudness } from '../src/audio/meter';
import { Playout } from '../src/audio/playout';
import { Resampler } from '../src/audio/resample';

const tone = (hertz: number, rate: number, count: number) =>
  Float32Array.from({ length: count }, (_, index) => 0.5 * Math.sin((2 * Math.PI * hertz * index) / rate));

/** Root mean square. */
const strength = (samples: Float32Array) =>
  Math.sqrt(samples.reduce((sum, one) => sum + one * one, 0) / samples.length);

/** In pieces of an audio quantum, as the audio thread gives them. */
function resample(input: Float32Array, from: number, to: number): Float32Array {
  const resampler = new Resampler(from, to);
  const pieces: number[] = [];
  for (let at = 0; at < input.length; at += 128) pieces.push(...resampler.process(input.slice(at, at + 128)));
  return Float32Array.from(pieces);
}

describe('the resampler', () => {
  it.each([
    [48_000, 16_000],
    [44_100, 16_000],
    [24_000, 48_000],
    [24_000, 44_100],
  ])('keeps the length and a tone of speech from %i to %i', (from, to) => {
    const output = resample(tone(1000, from, from), from, to);
    expect(Math.abs(output.length - to)).toBeLessThan(40);
    const expected = tone(1000, to, output.length);
    const middle = output.slice(to / 4, to / 2).map((one, index) => one - (expected[index + to / 4] ?? 0));
    expect(strength(middle)).toBeLessThan(0.01);
  });

  it('lets nothing above half the new rate through', () => {
    const output = resample(tone(11_000, 48_000, 48_000), 48_000, 16_000);
    expect(strength(output.slice(2000))).toBeLessThan(0.01);
  });
});

describe('playout', () => {
  const pull = (playout: Playout, count: number) => {
    const output = new Float32Array(count).fill(9);
    playout.pull(output);
    return output;
  };

  it('waits for a reserve and then plays every sample in order', () => {
    const playout = new Playout(1000);
    playout.push(Float32Array.from({ length: 50 }, (_, index) => index + 1));
    expect(strength(pull(playout, 20))).toBe(0);
    playout.push(Float32Array.from({ length: 50 }, (_, index) => index + 51));
    expect([...pull(playout, 64), ...pull(playout, 36)]).toEqual(
      Array.from({ length: 100 }, (_, index) => index + 1),
    );
  });

  it('is silent from the very next sample after a flush', () => {
    const playout = new Playout(1000);
    playout.push(new Float32Array(500).fill(1));
    pull(playout, 10);
    playout.flush();
    expect(strength(pull(playout, 100))).toBe(0);
  });

  it('fills up with silence where audio runs out, and gathers a reserve again', () => {
    const playout = new Playout(1000);
    playout.push(new Float32Array(70).fill(1));
    expect([...pull(playout, 100)].filter((one) => one === 1).length).toBe(70);
    playout.push(new Float32Array(10).fill(1));
    expect(strength(pull(playout, 10))).toBe(0);
  });

  it('is bounded', () => {
    const playout = new Playout(10);
    for (let piece = 1; piece <= 40; piece += 1) playout.push(new Float32Array(10).fill(piece));
    expect(pull(playout, 1)[0]).toBe(11);
  });
});

describe('the meter', () => {
  it('goes from silent to loud', () => {
    expect(loudness(new Float32Array(100))).toBe(0);
    expect(loudness(new Float32Array(100).fill(0.03))).toBeGreaterThan(0.4);
    expect(loudness(new Float32Array(100).fill(1))).toBe(1);
  });
});
