// A list of prices as a file: JSON as the API takes it, or CSV as spreadsheets write it.

import { nanoOf } from '../../money';
import type { NewPrice } from '../../server';

export interface Read {
  prices: NewPrice[];
  /** What cannot be read, with its line. */
  faults: string[];
}

export const COLUMNS = [
  'vendor',
  'model',
  'unit',
  'price_usd',
  'per',
  'valid_from',
  'tiers',
  'note',
] as const;
type Column = (typeof COLUMNS)[number];
const NEEDED: readonly Column[] = ['vendor', 'model', 'unit', 'price_usd'];

export function readPrices(text: string): Read {
  const whole = text.replace(/^\uFEFF/, '').trim();
  if (!whole) return { prices: [], faults: [] };
  return /^[[{]/.test(whole) ? readJson(whole) : readCsv(whole);
}

function readJson(text: string): Read {
  try {
    const value: unknown = JSON.parse(text);
    const named = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
    const list = Array.isArray(value) ? value : (named.prices ?? named.data);
    if (!Array.isArray(list))
      return { prices: [], faults: ['A list is expected, or an object with `prices`.'] };
    return { prices: list.map(cleared), faults: [] };
  } catch (error) {
    return { prices: [], faults: [error instanceof Error ? error.message : String(error)] };
  }
}

/** What a list has that was read from the server, and that it does not take back. */
function cleared(price: Record<string, unknown>): NewPrice {
  const { id: _, revision: __, created_at: ___, updated_at: ____, ...rest } = price;
  return rest as NewPrice;
}

function readCsv(text: string): Read {
  const [head = [], ...lines] = cells(text);
  const names = head.map((name) => name.trim().toLowerCase());
  const unknown = names.filter((name) => !COLUMNS.some((column) => column === name));
  const missing = NEEDED.filter((name) => !names.includes(name));
  if (unknown.length > 0 || missing.length > 0) {
    const faults = [
      ...unknown.map((name) => `Line 1: there is no column "${name}".`),
      ...missing.map((name) => `Line 1: the column "${name}" is missing.`),
    ];
    return { prices: [], faults };
  }
  const read: Read = { prices: [], faults: [] };
  lines.forEach((line, index) => {
    if (line.every((cell) => !cell.trim())) return;
    const cell = (name: Column) => line[names.indexOf(name)]?.trim() ?? '';
    const fault = (what: string) => read.faults.push(`Line ${index + 2}: ${what}`);
    const price = nanoOf(cell('price_usd'));
    if (price === null) fault(`"${cell('price_usd')}" is no amount of dollars.`);
    const per = cell('per') ? Number(cell('per')) : 1;
    if (!Number.isInteger(per) || per < 1) fault(`"${cell('per')}" is no whole number from 1 on.`);
    const tiers = tiersOf(cell('tiers'));
    if (!tiers) fault(`"${cell('tiers')}" are no tiers: write 1000000:0.002;5000000:0.001.`);
    if (price === null || !tiers) return;
    read.prices.push({
      vendor: cell('vendor'),
      model: cell('model'),
      unit: cell('unit') as NewPrice['unit'],
      price_nano_usd: price,
      per,
      tiers,
      note: cell('note'),
      ...(cell('valid_from') && { valid_from: timeOf(cell('valid_from')) }),
    });
  });
  return read;
}

/** A day is its beginning in UTC. */
export const timeOf = (text: string): string => (/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text);

function tiersOf(text: string): { from: number; price_nano_usd: number }[] | null {
  const tiers = text
    .split(';')
    .filter((part) => part.trim())
    .map((part) => {
      const [from = '', price = ''] = part.split(':');
      return { from: Number(from.trim() || Number.NaN), price_nano_usd: nanoOf(price) };
    });
  const whole = tiers.every((tier) => Number.isInteger(tier.from) && tier.price_nano_usd !== null);
  return whole ? (tiers as { from: number; price_nano_usd: number }[]) : null;
}

/** RFC 4180, with commas or, as spreadsheets of some countries write it, semicolons between cells. */
function cells(text: string): string[][] {
  const between = (text.split('\n', 1)[0] ?? '').includes(',') ? ',' : ';';
  const rows: string[][] = [[]];
  let cell = '';
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at];
    if (quoted) {
      if (letter === '"' && text[at + 1] === '"') {
        cell += '"';
        at += 1;
      } else if (letter === '"') quoted = false;
      else cell += letter;
    } else if (letter === '"') quoted = true;
    else if (letter === between || letter === '\n') {
      rows.at(-1)?.push(cell);
      cell = '';
      if (letter === '\n') rows.push([]);
    } else if (letter !== '\r') cell += letter;
  }
  rows.at(-1)?.push(cell);
  return rows;
}
