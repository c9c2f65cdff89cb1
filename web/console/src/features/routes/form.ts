// A route and a call that might be, as they are edited. No React here.

import type { Fault } from '../../faults';
import { blankHours, type HoursForm, hoursOf, scheduleOf, times } from '../../hours';
import type { NewRoute, Route, RouteCall } from '../../server';

export interface RouteForm extends HoursForm {
  title: string;
  number: string;
  room: string;
  host: string;
  trunk: string;
  /** `Name: value`, one on each line. */
  headers: string;
  agent: string;
  environment: string;
  /** Of the agent's graph, where calls begin; empty: at its entry. */
  node: string;
  enabled: boolean;
}

export const blank = (): RouteForm => ({
  title: '',
  number: '',
  room: '',
  host: '',
  trunk: '',
  headers: '',
  agent: '',
  environment: '',
  node: '',
  ...blankHours(),
  enabled: true,
});

export const formOf = (route: Route): RouteForm => ({
  title: route.title,
  number: route.number ?? '',
  room: route.room ?? '',
  host: route.host ?? '',
  trunk: route.trunk ?? '',
  headers: route.headers.map(({ name, value }) => `${name}: ${value}`).join('\n'),
  agent: route.agent_id,
  environment: route.environment_id,
  node: route.node ?? '',
  ...hoursOf(route.schedule),
  enabled: route.enabled,
});

export const headersOf = (text: string): { name: string; value: string }[] =>
  text
    .split('\n')
    .filter((line) => line.trim())
    .map((line) => {
      const at = line.indexOf(':');
      const name = at < 0 ? line : line.slice(0, at);
      return { name: name.trim(), value: at < 0 ? '' : line.slice(at + 1).trim() };
    });

export const routeOf = (form: RouteForm): NewRoute => ({
  title: form.title.trim(),
  number: form.number.trim() || null,
  room: form.room.trim() || null,
  host: form.host.trim() || null,
  trunk: form.trunk.trim() || null,
  headers: headersOf(form.headers),
  schedule: scheduleOf(form),
  agent_id: form.agent,
  environment_id: form.environment,
  node: form.node || null,
  enabled: form.enabled,
});

/** Where the API's words speak of ids and of its own fields. */
export const words = ({ pointer }: Fault): string | undefined =>
  ({
    '/agent_id': 'This agent is not there any more: choose another one.',
    '/environment_id': 'This environment is not there any more: choose another one.',
    '/node': 'The agent has no such node in what this environment serves: choose where the call begins anew.',
  })[pointer];

export interface CallForm {
  number: string;
  room: string;
  host: string;
  trunk: string;
  headers: string;
  /** As the browser's field writes it: local time. */
  at: string;
}

export const blankCall = (): CallForm => ({ number: '', room: '', host: '', trunk: '', headers: '', at: '' });

export const callOf = (form: CallForm): RouteCall => ({
  number: form.number.trim() || null,
  room: form.room.trim() || null,
  host: form.host.trim() || null,
  trunk: form.trunk.trim() || null,
  headers: headersOf(form.headers),
  at: form.at ? new Date(form.at).toISOString() : null,
});

const starred = (text: string) => (text.endsWith('*') ? `${text.slice(0, -1)}…` : text);

/** What a call must bring, in a few words. */
export function conditions(route: Route): string {
  const parts = [
    route.number && starred(route.number),
    route.room && `room ${starred(route.room)}`,
    route.host,
    route.trunk && `by ${route.trunk}`,
    ...route.headers.map(({ name, value }) => `${name}: ${value}`),
    route.schedule && times(route),
  ].filter(Boolean);
  return parts.join(', ') || 'Every call by a trunk or account';
}

interface Graph {
  entry?: unknown;
  nodes?: Record<string, { kind?: unknown } | null>;
}

/** Where a call may begin, as a field offers it; a node that is chosen and not there (any more) stays to be seen. */
export function beginnings(definition: unknown, chosen: string): { value: string; label: string }[] {
  const { entry, nodes = {} } = (definition ?? {}) as Graph;
  const first = typeof entry === 'string' ? `At the agent's entry (${entry})` : "At the agent's entry";
  const others = Object.entries(nodes)
    .filter(([id]) => id !== entry || id === chosen)
    .map(([value, node]) => ({ value, label: `${value} (${String(node?.kind ?? '')})` }));
  const gone = chosen && !(chosen in nodes) ? [{ value: chosen, label: `${chosen} (not there)` }] : [];
  return [{ value: '', label: first }, ...gone, ...others];
}
