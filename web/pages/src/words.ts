// Numbers and names as people read them.

export const PARTS = ['endpointing', 'thinking', 'sentence', 'synthesis', 'playout'] as const;
export type Part = (typeof PARTS)[number];

export const PART_MEANING: Record<Part, string> = {
  endpointing: 'until the caller was taken to have finished',
  thinking: 'until the agent gave its first text',
  sentence: 'until that text was a sentence',
  synthesis: 'until the voice gave an audible sample',
  playout: 'until that sample was sent',
};

/** Whole milliseconds that add up to the rounded whole: what rounding leaves goes to those it took most from. */
export function rounded(parts: readonly number[], whole: number): number[] {
  const result = parts.map(Math.floor);
  let missing = Math.round(whole) - result.reduce((sum, part) => sum + part, 0);
  const order = parts
    .map((part, index) => ({ index, lost: part - Math.floor(part) }))
    .sort((a, b) => b.lost - a.lost);
  for (const { index } of order) {
    if (missing <= 0) break;
    result[index] = (result[index] ?? 0) + 1;
    missing -= 1;
  }
  return result;
}

export const ms = (value: number): string => `${Math.round(value).toLocaleString('en')} ms`;

export const msOrNone = (value: number | null): string => (value === null ? '–' : ms(value));

/** Position in a call. */
export function position(atMs: number): string {
  const minutes = Math.floor(atMs / 60_000);
  const seconds = (atMs % 60_000) / 1000;
  return `${minutes}:${seconds.toFixed(1).padStart(4, '0')}`;
}

export function duration(value: number): string {
  const seconds = Math.round(value / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

export const moment = (text: string): string =>
  new Date(text).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });

/** For where `moment` leaves too much out. */
export const fullMoment = (text: string): string =>
  new Date(text).toLocaleString(undefined, { dateStyle: 'full', timeStyle: 'long' });

const ENDINGS: Record<string, string> = {
  caller_left: 'caller hung up',
  agent_ended: 'agent said goodbye',
  caller_silent: 'nobody spoke',
  connection_lost: 'connection lost',
  provider_failed: 'a provider failed',
  server_stopping: 'server stopped',
  too_long: 'longest duration',
};

export const ending = (reason: string | null): string => (reason ? (ENDINGS[reason] ?? reason) : 'unknown');

/** `first_text` as "first text". */
export const plain = (name: string): string => name.replaceAll('_', ' ');
