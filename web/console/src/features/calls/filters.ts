// The filters of the list of calls: in the address as people can read and send it, to the server as it asks.

export const RANGES = {
  '1h': { label: 'Last hour', ms: 3_600_000 },
  '24h': { label: 'Last 24 hours', ms: 86_400_000 },
  '7d': { label: 'Last 7 days', ms: 7 * 86_400_000 },
  '30d': { label: 'Last 30 days', ms: 30 * 86_400_000 },
} as const;

/** Who called whom. */
export const DIRECTIONS = { inbound: 'They called', outbound: 'We called' } as const;

export type Direction = keyof typeof DIRECTIONS;

export type Range = keyof typeof RANGES | 'all' | 'between';

export interface Filters {
  q: string;
  agent: string;
  transport: string;
  direction: '' | Direction;
  environment: string;
  end: string;
  outcome: string;
  /** In ms. */
  slower: number | null;
  problems: boolean;
  poorAudio: boolean;
  range: Range;
  /** Local times as an input of type `datetime-local` has them; only with `between`. */
  from: string;
  to: string;
}

export const NONE: Filters = {
  q: '',
  agent: '',
  transport: '',
  direction: '',
  environment: '',
  end: '',
  outcome: '',
  slower: null,
  problems: false,
  poorAudio: false,
  range: 'all',
  from: '',
  to: '',
};

const TEXTS = ['q', 'agent', 'transport', 'environment', 'end', 'outcome'] as const;
const LOCAL = /^\d{4}-\d\d-\d\dT\d\d:\d\d$/;

/** What an address does not say, or says wrongly, does not filter. */
export function fromAddress(search: URLSearchParams): Filters {
  const filters = { ...NONE };
  for (const name of TEXTS) filters[name] = search.get(name)?.trim() ?? '';
  const direction = search.get('direction') ?? '';
  if (Object.hasOwn(DIRECTIONS, direction)) filters.direction = direction as Direction;
  const slower = Number(search.get('slower'));
  filters.slower = Number.isFinite(slower) && slower > 0 ? slower : null;
  filters.problems = search.get('problems') === 'yes';
  filters.poorAudio = search.get('audio') === 'poor';
  const local = (name: string) => (LOCAL.test(search.get(name) ?? '') ? (search.get(name) ?? '') : '');
  const range = search.get('range') ?? '';
  if (Object.hasOwn(RANGES, range)) filters.range = range as Range;
  [filters.from, filters.to] = [local('from'), local('to')];
  if (range === 'between' || filters.from || filters.to) filters.range = 'between';
  return filters;
}

/** Only what differs from no filter, always in the same order. */
export function toAddress(filters: Filters): URLSearchParams {
  const search = new URLSearchParams();
  for (const name of TEXTS) if (filters[name]) search.set(name, filters[name]);
  if (filters.direction) search.set('direction', filters.direction);
  if (filters.slower) search.set('slower', String(filters.slower));
  if (filters.problems) search.set('problems', 'yes');
  if (filters.poorAudio) search.set('audio', 'poor');
  if (filters.range === 'between') {
    search.set('range', 'between');
    if (filters.from) search.set('from', filters.from);
    if (filters.to) search.set('to', filters.to);
  } else if (filters.range !== 'all') search.set('range', filters.range);
  return search;
}

export interface Asked {
  q?: string;
  agent?: string;
  transport?: string;
  direction?: Direction;
  environment?: string;
  end_reason?: string;
  outcome?: string;
  slower_than_ms?: number;
  problems?: boolean;
  poor_audio?: boolean;
  from?: string;
  to?: string;
}

export function asked(filters: Filters, now: number): Asked {
  const query: Asked = {};
  if (filters.q) query.q = filters.q;
  if (filters.agent) query.agent = filters.agent;
  if (filters.transport) query.transport = filters.transport;
  if (filters.direction) query.direction = filters.direction;
  if (filters.environment) query.environment = filters.environment;
  if (filters.end) query.end_reason = filters.end;
  if (filters.outcome) query.outcome = filters.outcome;
  if (filters.slower) query.slower_than_ms = filters.slower;
  if (filters.problems) query.problems = true;
  if (filters.poorAudio) query.poor_audio = true;
  const utc = (local: string) => new Date(local).toISOString();
  if (filters.range === 'between') {
    if (filters.from) query.from = utc(filters.from);
    if (filters.to) query.to = utc(filters.to);
  } else if (filters.range !== 'all') {
    query.from = new Date(now - RANGES[filters.range].ms).toISOString();
  }
  return query;
}

/** How many filters are set, beside the search. */
export const active = (filters: Filters): number =>
  [...toAddress({ ...filters, q: '', from: '', to: '' }).keys()].length;
