// A finished call as `/v1/calls/{id}` gives it: invented, with every kind of thing a call's page can show.

const SESSION = 'ses_019ab0c2d1e07a4c9f3b5d6e7f8091a2';

const marks = (start, parts) => {
  const names = ['committed', 'first_text', 'first_sentence', 'first_audio', 'agent_started'];
  let at = start;
  const list = [
    { mark: 'speech_started', at_ms: start - 1400 },
    { mark: 'speech_ended', at_ms: start },
    { mark: 'transcript_final', at_ms: start + 170 },
  ];
  for (const [index, part] of parts.entries()) {
    at += part;
    list.push({ mark: names[index], at_ms: at });
  }
  return [...list, { mark: 'agent_ended', at_ms: at + 2600 }];
};

const latencies = ([endpointing, thinking, sentence, synthesis, playout]) => ({
  endpointing_ms: endpointing,
  thinking_ms: thinking,
  sentence_ms: sentence,
  synthesis_ms: synthesis,
  playout_ms: playout,
  response_ms: endpointing + thinking + sentence + synthesis + playout,
});

const exchanges = [
  [
    'When are you open on Saturday?',
    'On Saturday we are open from nine to four.',
    [312.4, 41.2, 0, 268.7, 21.1],
    ['intent', 'hours'],
  ],
  [
    'How much is a haircut?',
    'A haircut is forty',
    [298.1, 38.6, 2.4, 301.2, 20.9],
    ['intent', 'prices'],
    ' francs, and with a beard trim it is fifty-five.',
  ],
  [
    "I'd like to book an appointment for Thursday at three.",
    'Thursday at three is free. Which service would you like?',
    [524.8, 44.1, 0, 284.2, 22.3],
    ['intent', 'booking', 'collect'],
  ],
  [
    'A haircut. My name is Maria Keller.',
    'Thank you, Maria. And your phone number, please?',
    [402.7, 52.3, 1.1, 611.9, 20.4],
    ['collect'],
  ],
  [
    'Oh five five, one two three, four five six seven.',
    'So that is a haircut on Thursday at three for Maria Keller. Shall I book it?',
    [688.2, 47, 0.8, 290.4, 21.7],
    ['collect', 'confirm'],
  ],
  ['Yes, please.', 'Done. See you on Thursday. Goodbye!', [287.3, 39.4, 0, 255.3, 21], ['confirm', 'end']],
];

export const call = (() => {
  const transcript = [
    { at_ms: 210, role: 'agent', turn: 0, text: 'Hello, this is the front desk. How can I help you?' },
  ];
  const turns_detail = [];
  const events = [
    { at_ms: 0, kind: 'started', turn: null, text: 'media flows both ways' },
    { at_ms: 12, kind: 'agent_saying', turn: 0, text: 'Hello, this is the front desk. How can I help you?' },
  ];
  exchanges.forEach(([caller, agent, parts, nodes, unheard], index) => {
    const turn = index + 1;
    const end = 5200 + index * 7400;
    const detail = latencies(parts);
    transcript.push({ at_ms: end + parts[0], role: 'caller', turn, text: caller });
    transcript.push({
      at_ms: end + detail.response_ms,
      role: 'agent',
      turn,
      text: agent,
      ...(unheard && { interrupted: true, unheard: unheard.trim() }),
    });
    turns_detail.push({ turn, nodes, marks: marks(end, parts), latencies: detail });
    events.push(
      { at_ms: end - 1400, kind: 'caller_speaking', turn: null, text: "the caller's voice began" },
      {
        at_ms: end - 700,
        kind: 'heard',
        turn: null,
        text: `partial: ${caller.split(' ').slice(0, 3).join(' ')}`,
      },
      { at_ms: end + 20, kind: 'caller_speaking', turn: null, text: "the caller's voice paused" },
      { at_ms: end + 170, kind: 'heard', turn: null, text: `final: ${caller}` },
      { at_ms: end + parts[0], kind: 'caller_turn', turn, text: caller },
      ...nodes.map((node) => ({ at_ms: end + parts[0] + 4, kind: 'node', turn, text: node })),
      { at_ms: end + parts[0] + parts[1], kind: 'agent_saying', turn, text: agent + (unheard ?? '') },
      ...(unheard
        ? [{ at_ms: end + 2400, kind: 'interrupted', turn, text: 'the caller took the floor' }]
        : []),
      {
        at_ms: end + 3300,
        kind: 'turn_finished',
        turn,
        text: `answered after ${Math.round(detail.response_ms)} ms`,
      },
    );
  });
  events.push({ at_ms: 48_300, kind: 'ended', turn: null, text: 'the agent said goodbye' });
  return {
    id: SESSION,
    agent: 'front-desk',
    transport: 'webrtc',
    started_at: '2026-11-23T09:41:12Z',
    duration_ms: 48_300,
    end_reason: 'agent_ended',
    turns: 6,
    interruptions: 1,
    response_median_ms: 768.2,
    response_max_ms: 1088.4,
    dead_air_ms: 340,
    failures: 0,
    first_words: 'When are you open on Saturday?',
    transcript,
    turns_detail,
    dead_air: [{ at_ms: 29_640, turn: 4, cause: 'synthesis', length_ms: 340 }],
    notes: [
      {
        at_ms: 43_100,
        name: 'appointment',
        value: { service: 'haircut', day: 'Thursday', time: '15:00', name: 'Maria Keller' },
      },
    ],
    problems: [],
    events,
    events_truncated: false,
  };
})();

const summary = ({
  transcript,
  turns_detail,
  dead_air,
  notes,
  problems,
  events,
  events_truncated,
  ...rest
}) => rest;

export const calls = {
  data: [
    summary(call),
    {
      ...summary(call),
      id: SESSION.replace('a2', 'a1'),
      started_at: '2026-11-23T09:12:40Z',
      duration_ms: 21_900,
      turns: 2,
      interruptions: 0,
      response_median_ms: 702.1,
      response_max_ms: 811,
      dead_air_ms: 0,
      end_reason: 'caller_left',
      first_words: `${'Where do I find you? '.repeat(5)}Where do I…`,
    },
    {
      ...summary(call),
      id: SESSION.replace('a2', 'a0'),
      started_at: '2026-11-22T17:55:03Z',
      duration_ms: 34_000,
      turns: 0,
      interruptions: 0,
      response_median_ms: null,
      response_max_ms: null,
      dead_air_ms: 0,
      end_reason: 'caller_silent',
      first_words: '',
    },
    {
      ...summary(call),
      id: SESSION.replace('a2', '9f'),
      started_at: '2026-11-22T16:20:31Z',
      transport: 'websocket',
      duration_ms: 96_400,
      turns: 9,
      interruptions: 3,
      response_median_ms: 845.5,
      response_max_ms: 3120.8,
      dead_air_ms: 2200,
      failures: 1,
      end_reason: 'provider_failed',
      first_words: 'I would like to change the appointment that I made last week, the one on Tuesday',
    },
  ],
  next_cursor: SESSION,
  has_more: true,
};

export const agents = {
  data: [
    {
      name: 'front-desk',
      title: 'Front desk',
      description: 'Opening hours, prices, and appointments. You can interrupt it at any time.',
      suggestions: [
        'When are you open on Saturday?',
        'How much is a haircut?',
        "I'd like to book an appointment for Thursday at three.",
        'No wait, Friday.',
      ],
    },
    {
      name: 'after-hours',
      title: 'After hours',
      description: 'Takes messages when the shop is closed.',
      suggestions: ["I'd like to leave a message."],
    },
    { name: 'florist', title: 'Corner florist', description: '', suggestions: [] },
  ],
  default: 'front-desk',
};
