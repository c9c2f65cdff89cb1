// Series of the server as charts draw them and as tables read them.

export interface Shown {
  label: string;
  colour: string;
  /** Fills down to the axis, as counts do. */
  area?: boolean;
  /** The top of the axis at the least; there may be parts of one below it, as of money and not of calls. */
  least?: number;
  write: (value: number) => string;
  values: (number | null)[];
}

export interface Chart {
  /** Seconds since 1970, evenly spaced over the whole window. */
  times: number[];
  series: Shown[];
}

/** Where the server has nothing for a step, a latency has no value and a count is 0. */
export function grid<P extends { at: string }>(
  points: readonly P[],
  { from, to, stepSeconds }: { from: number; to: number; stepSeconds: number },
  value: (point: P) => number | null | undefined,
  empty: number | null,
): { times: number[]; values: (number | null)[] } {
  const step = Math.max(1, stepSeconds);
  const known = new Map(
    points.map((point) => [Math.floor(Date.parse(point.at) / 1000 / step), value(point)]),
  );
  const times: number[] = [];
  const values: (number | null)[] = [];
  for (let slot = Math.floor(from / step); slot * step < to; slot += 1) {
    times.push(slot * step);
    const found = known.get(slot);
    values.push(found === undefined ? empty : (found ?? empty));
  }
  return { times, values };
}

/** One sentence that says what the picture says. */
export function summary(title: string, { times, series }: Chart): string {
  const said = series.flatMap(({ label, write, values }) => {
    const present = values.filter((value): value is number => value !== null);
    const last = present.at(-1);
    if (last === undefined) return [];
    const [low, high] = [Math.min(...present), Math.max(...present)];
    return [`${label} last ${write(last)}, lowest ${write(low)}, highest ${write(high)}`];
  });
  if (said.length === 0) return `${title}: nothing in this time.`;
  return `${title}, ${times.length} points: ${said.join('; ')}.`;
}

/** A table of a month by the minute helps nobody: at most so many rows, each the worst of what it stands for. */
export const ROWS = 60;

export function rows({ times, series }: Chart, most = ROWS): { at: number; values: (number | null)[] }[] {
  const each = Math.max(1, Math.ceil(times.length / most));
  const result: { at: number; values: (number | null)[] }[] = [];
  for (let from = 0; from < times.length; from += each) {
    const values = series.map((one) => {
      const present = one.values.slice(from, from + each).filter((value): value is number => value !== null);
      return present.length > 0 ? Math.max(...present) : null;
    });
    if (values.some((value) => value !== null)) result.push({ at: times[from] ?? 0, values });
  }
  return result;
}

/** Shares of a whole, the largest first. */
export function ranked(amounts: Record<string, number>): { name: string; amount: number; share: number }[] {
  const list = Object.entries(amounts).filter(([, amount]) => amount > 0);
  const most = Math.max(1, ...list.map(([, amount]) => amount));
  return list
    .sort(([a, x], [b, y]) => y - x || a.localeCompare(b))
    .map(([name, amount]) => ({ name, amount, share: amount / most }));
}
