// Keeps a draft: what is typed is saved shortly after, one save at a time, each meant for the revision it was made on.

import { type JsonObject, same } from './pointer';

export interface Saved<P> {
  definition: JsonObject;
  revision: number;
  problems: P[];
}

export type Save<P> = (
  definition: JsonObject,
  revision: number,
) => Promise<{ saved: Saved<P> } | { conflict: Saved<P> }>;

export type Keeping<P> = {
  /** As it stands on the screen. */
  definition: JsonObject;
  /** As it was last saved, and by it what the problems are about. */
  base: JsonObject;
  revision: number;
  problems: P[];
} & (
  | { state: 'saved' | 'waiting' | 'saving' }
  | { state: 'failed'; error: unknown }
  | { state: 'conflict'; theirs: Saved<P> }
);

/** After the last key, in ms: long enough to finish a word. */
export const PAUSE_MS = 700;

export class Keeper<P> {
  private now: Keeping<P>;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly listeners = new Set<() => void>();
  private closed = false;

  constructor(
    saved: Saved<P>,
    private readonly save: Save<P>,
    private readonly pauseMs = PAUSE_MS,
  ) {
    this.now = { ...saved, base: saved.definition, state: 'saved' };
  }

  readonly get = (): Keeping<P> => this.now;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Somebody typed. */
  edit(change: (definition: JsonObject) => JsonObject): void {
    const definition = change(this.now.definition);
    if (same(definition, this.now.definition)) return;
    const { base, revision, problems } = this.now;
    // A save under way is not forgotten, and a conflict stays until it is solved.
    if (this.now.state === 'saving' || this.now.state === 'conflict') this.set({ ...this.now, definition });
    else {
      this.set({ definition, base, revision, problems, state: 'waiting' });
      this.later();
    }
  }

  /** Saves now what waits; also what failed. */
  readonly flush = async (): Promise<void> => {
    clearTimeout(this.timer);
    const { state, definition, base, revision, problems } = this.now;
    if (state === 'saving' || state === 'conflict') return;
    if (same(definition, base)) return this.set({ definition, base, revision, problems, state: 'saved' });
    this.set({ definition, base, revision, problems, state: 'saving' });
    try {
      const answer = await this.save(definition, revision);
      if ('conflict' in answer) this.met(answer.conflict);
      else this.took(definition, answer.saved);
    } catch (error) {
      const { definition } = this.now;
      this.set({ definition, base, revision, problems, state: 'failed', error });
    }
  };

  /** The draft of both, on top of theirs. */
  async resolve(definition: JsonObject): Promise<void> {
    if (this.now.state !== 'conflict') return;
    const { theirs } = this.now;
    this.set({
      definition,
      base: theirs.definition,
      revision: theirs.revision,
      problems: theirs.problems,
      state: 'waiting',
    });
    await this.flush();
  }

  /** The draft changed elsewhere by our own hand, as by restoring a version. */
  replace(saved: Saved<P>): void {
    clearTimeout(this.timer);
    this.set({ ...saved, base: saved.definition, state: 'saved' });
  }

  /** On the screen, again or for the first time. */
  open(): void {
    this.closed = false;
  }

  close(): void {
    clearTimeout(this.timer);
    if (this.now.state === 'waiting') void this.flush();
    this.closed = true;
  }

  private took(sent: JsonObject, saved: Saved<P>): void {
    const { definition } = this.now;
    const { revision, problems } = saved;
    if (same(definition, sent)) this.set({ definition, base: sent, revision, problems, state: 'saved' });
    else {
      this.set({ definition, base: sent, revision, problems, state: 'waiting' });
      this.later();
    }
  }

  private met(theirs: Saved<P>): void {
    const { definition, base, revision, problems } = this.now;
    // The same words twice: a save whose answer was lost.
    if (same(theirs.definition, definition)) this.replace(theirs);
    else this.set({ definition, base, revision, problems, state: 'conflict', theirs });
  }

  private later(): void {
    clearTimeout(this.timer);
    if (!this.closed) this.timer = setTimeout(() => void this.flush(), this.pauseMs);
  }

  private set(next: Keeping<P>): void {
    this.now = next;
    for (const listener of this.listeners) listener();
  }
}
