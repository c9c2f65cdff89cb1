// One list of two that were made of one: item by item, where each side changed other items.

import { type Json, same } from './pointer';

/** What stands at `from` up to `to` of the base became `items`. */
interface Hunk {
  from: number;
  to: number;
  items: readonly Json[];
}

/** `undefined` where both changed the same item, or put different ones at the same place. */
export function joined(
  base: readonly Json[],
  yours: readonly Json[],
  theirs: readonly Json[],
): Json[] | undefined {
  const mine = hunks(base, yours);
  const others = hunks(base, theirs);
  const both = (one: Hunk) => others.some((other) => equal(one, other));
  if (mine.some((one) => !both(one) && others.some((other) => clash(one, other)))) return undefined;
  const all = [...others, ...mine.filter((one) => !both(one))];
  // What is put before an item comes before what became of that item.
  all.sort((a, b) => a.from - b.from || a.to - b.to);
  const list: Json[] = [];
  let at = 0;
  for (const { from, to, items } of all) {
    list.push(...base.slice(at, from), ...items);
    at = to;
  }
  return [...list, ...base.slice(at)];
}

const equal = (a: Hunk, b: Hunk): boolean => a.from === b.from && a.to === b.to && same(a.items, b.items);

const grows = ({ from, to, items }: Hunk): boolean => items.length > to - from;

/** Items of both that came in beside one another have no order, and may be the same ones. */
const clash = (a: Hunk, b: Hunk): boolean =>
  grows(a) && grows(b) ? a.from <= b.to && b.from <= a.to : a.from < b.to && b.from < a.to;

/** By the longest run of items that both have; where as many came as went, each became the one at its place. */
function hunks(before: readonly Json[], after: readonly Json[]): Hunk[] {
  const found: Hunk[] = [];
  let [at, now] = [0, 0];
  const until = (from: number, to: number) => {
    if (from - at === to - now) {
      for (; at < from; at += 1, now += 1)
        found.push({ from: at, to: at + 1, items: after.slice(now, now + 1) });
    } else found.push({ from: at, to: from, items: after.slice(now, to) });
    [at, now] = [from, to];
  };
  for (const [from, to] of common(before, after)) {
    until(from, to);
    [at, now] = [from + 1, to + 1];
  }
  until(before.length, after.length);
  return found;
}

/** Places of the items that both have, in the order of both. */
function common(a: readonly Json[], b: readonly Json[]): [number, number][] {
  const length = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0));
  const of = (i: number, j: number) => length[i]?.[j] ?? 0;
  for (let i = a.length - 1; i >= 0; i -= 1) {
    const row = length[i] ?? [];
    for (let j = b.length - 1; j >= 0; j -= 1) {
      row[j] = same(a[i], b[j]) ? of(i + 1, j + 1) + 1 : Math.max(of(i + 1, j), of(i, j + 1));
    }
  }
  const pairs: [number, number][] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (same(a[i], b[j])) {
      pairs.push([i, j]);
      i += 1;
      j += 1;
    } else if (of(i + 1, j) >= of(i, j + 1)) i += 1;
    else j += 1;
  }
  return pairs;
}
