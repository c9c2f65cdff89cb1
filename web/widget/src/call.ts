// One call, without any framework or browser object: which transport, when to give it up, how to come back. The browser
// is behind `Ports`; time is behind `Ports.after`.

import { type Conversation, empty, told, typed } from './conversation';
import { type AgentState, clientReady, disconnect, read, sendText, type Told } from './rtvi';
import {
  CallError,
  ending,
  isFinal,
  isRefusal,
  LOST,
  NO_CONNECTION,
  type Trouble,
  trouble,
  UNREACHABLE,
} from './trouble';

export type Phase = 'idle' | 'connecting' | 'live' | 'reconnecting' | 'ended' | 'failed';
export type Kind = 'webrtc' | 'websocket';

export interface Snapshot {
  phase: Phase;
  agentState: AgentState;
  callerSpeaking: boolean;
  muted: boolean;
  transport: Kind | null;
  sessionId: string | null;
  conversation: Conversation;
  trouble: Trouble | null;
  /** Why the call ended, in words. */
  ending: string;
  /** When the call became live, for the clock on the screen. */
  since: number | null;
}

/** An open connection to the server. It reports through the `Listener` it was opened with. */
export interface Transport {
  readonly kind: Kind;
  send(text: string): void;
  setMuted(muted: boolean): void;
  /** What still waits to be played is not to be heard. */
  flush(): void;
  close(): void;
}

export interface Listener {
  message(text: string): void;
  /** The connection is gone and does not come back by itself; with what the server said where it refused it. */
  lost(refused?: Trouble): void;
}

export interface Opened {
  transport: Transport;
  /** Where the opening answer already told them. */
  sessionId?: string | undefined;
  resumeToken?: string | undefined;
  resumeWithinMs?: number | undefined;
}

export interface Ports {
  /** Asks for the microphone; rejects with a `CallError`. */
  microphone(): Promise<void>;
  /** Opens a connection; rejects with a `CallError` when the server refuses, with anything else when it cannot be reached. */
  open(kind: Kind, resume: string | null, listener: Listener, signal: AbortSignal): Promise<Opened>;
  /** Lets microphone and speaker go. */
  release(): void;
  now(): number;
  after(ms: number, then: () => void): () => void;
}

/** Opening by WebRTC may take this long before the WebSocket is tried; a blocked UDP port shows itself so. */
export const WEBRTC_WITHIN_MS = 4000;
export const WEBSOCKET_WITHIN_MS = 6000;
/** The server holds a call this long for its lost caller, unless it says otherwise. */
export const RESUME_WITHIN_MS = 30_000;
/** Waits between attempts to come back; the last one repeats. */
export const RETRY_MS: readonly number[] = [0, 500, 1000, 2000, 4000];
/** Once open, the agent must greet the protocol within this. */
export const READY_WITHIN_MS = 8000;

const initial: Snapshot = {
  phase: 'idle',
  agentState: 'initializing',
  callerSpeaking: false,
  muted: false,
  transport: null,
  sessionId: null,
  conversation: empty,
  trouble: null,
  ending: '',
  since: null,
};

export class Call {
  snapshot: Snapshot = initial;
  private transport: Transport | null = null;
  /** Lost, and not closed before another took its place: a server that still hears it would take a close for a hang-up. */
  private leaving: Transport | null = null;
  private resumeToken: string | null = null;
  private resumeWithinMs = RESUME_WITHIN_MS;
  /** Each attempt to connect has a number; what an older one says later is nobody's business. */
  private attempt = 0;
  private opening: AbortController | null = null;
  private waiting: (() => void) | null = null;
  private lostAt = 0;
  private tries = 0;
  private preferred: Kind = 'webrtc';

  constructor(
    private readonly ports: Ports,
    private readonly changed: (snapshot: Snapshot) => void,
  ) {}

  get busy(): boolean {
    return ['connecting', 'live', 'reconnecting'].includes(this.snapshot.phase);
  }

  /** With `websocket` WebRTC is not even tried. */
  async start(preferred: Kind = 'webrtc'): Promise<void> {
    if (this.busy) return;
    this.preferred = preferred;
    this.resumeToken = null;
    this.resumeWithinMs = RESUME_WITHIN_MS;
    this.set({ ...initial, muted: false, phase: 'connecting' });
    const attempt = this.next();
    try {
      await this.ports.microphone();
      if (attempt !== this.attempt) {
        // Hung up while the browser was still asking.
        if (!this.busy) this.ports.release();
        return;
      }
      await this.connect(attempt, null);
    } catch (error) {
      if (attempt === this.attempt) this.fail(error instanceof CallError ? error.trouble : UNREACHABLE);
    }
  }

  hangUp(): void {
    if (!this.busy) return;
    this.transport?.send(disconnect());
    this.finish('ended', { ending: ending('caller_left') });
  }

  setMuted(muted: boolean): void {
    this.transport?.setMuted(muted);
    this.set({ muted });
  }

  /** Text that the caller typed. Returns whether it could be sent. */
  say(text: string): boolean {
    const words = text.trim();
    if (!words || this.snapshot.phase !== 'live') return false;
    this.transport?.send(sendText(words));
    this.transport?.flush();
    this.set({ conversation: typed(this.snapshot.conversation, words) });
    return true;
  }

  /** The device says that its network is another now: the old path is probably dead. */
  networkChanged(): void {
    if (this.snapshot.phase === 'live') this.lost(this.attempt);
    else if (this.snapshot.phase === 'reconnecting' && this.waiting) this.reconnect(0);
  }

  /** WebRTC first; the WebSocket where it does not open in time. */
  private async connect(attempt: number, resume: string | null): Promise<void> {
    const kinds: Kind[] = this.preferred === 'webrtc' ? ['webrtc', 'websocket'] : ['websocket'];
    let reason: Trouble = NO_CONNECTION;
    for (const kind of kinds) {
      try {
        const opened = await this.open(attempt, kind, resume);
        if (attempt !== this.attempt) {
          opened.transport.close();
          return;
        }
        // What worked once is what a reconnect tries first.
        this.preferred = kind;
        this.opened(attempt, opened);
        return;
      } catch (error) {
        if (attempt !== this.attempt) return;
        if (error instanceof CallError && isRefusal(error.trouble.code)) throw error;
        if (error instanceof CallError) reason = error.trouble;
        else reason = error instanceof TypeError ? UNREACHABLE : NO_CONNECTION;
      }
    }
    throw new CallError(reason);
  }

  private async open(attempt: number, kind: Kind, resume: string | null): Promise<Opened> {
    const abort = new AbortController();
    this.opening = abort;
    const deadline = kind === 'webrtc' ? WEBRTC_WITHIN_MS : WEBSOCKET_WITHIN_MS;
    const cancel = this.ports.after(deadline, () => abort.abort());
    const listener: Listener = {
      message: (text) => {
        if (attempt === this.attempt) this.heardFrom(text);
      },
      lost: (refused) => this.lost(attempt, refused),
    };
    try {
      return await this.ports.open(kind, resume, listener, abort.signal);
    } finally {
      cancel();
      // A newer attempt may have begun meanwhile; it must stay within reach of a hang-up.
      if (this.opening === abort) this.opening = null;
    }
  }

  private opened(attempt: number, opened: Opened): void {
    this.leaving?.close();
    this.leaving = null;
    this.transport = opened.transport;
    this.transport.setMuted(this.snapshot.muted);
    this.resumeToken = opened.resumeToken ?? this.resumeToken;
    this.resumeWithinMs = opened.resumeWithinMs ?? this.resumeWithinMs;
    this.set({ transport: opened.transport.kind, sessionId: opened.sessionId ?? this.snapshot.sessionId });
    this.waiting?.();
    this.waiting = this.ports.after(READY_WITHIN_MS, () => this.lost(attempt));
    this.transport.send(clientReady());
  }

  private heardFrom(text: string): void {
    const event = read(text);
    if (event) this.told(event);
  }

  private told(event: Told): void {
    const conversation = told(this.snapshot.conversation, event);
    if (conversation !== this.snapshot.conversation) this.set({ conversation });
    switch (event.kind) {
      case 'ready':
        this.live();
        break;
      case 'session':
        this.resumeToken = event.resumeToken ?? this.resumeToken;
        this.resumeWithinMs = event.resumeWithinMs ?? this.resumeWithinMs;
        this.set({ sessionId: event.id || this.snapshot.sessionId });
        break;
      case 'agent-state':
        this.set({ agentState: event.state });
        break;
      case 'caller-speaking':
        this.set({ callerSpeaking: event.speaking });
        break;
      case 'interrupted':
        this.transport?.flush();
        break;
      case 'ended':
        this.finish('ended', { ending: ending(event.reason) });
        break;
      case 'error':
        if (event.fatal) this.fatal(event.code, event.message);
        break;
      default:
        break;
    }
  }

  private live(): void {
    this.waiting?.();
    this.waiting = null;
    this.tries = 0;
    this.lostAt = 0;
    this.set({ phase: 'live', trouble: null, since: this.snapshot.since ?? this.ports.now() });
  }

  /** The end follows; what the server said of it is kept for the screen. */
  private fatal(code: string, message: string): void {
    const reason = message || 'The agent had a fault and had to end the call';
    this.fail(trouble(code || 'CALL_FAILED', 'The call had to end', `${reason}. You can start a new one.`));
  }

  private lost(attempt: number, refused?: Trouble): void {
    if (attempt !== this.attempt || !this.busy) return;
    if (refused && isFinal(refused)) {
      this.fail(refused);
      return;
    }
    if (this.transport) {
      this.leaving?.close();
      this.leaving = this.transport;
      this.transport = null;
    }
    this.drop();
    if (!this.resumeToken) {
      this.fail(this.snapshot.phase === 'connecting' ? NO_CONNECTION : LOST);
      return;
    }
    this.lostAt ||= this.ports.now();
    this.set({ phase: 'reconnecting', callerSpeaking: false });
    this.reconnect(RETRY_MS[Math.min(this.tries, RETRY_MS.length - 1)] ?? 0);
  }

  private reconnect(afterMs: number): void {
    this.waiting?.();
    const attempt = this.next();
    if (this.ports.now() - this.lostAt > this.resumeWithinMs) {
      this.fail(LOST);
      return;
    }
    this.tries += 1;
    this.waiting = this.ports.after(afterMs, () => {
      this.waiting = null;
      this.connect(attempt, this.resumeToken).catch((error: unknown) => {
        if (attempt !== this.attempt) return;
        this.lost(attempt, error instanceof CallError ? error.trouble : undefined);
      });
    });
  }

  private fail(why: Trouble): void {
    this.finish('failed', { trouble: why });
  }

  private finish(phase: 'ended' | 'failed', how: Partial<Snapshot>): void {
    this.drop();
    this.leaving?.close();
    this.leaving = null;
    this.ports.release();
    this.resumeToken = null;
    this.tries = 0;
    this.lostAt = 0;
    const conversation = told(this.snapshot.conversation, { kind: 'ended', reason: '' });
    this.set({ phase, callerSpeaking: false, conversation, ...how });
  }

  private drop(): void {
    this.next();
    this.waiting?.();
    this.waiting = null;
    this.opening?.abort();
    this.opening = null;
    this.transport?.close();
    this.transport = null;
  }

  private next(): number {
    this.attempt += 1;
    return this.attempt;
  }

  private set(change: Partial<Snapshot>): void {
    this.snapshot = { ...this.snapshot, ...change };
    this.changed(this.snapshot);
  }
}
