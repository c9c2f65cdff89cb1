// Numbers, times and names as people read them.

const wholeNumber = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

export const count = (value: number): string => wholeNumber.format(value);

/** 12.3K: where the magnitude matters. */
export const compact = (value: number): string => (value < 10_000 ? count(value) : short.format(value));

export const plural = (value: number, one: string, many = `${one}s`): string =>
  `${count(value)} ${value === 1 ? one : many}`;

export const ms = (value: number): string => `${wholeNumber.format(value)} ms`;

export const msOrNone = (value: number | null | undefined): string => (value == null ? '–' : ms(value));

/** Position in a call. */
export function position(atMs: number): string {
  const tenths = Math.max(0, Math.round(atMs / 100));
  const minutes = Math.floor(tenths / 600);
  return `${minutes}:${((tenths % 600) / 10).toFixed(1).padStart(4, '0')}`;
}

/** To the millisecond: marks are compared with one another. */
export const exactPosition = (atMs: number): string => `${(atMs / 1000).toFixed(3)} s`;

export function duration(value: number): string {
  const seconds = Math.round(value / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

export function bytes(value: number): string {
  if (value < 1000) return `${value} B`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  let scaled = value / 1000;
  let unit = 0;
  while (scaled >= 1000 && unit < units.length - 1) {
    scaled /= 1000;
    unit += 1;
  }
  return `${scaled < 10 ? scaled.toFixed(1) : Math.round(scaled)} ${units[unit]}`;
}

/** In the reader's zone, as short as it stays clear: the time today, the day this year, the date before. */
export function moment(text: string, now: Date = new Date()): string {
  const then = new Date(text);
  if (Number.isNaN(then.getTime())) return text;
  const time = then.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' });
  if (then.toDateString() === now.toDateString()) return `Today ${time}`;
  const yesterday = new Date(now);
  yesterday.setDate(now.getDate() - 1);
  if (then.toDateString() === yesterday.toDateString()) return `Yesterday ${time}`;
  if (then.getFullYear() === now.getFullYear()) {
    return `${then.toLocaleDateString(undefined, { day: 'numeric', month: 'short' })}, ${time}`;
  }
  return then.toLocaleDateString(undefined, { day: 'numeric', month: 'short', year: 'numeric' });
}

/** For where `moment` leaves too much out. */
export const fullMoment = (text: string): string =>
  new Date(text).toLocaleString(undefined, { dateStyle: 'full', timeStyle: 'long' });

/** The server writes its details to stand behind a colon. */
export const sentence = (detail: string): string =>
  detail.charAt(0).toUpperCase() + detail.slice(1) + (/(^|[.?!])$/.test(detail) ? '' : '.');

/** `first_text` as "first text". */
export const plain = (name: string): string => name.replaceAll('_', ' ');

/** `caller_left` as "Caller left", for the fields of what an agent noted. */
export const titled = (name: string): string => plain(name).replace(/^./, (first) => first.toUpperCase());

const ENDINGS: Record<string, string> = {
  caller_left: 'Caller hung up',
  agent_ended: 'Agent said goodbye',
  caller_silent: 'Nobody spoke',
  connection_lost: 'Connection lost',
  provider_failed: 'A provider failed',
  server_stopping: 'Server stopped',
  too_long: 'Longest duration',
  budget_spent: 'Budget spent',
  answered_by_machine: 'A machine answered',
  interrupted: 'Cut by a restart',
  transferred: 'Put through to a person',
  operator_ended: 'Ended by an operator',
};

export const END_REASONS = Object.keys(ENDINGS);

export const ending = (reason: string | null | undefined): string =>
  reason ? (ENDINGS[reason] ?? titled(reason)) : 'Not known';

/** Whom a call came from or went to; `null` where nobody knows. */
export function partyOf({
  direction,
  party,
}: {
  direction?: string | null;
  party?: string | null;
}): { sign: string; text: string; name: string } | null {
  if (!direction || !party) return null;
  return direction === 'outbound'
    ? { sign: '↗', text: `to ${party}`, name: 'Called' }
    : { sign: '↙', text: `from ${party}`, name: 'Caller' };
}
