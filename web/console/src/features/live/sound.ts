// A call's sound as it comes: samples are split by channel and given to the loudspeaker a little ahead of their time.

export const RATE_HZ = 16_000;
/** What arrives later than this after its time makes a gap: the price of hearing a call as it is. */
const LEAD_S = 0.12;
/** Further ahead than this is a backlog, such as of a page that slept: it is skipped. */
const MOST_S = 0.6;

/** 16-bit samples, little-endian, two channels in turn. */
export function channels(bytes: ArrayBuffer): [Float32Array<ArrayBuffer>, Float32Array<ArrayBuffer>] {
  const view = new DataView(bytes);
  const length = Math.floor(bytes.byteLength / 4);
  const left = new Float32Array(length);
  const right = new Float32Array(length);
  for (let at = 0; at < length; at += 1) {
    left[at] = view.getInt16(at * 4, true) / 32_768;
    right[at] = view.getInt16(at * 4 + 2, true) / 32_768;
  }
  return [left, right];
}

/** When a piece is to sound that comes now, and whether it is to be left out. */
export function due(now: number, next: number): number | null {
  if (next < now) return now + LEAD_S;
  return next - now > MOST_S ? null : next;
}

export class Listener {
  private readonly socket: WebSocket;
  private readonly out: GainNode;
  private next = 0;

  constructor(
    url: string,
    private readonly context: AudioContext,
    over: () => void,
  ) {
    this.out = context.createGain();
    this.out.connect(context.destination);
    const address = new URL(url, location.href);
    address.protocol = address.protocol.replace('http', 'ws');
    this.socket = new WebSocket(address);
    this.socket.binaryType = 'arraybuffer';
    this.socket.addEventListener('message', ({ data }) => this.play(data as ArrayBuffer));
    this.socket.addEventListener('close', over);
  }

  close(): void {
    this.socket.close();
    void this.context.close();
  }

  private play(bytes: ArrayBuffer): void {
    const [left, right] = channels(bytes);
    const at = due(this.context.currentTime, this.next);
    if (left.length === 0 || at === null) return;
    const buffer = this.context.createBuffer(2, left.length, RATE_HZ);
    buffer.copyToChannel(left, 0);
    buffer.copyToChannel(right, 1);
    const source = this.context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.out);
    source.start(at);
    this.next = at + buffer.duration;
  }
}
