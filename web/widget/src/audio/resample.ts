// From one sample rate to another, piece by piece, without a seam: a windowed sinc, cut off below the lower rate.

/** Zero crossings on each side of a sample. More is sharper and costs more. */
const CROSSINGS = 12;

export class Resampler {
  private readonly step: number;
  private readonly cutoff: number;
  private readonly reach: number;
  /** Input not yet behind every output; begins with silence, so that the first sample has a past. */
  private held: Float32Array;
  /** Where in `held` the next output lies. */
  private at: number;

  constructor(from: number, to: number) {
    this.step = from / to;
    this.cutoff = Math.min(1, to / from) * 0.94;
    this.reach = Math.ceil(CROSSINGS / this.cutoff);
    this.held = new Float32Array(this.reach);
    this.at = this.reach;
  }

  process(input: Float32Array): Float32Array<ArrayBuffer> {
    if (this.step === 1) return new Float32Array(input);
    const all = new Float32Array(this.held.length + input.length);
    all.set(this.held);
    all.set(input, this.held.length);
    const last = all.length - this.reach;
    const count = Math.max(0, Math.ceil((last - this.at) / this.step));
    const output = new Float32Array(count);
    for (let index = 0; index < count; index += 1) {
      output[index] = this.sample(all, this.at);
      this.at += this.step;
    }
    const keep = Math.max(0, Math.floor(this.at) - this.reach);
    this.held = all.slice(keep);
    this.at -= keep;
    return output;
  }

  private sample(input: Float32Array, at: number): number {
    const first = Math.max(0, Math.ceil(at - this.reach));
    const end = Math.min(input.length - 1, Math.floor(at + this.reach));
    let sum = 0;
    for (let index = first; index <= end; index += 1) sum += (input[index] ?? 0) * this.weight(at - index);
    return sum;
  }

  /** Sinc under a Hann window. */
  private weight(distance: number): number {
    const x = Math.PI * distance * this.cutoff;
    const sinc = Math.abs(x) < 1e-6 ? 1 : Math.sin(x) / x;
    const window = 0.5 + 0.5 * Math.cos((Math.PI * distance) / (this.reach + 1));
    return this.cutoff * sinc * window;
  }
}
