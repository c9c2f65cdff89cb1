// How long something is kept, as people write it: a number of days, or nothing for ever.

const MOST = 3650;

export const written = (days: number | null | undefined): string => (days == null ? '' : String(days));

/** Null keeps for ever; undefined: not a number of days that the server takes. */
export function daysOf(text: string): number | null | undefined {
  const given = text.trim();
  if (given === '') return null;
  const days = /^\d{1,5}$/.test(given) ? Number(given) : 0;
  return days >= 1 && days <= MOST ? days : undefined;
}

export const refusal = (text: string): string | undefined =>
  daysOf(text) === undefined ? `A whole number of days from 1 to ${MOST}, or nothing` : undefined;
