// The table of a call's events, with a filter.

import type { Call, Event } from './api';
import { h } from './dom';
import { position } from './words';

/** More rows than this make the page slow; the filter and the raw log lead to the rest. */
const ROWS = 1000;
const NUMERIC = new Set(['At', 'Turn']);

export function matches(event: Event, words: string, partials: boolean): boolean {
  if (!partials && event.kind === 'heard' && event.text.startsWith('partial:')) return false;
  const text = `${event.kind} ${event.text}`.toLowerCase();
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

export function events(call: Call): HTMLElement[] {
  const body = h('tbody', {});
  const count = h('span', { class: 'quiet', role: 'status' });
  const search = h('input', {
    type: 'search',
    placeholder: 'Filter, such as: heard or interrupted',
    'aria-label': 'Filter events',
    'data-testid': 'event-filter',
    size: '34',
  });
  const partials = h('input', { type: 'checkbox', id: 'partials' });
  const show = () => {
    const found = call.events.filter((event) => matches(event, search.value, partials.checked));
    body.replaceChildren(...found.slice(0, ROWS).map(row));
    const cut = found.length > ROWS || call.events_truncated ? '; the raw log has the rest' : '';
    count.textContent = `${Math.min(found.length, ROWS)} of ${call.events.length} events${cut}`;
  };
  search.oninput = show;
  partials.onchange = show;
  show();
  const head = h(
    'tr',
    {},
    ...['At', 'Event', 'Turn', 'What'].map((name) =>
      h('th', { scope: 'col', ...(NUMERIC.has(name) && { class: 'number' }) }, name),
    ),
  );
  const table = h('table', { 'data-testid': 'events' }, h('thead', {}, head), body);
  const label = h('label', { for: 'partials' }, partials, ' partial transcripts');
  return [
    h('h2', {}, 'Events'),
    h('div', { class: 'filter' }, search, label, count),
    h('div', { class: 'scroll events', tabindex: '0', role: 'region', 'aria-label': 'Events' }, table),
  ];
}

function row({ at_ms, kind, turn, text }: Event): HTMLElement {
  return h(
    'tr',
    {},
    h('td', { class: 'number' }, position(at_ms)),
    h('td', { class: 'kind' }, kind),
    h('td', { class: 'number' }, turn === null ? '' : String(turn)),
    h('td', {}, text),
  );
}
