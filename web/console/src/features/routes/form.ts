// A route and a call that might be, as they are edited. No React here.

import { blankHours, type HoursForm, hoursOf, scheduleOf, times } from '../../hours';
import type { NewRoute, Route, RouteCall } from '../../server';

export interface Form extends HoursForm {
  title: string;
  number: string;
  room: string;
  host: string;
  trunk: string;
  /** `Name: value`, one on each line. */
  headers: string;
  agent: string;
  environment: string;
  enabled: boolean;
}

export const blank = (): Form => ({
  title: '',
  number: '',
  room: '',
  host: '',
  trunk: '',
  headers: '',
  agent: '',
  environment: '',
  ...blankHours(),
  enabled: true,
});

export const formOf = (route: Route): Form => ({
  title: route.title,
  number: route.number ?? '',
  room: route.room ?? '',
  host: route.host ?? '',
  trunk: route.trunk ?? '',
  headers: route.headers.map(({ name, value }) => `${name}: ${value}`).join('\n'),
  agent: route.agent_id,
  environment: route.environment_id,
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

export const routeOf = (form: Form): NewRoute => ({
  title: form.title.trim(),
  number: form.number.trim() || null,
  room: form.room.trim() || null,
  host: form.host.trim() || null,
  trunk: form.trunk.trim() || null,
  headers: headersOf(form.headers),
  schedule: scheduleOf(form),
  agent_id: form.agent,
  environment_id: form.environment,
  enabled: form.enabled,
});

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
