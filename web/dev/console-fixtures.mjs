// What the console shows of the stand-in server: three agents, sixty calls, their sound and their latencies. Invented, from a
// fixed seed, so that two pictures of one page differ only where the page does.
import { readFileSync } from 'node:fs';

const library = (name) =>
  JSON.parse(readFileSync(new URL(`../../agents/library/${name}.json`, import.meta.url), 'utf8'));

/** Mulberry32. */
export const random = (seed) => {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
};

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NOW = Date.now();
export const ago = (ms) => new Date(NOW - ms).toISOString();

export const frontDesk = library('front-desk');

const florist = {
  name: 'florist',
  version: 1,
  title: 'Corner Florist',
  language: 'en-GB',
  voice: { name: 'amy', language: 'en-GB', speed: 1.05 },
  time_zone: 'Europe/London',
  greeting: ['Corner Florist, hello.', 'Hello, this is Corner Florist.'],
  options: {
    page: { description: 'Says when the shop is open.' },
    session: {
      recording: { mode: 'notice', notice: 'This call is recorded, so that we get your order right.' },
    },
  },
  facts: { hours: { monday: { open: '08:00', close: '18:00' }, sunday: null } },
  manners: { goodbye: 'bye' },
  entry: 'desk',
  nodes: {
    desk: {
      kind: 'intent',
      intents: {
        hours: {
          examples: ['When are you open?', 'Are you open on Monday?'],
          extract: { day: { type: 'date' } },
        },
        goodbye: { examples: ['Goodbye.', "That's all."], act: 'goodbye', weak: true },
      },
      background: ['I lost my keys.', 'Tell me a joke.'],
      unknown: ["I don't know that. I can tell you when we're open."],
    },
    hours: { kind: 'say', text: ["We're open on weekdays from eight to six."] },
    bye: { kind: 'end', text: ['Goodbye.'] },
  },
  edges: [{ from: 'desk', on: 'hours', to: 'hours' }],
};

const empty = {
  name: 'empty',
  version: 1,
  title: '',
  language: 'en',
  greeting: ['Hello. How can I help you?'],
  entry: 'listen',
  nodes: {
    listen: { kind: 'intent', intents: {}, unknown: ['Thank you, I heard you.'] },
  },
  edges: [],
};

export const templates = [
  {
    name: 'front-desk',
    title: 'Front desk',
    description: 'A hair studio: hours, prices, directions, and appointments that are really booked.',
    definition: frontDesk,
  },
  {
    name: 'empty',
    title: 'Empty',
    description: 'A greeting and one answer, to build on.',
    definition: empty,
  },
];

const agent = (index, name, title, definition, versions, aliases, differs, changed) => ({
  agent: {
    id: `agt_019ab0c2d1e07a4c9f3b5d6e7f80910${index}`,
    name,
    title,
    domain_id: 'dom_main',
    revision: 3,
    created_at: ago(40 * DAY),
    updated_at: ago(changed),
    archived: false,
    latest_version: versions.length || null,
    draft_revision: 12,
    draft_differs: differs,
    aliases,
  },
  draft: {
    definition: structuredClone(definition),
    base_version: versions.length || null,
    revision: 12,
    updated_at: ago(changed),
    updated_by: 'operator',
  },
  versions: versions.map(([note, days, by, change], at) => ({
    id: `ver_019ab0c2d1e07a4c9f3b5d6e7f8091${index}${at}`,
    number: at + 1,
    content_hash: `sha256:${(0x9f31c7 * (at + 3) * (index + 7)).toString(16).padStart(12, 'b')}40d2`,
    note,
    created_by: by,
    created_at: ago(days * DAY),
    definition: { ...structuredClone(definition), ...change },
  })),
  releases: versions.map(([, days, by], at) => ({
    environment: 'prod',
    version: at + 1,
    previous_version: at || null,
    kind: 'publish',
    created_by: by,
    created_at: ago(days * DAY),
  })),
});

export const agents = [
  agent(
    1,
    'front-desk',
    'Front desk',
    frontDesk,
    [
      ['First version', 32, 'operator', { greeting: ['Maple Street Hair Studio, hello.'] }],
      [
        'Says good morning, knows the holidays',
        18,
        'key ci',
        { facts: { ...frontDesk.facts, address: 'twelve Maple Street' } },
      ],
      ['Beard trims; the read-back is shorter', 6, 'operator', {}],
    ],
    { prod: 3, staging: 3, dev: 2 },
    false,
    6 * DAY,
  ),
  agent(
    2,
    'florist',
    'Corner Florist',
    florist,
    [['Opening hours', 11, 'operator', { greeting: ['Corner Florist, hello.'] }]],
    { prod: 1 },
    true,
    38 * MINUTE,
  ),
  agent(
    3,
    'clinic-reminder',
    'Clinic reminder',
    { ...empty, name: 'clinic-reminder', title: 'Clinic reminder' },
    [],
    {},
    true,
    4 * MINUTE,
  ),
];

export const environments = [
  ['prod', 'Production'],
  ['staging', 'Staging'],
  ['dev', 'Development'],
].map(([name, title]) => ({
  id: `env_${name}`,
  name,
  title,
  revision: 1,
  created_at: ago(40 * DAY),
  updated_at: ago(40 * DAY),
}));

// Calls.

const EXCHANGES = [
  ['When are you open on Saturday?', 'On Saturday we are open from nine to four.', ['desk', 'say_hours_day']],
  [
    'How much is a haircut?',
    'A haircut is forty-five',
    ['desk', 'say_prices'],
    'dollars, and with a beard trim it is sixty-five.',
  ],
  [
    "I'd like to book an appointment for Thursday at three.",
    'Thursday at three in the afternoon is free. Which service would you like?',
    ['desk', 'booking'],
  ],
  ['A haircut. My name is Maria Keller.', 'Thank you, Maria. And your phone number, please?', ['booking']],
  [
    'Oh five five, one two three, four five six seven.',
    'So that is a haircut on Thursday at three for Maria Keller. Shall I book it?',
    ['booking'],
  ],
  ['Yes, please.', 'Done. See you on Thursday. Is there anything else?', ['booking', 'store', 'booked']],
  ['Where do I find you?', 'We are at twelve Maple Street, next to the bakery.', ['desk', 'say_address']],
  ['Is there parking?', 'There is a car park behind the house, free for an hour.', ['desk', 'say_parking']],
  ['No, that is all. Thank you.', 'Goodbye, and see you soon.', ['desk', 'goodbye']],
];
const ENDS = ['agent_ended', 'caller_left', 'caller_left', 'agent_ended', 'caller_silent'];
const OUTCOMES = ['booked', 'answered', 'answered', 'booked', ''];
const TRANSPORTS = ['webrtc', 'webrtc', 'websocket', 'twilio'];
const PARTS = ['endpointing', 'thinking', 'sentence', 'synthesis', 'playout'];

export const callId = (index) => `ses_019ab0c2d1e07a4c9f3b5d6e7f80${(0x9200 - index).toString(16)}`;

/** Who called whom: pages have no number, and the oldest calls are from before it was kept. */
function opposite(index) {
  if (index >= 20) return { direction: null, party: null };
  const phone = TRANSPORTS[index % TRANSPORTS.length] === 'twilio';
  const out = phone && index % 8 === 3;
  return { direction: out ? 'outbound' : 'inbound', party: phone ? `+4930123456${index % 10}` : null };
}

/** How a turn's audio fared: bad in the second turn of one call in five; unknown of sockets. */
function qualityOf(index, turn, length_ms) {
  const transport = TRANSPORTS[index % TRANSPORTS.length];
  const bad = index % 5 === 1 && turn === 2;
  const packets = Math.round(length_ms / 20);
  const known = transport !== 'websocket' && transport !== 'twilio';
  const lost = bad ? Math.round(packets * 0.13) : 0;
  const network = {
    expected: packets,
    lost,
    late: Math.round(lost / 5),
    recovered: 0,
    loss_percent: bad ? 13 : 0,
    unrecovered_percent: bad ? 13 : 0,
    reordered: 0,
    duplicates: 0,
    concealed_ms: lost * 20,
    gaps: bad ? 2 : 0,
    gap_ms: bad ? 180 : 0,
    jitter_ms: bad ? 34 : 3.2,
  };
  const reported = { packets, lost: 0, loss_percent: 0, jitter_ms: 4.1 };
  return {
    transport,
    encoding: 'opus',
    length_ms,
    inbound: {
      packets: packets - lost,
      network: known ? network : null,
      mos: known ? (bad ? 3.14 : 4.41) : null,
    },
    outbound: {
      packets,
      reported: known ? reported : null,
      late: 0,
      skipped_ms: 0,
      refused: 0,
      underruns: 0,
      dry_ms: 0,
      mos: known ? 4.41 : null,
    },
    round_trip_ms: known ? 62 : null,
    flaws: known && bad ? ['loss_in', 'jitter_in'] : [],
    poor: known && bad,
  };
}

const lowest = (qualities) => {
  const scores = qualities
    .flatMap((one) => [one.inbound.mos, one.outbound.mos])
    .filter((mos) => mos !== null);
  return scores.length > 0 ? Math.min(...scores) : null;
};

function oneCall(index) {
  const roll = random(4000 + index);
  const between = (low, high) => low + roll() * (high - low);
  const running = index === 0;
  const cut = index === 4;
  const slow = index % 11 === 5;
  const silent = index % 17 === 8;
  const started = index < 6 ? index * 7 * MINUTE + 2 * MINUTE : 40 * MINUTE + (index - 5) ** 2 * 9 * MINUTE;
  const chosen = index === 1 ? EXCHANGES : EXCHANGES.filter(() => roll() > 0.45);
  const exchanges = silent ? [] : chosen.length > 0 ? chosen : EXCHANGES.slice(0, 2);
  const booking = exchanges.some(([caller]) => caller.startsWith('Yes'));
  const transcript = [
    {
      at_ms: 240,
      role: 'agent',
      turn: 0,
      text: 'Hello, this is Maple Street Hair Studio. What can I do for you?',
    },
  ];
  const [turns_detail, dead_air, problems] = [[], [], []];
  const events = [
    { at_ms: 0, kind: 'started', turn: null, text: 'media flows both ways' },
    { at_ms: 12, kind: 'agent_saying', turn: 0, text: transcript[0].text },
  ];
  const qualities = [];
  let at = 4200;
  exchanges.forEach(([caller, agent, nodes, unheard], number) => {
    const turn = number + 1;
    const speaking = 500 + caller.length * 52;
    const [began, ended] = [at, at + speaking];
    const lengths = [
      between(240, 620),
      between(25, 70),
      roll() > 0.6 ? between(0.5, 4) : 0,
      between(230, 420),
      between(19, 23),
    ];
    if (slow && turn === 2) lengths[3] += 2400;
    const response = lengths.reduce((sum, part) => sum + part, 0);
    const answered = ended + response;
    const talking = 400 + agent.length * 58;
    const interrupted = Boolean(unheard);
    transcript.push({
      at_ms: ended + lengths[0],
      role: 'caller',
      turn,
      text: caller,
      ...(roll() > 0.93 && { typed: true }),
    });
    transcript.push({
      at_ms: answered,
      role: 'agent',
      turn,
      text: agent,
      ...(interrupted && { interrupted, unheard }),
    });
    let mark = ended;
    const marks = [
      { mark: 'speech_started', at_ms: began },
      { mark: 'speech_ended', at_ms: ended },
      { mark: 'transcript_final', at_ms: ended + 170 },
      ...['committed', 'first_text', 'first_sentence', 'first_audio', 'agent_started'].map((name, part) => {
        mark += lengths[part];
        return { mark: name, at_ms: mark };
      }),
      { mark: 'agent_ended', at_ms: answered + talking },
    ];
    const quality = qualityOf(index, turn, answered + talking - began);
    qualities.push(quality);
    turns_detail.push({
      turn,
      quality,
      caller_text: caller,
      agent_text: agent,
      typed: false,
      interrupted,
      nodes,
      marks,
      latencies: {
        ...Object.fromEntries(PARTS.map((part, place) => [`${part}_ms`, lengths[place]])),
        response_ms: response,
      },
      served_by: {
        recognition: [{ account: 'deepgram', model: 'nova-3' }],
        thinking: [],
        voice: [{ account: 'elevenlabs', model: 'eleven_flash_v2_5' }],
      },
      cost: { requests: 1, cost_nano_usd: 3_400_000, unpriced: 0 },
    });
    events.push(
      { at_ms: began, kind: 'caller_speaking', turn: null, text: "the caller's voice began" },
      {
        at_ms: began + speaking * 0.5,
        kind: 'heard',
        turn: null,
        text: `partial: ${caller.split(' ').slice(0, 3).join(' ')}`,
      },
      { at_ms: ended, kind: 'caller_speaking', turn: null, text: "the caller's voice paused" },
      { at_ms: ended + 170, kind: 'heard', turn: null, text: `final: ${caller}` },
      { at_ms: ended + lengths[0], kind: 'caller_turn', turn, text: caller },
      ...nodes.map((node) => ({ at_ms: ended + lengths[0] + 4, kind: 'node', turn, text: node })),
      {
        at_ms: ended + lengths[0] + lengths[1],
        kind: 'agent_saying',
        turn,
        text: [agent, unheard].filter(Boolean).join(' '),
      },
      ...(interrupted
        ? [{ at_ms: answered + talking, kind: 'interrupted', turn, text: 'the caller took the floor' }]
        : []),
      {
        at_ms: answered + talking + 20,
        kind: 'turn_finished',
        turn,
        text: `answered after ${Math.round(response)} ms`,
      },
    );
    if (slow && turn === 2) {
      dead_air.push({ at_ms: ended + 900, turn, cause: 'synthesis', length_ms: 2400 });
      problems.push({
        at_ms: ended + 1500,
        turn,
        source: 'provider',
        code: 'TTS_TIMED_OUT',
        message: 'the voice gave no audio within 1500 ms; asked again',
      });
      events.push({
        at_ms: ended + 1500,
        kind: 'failed',
        turn,
        text: 'TTS_TIMED_OUT: the voice gave no audio within 1500 ms',
      });
    }
    at = answered + talking + between(250, 900) - (interrupted ? 350 : 0);
  });
  const length = Math.round(silent ? 31_000 : at + 600);
  const end = running
    ? null
    : cut
      ? 'interrupted'
      : silent
        ? 'caller_silent'
        : slow && index % 2
          ? 'provider_failed'
          : ENDS[index % ENDS.length];
  if (!running && !cut)
    events.push({ at_ms: length, kind: 'ended', turn: null, text: end.replaceAll('_', ' ') });
  const responses = turns_detail.map((turn) => turn.latencies.response_ms).sort((a, b) => a - b);
  const recorded = !running && index % 9 !== 7;
  const file = (leg, part, offset_ms, until, complete = true) => ({
    leg,
    part,
    codec: 'pcm16',
    content_type: 'audio/wav',
    url: `/v1/sessions/${callId(index)}/recordings/${leg}-${part}.wav`,
    offset_ms,
    length_ms: until - offset_ms,
    bytes: 44 + Math.round((until - offset_ms) * 16),
    complete,
  });
  const legs = (leg) =>
    index === 3
      ? [file(leg, 1, 0, length * 0.6), file(leg, 2, length * 0.7, length, leg === 'caller')]
      : [file(leg, 1, 0, length)];
  return {
    id: callId(index),
    agent: index % 6 === 3 ? 'florist' : 'front-desk',
    version: index < 20 ? 3 : 2,
    environment: index % 8 === 6 ? 'staging' : 'prod',
    providers: index % 3 ? ['built-in'] : ['deepgram', 'elevenlabs'],
    transport: TRANSPORTS[index % TRANSPORTS.length],
    ...opposite(index),
    started_at: ago(started),
    duration_ms: length,
    end_reason: end,
    turns: exchanges.length,
    interruptions: turns_detail.filter((turn) => turn.interrupted).length,
    response_median_ms: responses.length ? responses[Math.floor(responses.length / 2)] : null,
    response_max_ms: responses.length ? responses.at(-1) : null,
    dead_air_ms: dead_air.reduce((sum, one) => sum + one.length_ms, 0),
    failures: problems.length,
    first_words: exchanges[0]?.[0] ?? '',
    recorded,
    running,
    lowest_mos: lowest(qualities),
    poor_audio: qualities.some((one) => one.poor),
    summary:
      running || silent
        ? null
        : booking
          ? 'Booked a haircut on Thursday at three for Maria Keller.'
          : exchanges.length > 3
            ? 'Asked about hours and prices, and where the studio is.'
            : null,
    outcome: running ? null : booking ? 'booked' : OUTCOMES[index % OUTCOMES.length] || null,
    fields: booking ? { service: 'haircut', day: 'Thursday', time: '15:00', first_visit: true } : {},
    transcript: cut ? transcript.slice(0, 4) : transcript,
    turns_detail: cut ? turns_detail.slice(0, 2) : turns_detail,
    dead_air,
    notes: booking
      ? [
          {
            at_ms: at - 4000,
            name: 'appointment',
            value: { service: 'haircut', day: 'Thursday', time: '15:00', name: 'Maria Keller' },
          },
        ]
      : [],
    problems,
    events: events.map((event, sequence) => ({ sequence: sequence + 1, ...event })),
    events_truncated: false,
    connections: [
      { at_ms: 0, transport: TRANSPORTS[index % TRANSPORTS.length], gap_ms: 0, after_crash: false },
    ],
    extracted: {},
    summary_model: null,
    quality:
      qualities.length > 0
        ? { ...(qualities.find((one) => one.poor) ?? qualities[0]), length_ms: length }
        : null,
    recordings: recorded ? [...legs('caller'), ...legs('agent')] : [],
  };
}

export const consoleCalls = Array.from({ length: 60 }, (_, index) => oneCall(index));

const DETAIL = [
  'connections',
  'extracted',
  'summary_model',
  'quality',
  'transcript',
  'turns_detail',
  'dead_air',
  'notes',
  'problems',
  'events',
  'events_truncated',
  'recordings',
  'fields',
];
export const summaryOf = (call) =>
  Object.fromEntries(Object.entries(call).filter(([name]) => !DETAIL.includes(name)));

/** Something like speech where the marks say that somebody spoke: syllables of a buzzing tone, 8 kHz. */
export function sound(call, part) {
  const rate = 8000;
  const samples = Math.round((part.length_ms / 1000) * rate);
  const bytes = Buffer.alloc(44 + samples * 2);
  bytes.write('RIFF', 0, 'latin1');
  bytes.writeUInt32LE(36 + samples * 2, 4);
  bytes.write('WAVEfmt ', 8, 'latin1');
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(rate, 24);
  bytes.writeUInt32LE(rate * 2, 28);
  bytes.writeUInt16LE(2, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write('data', 36, 'latin1');
  bytes.writeUInt32LE(samples * 2, 40);
  const mark = (turn, name) => turn.marks.find((one) => one.mark === name)?.at_ms ?? 0;
  const spans = call.turns_detail.map((turn) =>
    part.leg === 'caller'
      ? [mark(turn, 'speech_started'), mark(turn, 'speech_ended')]
      : [mark(turn, 'agent_started'), mark(turn, 'agent_ended')],
  );
  if (part.leg === 'agent') spans.unshift([240, 3600]);
  const roll = random(part.leg === 'caller' ? 7 : 11);
  const pitch = part.leg === 'caller' ? 132 : 205;
  for (const [from, to] of spans) {
    const first = Math.max(0, Math.round(((from - part.offset_ms) / 1000) * rate));
    const last = Math.min(samples, Math.round(((to - part.offset_ms) / 1000) * rate));
    let loud = 0.5;
    for (let at = first; at < last; at += 1) {
      const t = (at - first) / rate;
      if ((at - first) % 1400 === 0) loud = 0.25 + roll() * 0.75;
      const syllable = Math.max(0, Math.sin(2 * Math.PI * 2.9 * t)) ** 0.6;
      const voice =
        Math.sin(2 * Math.PI * pitch * t) + 0.5 * Math.sin(4 * Math.PI * pitch * t) + 0.2 * (roll() - 0.5);
      bytes.writeInt16LE(Math.round(6500 * loud * syllable * voice), 44 + at * 2);
    }
  }
  return bytes;
}

// Latencies.

const WINDOWS = {
  '5m': [300, 60],
  '1h': [3600, 60],
  '24h': [86_400, 900],
  '7d': [7 * 86_400, 7200],
  '30d': [30 * 86_400, 21_600],
};
const LEVELS = { response: 720, endpointing: 360, thinking: 44, sentence: 1.6, synthesis: 288, playout: 21 };

/** How much is spoken at a time of day. */
const busy = (seconds) => Math.max(0.3, Math.sin(((seconds / 86_400) % 1) * Math.PI * 2 - 1.9) * 0.5 + 0.5);

function slots(window) {
  const [length, step] = WINDOWS[window] ?? WINDOWS['1h'];
  const until = Math.floor(Date.now() / 1000 / step) * step + step;
  return {
    length,
    step,
    until,
    times: Array.from({ length: length / step }, (_, at) => until - length + at * step),
  };
}

export function latency(window) {
  const { length, step, until, times } = slots(window);
  const stages = Object.fromEntries(
    Object.entries(LEVELS).map(([stage, level], place) => {
      const series = times.flatMap((time) => {
        const roll = random(Math.floor(time / step) * 31 + place);
        const count = Math.round(busy(time) * (step / 60) * 40 * (0.7 + roll() * 0.6));
        if (count === 0 && roll() < 0.8) return [];
        const p50 = level * (0.93 + roll() * 0.16);
        const bad = roll() > 0.97 ? 1.8 : 1;
        return [
          {
            at: new Date(time * 1000).toISOString(),
            count: Math.max(1, count),
            p50_ms: p50,
            p95_ms: p50 * (1.42 + roll() * 0.3) * bad,
            p99_ms: p50 * (1.9 + roll() * 0.7) * bad * (stage === 'synthesis' ? 1.3 : 1),
          },
        ];
      });
      const count = series.reduce((sum, point) => sum + point.count, 0);
      return [stage, { count, p50_ms: level, p95_ms: level * 1.55, p99_ms: level * 2.3, series }];
    }),
  );
  const at = (seconds) => new Date(seconds * 1000).toISOString();
  return { window, step_seconds: step, from: at(until - length), to: at(until), stages };
}

export function activity(window) {
  const { step, times } = slots(window);
  const series = times.map((time) => {
    const roll = random(Math.floor(time / step) * 17 + 5);
    const turns = Math.round(busy(time) * (step / 60) * 40 * (0.7 + roll() * 0.6));
    return {
      at: new Date(time * 1000).toISOString(),
      active_calls: Math.min(9, Math.round(busy(time) * 6 * (0.5 + roll()))),
      calls: Math.round(turns / 6),
      turns,
      interruptions: Math.round(turns * 0.08 * roll() * 2),
      dead_air_ms: roll() > 0.8 ? Math.round(roll() * 900) : 0,
      failures: roll() > 0.96 ? 1 : 0,
      tokens_in: turns * Math.round(420 + roll() * 80),
      tokens_out: turns * Math.round(38 + roll() * 9),
    };
  });
  const totals = {
    calls: 0,
    turns: 0,
    interruptions: 0,
    dead_air_ms: 0,
    failures: 0,
    tokens_in: 0,
    tokens_out: 0,
  };
  for (const point of series) for (const name of Object.keys(totals)) totals[name] += point[name];
  return {
    window,
    step_seconds: step,
    from: new Date((times[0] ?? 0) * 1000).toISOString(),
    to: new Date().toISOString(),
    active_calls: 4,
    series,
    totals,
    speculation: [
      { agent: 'front-desk', adopted: 412, discarded: 97, hit_rate: 412 / 509, wasted_tokens: 61_240 },
      { agent: 'florist', adopted: 38, discarded: 31, hit_rate: 38 / 69, wasted_tokens: 20_916 },
    ],
    dead_air_by_cause: {
      synthesis: Math.round(totals.dead_air_ms * 0.55),
      thinking: Math.round(totals.dead_air_ms * 0.3),
      underrun: Math.round(totals.dead_air_ms * 0.1),
      connection: Math.round(totals.dead_air_ms * 0.05),
    },
    ended_by_reason: {
      agent_ended: Math.round(totals.calls * 0.5),
      caller_left: Math.round(totals.calls * 0.4),
      caller_silent: Math.round(totals.calls * 0.1),
    },
    failures_by_code:
      totals.failures > 2
        ? { TTS_TIMED_OUT: totals.failures - 2, LLM_LIMITED: 1, STT_CLOSED: 1 }
        : totals.failures
          ? { TTS_TIMED_OUT: totals.failures }
          : {},
    agents: ['front-desk', 'florist'],
    providers: ['built-in', 'deepgram', 'elevenlabs'],
    transports: ['webrtc', 'websocket', 'twilio'],
    versions: [1, 2, 3],
  };
}

// Settings.

export const keys = [
  ['ci', 'a91c', 2 * DAY, 40 * MINUTE, null, null],
  ['Website', '77fe', 21 * DAY, 3 * MINUTE, -60 * DAY, null],
  ['Old dashboard', '0b4d', 39 * DAY, 12 * DAY, null, 9 * DAY],
].map(([name, tail, created, used, expires, revoked], index) => ({
  id: `key_019ab0c2d1e07a4c9f3b5d6e7f80aa0${index}`,
  name,
  hint: `fdy_…${tail}`,
  created_at: ago(created),
  created_by: 'operator',
  expires_at: expires === null ? null : ago(expires),
  last_used_at: ago(used),
  revoked_at: revoked === null ? null : ago(revoked),
}));

const greeting = (index, given) => ({
  id: `grt_019ab0c2d1e07a4c9f3b5d6e7f80bb0${index}`,
  title: '',
  agent_id: null,
  domain_id: null,
  environment_id: null,
  channel_id: null,
  language: null,
  priority: 0,
  schedule: null,
  experiment: null,
  experiment_round: 0,
  experiment_since: null,
  enabled: true,
  revision: 2,
  created_at: ago((9 + index) * DAY),
  updated_at: ago(index * DAY),
  ...given,
});

export const greetings = [
  greeting(1, {
    title: 'Staging line',
    agent_id: agents[0].agent.id,
    environment_id: 'env_staging',
    wordings: ['This is the staging line of Maple Street Hair Studio.'],
  }),
  greeting(2, {
    title: 'Everyday',
    wordings: ['Good {part_of_day}, this is {agent}. How can I help?'],
    experiment: {
      arms: [
        { key: 'plain', weight: 1, text: 'Good {part_of_day}, this is {agent}. How can I help?' },
        {
          key: 'name',
          weight: 1,
          text: 'Hello{if caller.name}, {caller.name}{end}! What can I do for you today?',
        },
        { key: 'short', weight: 2, text: '{agent}, hello!' },
      ],
      sticky: 'caller',
      goal: { kind: 'note', name: 'appointment' },
      running: true,
    },
    experiment_round: 2,
    experiment_since: ago(6 * DAY),
  }),
  greeting(3, {
    title: 'Closed in the evening',
    schedule: {
      time_zone: null,
      windows: [
        { days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '18:00', to: '08:00' },
        { days: ['sat', 'sun'], from: '00:00', to: '24:00' },
      ],
      holidays: 'any',
      from: null,
      until: null,
    },
    wordings: ['We are closed just now, but I can book you an appointment.'],
  }),
  greeting(4, {
    title: 'German callers',
    language: 'de',
    priority: 5,
    enabled: false,
    wordings: ['Guten {part_of_day}, was kann ich für Sie tun?'],
  }),
];

export const greetingCalendar = {
  time_zone: 'America/Chicago',
  holidays: [
    { date: '2026-12-25', name: 'Christmas' },
    { date: '2027-01-01', name: 'New Year' },
  ],
  languages: [{ prefix: '+49', language: 'de' }],
  revision: 3,
};

const outcomes = (calls, answered, clipped, talkedOver, goal, median) => ({
  calls,
  measured: calls,
  rendered_ahead: calls - 2,
  heard_whole: calls - clipped - talkedOver,
  clipped,
  talked_over: talkedOver,
  answered,
  goal_reached: goal,
  first_audible_median_ms: median,
  first_audible_p95_ms: median * 1.8,
});

export const greetingMeasures = {
  days: 30,
  total: outcomes(1904, 1790, 19, 212, 530, 121),
  greetings: greetings.map(({ id }, index) => ({
    greeting_id: id,
    outcomes: outcomes([12, 1620, 272, 0][index] ?? 0, 0, 0, 0, 0, 121),
  })),
};

const interval = (value) => ({ value, low: value - 0.04, high: value + 0.04 });
const judged = (conclusion, arm, p, rates) => ({
  conclusion,
  arm,
  p,
  arms: rates.map((rate, place) => ({
    rate: interval(rate),
    difference: place ? interval(rate - rates[0]) : null,
    p: place ? p : null,
  })),
});

export const greetingResults = (one) =>
  one.experiment
    ? {
        greeting_id: one.id,
        round: one.experiment_round,
        since: one.experiment_since,
        arms: [
          { arm: 'plain', text: one.experiment.arms[0].text, outcomes: outcomes(402, 371, 4, 61, 96, 118) },
          { arm: 'name', text: one.experiment.arms[1].text, outcomes: outcomes(398, 380, 3, 40, 141, 164) },
          { arm: 'short', text: one.experiment.arms[2].text, outcomes: outcomes(820, 770, 9, 71, 214, 112) },
        ],
        answered: judged('no_difference', null, 0.21, [0.92, 0.95, 0.94]),
        goal_reached: judged('differs', 'name', 0.0007, [0.24, 0.35, 0.26]),
        heard_whole: judged('differs', 'short', 0.012, [0.84, 0.89, 0.9]),
      }
    : {
        greeting_id: one.id,
        round: 0,
        since: null,
        arms: [{ arm: '', text: null, outcomes: outcomes(12, 11, 0, 1, 0, 130) }],
        answered: judged('not_enough_data', null, null, [0.91]),
        goal_reached: null,
        heard_whole: judged('not_enough_data', null, null, [0.91]),
      };

/** Good enough to look at: the server's own is the judge. */
export const greetingPreview = (asked) => {
  const draft = asked.draft;
  const arm = draft?.experiment?.running
    ? (draft.experiment.arms.find((one) => one.key === asked.arm) ?? draft.experiment.arms[0])
    : null;
  const text = (arm?.text ?? draft?.wordings[0] ?? '')
    .replace(/\{if caller\.name\}(.*?)(?:\{else\}(.*?))?\{end\}/g, (_, yes, no) =>
      asked.variables?.['caller.name'] ? yes : (no ?? ''),
    )
    .replace(/\{caller\.name[^}]*\}/g, asked.variables?.['caller.name'] ?? 'there')
    .replace('{part_of_day}', 'morning')
    .replace('{agent}', 'Front desk');
  return {
    text,
    greeting_id: null,
    source: 'draft',
    arm: arm?.key ?? null,
    local_time: 'Thursday 2026-11-26 10:24 CST',
    holiday: null,
    languages: [
      { language: 'de', heard: 'number' },
      { language: 'en', heard: 'agent' },
    ],
    considered: [
      { greeting_id: null, title: '', fits: true, chosen: true, why: 'it is said' },
      {
        greeting_id: greetings[2].id,
        title: greetings[2].title,
        fits: false,
        chosen: false,
        why: 'Thursday 10:24 is not within its hours',
      },
      {
        greeting_id: greetings[0].id,
        title: greetings[0].title,
        fits: false,
        chosen: false,
        why: 'it is for another environment',
      },
    ],
  };
};

export const channels = [
  {
    id: 'chn_019ab0c2d1e07a4c9f3b5d6e7f80cc01',
    kind: 'widget',
    address: 'https://maple.example',
    agent_id: agents[0].agent.id,
    environment_id: 'env_prod',
    enabled: true,
    revision: 1,
    created_at: ago(30 * DAY),
    updated_at: ago(30 * DAY),
  },
  {
    id: 'chn_019ab0c2d1e07a4c9f3b5d6e7f80cc02',
    kind: 'number',
    address: '+1 555 0100',
    agent_id: agents[0].agent.id,
    environment_id: 'env_prod',
    enabled: false,
    revision: 4,
    created_at: ago(12 * DAY),
    updated_at: ago(5 * DAY),
  },
];

export const organization = {
  id: 'org_019ab0c2d1e07a4c9f3b5d6e7f80dd01',
  name: 'default',
  title: 'Maple Street',
  recordings_keep_days: 30,
  residency: [],
  revision: 2,
  created_at: ago(40 * DAY),
  updated_at: ago(8 * DAY),
};

export const providers = [
  { kind: 'stt', name: 'local', detail: 'moonshine-base, 2 threads', ready: true },
  { kind: 'tts', name: 'local', detail: 'kokoro, voice heart', ready: true },
  { kind: 'tts', name: 'elevenlabs', detail: 'no key is set', ready: false },
  { kind: 'vad', name: 'silero', detail: 'version 6', ready: true },
  { kind: 'embed', name: 'local', detail: 'all-MiniLM-L6-v2', ready: true },
];

const account = (name, vendor, key_hint, options, enabled = true) => ({
  id: `pac_${name.padEnd(32, '0')}`,
  name,
  vendor,
  options,
  key_hint,
  enabled,
  revision: 1,
  created_at: ago(9 * DAY),
  updated_at: ago(2 * DAY),
});

export const providerAccounts = [
  account('openai', 'openai', '…x8Qa', { llm_model: 'gpt-4.1-mini' }),
  account('deepgram', 'deepgram', '…90fe', { stt_model: 'nova-3' }),
  account('azure', 'azure', '…77aa', { region: 'westeurope' }, false),
  account('own-llm', 'openai_compatible', null, {
    base_url: 'http://10.0.0.7:8000/v1',
    llm_model: 'qwen3-8b',
  }),
  account('twilio', 'twilio', '…77ab', { account_sid: 'AC00000000000000000000000000000001' }),
  account('telnyx', 'telnyx', '…f00d', { public_key: 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=' }),
];

const vendor = (vendor, title, abilities, more = {}) => ({
  vendor,
  title,
  abilities,
  needs_key: true,
  needs_region: false,
  needs_base_url: false,
  key_variable: `${vendor.toUpperCase()}_API_KEY`,
  stt_model: null,
  llm_model: null,
  tts_model: null,
  voice: null,
  ...more,
});

export const vendors = [
  vendor('anthropic', 'Anthropic', ['llm']),
  vendor('azure', 'Azure Speech', ['stt', 'tts'], {
    needs_region: true,
    voice: 'en-US-AvaMultilingualNeural',
  }),
  vendor('deepgram', 'Deepgram', ['stt', 'tts'], { stt_model: 'nova-3', voice: 'aura-2-thalia-en' }),
  vendor('openai', 'OpenAI', ['stt', 'llm', 'tts'], {
    stt_model: 'gpt-4o-mini-transcribe',
    llm_model: 'gpt-4.1-mini',
    voice: 'alloy',
  }),
  vendor('openai_compatible', "A server that speaks OpenAI's protocol", ['stt', 'llm', 'tts'], {
    needs_key: false,
    needs_base_url: true,
    key_variable: null,
  }),
  vendor('telnyx', 'Telnyx', []),
  vendor('twilio', 'Twilio', []),
];

export const voices = [
  { id: 'alloy', name: 'Alloy', language: 'en', preview_url: null },
  { id: 'coral', name: 'Coral', language: 'en', preview_url: 'https://voices.example/coral.mp3' },
];

export const about = {
  version: '0.9.0',
  started_at: ago(3 * DAY),
  commit: '9ab0e1f',
  server_id: 'srv_7c1d',
  store: { kind: 'private', version: '17.5', ready: true },
  calls_active: 4,
  calls_capacity: 24,
  organization,
  principal: { kind: 'operator', name: 'operator' },
};

export const audit = [
  ['operator', 'agent.publish', 'agt_…9101', 6 * DAY],
  ['key ci', 'agent.draft', 'agt_…9102', 38 * MINUTE],
  ['operator', 'key.create', 'key_…aa00', 2 * DAY],
].map(([actor, action, target, when], index) => ({
  id: `aud_${index}`,
  at: ago(when),
  actor,
  action,
  target,
  before: null,
  after: null,
  request_id: `req_${index}`,
}));
