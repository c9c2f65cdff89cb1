// Two people changed one draft: what each changed since their common base, and one draft of both.

import { joined } from './lists';
import { at, isObject, type Json, type JsonObject, pointer, same, withAt, within } from './pointer';

export interface Change {
  pointer: string;
  kind: 'added' | 'removed' | 'changed';
  before: Json | undefined;
  after: Json | undefined;
}

/** By field. A list is one field here; where both sides changed it, `compared` looks at its items. */
export function changes(before: unknown, after: unknown, path = ''): Change[] {
  if (isObject(before) && isObject(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return names.flatMap((name) => changes(before[name], after[name], path + pointer(name)));
  }
  if (same(before, after)) return [];
  const kind = before === undefined ? 'added' : after === undefined ? 'removed' : 'changed';
  return [{ pointer: path, kind, before: before as Json | undefined, after: after as Json | undefined }];
}

export type Side = 'yours' | 'theirs' | 'base';

export interface Contested {
  pointer: string;
  base: Json | undefined;
  yours: Json | undefined;
  theirs: Json | undefined;
}

export interface Merge {
  /** Changed by both, and not alike. */
  contested: Contested[];
  /** Lists of which each changed other items: they have the changes of both. */
  joined: { pointer: string; after: Json[] }[];
  /** Changed by them alone: kept. */
  theirs: Change[];
  /** Changed by you alone: kept. */
  yours: Change[];
}

export function compared(base: JsonObject, yours: JsonObject, theirs: JsonObject): Merge {
  const mine = changes(base, yours);
  const others = changes(base, theirs);
  const touching = (one: Change, all: Change[]) =>
    all.filter((other) => within(one.pointer, other.pointer) || within(other.pointer, one.pointer));
  const alike = (path: string) => same(at(yours, path), at(theirs, path));
  const clashing = new Set<string>();
  const lists = new Map<string, Json[]>();
  for (const one of mine) {
    for (const other of touching(one, others)) {
      // The upper of the two: a node that one removed and the other changed is chosen as a whole.
      const path = one.pointer.length <= other.pointer.length ? one.pointer : other.pointer;
      if (alike(path)) continue;
      const list =
        path === other.pointer ? oneList(at(base, path), at(yours, path), at(theirs, path)) : undefined;
      if (list) lists.set(path, list);
      else clashing.add(path);
    }
  }
  const tops = [...clashing].filter((path) => ![...clashing].some((up) => up !== path && within(path, up)));
  const under = (path: string) => tops.some((top) => within(path, top));
  const free = (one: Change) => !under(one.pointer) && !lists.has(one.pointer);
  return {
    contested: tops.map((path) => ({
      pointer: path,
      base: at(base, path),
      yours: at(yours, path),
      theirs: at(theirs, path),
    })),
    joined: [...lists].filter(([path]) => !under(path)).map(([pointer, after]) => ({ pointer, after })),
    theirs: others.filter((one) => free(one) && !alike(one.pointer)),
    yours: mine.filter((one) => free(one) && !alike(one.pointer)),
  };
}

const oneList = (...[base, yours, theirs]: (Json | undefined)[]): Json[] | undefined =>
  Array.isArray(base) && Array.isArray(yours) && Array.isArray(theirs)
    ? joined(base, yours, theirs)
    : undefined;

/** Theirs, with what you alone changed, and what was chosen where both did. */
export function merged(theirs: JsonObject, merge: Merge, chosen: Record<string, Side>): JsonObject {
  let whole = theirs;
  for (const one of merge.yours) whole = withAt(whole, one.pointer, one.after);
  for (const list of merge.joined) whole = withAt(whole, list.pointer, list.after);
  for (const field of merge.contested) {
    whole = withAt(whole, field.pointer, field[chosen[field.pointer] ?? 'yours']);
  }
  return whole;
}
