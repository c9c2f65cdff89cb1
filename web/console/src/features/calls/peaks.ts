// What a waveform shows of many samples: the loudest in each column, on the clock of the call.

export interface Piece {
  samples: Float32Array;
  rate: number;
  /** Where in the call it begins. */
  offsetMs: number;
}

/** From 0 to 1 in each of `columns` of a call of `lengthMs`; where nothing was recorded, NaN. */
export function peaks(pieces: readonly Piece[], columns: number, lengthMs: number): Float32Array {
  const result = new Float32Array(columns).fill(Number.NaN);
  const columnMs = lengthMs / columns;
  for (const { samples, rate, offsetMs } of pieces) {
    const endMs = offsetMs + (samples.length / rate) * 1000;
    const first = Math.max(0, Math.floor(offsetMs / columnMs));
    const last = Math.min(columns - 1, Math.ceil(endMs / columnMs) - 1);
    for (let column = first; column <= last; column += 1) {
      const from = Math.max(0, Math.floor(((column * columnMs - offsetMs) / 1000) * rate));
      const to = Math.min(samples.length, Math.ceil((((column + 1) * columnMs - offsetMs) / 1000) * rate));
      result[column] = loudest(samples, from, to, result[column] ?? Number.NaN);
    }
  }
  return result;
}

function loudest(samples: Float32Array, from: number, to: number, before: number): number {
  let peak = Number.isNaN(before) ? 0 : before;
  for (let index = from; index < to; index += 1) peak = Math.max(peak, Math.abs(samples[index] ?? 0));
  return Math.min(1, peak);
}

/** Quiet speech must be seen: the square root lifts it, the loudest fills the lane. */
export function heights(values: Float32Array): Float32Array {
  let top = 0;
  for (const value of values) if (value > top) top = value;
  const scale = Math.max(top, 0.05);
  return values.map((value) => (Number.isNaN(value) ? value : Math.sqrt(value / scale)));
}
