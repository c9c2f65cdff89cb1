// The stand-in for the server's API as the console uses it: remembers what is written until it is stopped.
import { deepStrictEqual } from 'node:assert';
import { alerts, budget, costs, health, ownPrices, shippedPrices } from './console-costs.mjs';
import {
  about,
  activity,
  ago,
  agents as allAgents,
  audit,
  channels,
  consoleCalls,
  environments,
  greetingCalendar,
  greetingMeasures,
  greetingPreview,
  greetingResults,
  greetings,
  keys,
  latency,
  organization,
  providerAccounts,
  providers,
  sound,
  summaryOf,
  templates,
  vendors,
  voices,
} from './console-fixtures.mjs';
import { forget, phones } from './console-phones.mjs';

const TOKEN = 'dev';
const STATE = {
  agents: new Map(),
  keys: [...keys],
  greetings: structuredClone(greetings),
  calendar: structuredClone(greetingCalendar),
  channels: structuredClone(channels),
  accounts: structuredClone(providerAccounts),
  organization: structuredClone(organization),
  prices: structuredClone(ownPrices),
  alerts: structuredClone(alerts),
  budget: structuredClone(budget),
};

export function reset() {
  forget();
  STATE.agents = new Map(structuredClone(allAgents).map((one) => [one.agent.name, one]));
  STATE.keys = structuredClone(keys);
  STATE.greetings = structuredClone(greetings);
  STATE.calendar = structuredClone(greetingCalendar);
  STATE.channels = structuredClone(channels);
  STATE.accounts = structuredClone(providerAccounts);
  STATE.organization = structuredClone(organization);
  STATE.prices = structuredClone(ownPrices);
  STATE.alerts = structuredClone(alerts);
  STATE.budget = structuredClone(budget);
}
reset();

/** A third of a second of nothing, as WAV. */
const SILENCE = (() => {
  const wav = Buffer.alloc(44 + 5_334);
  wav.write('RIFF', 0);
  wav.writeUInt32LE(36 + 5_334, 4);
  wav.write('WAVEfmt ', 8);
  [16, 1 | (1 << 16), 8_000, 16_000, 2 | (16 << 16)].forEach((value, place) => {
    wav.writeUInt32LE(value, 16 + 4 * place);
  });
  wav.write('data', 36);
  wav.writeUInt32LE(5_334, 40);
  return wav.toString('base64');
})();

const now = () => new Date().toISOString();
const json = (value, status = 200) => ({
  status,
  headers: { 'content-type': 'application/json', ...(value?.revision && { etag: `"${value.revision}"` }) },
  body: JSON.stringify(value),
});
const nothing = { status: 204, headers: {}, body: '' };
const problem = (status, code, title, detail, more = {}) => ({
  status,
  headers: { 'content-type': 'application/problem+json', 'x-request-id': 'req_01dev' },
  body: JSON.stringify({
    type: `/docs/errors/${code}`,
    title,
    status,
    detail,
    code,
    docs: `/docs/errors/${code}`,
    request_id: 'req_01dev',
    retryable: status >= 500,
    ...more,
  }),
});
const page = (data) => ({ data, next_cursor: null, has_more: false });
const same = (a, b) => {
  try {
    deepStrictEqual(a, b);
    return true;
  } catch {
    return false;
  }
};

/** A few of the real checks, so that fields show something. */
function problemsOf(definition) {
  const found = [];
  const report = (pointer, detail, severity = 'error', node = null) =>
    found.push({ pointer, node, field: pointer.split('/').at(-1), detail, severity });
  const speed = definition.voice?.speed;
  if (speed !== undefined && (typeof speed !== 'number' || speed < 0.5 || speed > 2))
    report('/voice/speed', 'must be between 0.5 and 2');
  (definition.greeting ?? []).forEach((text, index) => {
    if (!text.trim()) report(`/greeting/${index}`, 'a wording must say something');
    if ((text.match(/\{if/g) ?? []).length !== (text.match(/\{end\}/g) ?? []).length)
      report(`/greeting/${index}`, '{if} without {end}');
  });
  const nodes = definition.nodes ?? {};
  if (!nodes[definition.entry]) report('/entry', `there is no node "${definition.entry}"`);
  for (const [id, node] of Object.entries(nodes)) {
    if (!['say', 'intent', 'collect', 'router', 'tool', 'end'].includes(node?.kind))
      report(`/nodes/${id}/kind`, `"${node?.kind}" is no kind of node`, 'error', id);
    const reached = (definition.edges ?? []).some((edge) => edge.to === id);
    const named = [definition.entry, definition.manners?.goodbye].includes(id);
    if (!reached && !named) report(`/nodes/${id}`, 'no path leads to this node', 'warning', id);
  }
  return found;
}

const draftOf = ({ agent, draft }) => ({
  agent_id: agent.id,
  ...draft,
  problems: problemsOf(draft.definition),
});
const versionOf = (one, { definition, ...version }) => ({
  ...version,
  environments: Object.keys(one.agent.aliases).filter((name) => one.agent.aliases[name] === version.number),
});

function changes(before, after, pointer = '') {
  const object = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
  if (object(before) && object(after)) {
    return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((name) =>
      changes(before[name], after[name], `${pointer}/${name}`),
    );
  }
  if (same(before, after)) return [];
  const kind = before === undefined ? 'added' : after === undefined ? 'removed' : 'changed';
  return [{ pointer, kind, before: before ?? null, after: after ?? null }];
}

function stale(request, revision, current) {
  const wanted = request.headers['if-match'];
  if (!wanted) return problem(428, 'PRECONDITION_REQUIRED', 'A precondition is needed', 'send If-Match');
  if (wanted !== `"${revision}"`)
    return problem(412, 'PRECONDITION_FAILED', 'It was changed meanwhile', 'the draft is not what it was', {
      current,
    });
  return null;
}

function touched(one, draftToo = true) {
  one.agent.updated_at = now();
  if (!draftToo) return;
  one.draft.updated_at = now();
  one.draft.updated_by = 'operator';
  const latest = one.versions.at(-1);
  one.agent.draft_differs = !latest || !same(latest.definition, one.draft.definition);
  one.agent.title = one.draft.definition.title ?? one.agent.title;
}

function put(one, environment, version, kind) {
  const previous_version = one.agent.aliases[environment] ?? null;
  one.agent.aliases[environment] = version;
  one.releases.push({
    environment,
    version,
    previous_version,
    kind,
    created_by: 'operator',
    created_at: now(),
  });
  return { environment, version, revision: one.releases.length, updated_at: now() };
}

const lost = (scenario) => ({ routes_without_node: scenario === 'lost-routes' ? LOST : [] });

function agentRoute(one, [what, ...rest], request, url, body, scenario) {
  const { method } = request;
  const { agent, draft, versions } = one;
  if (!what) {
    if (method === 'DELETE') STATE.agents.delete(agent.name);
    return method === 'DELETE' ? nothing : json(agent);
  }
  if (what === 'draft') {
    if (method === 'GET') return json(draftOf(one));
    const refused = stale(request, draft.revision, draftOf(one));
    if (refused) return refused;
    draft.definition = body.definition;
    draft.revision += 1;
    agent.draft_revision = draft.revision;
    touched(one);
    return json(draftOf(one));
  }
  if (what === 'publish') {
    const refused = stale(request, draft.revision, draftOf(one));
    if (refused) return refused;
    const errors = problemsOf(draft.definition).filter((found) => found.severity === 'error');
    if (errors.length > 0)
      return problem(422, 'AGENT_INVALID', 'The agent has mistakes', 'it cannot be published', {
        errors: errors.map(({ pointer, detail }) => ({ pointer, code: 'AGENT_INVALID', detail })),
      });
    const environment = body.environment ?? 'prod';
    const known = versions.find((version) => same(version.definition, draft.definition));
    const version = known ?? {
      id: `ver_${agent.name}_${versions.length + 1}`,
      number: versions.length + 1,
      content_hash: `sha256:${Date.now().toString(16)}f00d`,
      note: body.note ?? '',
      created_by: 'operator',
      created_at: now(),
      definition: structuredClone(draft.definition),
    };
    if (!known) versions.push(version);
    agent.latest_version = versions.length;
    draft.base_version = version.number;
    put(one, environment, version.number, 'publish');
    touched(one);
    return json({ ...versionOf(one, version), ...lost(scenario) }, known ? 200 : 201);
  }
  if (what === 'versions') {
    if (rest.length === 0) return json(page(versions.map((version) => versionOf(one, version)).reverse()));
    const version = versions.find(({ number }) => String(number) === rest[0]);
    if (!version) return problem(404, 'NOT_FOUND', 'Not found', 'there is no such version');
    if (rest[1] !== 'restore') return json({ ...versionOf(one, version), definition: version.definition });
    const refused = stale(request, draft.revision, draftOf(one));
    if (refused) return refused;
    draft.definition = structuredClone(version.definition);
    draft.revision += 1;
    touched(one);
    return json(draftOf(one));
  }
  if (what === 'compare') {
    const of = (name) =>
      name === 'draft'
        ? draft.definition
        : versions.find(({ number }) => String(number) === name)?.definition;
    const [from, to] = [url.searchParams.get('from'), url.searchParams.get('to')];
    return json({ from, to, changes: changes(of(from), of(to)) });
  }
  if (what === 'aliases') {
    if (rest[0]) return json({ ...put(one, rest[0], body.version, 'set'), ...lost(scenario) });
    return json({
      data: Object.entries(agent.aliases).map(([environment, version]) => ({
        environment,
        version,
        previous_version:
          one.releases.findLast(
            (release) =>
              release.environment === environment &&
              release.version === version &&
              release.kind !== 'rollback',
          )?.previous_version ?? null,
        revision: 1,
        updated_at:
          one.releases.findLast((release) => release.environment === environment)?.created_at ?? now(),
      })),
    });
  }
  if (what === 'rollback') {
    const environment = body?.environment ?? 'prod';
    const last = one.releases.findLast(
      (release) => release.environment === environment && release.kind !== 'rollback',
    );
    if (!last?.previous_version)
      return problem(
        409,
        'NOTHING_TO_ROLL_BACK',
        'There is nothing to roll back to',
        'this was the first release',
      );
    return json({ ...put(one, environment, last.previous_version, 'rollback'), ...lost(scenario) });
  }
  if (what === 'releases') return json(page(one.releases.toReversed()));
  return null;
}

function createAgent({ name, title, template }) {
  if (STATE.agents.has(name))
    return problem(409, 'CONFLICT', 'It exists already', `there is an agent "${name}"`);
  const definition = structuredClone(
    templates.find((one) => one.name === template)?.definition ?? templates[1].definition,
  );
  Object.assign(definition, { name, title: title ?? name });
  const agent = {
    id: `agt_dev_${name}`,
    name,
    title: title ?? name,
    domain_id: 'dom_main',
    revision: 1,
    created_at: now(),
    updated_at: now(),
    archived: false,
    latest_version: null,
    draft_revision: 1,
    draft_differs: true,
    aliases: {},
  };
  const draft = { definition, base_version: null, revision: 1, updated_at: now(), updated_by: 'operator' };
  STATE.agents.set(name, { agent, draft, versions: [], releases: [] });
  return json(agent, 201);
}

function sessions(url) {
  const wanted = (name) => url.searchParams.get(name);
  const found = consoleCalls.filter((call) => {
    for (const name of ['agent', 'transport', 'direction', 'environment', 'end_reason', 'outcome'])
      if (wanted(name) && call[name] !== wanted(name)) return false;
    if (wanted('from') && call.started_at < wanted('from')) return false;
    if (wanted('to') && call.started_at > wanted('to')) return false;
    if (wanted('problems') === 'true' && call.failures === 0) return false;
    if (wanted('poor_audio') === 'true' && !call.poor_audio) return false;
    if (wanted('slower_than_ms') && !((call.response_max_ms ?? 0) > Number(wanted('slower_than_ms'))))
      return false;
    const words = (wanted('q') ?? '').toLowerCase();
    return (
      !words ||
      call.transcript.some((line) => `${line.text} ${line.unheard ?? ''}`.toLowerCase().includes(words))
    );
  });
  const limit = Number(wanted('limit') ?? 50);
  const from = Number(wanted('cursor') ?? 0);
  const data = found.slice(from, from + limit).map(summaryOf);
  const has_more = from + limit < found.length;
  return json({ data, next_cursor: has_more ? String(from + limit) : null, has_more });
}

function sessionRoute([id, what, file], request) {
  const call = consoleCalls.find((one) => one.id === id);
  if (!call) return problem(404, 'NOT_FOUND', 'Not found', 'the organization has no such call');
  if (!what) {
    const { recordings: _, ...rest } = call;
    return json(rest);
  }
  if (what === 'log') {
    const lines = call.events.map((event) => JSON.stringify(event)).join('\n');
    return {
      status: 200,
      headers: {
        'content-type': 'application/jsonl',
        'content-disposition': `attachment; filename="${id}.jsonl"`,
      },
      body: lines,
    };
  }
  if (what === 'recordings' && !file) return json({ data: call.recordings });
  const part = call.recordings.find((one) => one.url.endsWith(`/${file}`));
  if (what !== 'recordings' || !part)
    return problem(404, 'NOT_FOUND', 'Not found', 'there is no such recording');
  const bytes = sound(call, part);
  const [, from, to] = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '') ?? [];
  const headers = { 'content-type': 'audio/wav', 'accept-ranges': 'bytes' };
  if (from === undefined) return { status: 200, headers, body: bytes };
  const last = Math.min(bytes.length - 1, to ? Number(to) : bytes.length - 1);
  headers['content-range'] = `bytes ${from}-${last}/${bytes.length}`;
  return { status: 206, headers, body: bytes.subarray(Number(from), last + 1) };
}

function listed(name, prefix, [id, what], request, body) {
  const list = STATE[name];
  const found = list.find((one) => one.id === id);
  if (!id && request.method === 'POST') {
    const made = {
      id: `${prefix}_dev${list.length}`,
      enabled: true,
      revision: 1,
      created_at: now(),
      updated_at: now(),
      ...body,
    };
    if (name === 'keys') Object.assign(made, { hint: 'fdy_…9d3e', created_by: 'operator' });
    list.push(made);
    return json(name === 'keys' ? { ...made, key: secret() } : made, 201);
  }
  if (!id) return json(page(list));
  if (!found) return problem(404, 'NOT_FOUND', 'Not found', 'there is nothing of that id');
  if (what === 'rotate') return json({ ...found, key: secret() });
  if (request.method === 'DELETE') {
    if (name === 'keys') found.revoked_at = now();
    else STATE[name] = list.filter((one) => one !== found);
    return nothing;
  }
  if (request.method === 'PATCH')
    Object.assign(found, body, { revision: found.revision + 1, updated_at: now() });
  return json(found);
}

const secret = () => `fdy_prod_all_${'9f3b5d6e7f80aQ2rT8xWkLm4'.repeat(2).slice(0, 43)}_k3Zx`;

/** The answer to a request of the console, or `null` where it is none. `scenario` as in `server.mjs`. */
export function consoleApi(request, url, text, scenario) {
  const parts = url.pathname.split('/').slice(2).map(decodeURIComponent);
  const [what, id, ...rest] = parts;
  const body = text ? JSON.parse(text) : null;
  if (what === 'operator') {
    if (request.method === 'DELETE') return nothing;
    if (scenario === 'closed' || ![body?.token, body?.code].includes(TOKEN))
      return problem(403, 'OPERATOR_ONLY', 'Only for the operator of this server', 'not the token');
    return nothing;
  }
  if (scenario === 'closed')
    return problem(
      401,
      'CREDENTIAL_REQUIRED',
      'A credential is needed',
      'sign in as the operator, or send an API key',
    );
  if (scenario === 'down')
    return problem(
      503,
      'STORE_UNAVAILABLE',
      'The store does not answer',
      'the database is being restarted; calls go on meanwhile',
    );
  const asked = phones([what, id, ...rest], request.method, body, { json, nothing, page, problem });
  if (asked) return asked;
  if (scenario === 'refuses' && request.method === 'POST' && REFUSALS[what]) {
    const errors = REFUSALS[what];
    return problem(422, 'BODY_INVALID', 'The body does not fit', errors[0].detail, { errors });
  }
  if (what === 'agents') {
    if (!id && request.method === 'POST') return createAgent(body);
    if (!id)
      return json(page(scenario === 'empty' ? [] : [...STATE.agents.values()].map(({ agent }) => agent)));
    const one = STATE.agents.get(id) ?? [...STATE.agents.values()].find(({ agent }) => agent.id === id);
    if (!one) return problem(404, 'NOT_FOUND', 'Not found', `there is no agent "${id}"`);
    return agentRoute(one, rest, request, url, body, scenario);
  }
  if (what === 'sessions') {
    if (id) return sessionRoute([id, ...rest], request);
    return scenario === 'empty' ? json(page([])) : sessions(url);
  }
  if (what === 'templates') return json({ data: templates });
  if (what === 'environments') return json(page(environments));
  if (what === 'domains')
    return json(page([{ ...environments[0], id: 'dom_main', name: 'main', title: 'Main' }]));
  if (what === 'latency') return json(empty(scenario, latency(url.searchParams.get('window') ?? '1h')));
  if (what === 'activity') return json(empty(scenario, activity(url.searchParams.get('window') ?? '1h')));
  if (what === 'api-keys') return listed('keys', 'key', [id, ...rest], request, body);
  if (what === 'greeting-calendar') {
    if (request.method === 'PUT')
      Object.assign(STATE.calendar, body, { revision: STATE.calendar.revision + 1 });
    return json(STATE.calendar);
  }
  if (what === 'greeting-measures')
    return json(
      scenario === 'empty' ? { ...greetingMeasures, total: { calls: 0 }, greetings: [] } : greetingMeasures,
    );
  if (what === 'greeting-preview') {
    if (body.draft?.wordings.some((text) => text.includes('{nobody}')))
      return problem(
        422,
        'BODY_INVALID',
        'The body does not fit',
        '/draft/wordings/0: there is no value called "nobody"',
      );
    return json(greetingPreview(body));
  }
  if (what === 'greeting-audio')
    return json({
      audio: SILENCE,
      voices: ['built-in, joe', 'spare, aura-2'],
      length_ms: 2400,
      rendered_ahead: true,
    });
  if (what === 'greetings' && rest[0] === 'results')
    return json(greetingResults(STATE.greetings.find((one) => one.id === id)));
  if (what === 'greetings' && scenario === 'empty' && !id) return json(page([]));
  if (what === 'greetings') return listed('greetings', 'grt', [id, ...rest], request, body);
  if (what === 'channels') return listed('channels', 'chn', [id, ...rest], request, body);
  if (what === 'organizations') {
    if (request.method === 'PATCH')
      Object.assign(STATE.organization, body, { revision: STATE.organization.revision + 1 });
    return json(id ? STATE.organization : page([STATE.organization]));
  }
  if (what === 'providers') return json({ data: providers });
  if (what === 'vendors') return json({ data: vendors });
  if (what === 'provider-accounts') {
    if (scenario === 'empty' && !id) return json(page([]));
    if (rest[0] === 'voices') return json({ data: voices });
    if (rest[0] === 'test')
      return json(
        tried(
          STATE.accounts.find((one) => one.id === id),
          body,
        ),
      );
    if (body?.key) Object.assign(body, { key_hint: `…${body.key.slice(-4)}`, key: undefined });
    return listed('accounts', 'pac', [id, ...rest], request, body);
  }
  if (what === 'provider-health') return json({ data: scenario === 'empty' ? [] : health });
  if (what === 'costs') return json(costs(url, scenario === 'empty'));
  if (what === 'price-list') return json({ data: shippedPrices });
  if (what === 'prices' && id === 'import') {
    for (const price of body.prices) listed('prices', 'prc', [], request, price);
    return json({ created: body.prices.length, replaced: 0 });
  }
  if (what === 'prices') return listed('prices', 'prc', [id, ...rest], request, priced(body));
  if (what === 'budget') {
    if (request.method === 'PUT')
      Object.assign(STATE.budget, body, { revision: STATE.budget.revision + 1, state: 'ok' });
    return json(scenario === 'empty' ? { ...STATE.budget, ...unset } : STATE.budget);
  }
  if (what === 'alerts') {
    if (request.method === 'DELETE') STATE.alerts = STATE.alerts.filter((one) => one.id !== id);
    return request.method === 'DELETE' ? nothing : json(page(scenario === 'empty' ? [] : STATE.alerts));
  }
  if (what === 'drills') {
    if (rest[0] === 'report') return json(report(drills[0]));
    if (rest[0] === 'stop')
      return json({ ...drills[0], running: false, stopped_at: new Date().toISOString() });
    return scenario === 'drill' ? json(page(drills)) : json(page(drills.slice(1)));
  }
  if (what === 'about') return json({ ...about, organization: STATE.organization });
  if (what === 'audit') return json(page(audit));
  return null;
}

/** What is wrong with whatever is sent to make one. */
const REFUSALS = {
  channels: [
    {
      pointer: '/address',
      code: 'invalid',
      detail: 'a page is an origin, such as `https://shop.example.com`',
    },
  ],
  'provider-accounts': [
    {
      pointer: '/name',
      code: 'reserved',
      detail: "`built-in` names the server's own models: choose another name",
    },
    {
      pointer: '/options/public_key',
      code: 'invalid',
      detail: 'letters and digits alone, as the carrier shows it',
    },
  ],
};
const LOST = [
  { id: 'rte_1', title: 'Nights and weekends', node: 'closed' },
  { id: 'rte_2', title: '', node: 'lobby' },
];

const unset = { monthly_limit_nano_usd: null, spent_nano_usd: 0, share: null, state: 'ok' };

/** What a price has that says little of itself. */
const priced = (body) => body && { valid_from: '1970-01-01T00:00:00Z', tiers: [], note: '', per: 1, ...body };
const drill = {
  id: 'drl_2',
  environment: 'staging',
  kind: 'llm',
  fault: 'hang',
  moment: 'before_output',
  provider: null,
  share: 0.2,
  started_by: 'operator',
  started_at: new Date(Date.now() - 240_000).toISOString(),
  ends_at: new Date(Date.now() + 360_000).toISOString(),
  stopped_at: null,
  running: true,
};
const drills = [
  drill,
  {
    ...drill,
    id: 'drl_1',
    kind: 'tts',
    fault: 'quota',
    moment: 'mid_sentence',
    provider: 'elevenlabs',
    share: 1,
    started_at: new Date(Date.now() - 7_200_000).toISOString(),
    ends_at: new Date(Date.now() - 6_600_000).toISOString(),
    running: false,
  },
];

/** One in which two answers were apologies. */
const report = (of) => ({
  drill: of,
  calls: 14,
  calls_ended: 13,
  calls_lost: 0,
  failures: 3,
  waits: { turns: 52, p50_ms: 941, p95_ms: 1310, max_ms: 2480 },
  usual_waits: { turns: 231, p50_ms: 512, p95_ms: 690, max_ms: 1120 },
  added: { p50_ms: 429, p95_ms: 620, max_ms: 1968 },
  answered: [
    { kind: 'llm', provider: 'groq', completed: 50, failed: 0, cancelled: 1 },
    { kind: 'llm', provider: 'openai', completed: 0, failed: 8, cancelled: 44 },
  ],
  turns: 66,
  last_resorts: 2,
  words_lost: 0,
  words_doubled: 0,
});

/** A vendor that answers, or one whose key is refused. */
function tried(account, { ability }) {
  const none = { open_ms: null, first_ms: null, whole_ms: null, text: null, audio: null };
  if (account?.name === 'azure')
    return {
      ...none,
      ok: false,
      model: '',
      code: 'TTS_UNAUTHORIZED',
      detail: 'azure: text to speech refused the credentials: HTTP 401',
    };
  const text = { llm: 'Hello there, lovely to meet you!', stt: 'What are your opening hours on Saturday?' };
  return {
    ...none,
    ok: true,
    model: 'gpt-4.1-mini',
    open_ms: 182.4,
    first_ms: 311.9,
    whole_ms: 640.2,
    text: text[ability] ?? null,
    code: null,
    detail: null,
  };
}

/** A server that nobody has called yet. */
function empty(scenario, answer) {
  if (scenario !== 'empty') return answer;
  for (const stage of Object.values(answer.stages ?? {}))
    Object.assign(stage, { count: 0, p50_ms: null, p95_ms: null, p99_ms: null, series: [] });
  if (answer.totals) {
    answer.totals = Object.fromEntries(Object.keys(answer.totals).map((name) => [name, 0]));
    Object.assign(answer, {
      series: [],
      active_calls: 0,
      dead_air_by_cause: {},
      failures_by_code: {},
      ended_by_reason: {},
      speculation: [],
    });
  }
  return answer;
}

/** Somebody else writes the draft of an agent. */
export function meanwhile(name, change) {
  const one = STATE.agents.get(name);
  change(one.draft.definition);
  one.draft.revision += 1;
  one.draft.updated_by = 'key ci';
  one.draft.updated_at = ago(0);
}
