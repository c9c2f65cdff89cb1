// Runs in the audio thread: the microphone at the rate the server wants, and the speaker at the rate the device has.

import { Playout } from './playout';
import { Resampler } from './resample';

declare const sampleRate: number;
declare function registerProcessor(name: string, processor: unknown): void;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}

/** 20 ms. */
const PIECE_SECONDS = 0.02;

class CaptureProcessor extends AudioWorkletProcessor {
  private readonly resampler: Resampler;
  private readonly piece: Int16Array;
  private filled = 0;
  private muted = false;

  constructor({ processorOptions }: { processorOptions: { rate: number } }) {
    super();
    this.resampler = new Resampler(sampleRate, processorOptions.rate);
    this.piece = new Int16Array(processorOptions.rate * PIECE_SECONDS);
    this.port.onmessage = ({ data }) => {
      this.muted = data === 'mute';
    };
  }

  process(inputs: Float32Array[][]): boolean {
    const input = inputs[0]?.[0];
    if (!input) return true;
    for (const sample of this.resampler.process(input)) {
      // Muted is silence, not nothing: the server's clock of the call goes on.
      const value = this.muted ? 0 : Math.max(-1, Math.min(1, sample));
      this.piece[this.filled] = value < 0 ? value * 0x8000 : value * 0x7fff;
      this.filled += 1;
      if (this.filled === this.piece.length) {
        const copy = this.piece.slice();
        this.port.postMessage(copy, [copy.buffer]);
        this.filled = 0;
      }
    }
    return true;
  }
}

class PlaybackProcessor extends AudioWorkletProcessor {
  private readonly playout = new Playout(sampleRate);
  private resampler: Resampler | null = null;
  private rate = 0;
  private closed = false;

  constructor() {
    super();
    this.port.onmessage = ({ data }) => {
      if (data === 'flush') this.playout.flush();
      else if (data === 'close') this.closed = true;
      else this.push(data as { pcm: Int16Array; rate: number });
    };
  }

  private push({ pcm, rate }: { pcm: Int16Array; rate: number }): void {
    if (!this.resampler || rate !== this.rate) {
      this.resampler = new Resampler(rate, sampleRate);
      this.rate = rate;
    }
    this.playout.push(this.resampler.process(Float32Array.from(pcm, (sample) => sample / 0x8000)));
  }

  process(_inputs: Float32Array[][], outputs: Float32Array[][]): boolean {
    const output = outputs[0]?.[0];
    if (output) this.playout.pull(output);
    return !this.closed;
  }
}

registerProcessor('agent-foundry-capture', CaptureProcessor);
registerProcessor('agent-foundry-playback', PlaybackProcessor);
