// The list of finished calls.

import { type CallSummary, type Calls, followLinks, get, signInByAddress } from './api';
import { h, id, markNavigation, problem } from './dom';
import { duration, ending, fullMoment, moment, ms, msOrNone } from './words';

markNavigation();
followLinks();
const content = id('content');
const body = h('tbody', {});
const more = h('button', { type: 'button', 'data-testid': 'more' }, 'Older calls');

void load(null);

async function load(cursor: string | null): Promise<void> {
  const asked = signInByAddress().then(() => get<Calls>(`/v1/calls${cursor ? `?cursor=${cursor}` : ''}`));
  const calls = await asked.catch((error: unknown) => {
    content.replaceChildren(problem(error, () => void load(cursor)));
    return null;
  });
  if (!calls) return;
  body.append(...calls.data.map(row));
  more.hidden = !calls.has_more;
  more.onclick = () => void load(calls.next_cursor);
  if (!cursor) show();
}

function show(): void {
  if (!body.firstChild) {
    const talk = h('a', { href: '/' }, 'Talk to the agent');
    content.replaceChildren(
      h('p', { class: 'empty', 'data-testid': 'empty' }, 'No call has ended yet. ', talk, ' and come back.'),
    );
    return;
  }
  const names = [
    'Began',
    'Said first',
    'Length',
    'Turns',
    'Cut in',
    'Response',
    'Slowest',
    'Dead air',
    'Ended',
  ];
  const numeric = new Set(['Length', 'Turns', 'Cut in', 'Response', 'Slowest', 'Dead air']);
  const head = names.map((name) =>
    h('th', { scope: 'col', ...(numeric.has(name) && { class: 'number' }) }, name),
  );
  const table = h('table', {}, h('thead', {}, h('tr', {}, ...head)), body);
  const scroll = h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Calls' }, table);
  content.replaceChildren(scroll, h('p', {}, more));
}

function row(call: CallSummary): HTMLElement {
  const began = h(
    'time',
    { datetime: call.started_at, title: fullMoment(call.started_at) },
    moment(call.started_at),
  );
  const link = h('a', { href: `/calls/${call.id}` }, began);
  const words = call.first_words
    ? h('div', { class: 'clamp' }, call.first_words)
    : h('span', { class: 'quiet' }, 'nothing');
  const silence = call.dead_air_ms > 0 ? ms(call.dead_air_ms) : '–';
  return h(
    'tr',
    { 'data-testid': 'call-row', 'data-id': call.id },
    h('th', { scope: 'row' }, link),
    h('td', { class: 'words' }, words),
    h('td', { class: 'number' }, duration(call.duration_ms)),
    h('td', { class: 'number' }, String(call.turns)),
    h('td', { class: 'number' }, call.interruptions > 0 ? String(call.interruptions) : '–'),
    h('td', { class: 'number' }, msOrNone(call.response_median_ms)),
    h('td', { class: 'number' }, msOrNone(call.response_max_ms)),
    h('td', { class: call.dead_air_ms > 0 ? 'number bad' : 'number' }, silence),
    h('td', { ...(call.failures > 0 && { class: 'bad' }) }, ending(call.end_reason)),
  );
}
