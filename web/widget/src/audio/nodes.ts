// The page's side of the audio worklets.

import text from 'virtual:worklets';

const loaded = new WeakMap<AudioContext, Promise<void>>();

/** From a `blob:` of our own text, or a `data:` URL where the page's policy forbids that. */
function load(context: AudioContext): Promise<void> {
  const known = loaded.get(context);
  if (known) return known;
  const url = URL.createObjectURL(new Blob([text], { type: 'text/javascript' }));
  const loading = context.audioWorklet
    .addModule(url)
    .catch(() => context.audioWorklet.addModule(`data:text/javascript,${encodeURIComponent(text)}`))
    .finally(() => URL.revokeObjectURL(url));
  loaded.set(context, loading);
  return loading;
}

export class Capture {
  onsamples: (pcm: Int16Array) => void = () => undefined;

  private constructor(
    private readonly source: AudioNode,
    private readonly node: AudioWorkletNode,
  ) {
    node.port.onmessage = ({ data }) => this.onsamples(data as Int16Array);
    source.connect(node);
  }

  static async create(context: AudioContext, microphone: MediaStream, rate: number): Promise<Capture> {
    await load(context);
    const options = {
      numberOfInputs: 1,
      numberOfOutputs: 0,
      channelCount: 1,
      channelCountMode: 'explicit',
    } as const;
    const node = new AudioWorkletNode(context, 'agent-foundry-capture', {
      ...options,
      processorOptions: { rate },
    });
    return new Capture(context.createMediaStreamSource(microphone), node);
  }

  setMuted(muted: boolean): void {
    this.node.port.postMessage(muted ? 'mute' : 'open');
  }

  close(): void {
    this.onsamples = () => undefined;
    this.source.disconnect();
    this.node.port.close();
  }
}

export class Playback {
  private constructor(private readonly node: AudioWorkletNode) {}

  static async create(context: AudioContext, speaker: AudioNode): Promise<Playback> {
    await load(context);
    const node = new AudioWorkletNode(context, 'agent-foundry-playback', {
      numberOfInputs: 0,
      outputChannelCount: [1],
    });
    node.connect(speaker);
    return new Playback(node);
  }

  play(pcm: Int16Array, rate: number): void {
    this.node.port.postMessage({ pcm, rate }, [pcm.buffer]);
  }

  flush(): void {
    this.node.port.postMessage('flush');
  }

  close(): void {
    this.node.port.postMessage('close');
    this.node.disconnect();
  }
}
