// What waits to be played. Starts after a small reserve, so that an uneven network does not cut words; goes silent on `flush`.

/** Reserve before the first sample sounds, in seconds. */
const RESERVE_SECONDS = 0.06;
/** More than this is a server that does not pace: the oldest goes. In seconds. */
const MOST_SECONDS = 30;

export class Playout {
  private pieces: Float32Array[] = [];
  private offset = 0;
  private waiting = 0;
  private sounding = false;

  constructor(private readonly rate: number) {}

  push(samples: Float32Array): void {
    this.pieces.push(samples);
    this.waiting += samples.length;
    while (this.waiting > MOST_SECONDS * this.rate) this.dropFirst();
  }

  /** Nothing that was pushed before is heard any more. */
  flush(): void {
    this.pieces = [];
    this.offset = 0;
    this.waiting = 0;
    this.sounding = false;
  }

  /** Fills `output`, with silence where nothing waits. */
  pull(output: Float32Array): void {
    if (!this.sounding && this.waiting < RESERVE_SECONDS * this.rate) {
      output.fill(0);
      return;
    }
    this.sounding = true;
    let filled = 0;
    while (filled < output.length) {
      const piece = this.pieces[0];
      if (!piece) break;
      const count = Math.min(output.length - filled, piece.length - this.offset);
      output.set(piece.subarray(this.offset, this.offset + count), filled);
      filled += count;
      this.offset += count;
      this.waiting -= count;
      if (this.offset === piece.length) {
        this.pieces.shift();
        this.offset = 0;
      }
    }
    if (filled < output.length) {
      output.fill(0, filled);
      this.sounding = false;
    }
  }

  private dropFirst(): void {
    const piece = this.pieces.shift();
    if (piece) this.waiting -= piece.length - this.offset;
    this.offset = 0;
  }
}
