// How loud a side is, for the eye: 0 silent to 1 loud.

export class Meter {
  private readonly analyser: AnalyserNode;
  private readonly samples: Float32Array<ArrayBuffer>;
  private source: AudioNode | null = null;

  constructor(private readonly context: AudioContext) {
    this.analyser = context.createAnalyser();
    this.analyser.fftSize = 512;
    this.samples = new Float32Array(this.analyser.fftSize);
  }

  /** Audio that is played by way of this node is measured too. */
  get node(): AudioNode {
    return this.analyser;
  }

  watch(stream: MediaStream): void {
    this.source?.disconnect();
    this.source = this.context.createMediaStreamSource(stream);
    this.source.connect(this.analyser);
  }

  level(): number {
    this.analyser.getFloatTimeDomainData(this.samples);
    return loudness(this.samples);
  }

  close(): void {
    this.source?.disconnect();
    this.analyser.disconnect();
  }
}

const QUIET_DBFS = -55;
const LOUD_DBFS = -12;

/** Root mean square, in decibels, between quiet and loud. */
export function loudness(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const dbfs = 10 * Math.log10(sum / Math.max(1, samples.length) + 1e-12);
  return Math.max(0, Math.min(1, (dbfs - QUIET_DBFS) / (LOUD_DBFS - QUIET_DBFS)));
}
