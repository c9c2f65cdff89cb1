// One control for the recordings of a call: several files on one clock, each from its own offset.

/** Of `HTMLAudioElement`, what is needed. */
export interface Sound {
  currentTime: number;
  playbackRate: number;
  muted: boolean;
  readonly paused: boolean;
  play(): Promise<void>;
  pause(): void;
}

export interface Piece {
  leg: 'caller' | 'agent';
  offsetMs: number;
  lengthMs: number;
  sound: Sound;
}

export interface Playing {
  atMs: number;
  playing: boolean;
  rate: number;
  muted: ReadonlySet<'caller' | 'agent'>;
}

/** Further apart than this, legs are heard as an echo of one another, and the later one is moved. */
const DRIFT_S = 0.12;

export class Player {
  private state: Playing = { atMs: 0, playing: false, rate: 1, muted: new Set() };
  /** The clock's reading when `state.atMs` was true. */
  private since = 0;
  private readonly listeners = new Set<() => void>();

  constructor(
    private readonly pieces: readonly Piece[],
    readonly lengthMs: number,
    private readonly now: () => number,
  ) {}

  readonly get = (): Playing => this.state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  play(): void {
    if (this.state.playing) return;
    const atMs = this.state.atMs >= this.lengthMs ? 0 : this.state.atMs;
    this.since = this.now();
    this.set({ atMs, playing: true });
    this.align(true);
  }

  pause(): void {
    this.advance();
    for (const { sound } of this.pieces) if (!sound.paused) sound.pause();
    this.set({ playing: false });
  }

  seek(atMs: number): void {
    this.since = this.now();
    this.set({ atMs: Math.max(0, Math.min(this.lengthMs, atMs)) });
    this.align(true);
  }

  /** Heard from there on. */
  readonly playFrom = (atMs: number): void => {
    this.seek(atMs);
    this.play();
  };

  faster(rate: number): void {
    this.advance();
    this.set({ rate });
    for (const { sound } of this.pieces) sound.playbackRate = rate;
  }

  mute(leg: 'caller' | 'agent', muted: boolean): void {
    const next = new Set(this.state.muted);
    if (muted) next.add(leg);
    else next.delete(leg);
    for (const piece of this.pieces) if (piece.leg === leg) piece.sound.muted = muted;
    this.set({ muted: next });
  }

  /** At each frame of the screen. */
  tick(): void {
    if (!this.state.playing) return;
    this.advance();
    if (this.state.atMs >= this.lengthMs) this.pause();
    else this.align(false);
  }

  /** The audible piece leads: a machine that stutters must not tear words. */
  private advance(): void {
    if (!this.state.playing) return;
    const now = this.now();
    const counted = this.state.atMs + (now - this.since) * this.state.rate;
    const leader = this.pieces.find((piece) => !piece.sound.paused && this.within(piece, this.state.atMs));
    const led = leader ? leader.offsetMs + leader.sound.currentTime * 1000 : counted;
    this.since = now;
    this.set({ atMs: Math.min(this.lengthMs, Math.max(led, this.state.atMs)) });
  }

  private align(moved: boolean): void {
    const { atMs, playing, rate } = this.state;
    for (const piece of this.pieces) {
      const { sound } = piece;
      const wanted = (atMs - piece.offsetMs) / 1000;
      if (!this.within(piece, atMs)) {
        if (!sound.paused) sound.pause();
        continue;
      }
      if (moved || sound.paused || Math.abs(sound.currentTime - wanted) > DRIFT_S) {
        if (Math.abs(sound.currentTime - wanted) > 0.02) sound.currentTime = wanted;
      }
      if (playing && sound.paused) {
        sound.playbackRate = rate;
        sound.play().catch(() => undefined); // it was paused again before it began
      }
    }
  }

  private within = ({ offsetMs, lengthMs }: Piece, atMs: number): boolean =>
    atMs >= offsetMs && atMs < offsetMs + lengthMs;

  private set(change: Partial<Playing>): void {
    this.state = { ...this.state, ...change };
    for (const listener of this.listeners) listener();
  }
}
