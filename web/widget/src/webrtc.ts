// A call over WebRTC: audio both ways, RTVI on a data channel.

import type { Listener, Opened, Transport } from './call';
import type { Server } from './server';

/** A connection that is `disconnected` for longer than this is given up; shorter gaps mend themselves. */
const GAP_MS = 2000;
/** Candidates are sent together when none came for this long. */
const BATCH_MS = 60;

export interface Media {
  readonly microphone: MediaStream;
  /** The agent's voice has arrived. */
  play(stream: MediaStream): void;
  mute(muted: boolean): void;
}

export async function open(
  server: Server,
  media: Media,
  resume: string | null,
  listener: Listener,
  signal: AbortSignal,
): Promise<Opened> {
  if (typeof RTCPeerConnection === 'undefined') throw new Error('this browser has no WebRTC');
  const asked = server.iceServers(signal);
  // Whoever comes back has the server's permission already.
  const iceServers = await (resume ? asked.catch(() => []) : asked);
  const connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle', iceServers });
  const peer = new Peer(connection, media, listener);
  const given = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('WebRTC did not connect in time')), {
      once: true,
    });
  });
  try {
    return await Promise.race([given, connect(connection, peer, server, media, resume, signal)]);
  } catch (error) {
    peer.close();
    throw error;
  }
}

async function connect(
  connection: RTCPeerConnection,
  peer: Peer,
  server: Server,
  media: Media,
  resume: string | null,
  signal: AbortSignal,
): Promise<Opened> {
  for (const track of media.microphone.getAudioTracks()) {
    connection.addTransceiver(track, { direction: 'sendrecv', streams: [media.microphone] });
  }
  const channel = connection.createDataChannel('rtvi', { ordered: true });
  const candidates = new Candidates(connection, server);
  await connection.setLocalDescription();
  const sdp = connection.localDescription?.sdp ?? '';
  const answer = await server.offer(sdp, resume, signal);
  candidates.for(answer.pc_id);
  await connection.setRemoteDescription({ type: 'answer', sdp: answer.sdp });
  await peer.ready(channel);
  return {
    transport: peer,
    sessionId: answer.session_id,
    resumeToken: answer.resume_token,
    resumeWithinMs: answer.resume_within_ms,
  };
}

class Peer implements Transport {
  readonly kind = 'webrtc';
  private channel: RTCDataChannel | null = null;
  private gap: ReturnType<typeof setTimeout> | undefined;
  private closed = false;

  constructor(
    private readonly connection: RTCPeerConnection,
    private readonly media: Media,
    private readonly listener: Listener,
  ) {
    connection.ontrack = ({ track, streams }) => media.play(streams[0] ?? new MediaStream([track]));
    connection.onconnectionstatechange = () => this.stateChanged();
  }

  /** Resolves once the data channel is open: then ICE, DTLS and SCTP all work. */
  ready(channel: RTCDataChannel): Promise<void> {
    this.channel = channel;
    channel.onmessage = ({ data }) => {
      if (typeof data === 'string') this.listener.message(data);
    };
    channel.onclose = () => this.lost();
    return new Promise((resolve) => {
      if (channel.readyState === 'open') resolve();
      else channel.onopen = () => resolve();
    });
  }

  private stateChanged(): void {
    clearTimeout(this.gap);
    const state = this.connection.connectionState;
    if (state === 'failed') this.lost();
    if (state === 'disconnected') this.gap = setTimeout(() => this.lost(), GAP_MS);
  }

  private lost(): void {
    if (!this.closed) this.listener.lost();
  }

  send(text: string): void {
    if (this.channel?.readyState === 'open') this.channel.send(text);
  }

  setMuted(muted: boolean): void {
    this.media.mute(muted);
  }

  /** The server stops sending in the same moment; the browser holds back no more than its jitter buffer. */
  flush(): void {}

  close(): void {
    this.closed = true;
    clearTimeout(this.gap);
    this.connection.ontrack = null;
    // What was sent last (the goodbye) leaves first.
    setTimeout(() => this.connection.close(), this.channel?.bufferedAmount ? 150 : 0);
  }
}

/** Local candidates, held until the answer names the peer, then sent in batches. Losing some costs nothing: checks from us teach the server our address. */
class Candidates {
  private waiting: RTCIceCandidate[] = [];
  private peer: string | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    connection: RTCPeerConnection,
    private readonly server: Server,
  ) {
    connection.onicecandidate = ({ candidate }) => {
      if (!candidate?.candidate) return;
      this.waiting.push(candidate);
      this.schedule();
    };
  }

  for(peer: string): void {
    this.peer = peer;
    this.schedule();
  }

  private schedule(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), BATCH_MS);
  }

  private flush(): void {
    if (!this.peer || this.waiting.length === 0) return;
    const batch = this.waiting.splice(0);
    this.server.candidates(this.peer, batch).catch(() => undefined);
  }
}
