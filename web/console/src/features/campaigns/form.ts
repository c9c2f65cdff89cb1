// A campaign as it is edited, and what is said of one in a few words. No React here.

import { type Fault, limits } from '../../faults';
import { blankHours, type HoursForm, hoursOf, scheduleOf } from '../../hours';
import type { Campaign, Contact, ContactChange, NewCampaign } from '../../server';
import { count } from '../../words';
import { words as ofCalls } from '../trunks/form';

export type RetryOn = NonNullable<Campaign['retry']['outcomes']>[number];
export const RETRIES: [RetryOn, string][] = [
  ['busy', 'Busy'],
  ['no_answer', 'No answer'],
  ['no_audio', 'Answered, no audio'],
  ['declined', 'Declined'],
  ['unreachable', 'Trunk unreachable'],
  ['failed', 'Failed'],
  ['machine', 'A machine answered'],
  ['interrupted', 'Cut off by a restart'],
];

export interface CampaignForm extends HoursForm {
  title: string;
  agent: string;
  trunk: string;
  /** What callees see. */
  shown: string;
  ring: string;
  machine: 'speak' | 'hang_up' | 'leave_message';
  message: string;
  concurrency: string;
  perMinute: string;
  outcomes: RetryOn[];
  attempts: string;
  /** In minutes. */
  after: string;
}

export const blank = (): CampaignForm => ({
  title: '',
  agent: '',
  trunk: '',
  shown: '',
  ring: '45',
  machine: 'speak',
  message: '',
  concurrency: '1',
  perMinute: '10',
  outcomes: ['busy', 'no_answer', 'no_audio', 'unreachable', 'failed'],
  attempts: '3',
  after: '60',
  ...blankHours(),
});

export const formOf = (campaign: Campaign): CampaignForm => {
  const { mode, at_machine, message } = campaign.machine_detection;
  return {
    title: campaign.title,
    agent: campaign.agent,
    trunk: campaign.trunk,
    shown: campaign.from ?? '',
    ring: String(campaign.ring_s),
    machine: mode === 'on' ? (at_machine ?? 'hang_up') : 'speak',
    message: message ?? '',
    concurrency: String(campaign.concurrency),
    perMinute: String(campaign.per_minute),
    outcomes: [...(campaign.retry.outcomes ?? [])],
    attempts: String(campaign.retry.attempts ?? 1),
    after: String((campaign.retry.after_s ?? 0) / 60),
    ...hoursOf(campaign.schedule),
  };
};

/** As far as numbers go that the API reads. */
const MOST = 2 ** 32 - 1;

/** What is no number is sent as none, so that the server names the field. */
const number = (text: string): number => {
  const read = Number(text.trim().replace(',', '.'));
  return text.trim() && read > 0 ? Math.min(read, MOST) : 0;
};

/** Of what there are no parts of, a part is no number. */
const whole = (text: string): number => {
  const read = number(text);
  return Number.isInteger(read) ? read : 0;
};

export const campaignOf = (form: CampaignForm): NewCampaign => ({
  title: form.title.trim(),
  agent: form.agent,
  trunk: form.trunk.trim(),
  from: form.shown.trim() || null,
  ring_s: whole(form.ring),
  machine_detection: {
    mode: form.machine === 'speak' ? 'off' : 'on',
    at_machine: form.machine === 'leave_message' ? 'leave_message' : 'hang_up',
    // What was written and is not to be left is not looked at.
    message: (form.machine === 'leave_message' && form.message.trim()) || null,
  },
  concurrency: whole(form.concurrency),
  per_minute: whole(form.perMinute),
  retry: {
    outcomes: form.outcomes,
    attempts: whole(form.attempts),
    after_s: Math.min(Math.round(number(form.after) * 60), MOST),
  },
  schedule: scheduleOf(form),
});

/** Where the API's words have other units, or speak of its own fields. */
export function words(fault: Fault): string | undefined {
  const [, most = ''] = limits(fault) ?? [];
  switch (fault.pointer) {
    case '/retry/after_s':
      return most && `Up to ${count(Math.floor(Number(most) / 60))} minutes, and not none.`;
    case '/trunk':
      return fault.code === 'unknown'
        ? "No trunk of this name: SIP trunks stand in the server's configuration, under [[sip.trunks]], accounts at carriers under Settings, Providers."
        : undefined;
    default:
      return ofCalls(fault);
  }
}

export const STATES: Record<Campaign['state'], { name: string; tag: string }> = {
  draft: { name: 'draft', tag: 'tag' },
  running: { name: 'running', tag: 'tag good live' },
  paused: { name: 'paused', tag: 'tag warn' },
  completed: { name: 'completed', tag: 'tag good' },
  cancelled: { name: 'cancelled', tag: 'tag' },
};

/** Of all contacts, in whole percent; all of them only when they are. */
export function percent({ contacts, done, cancelled }: Campaign['progress']): number {
  if (contacts === 0) return 0;
  const over = done + cancelled;
  return over === contacts ? 100 : Math.min(99, Math.floor((100 * over) / contacts));
}

/** A value within quotes, as JSON writes it; what only begins with a quote is none. */
function unquoted(text: string): string | null {
  if (!text.startsWith('"')) return null;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'string' ? value : null;
  } catch {
    return null;
  }
}

/** As it is where a line gives it back; with breaks of lines or blanks at its ends within quotes. */
const written = (value: string): string =>
  /[\r\n]/.test(value) || value !== value.trim() || unquoted(value) !== null ? JSON.stringify(value) : value;

/** What is told of a contact, as lines to edit. */
export const toldOf = (variables: Record<string, string>): string =>
  Object.entries(variables)
    .map(([name, value]) => `${name}: ${written(value)}`)
    .join('\n');

/** The reverse; a line without a colon is a name without a value, which the server refuses where it is no name. */
export function toldIn(text: string): Record<string, string> {
  const lines = text.split('\n').filter((line) => line.trim());
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf(':');
      if (at < 0) return [line.trim(), ''];
      const value = line.slice(at + 1).trim();
      return [line.slice(0, at).trim(), unquoted(value) ?? value];
    }),
  );
}

/** Of a contact that was edited: what is told of them goes along where that was touched alone. */
export const contactChange = (
  { variables }: Pick<Contact, 'variables'>,
  number: string,
  told: string,
): ContactChange => ({
  number: number.trim(),
  ...(told !== toldOf(variables) && { variables: toldIn(told) }),
});
