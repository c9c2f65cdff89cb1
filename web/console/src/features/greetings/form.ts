// A greeting as it is edited: everything at hand, whatever of it is used. No React here.

import type { Greeting, NewGreeting } from '../../server';

export type Day = 'mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun';
export const DAYS: [Day, string][] = [
  ['mon', 'Mon'],
  ['tue', 'Tue'],
  ['wed', 'Wed'],
  ['thu', 'Thu'],
  ['fri', 'Fri'],
  ['sat', 'Sat'],
  ['sun', 'Sun'],
];

export interface WindowForm {
  days: Day[];
  from: string;
  to: string;
}
export interface ArmForm {
  key: string;
  weight: number;
  text: string;
}
export interface Form {
  title: string;
  agent: string;
  domain: string;
  environment: string;
  channel: string;
  language: string;
  priority: number;
  scheduled: boolean;
  timeZone: string;
  windows: WindowForm[];
  holidays: 'any' | 'only' | 'never';
  from: string;
  until: string;
  wordings: string[];
  experimenting: boolean;
  running: boolean;
  sticky: 'caller' | 'session';
  goalKind: 'note' | 'node';
  goalName: string;
  arms: ArmForm[];
  enabled: boolean;
}

export const blank = (): Form => ({
  title: '',
  agent: '',
  domain: '',
  environment: '',
  channel: '',
  language: '',
  priority: 0,
  scheduled: false,
  timeZone: '',
  windows: [{ days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '08:00', to: '18:00' }],
  holidays: 'any',
  from: '',
  until: '',
  wordings: [''],
  experimenting: false,
  running: true,
  sticky: 'caller',
  goalKind: 'note',
  goalName: '',
  arms: [
    { key: 'a', weight: 1, text: '' },
    { key: 'b', weight: 1, text: '' },
  ],
  enabled: true,
});

export function formOf(greeting: Greeting): Form {
  const { schedule, experiment } = greeting;
  const empty = blank();
  return {
    ...empty,
    title: greeting.title,
    agent: greeting.agent_id ?? '',
    domain: greeting.domain_id ?? '',
    environment: greeting.environment_id ?? '',
    channel: greeting.channel_id ?? '',
    language: greeting.language ?? '',
    priority: greeting.priority,
    enabled: greeting.enabled,
    wordings: [...greeting.wordings],
    ...(schedule && {
      scheduled: true,
      timeZone: schedule.time_zone ?? '',
      windows: (schedule.windows ?? []).map(({ days, from, to }) => ({ days: [...(days ?? [])], from, to })),
      holidays: schedule.holidays ?? 'any',
      from: schedule.from ?? '',
      until: schedule.until ?? '',
    }),
    ...(experiment && {
      experimenting: true,
      running: experiment.running ?? true,
      sticky: experiment.sticky ?? 'caller',
      goalKind: experiment.goal?.kind ?? 'note',
      goalName: experiment.goal?.name ?? '',
      arms: experiment.arms.map((arm) => ({ ...arm })),
    }),
  };
}

const scheduleOf = (form: Form): Exclude<NewGreeting['schedule'], undefined> =>
  form.scheduled
    ? {
        time_zone: form.timeZone.trim() || null,
        windows: form.windows.map((window) => ({ ...window })),
        holidays: form.holidays,
        from: form.from || null,
        until: form.until || null,
      }
    : null;

const experimentOf = (form: Form): Exclude<NewGreeting['experiment'], undefined> =>
  form.experimenting
    ? {
        arms: form.arms.map((arm) => ({ ...arm, text: arm.text.trim() })),
        sticky: form.sticky,
        goal: form.goalName.trim() ? { kind: form.goalKind, name: form.goalName.trim() } : null,
        running: form.running,
      }
    : null;

/** What may be changed of it. */
export const settingOf = (form: Form) => ({
  title: form.title.trim(),
  language: form.language.trim() || null,
  priority: form.priority,
  schedule: scheduleOf(form),
  wordings: form.wordings.map((text) => text.trim()).filter(Boolean),
  experiment: experimentOf(form),
  enabled: form.enabled,
});

/** All of it, with the scope, which never changes. */
export const greetingOf = (form: Form): NewGreeting => ({
  ...settingOf(form),
  ...(form.agent && { agent_id: form.agent }),
  ...(form.domain && !form.agent && { domain_id: form.domain }),
  ...(form.environment && { environment_id: form.environment }),
  ...(form.channel && { channel_id: form.channel }),
});

/** The faults of a field and of what it is made of, by the server's pointers. */
export const faultsAt = (errors: { pointer: string; detail: string }[], pointer: string): string =>
  errors
    .filter((one) => one.pointer === pointer || one.pointer.startsWith(`${pointer}/`))
    .map((one) => one.detail)
    .join('; ');

/** When it is said, in a few words. */
export function times({ schedule }: Pick<Greeting, 'schedule'>): string {
  if (!schedule) return 'always';
  const parts = (schedule.windows ?? []).map(({ days, from, to }) => `${dayRange(days ?? [])} ${from}–${to}`);
  if (schedule.holidays === 'only') parts.push('on holidays');
  if (schedule.holidays === 'never') parts.push('not on holidays');
  if (schedule.from) parts.push(`from ${schedule.from}`);
  if (schedule.until) parts.push(`until ${schedule.until}`);
  return parts.join(', ') || 'always';
}

/** `Mon–Fri` where days follow each other. */
export function dayRange(days: Day[]): string {
  const places = DAYS.flatMap(([day], place) => (days.includes(day) ? [place] : []));
  if (places.length === 0 || places.length === DAYS.length) return 'daily';
  const name = (place: number) => DAYS[place]?.[1] ?? '';
  const [first = 0, last = 0] = [places[0], places.at(-1)];
  const inRow = last - first === places.length - 1;
  return inRow && places.length > 2 ? `${name(first)}–${name(last)}` : places.map(name).join(', ');
}

/** A share of calls: none where there were none. What is nearly all or nothing is said with a decimal. */
export function share(part: number, of: number): string {
  if (!of) return '—';
  const percent = (part / of) * 100;
  const near = percent !== 0 && percent !== 100 && (percent < 10 || percent > 90);
  return `${near ? percent.toFixed(1) : Math.round(percent)} %`;
}
