// A stand-in for the real server, to look at the pages with: serves the built files, answers with invented calls, and
// speaks RTVI over the WebSocket from a script. It has no WebRTC. usage: node dev/server.mjs [port]
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WebSocketServer } from 'ws';
import { consoleApi, meanwhile, reset } from './console-api.mjs';
import { agents, call } from './fixtures.mjs';

const web = fileURLToPath(new URL('..', import.meta.url));
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
/** The real server's policy, read where it is written, so that a breach shows here. */
const POLICY = /const POLICY: &str = "([^"]+)"/
  .exec(readFileSync(join(web, '../control/server/src/middleware/headers.rs'), 'utf8'))[1]
  .replaceAll(/\\\s+/g, '');

/** What the next requests meet: `full`, `empty`, `closed`, `down`, or `talk`. */
let scenario = 'talk';

const problem = (status, code, title, detail, headers = {}) => ({
  status,
  headers: { 'content-type': 'application/problem+json', ...headers },
  body: JSON.stringify({
    type: `/docs/errors/${code}`,
    title,
    status,
    detail,
    code,
    docs: `/docs/errors/${code}`,
    request_id: 'req_dev',
    retryable: status >= 500,
  }),
});
const json = (value) => ({
  status: 200,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(value),
});
const file = (path) => ({
  status: 200,
  headers: {
    'content-type': `${TYPES[extname(path)] ?? 'text/plain'}; charset=utf-8`,
    'content-security-policy': POLICY,
  },
  body: readFileSync(join(web, path)),
});

function answer(request, url, text) {
  const { method } = request;
  const { host } = request.headers;
  const path = url.pathname;
  const full = problem(503, 'SERVER_FULL', 'All lines are busy', 'every line is busy', {
    'retry-after': '9',
  });
  if (path === '/dev/scenario') {
    scenario = url.searchParams.get('name') ?? 'talk';
    reset();
    return json({ scenario });
  }
  if (path === '/dev/meanwhile') {
    const { agent, ...fields } = JSON.parse(text);
    meanwhile(agent, (definition) => Object.assign(definition, fields));
    return json({});
  }
  if (path.startsWith('/console/assets/')) return file(join('console/dist', normalize(path.slice(8))));
  if (path === '/console' || path.startsWith('/console/')) return file('console/dist/index.html');
  if (path === '/') return file('pages/dist/index.html');
  if (path === '/widget.js') return file('widget/dist/widget.js');
  if (path.startsWith('/assets/')) return file(join('pages/dist', normalize(path)));
  if (path === '/v1/widget/agents') return json(agents);
  if (path === '/v1/widget/token')
    return scenario === 'closed'
      ? problem(403, 'OPERATOR_ONLY', 'Only for the operator of this server', 'this server is closed')
      : json({ token: 'c1.dev', agent: 'front-desk', expires_at: '2030-01-01T00:00:00Z' });
  const given = path.startsWith('/v1/') && consoleApi(request, url, text, scenario);
  if (given) return given;
  if (path === '/start' && method === 'POST')
    return scenario === 'full'
      ? full
      : scenario === 'closed'
        ? problem(401, 'TOKEN_REQUIRED', 'A token is needed', 'ask for one')
        : json({ wsUrl: `ws://${host}/ws` });
  return problem(404, 'PATH_UNKNOWN', 'Nothing here', `there is nothing at ${path}`);
}

const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  let reply;
  try {
    reply = answer(request, new URL(request.url, 'http://x'), Buffer.concat(chunks).toString());
  } catch {
    reply = problem(404, 'PATH_UNKNOWN', 'Nothing here', 'no such file; run npm run build first');
  }
  response.writeHead(reply.status, { 'cache-control': 'no-store', ...reply.headers }).end(reply.body);
});

// Protobuf by hand: Frame { 2: AudioRawFrame { 3: audio, 4: rate, 5: channels }, 4: MessageFrame { 1: data } }.
const varint = (value) => {
  const bytes = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 127) | 128);
  }
};
const field = (number, bytes) => Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
const message = (type, data = {}) =>
  field(4, field(1, Buffer.from(JSON.stringify({ label: 'rtvi-ai', type, id: 'srv', data }))));
const notice = (t, d) => message('server-message', { t, d });
const audio = (at) => {
  const pcm = Buffer.alloc(960);
  for (let index = 0; index < 480; index += 1) {
    const t = at * 0.02 + index / 24_000;
    pcm.writeInt16LE(
      Math.round(7000 * Math.sin(2 * Math.PI * 190 * t) * (0.6 + 0.4 * Math.sin(2 * Math.PI * 3 * t))),
      index * 2,
    );
  }
  return field(2, Buffer.concat([field(3, pcm), varint(32), varint(24_000), varint(40), varint(1)]));
};

const say = (text) => [message('bot-transcription', { text }), notice('agent-state', { state: 'speaking' })];
const hear = (text, final = false) => [message('user-transcription', { text, final })];

/** [milliseconds to wait, what to send]; `null` plays the voice for that long. */
const SCRIPT = [
  [
    100,
    [
      notice('session', { session_id: call.id, resume_token: 'r1.dev' }),
      notice('agent-state', { state: 'listening' }),
    ],
  ],
  [100, say('Hello, this is the front desk. How can I help you?')],
  [1200, null],
  [
    0,
    [
      notice('agent-turn', {
        turn: 0,
        text: 'Hello, this is the front desk. How can I help you?',
        interrupted: false,
      }),
      notice('agent-state', { state: 'listening' }),
    ],
  ],
  [500, [message('user-started-speaking'), ...hear('How much')]],
  [300, hear('How much is a haircut')],
  [
    300,
    [
      ...hear('How much is a haircut?', true),
      notice('caller-turn', { turn: 1, text: 'How much is a haircut?', typed: false }),
      notice('agent-state', { state: 'thinking' }),
    ],
  ],
  [700, say('A haircut is forty francs, and with a beard trim it is fifty-five.')],
  [900, null],
  [
    0,
    [
      message('bot-interrupted'),
      notice('agent-turn', { turn: 1, text: 'A haircut is forty francs, and', interrupted: true }),
      ...hear('Wait, are you'),
    ],
  ],
  [400, hear('Wait, are you open on')],
  [
    2500,
    [
      ...hear('Wait, are you open on Saturday?', true),
      notice('caller-turn', { turn: 2, text: 'Wait, are you open on Saturday?', typed: false }),
    ],
  ],
  [400, say('On Saturday we are open from nine to four.')],
  [1500, null],
  [
    0,
    [
      notice('agent-turn', {
        turn: 2,
        text: 'On Saturday we are open from nine to four.',
        interrupted: false,
      }),
      notice('agent-state', { state: 'listening' }),
    ],
  ],
];

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function talk(socket) {
  for (const [ms, sent] of SCRIPT) {
    if (sent === null) {
      for (let at = 0; at < ms / 20 && socket.readyState === 1; at += 1) {
        socket.send(audio(at));
        await wait(20);
      }
      continue;
    }
    await wait(ms);
    for (const one of sent) if (socket.readyState === 1) socket.send(one);
  }
}

new WebSocketServer({ server, path: '/ws' }).on('connection', (socket) => {
  socket.on('message', (data) => {
    const text = data.toString('latin1');
    if (text.includes('"ping"')) socket.send(message('server-response', { t: 'ping' }));
    if (text.includes('client-ready')) {
      socket.send(message('bot-ready', { version: '2.1.0' }));
      void talk(socket);
    }
    if (text.includes('"send-text"')) {
      const said = /"content":"([^"]*)"/.exec(data.toString())?.[1] ?? '';
      socket.send(notice('caller-turn', { turn: 3, text: said, typed: true }));
      socket.send(notice('call-ended', { reason: 'agent_ended' }));
    }
    if (scenario === 'drop' && text.includes('client-ready')) setTimeout(() => socket.terminate(), 2500);
  });
});

const port = Number(process.argv[2] ?? 8091);
server.listen(port, '127.0.0.1', () =>
  console.log(`http://127.0.0.1:${server.address().port}/?transport=websocket`),
);

export { server };
