// A call over a WebSocket: Pipecat's frames, 16 kHz from the microphone, 24 kHz to the speaker.

import { Capture, Playback } from './audio/nodes';
import type { Listener, Opened, Transport } from './call';
import { closing } from './closing';
import { decode, encodeAudio, encodeMessage } from './pipecat';
import { ping } from './rtvi';
import type { Server } from './server';
import { CallError, type Trouble } from './trouble';

const CAPTURE_RATE = 16_000;
/** A socket over a dead path stays open for minutes: one that left two of these unanswered is lost. */
const PING_EVERY_MS = 3000;
const PINGS_MISSED = 2;
/** Audio that the network has not taken yet; past this it is dropped, since late speech is worse than a gap. Half a second. */
const UNSENT_MOST = CAPTURE_RATE;

export async function open(
  server: Server,
  context: AudioContext,
  microphone: MediaStream,
  speaker: AudioNode,
  resume: string | null,
  listener: Listener,
  signal: AbortSignal,
): Promise<Opened> {
  const url = await server.socketUrl(resume, signal);
  const playback = await Playback.create(context, speaker);
  const socket = new WebSocket(url);
  socket.binaryType = 'arraybuffer';
  const closed = closing(socket);
  try {
    await Promise.race([closed, opened(socket, signal)]);
    const capture = await Promise.race([closed, Capture.create(context, microphone, CAPTURE_RATE)]);
    return { transport: new Line(socket, capture, playback, listener, closed) };
  } catch (error) {
    socket.close();
    playback.close();
    throw error;
  }
}

function opened(socket: WebSocket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.onopen = () => resolve();
    signal.addEventListener('abort', () => reject(new Error('the WebSocket did not open')), { once: true });
  });
}

class Line implements Transport {
  readonly kind = 'websocket';
  private closed = false;
  private missed = 0;
  private readonly pinging: ReturnType<typeof setInterval>;

  constructor(
    private readonly socket: WebSocket,
    private readonly capture: Capture,
    private readonly playback: Playback,
    private readonly listener: Listener,
    closed: Promise<never>,
  ) {
    closed.catch((why: unknown) => this.lost(why instanceof CallError ? why.trouble : undefined));
    socket.onmessage = ({ data }) => this.received(data);
    this.pinging = setInterval(() => this.ping(), PING_EVERY_MS);
    capture.onsamples = (pcm) => {
      if (socket.readyState === WebSocket.OPEN && socket.bufferedAmount < UNSENT_MOST) {
        socket.send(encodeAudio(pcm, CAPTURE_RATE));
      }
    };
  }

  private ping(): void {
    if (this.missed >= PINGS_MISSED) this.lost();
    this.missed += 1;
    this.send(ping());
  }

  private received(data: unknown): void {
    this.missed = 0;
    if (typeof data === 'string') {
      this.listener.message(data);
      return;
    }
    if (!(data instanceof ArrayBuffer)) return;
    try {
      const frame = decode(new Uint8Array(data));
      if (frame.kind === 'audio') this.playback.play(frame.pcm, frame.rate);
      else if (frame.kind === 'message') this.listener.message(frame.text);
    } catch (error) {
      console.warn('agent-foundry: a frame could not be read', error);
    }
  }

  private lost(refused?: Trouble): void {
    if (!this.closed) this.listener.lost(refused);
  }

  send(text: string): void {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(encodeMessage(text));
  }

  setMuted(muted: boolean): void {
    this.capture.setMuted(muted);
  }

  flush(): void {
    this.playback.flush();
  }

  close(): void {
    this.closed = true;
    clearInterval(this.pinging);
    this.capture.close();
    this.playback.close();
    this.socket.close(1000);
  }
}
