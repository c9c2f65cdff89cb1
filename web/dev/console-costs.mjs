// What the stand-in for the server says of costs.
import { ago } from './console-fixtures.mjs';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NANO = 1_000_000_000;

const none = {
  requests: 0,
  failures: 0,
  cost_nano_usd: 0,
  unpriced: 0,
  estimated: 0,
  input_tokens: 0,
  cached_tokens: 0,
  output_tokens: 0,
  characters: 0,
  audio_in_ms: 0,
  audio_out_ms: 0,
};
const part = (key, dollars, requests, more = {}) => ({
  ...none,
  key,
  cost_nano_usd: Math.round(dollars * NANO),
  requests,
  ...more,
});

const thought = { input_tokens: 18_400_000, cached_tokens: 9_100_000, output_tokens: 812_000 };
const heard = { audio_in_ms: (412 * HOUR) / 10 };
const spoke = { characters: 2_310_000, audio_out_ms: 31 * HOUR };
const PARTS = {
  provider: [
    part('voices', 69.3, 21_400, { ...spoke, failures: 12 }),
    part('openai', 34.24, 22_870, { ...thought, failures: 96, estimated: 1_204 }),
    part('deepgram', 19.04, 8_110, heard),
    part('own-llm', 0, 640, { input_tokens: 410_000, output_tokens: 16_000, unpriced: 640 }),
    part('built-in', 0, 310, { characters: 22_000 }),
  ],
  model: [
    part('eleven_flash_v2_5', 69.3, 21_400, spoke),
    part('gpt-4.1-mini', 34.24, 22_870, { ...thought, estimated: 1_204 }),
    part('nova-3', 19.04, 8_110, heard),
    part('qwen3-8b', 0, 640, { unpriced: 640 }),
    part(null, 0, 310),
  ],
  agent: [
    part('front-desk', 88.21, 38_000, { ...spoke, unpriced: 640 }),
    part('florist', 33.9, 15_000, heard),
    part(null, 0.47, 330),
  ],
  domain: [part('main', 122.11, 53_000, { unpriced: 640 }), part(null, 0.47, 330)],
  environment: [
    part('prod', 118.9, 51_000),
    part('staging', 2.31, 1_900, { unpriced: 640 }),
    part(null, 1.37, 430),
  ],
  ability: [
    part('tts', 69.3, 21_710, spoke),
    part('llm', 34.24, 23_510, { ...thought, unpriced: 640, estimated: 1_204 }),
    part('stt', 19.04, 8_110, heard),
  ],
  day: [],
};

export function costs(url, empty) {
  const window = url.searchParams.get('window') ?? '30d';
  const group_by = url.searchParams.get('group_by') ?? 'provider';
  const [count, step] = { '24h': [25, HOUR], '7d': [8, DAY], '30d': [31, DAY] }[window];
  const to = Date.now();
  const from = Math.floor((to - (count - 1) * step) / step) * step;
  const sums = (index) => {
    const busy = 0.7 + 0.3 * Math.sin(index * 1.7) + (index % 7 < 2 ? -0.4 : 0);
    return part(
      undefined,
      empty ? 0 : (122.58 / count) * busy,
      empty ? 0 : Math.round((53_330 / count) * busy),
    );
  };
  const series = Array.from({ length: count }, (_, index) => {
    const { key: _key, ...point } = sums(index);
    return { at: new Date(from + index * step).toISOString(), ...point };
  });
  const days = series.map(({ at, ...point }) => ({ key: at.slice(0, 10), ...point }));
  const { key: _, ...total } = part(undefined, 122.58, 53_330, {
    failures: 108,
    unpriced: 640,
    estimated: 1_204,
  });
  return {
    window,
    group_by,
    step_seconds: step / 1000,
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    total: empty ? none : total,
    estimated_share: empty ? null : 1_204 / 53_330,
    series,
    breakdown: empty ? [] : group_by === 'day' ? days : PARTS[group_by],
    missing: empty
      ? []
      : ['input_token', 'output_token'].map((unit) => ({
          vendor: 'openai_compatible',
          model: 'qwen3-8b',
          unit,
          requests: 640,
          last_at: ago(HOUR / 4),
        })),
  };
}

export const budget = {
  monthly_limit_nano_usd: 150 * NANO,
  warn_percent: 80,
  hard_stop: true,
  revision: 2,
  spent_nano_usd: Math.round(122.58 * NANO),
  share: 0.817,
  state: 'warning',
  month: `${new Date().toISOString().slice(0, 7)}-01T00:00:00Z`,
};

export const alerts = [
  {
    id: 'alr_1',
    kind: 'budget_warning',
    detail: '$120.04 of the $150.00 for 2026-11 are spent: raise the budget, or find out what is dear',
    facts: {
      month: '2026-11',
      limit_nano_usd: 150 * NANO,
      spent_nano_usd: 120 * NANO,
      percent: 80,
      hard_stop: true,
    },
    first_at: ago(5 * HOUR),
    last_at: ago(5 * HOUR),
  },
  {
    id: 'alr_2',
    kind: 'price_unknown',
    detail:
      'output token of qwen3-8b at openai_compatible has no price, so what it costs is not known: set one',
    facts: { vendor: 'openai_compatible', model: 'qwen3-8b', unit: 'output_token' },
    first_at: ago(DAY),
    last_at: ago(HOUR / 4),
  },
];

const price = (vendor, model, unit, dollars, per, note) => ({
  vendor,
  model,
  unit,
  price_nano_usd: Math.round(dollars * NANO),
  per,
  valid_from: '2026-01-01T00:00:00Z',
  tiers: [],
  note,
});
const READ = "read from the vendor's page: check before relying on it";

export const shippedPrices = [
  price('openai', 'gpt-4.1-mini*', 'input_token', 0.4, 1_000_000, READ),
  price('openai', 'gpt-4.1-mini*', 'cached_token', 0.1, 1_000_000, READ),
  price('openai', 'gpt-4.1-mini*', 'output_token', 1.6, 1_000_000, READ),
  price('deepgram', 'nova-3*', 'audio_in_second', 0.0077, 60, READ),
  price('elevenlabs', 'eleven_flash*', 'character', 50, 1_000_000, READ),
  price('local', '*', 'request', 0, 1, 'the built-in models cost what the machine costs'),
];

export const ownPrices = [
  {
    ...price('elevenlabs', 'eleven_flash*', 'character', 30, 1_000_000, 'by contract'),
    tiers: [{ from: 5_000_000, price_nano_usd: 22 * NANO }],
    id: 'prc_1',
    revision: 1,
    created_at: ago(9 * DAY),
    updated_at: ago(9 * DAY),
  },
];

const did = (provider, ability, requests, failures, first_median_ms, dollars, more = {}) => ({
  provider,
  ability,
  requests,
  failures,
  failure_share: requests ? failures / requests : null,
  first_median_ms,
  cost_nano_usd: Math.round(dollars * NANO),
  unpriced: 0,
  last_error: null,
  breakers: [],
  ...more,
});

export const health = [
  did('openai', 'llm', 812, 31, 412.4, 1.31, {
    last_error: 'LLM_LIMITED',
    breakers: [{ model: 'gpt-4.1-mini', region: '', open_ms: 41_000 }],
  }),
  did('deepgram', 'stt', 290, 0, 188.2, 0.74),
  did('own-llm', 'llm', 21, 1, 903.6, 0, { unpriced: 21, last_error: 'LLM_TIMED_OUT' }),
  did('built-in', 'tts', 44, 0, 71.9, 0),
];
