// One finished call: transcript as heard, per turn the waterfall of its response, silences, notes, events.

import {
  type Call,
  followLinks,
  get,
  type Latencies,
  type Line,
  Refused,
  signInByAddress,
  type Turn,
} from './api';
import { h, id, markNavigation, problem } from './dom';
import { events } from './events';
import {
  duration,
  ending,
  moment,
  ms,
  msOrNone,
  PART_MEANING,
  PARTS,
  plain,
  position,
  rounded,
} from './words';

/** A call is written to disk in the moment after it ends. */
const ASK_AGAIN_MS = 600;
const ASKS = 8;
/** One that is not on record by then still runs. */
const ASK_LATER_MS = 5000;

markNavigation();
followLinks();
const content = id('content');
const session = decodeURIComponent(location.pathname.split('/').pop() ?? '');
void load(ASKS);

async function load(asks: number): Promise<void> {
  try {
    await signInByAddress();
    show(await get<Call>(`/v1/calls/${encodeURIComponent(session)}`));
  } catch (error) {
    const unfinished = error instanceof Refused && error.code === 'CALL_UNFINISHED';
    if (unfinished) setTimeout(() => void load(asks - 1), asks > 1 ? ASK_AGAIN_MS : ASK_LATER_MS);
    if (unfinished && asks !== 1) return;
    content.replaceChildren(
      h('h1', {}, 'Call'),
      problem(error, () => void load(ASKS)),
    );
  }
}

function show(call: Call): void {
  document.title = `Call of ${moment(call.started_at)} · Agent Foundry`;
  const raw = h(
    'a',
    { class: 'button', href: `/v1/calls/${call.id}/events`, download: '', 'data-testid': 'download' },
    'Download the raw log',
  );
  const title = h(
    'div',
    {},
    h('h1', {}, `Call of ${moment(call.started_at)}`),
    h('div', { class: 'id' }, call.id),
  );
  content.replaceChildren(
    h('div', { class: 'row' }, title, raw),
    facts(call),
    ...turns(call),
    ...more(call),
    ...events(call),
  );
}

function facts(call: Call): HTMLElement {
  const fact = (name: string, value: string, kind = '') =>
    h('div', {}, h('dt', {}, name), h('dd', { class: kind }, value));
  return h(
    'dl',
    { class: 'facts', 'data-testid': 'facts' },
    fact('Agent', call.agent, 'word'),
    fact('Transport', call.transport, 'word'),
    fact('Length', duration(call.duration_ms)),
    fact('Median response', msOrNone(call.response_median_ms)),
    fact('Slowest response', msOrNone(call.response_max_ms)),
    fact('Interruptions', String(call.interruptions)),
    fact('Dead air', call.dead_air_ms > 0 ? ms(call.dead_air_ms) : 'none', call.dead_air_ms > 0 ? 'bad' : ''),
    fact('Ended', ending(call.end_reason), 'word'),
  );
}

function turns(call: Call): HTMLElement[] {
  const longest = Math.max(1, ...call.turns_detail.map((turn) => turn.latencies?.response_ms ?? 0));
  const details = new Map(call.turns_detail.map((turn) => [turn.turn, turn]));
  const grouped = new Map<number, Line[]>();
  for (const line of call.transcript) grouped.set(line.turn, [...(grouped.get(line.turn) ?? []), line]);
  const rows = [...grouped].map(([number, lines]) => turnRow(lines, details.get(number), longest));
  const empty = h('p', { class: 'empty' }, 'Nothing was said.');
  const list = rows.length > 0 ? h('ol', { class: 'turns', 'data-testid': 'turns' }, ...rows) : empty;
  const answered = call.turns_detail.some((turn) => turn.latencies);
  return [h('h2', {}, 'Conversation'), answered ? legend() : null, list].filter((part) => part !== null);
}

function legend(): HTMLElement {
  const items = PARTS.map((part) =>
    h(
      'li',
      {},
      h('span', { class: `swatch ${part}`, 'aria-hidden': 'true' }),
      `${part}: ${PART_MEANING[part]}`,
    ),
  );
  return h('ul', { class: 'legend' }, ...items);
}

function turnRow(lines: Line[], turn: Turn | undefined, longest: number): HTMLElement {
  const caller = lines.filter((line) => line.role === 'caller').map(speech);
  const agent = lines.filter((line) => line.role === 'agent').map(speech);
  const between = turn?.latencies ? [waterfall(turn, turn.latencies, longest)] : [];
  return h('li', { class: 'turn', 'data-testid': 'turn' }, ...caller, ...between, ...agent);
}

function speech(line: Line): HTMLElement {
  const what = h('span', { class: 'what' }, line.text);
  if (line.unheard) what.append(' ', h('del', { class: 'unheard', title: 'Not heard' }, line.unheard));
  const cut = cutBy(line);
  if (cut) what.append(h('span', { class: 'tag cut' }, cut));
  if (line.typed) what.append(h('span', { class: 'tag' }, 'typed'));
  const who = h('span', { class: 'who' }, line.role === 'caller' ? 'Caller' : 'Agent');
  const attributes = { class: 'speech', 'data-testid': 'line', 'data-role': line.role };
  return h('div', attributes, who, what, h('time', {}, position(line.at_ms)));
}

/** Why a line has an end that nobody heard. */
function cutBy({ interrupted, text, unheard }: Line): string {
  if (!text && (interrupted || unheard)) return 'not heard';
  if (interrupted) return 'interrupted';
  return unheard ? 'cut off' : '';
}

function waterfall(turn: Turn, latencies: Latencies, longest: number): HTMLElement {
  const lengths = PARTS.map((part) => latencies[`${part}_ms`]);
  const shown = rounded(lengths, latencies.response_ms);
  const stack = h('div', { class: 'stack', 'aria-hidden': 'true' });
  stack.style.width = `${((latencies.response_ms / longest) * 100).toFixed(2)}%`;
  PARTS.forEach((part, index) => {
    if (!lengths[index]) return;
    const bar = h('span', { class: part, title: `${part}: ${shown[index]} ms` });
    bar.style.flex = `${lengths[index]} 0 0`;
    stack.append(bar);
  });
  const total = h('span', { class: 'total', 'data-testid': 'response' }, ms(latencies.response_ms));
  const parts = PARTS.map((part, index) =>
    h(
      'li',
      { 'data-part': part },
      h('span', { class: `swatch ${part}`, 'aria-hidden': 'true' }),
      `${part} `,
      h('b', {}, `${shown[index]}`),
    ),
  );
  const list = h(
    'ul',
    { class: 'parts', 'data-testid': 'parts', 'aria-label': 'Parts of the response, in milliseconds' },
    ...parts,
  );
  return h(
    'div',
    { class: 'waterfall' },
    h('div', { class: 'track' }, h('div', { class: 'scale' }, stack), total),
    list,
    marks(turn),
  );
}

function marks(turn: Turn): HTMLElement {
  const items = turn.marks.map(({ mark, at_ms }) =>
    h('li', {}, h('span', {}, plain(mark)), h('span', {}, position3(at_ms))),
  );
  const path = turn.nodes.length > 0 ? ` · ${turn.nodes.join(' → ')}` : '';
  return h('details', { class: 'marks' }, h('summary', {}, `Marks${path}`), h('ol', {}, ...items));
}

/** To the millisecond: marks are compared with one another. */
const position3 = (atMs: number): string => `${(atMs / 1000).toFixed(3)} s`;

function more(call: Call): HTMLElement[] {
  const parts: HTMLElement[] = [];
  const section = (title: string, items: HTMLElement[]) => {
    if (items.length > 0) parts.push(h('h2', {}, title), h('ul', { class: 'list' }, ...items));
  };
  section(
    'Problems',
    call.problems.map(({ at_ms, code, message, source }) =>
      h(
        'li',
        { class: 'failure' },
        h('a', { href: `/docs/errors/${code}` }, code),
        ` at ${position(at_ms)} (${source}): ${message}`,
      ),
    ),
  );
  section(
    'Dead air',
    call.dead_air.map(({ at_ms, cause, length_ms }) =>
      h(
        'li',
        { class: 'silence', 'data-testid': 'dead-air' },
        `${ms(length_ms)} at ${position(at_ms)}, cause: ${plain(cause)}`,
      ),
    ),
  );
  section(
    'Noted',
    call.notes.map(({ name, value }) =>
      h('li', { class: 'noted' }, h('strong', {}, plain(name)), noted(value)),
    ),
  );
  return parts;
}

function noted(value: unknown): HTMLElement {
  if (typeof value !== 'object' || value === null) return h('div', {}, String(value));
  const rows = Object.entries(value).flatMap(([key, one]) => [
    h('dt', {}, plain(key)),
    h('dd', {}, typeof one === 'string' ? one : JSON.stringify(one)),
  ]);
  return h('dl', {}, ...rows);
}
