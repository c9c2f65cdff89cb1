import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Keeper, PAUSE_MS, type Save, type Saved } from './keeper';
import type { JsonObject } from './pointer';

type P = { pointer: string };
const saved = (definition: JsonObject, revision: number, problems: P[] = []): Saved<P> => ({
  definition,
  revision,
  problems,
});
const titled = (title: string) => (definition: JsonObject) => ({ ...definition, title });

describe('a kept draft', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('is saved once, a pause after the last key, for the revision it was made on', async () => {
    const save = vi.fn<Save<P>>(async (definition, revision) => ({
      saved: saved(definition, revision + 1, [{ pointer: '/title' }]),
    }));
    const keeper = new Keeper(saved({ title: 'a' }, 3), save);
    keeper.edit(titled('b'));
    await vi.advanceTimersByTimeAsync(PAUSE_MS - 1);
    keeper.edit(titled('bc'));
    expect(keeper.get().state).toBe('waiting');
    await vi.advanceTimersByTimeAsync(PAUSE_MS);
    expect(save.mock.calls).toEqual([[{ title: 'bc' }, 3]]);
    expect(keeper.get()).toMatchObject({ state: 'saved', revision: 4, problems: [{ pointer: '/title' }] });
  });

  it('is saved again when somebody typed meanwhile, and never twice at a time', async () => {
    let done: (() => void) | undefined;
    const save = vi.fn<Save<P>>(
      (definition, revision) =>
        new Promise((resolve) => {
          done = () => resolve({ saved: saved(definition, revision + 1) });
        }),
    );
    const keeper = new Keeper(saved({ title: 'a' }, 1), save);
    keeper.edit(titled('b'));
    void keeper.flush();
    keeper.edit(titled('c'));
    await vi.advanceTimersByTimeAsync(PAUSE_MS * 2);
    expect(save).toHaveBeenCalledTimes(1);
    done?.();
    await vi.advanceTimersByTimeAsync(PAUSE_MS);
    done?.();
    await vi.advanceTimersByTimeAsync(0);
    expect(save.mock.calls).toEqual([
      [{ title: 'b' }, 1],
      [{ title: 'c' }, 2],
    ]);
    expect(keeper.get()).toMatchObject({ state: 'saved', revision: 3 });
  });

  it('keeps what was typed when saving fails, and saves it when asked again', async () => {
    const save = vi.fn<Save<P>>().mockRejectedValueOnce(new Error('no network'));
    save.mockImplementation(async (definition, revision) => ({ saved: saved(definition, revision + 1) }));
    const keeper = new Keeper(saved({ title: 'a' }, 1), save);
    keeper.edit(titled('b'));
    await vi.advanceTimersByTimeAsync(PAUSE_MS);
    expect(keeper.get()).toMatchObject({ state: 'failed', definition: { title: 'b' } });
    await keeper.flush();
    expect(keeper.get()).toMatchObject({ state: 'saved', revision: 2 });
  });

  it('stops at a conflict until one draft is made of two', async () => {
    const theirs = saved({ title: 'theirs' }, 7);
    const save = vi.fn<Save<P>>().mockResolvedValueOnce({ conflict: theirs });
    save.mockImplementation(async (definition, revision) => ({ saved: saved(definition, revision + 1) }));
    const keeper = new Keeper(saved({ title: 'a' }, 1), save);
    keeper.edit(titled('b'));
    await vi.advanceTimersByTimeAsync(PAUSE_MS);
    expect(keeper.get()).toMatchObject({ state: 'conflict', theirs, base: { title: 'a' } });
    keeper.edit(titled('bb'));
    await vi.advanceTimersByTimeAsync(PAUSE_MS * 2);
    expect(save).toHaveBeenCalledTimes(1);
    await keeper.resolve({ title: 'both' });
    expect(save.mock.calls.at(-1)).toEqual([{ title: 'both' }, 7]);
    expect(keeper.get()).toMatchObject({ state: 'saved', revision: 8 });
  });

  it('takes a conflict with itself for its own save whose answer was lost', async () => {
    const save = vi.fn<Save<P>>().mockResolvedValueOnce({ conflict: saved({ title: 'b' }, 2) });
    const keeper = new Keeper(saved({ title: 'a' }, 1), save);
    keeper.edit(titled('b'));
    await keeper.flush();
    expect(keeper.get()).toMatchObject({ state: 'saved', revision: 2 });
  });

  it('saves what waits when it is left', async () => {
    const save = vi.fn<Save<P>>(async (definition, revision) => ({ saved: saved(definition, revision + 1) }));
    const keeper = new Keeper(saved({ title: 'a' }, 1), save);
    keeper.edit(titled('b'));
    keeper.close();
    await vi.advanceTimersByTimeAsync(0);
    expect(save).toHaveBeenCalledTimes(1);
  });
});
