// Money is nano-dollars on the wire, whole numbers; people read and write dollars.

export const NANO = 1_000_000_000;

const plain = (digits: number) =>
  new Intl.NumberFormat('en', {
    style: 'currency',
    currency: 'USD',
    minimumFractionDigits: 2,
    maximumFractionDigits: digits,
  });
const cents = plain(2);
const fine = plain(4);
const finest = plain(9);

/** As exact as its size makes worth reading; what is there is never shown as nothing. */
export function money(nano: number): string {
  const dollars = nano / NANO;
  if (nano === 0 || Math.abs(dollars) >= 1) return cents.format(dollars);
  if (Math.abs(dollars) >= 0.0001) return fine.format(dollars);
  return `< ${fine.format(0.0001)}`;
}

/** To the last digit, as a price is written down. */
export const exact = (nano: number): string => finest.format(nano / NANO);

/** Digits alone, for a field. */
export function dollars(nano: number): string {
  const text = (nano / NANO).toFixed(9);
  return text.replace(/\.?0+$/, '');
}

/** `null`: this is no amount of dollars, or finer than a nano-dollar. */
export function nanoOf(text: string): number | null {
  const [, whole, part = ''] = /^\$?(\d{1,7})(?:\.(\d{1,9}))?$/.exec(text.trim()) ?? [];
  return whole === undefined ? null : Number(whole) * NANO + Number(part.padEnd(9, '0'));
}

/** Cost of requests of which some have no price: unknown is never shown as nothing. */
export function costOf({ cost_nano_usd, unpriced }: { cost_nano_usd: number; unpriced: number }): string {
  // What the server's own models did is known to cost nothing, and says nothing of the rest.
  if (unpriced > 0 && cost_nano_usd === 0) return 'unknown';
  return unpriced > 0 ? `${money(cost_nano_usd)} and more` : money(cost_nano_usd);
}

const UNITS: Record<string, [one: string, many: string]> = {
  input_token: ['input token', 'input tokens'],
  cached_token: ['cached token', 'cached tokens'],
  cache_written_token: ['token written to the cache', 'tokens written to the cache'],
  output_token: ['output token', 'output tokens'],
  audio_input_token: ['input token of sound', 'input tokens of sound'],
  audio_output_token: ['output token of sound', 'output tokens of sound'],
  character: ['character', 'characters'],
  audio_in_second: ['second heard', 'seconds heard'],
  audio_out_second: ['second spoken', 'seconds spoken'],
  request: ['request', 'requests'],
};

export const unitName = (unit: string): string => UNITS[unit]?.[1] ?? unit;

/** `per 1M input tokens`, `per minute heard`. */
export function perUnit(unit: string, per: number): string {
  const [one, many] = UNITS[unit] ?? [unit, unit];
  if (per === 60 && unit.endsWith('_second')) return `per ${one.replace('second', 'minute')}`;
  if (per === 3600 && unit.endsWith('_second')) return `per ${one.replace('second', 'hour')}`;
  if (per === 1) return `per ${one}`;
  const [scaled, letter] =
    per % 1_000_000 === 0 ? [per / 1_000_000, 'M'] : per % 1000 === 0 ? [per / 1000, 'K'] : [per, ''];
  return `per ${scaled}${letter} ${many}`;
}
