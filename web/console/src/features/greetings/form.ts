// A greeting as it is edited: everything at hand, whatever of it is used. No React here.

import type { Fault } from '../../faults';
import { blankHours, type HoursForm, hoursOf, scheduleOf } from '../../hours';
import type { Greeting, NewGreeting } from '../../server';

export interface ArmForm {
  key: string;
  weight: number;
  text: string;
}
export interface GreetingForm extends HoursForm {
  title: string;
  agent: string;
  domain: string;
  environment: string;
  channel: string;
  language: string;
  priority: number;
  wordings: string[];
  experimenting: boolean;
  running: boolean;
  sticky: 'caller' | 'session';
  goalKind: 'note' | 'node';
  goalName: string;
  arms: ArmForm[];
  enabled: boolean;
}

export const blank = (): GreetingForm => ({
  title: '',
  agent: '',
  domain: '',
  environment: '',
  channel: '',
  language: '',
  priority: 0,
  ...blankHours(),
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

export function formOf(greeting: Greeting): GreetingForm {
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
    ...hoursOf(schedule),
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

const experimentOf = (form: GreetingForm): Exclude<NewGreeting['experiment'], undefined> =>
  form.experimenting
    ? {
        arms: form.arms.map((arm) => ({ ...arm, text: arm.text.trim() })),
        sticky: form.sticky,
        goal: form.goalName.trim() ? { kind: form.goalKind, name: form.goalName.trim() } : null,
        running: form.running,
      }
    : null;

/** Wordings that say something, with their places on the form. */
const sent = (wordings: string[]) =>
  wordings.map((text, place) => ({ text: text.trim(), place })).filter(({ text }) => text);

/** Faults by the places on the form: of its wordings, those that are empty were not sent. */
export function placed(form: GreetingForm, faults: Fault[]): Fault[] {
  const places = sent(form.wordings).map(({ place }) => place);
  return faults.map((fault) => {
    if (fault.pointer === '/wordings') return { ...fault, pointer: '/wordings/0' };
    const [, index] = /^\/wordings\/(\d+)$/.exec(fault.pointer) ?? [];
    const place = index === undefined ? undefined : places[Number(index)];
    return place === undefined ? fault : { ...fault, pointer: `/wordings/${place}` };
  });
}

const GONE = 'This one is not there any more: choose another one.';

/** Where the API's words speak of ids and of its own fields. */
export function words({ pointer, code, detail }: Fault): string | undefined {
  if (code === 'unknown' && pointer.endsWith('_id')) return GONE;
  if (pointer === '/wordings/0' && code === 'out_of_range') return 'Write what is said.';
  if (/^\/(wordings|experiment\/arms)\/\d+/.test(pointer) && code === 'too_short')
    return 'Write what is said.';
  if (pointer === '/experiment/goal/name') return `Write what it is named: ${detail}.`;
  return undefined;
}

/** What may be changed of it. */
export const settingOf = (form: GreetingForm) => ({
  title: form.title.trim(),
  language: form.language.trim() || null,
  priority: form.priority,
  schedule: scheduleOf(form),
  wordings: sent(form.wordings).map(({ text }) => text),
  experiment: experimentOf(form),
  enabled: form.enabled,
});

/** All of it, with the scope, which never changes. */
export const greetingOf = (form: GreetingForm): NewGreeting => ({
  ...settingOf(form),
  ...(form.agent && { agent_id: form.agent }),
  ...(form.domain && !form.agent && { domain_id: form.domain }),
  ...(form.environment && { environment_id: form.environment }),
  ...(form.channel && { channel_id: form.channel }),
});

/** A share of calls: none where there were none. What is nearly all or nothing is said with a decimal. */
export function share(part: number, of: number): string {
  if (!of) return '—';
  const percent = (part / of) * 100;
  const near = percent !== 0 && percent !== 100 && (percent < 10 || percent > 90);
  return `${near ? percent.toFixed(1) : Math.round(percent)} %`;
}
