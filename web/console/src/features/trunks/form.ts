// One call as it is typed, and how a trunk stands in a few words. No React here.

import { type Fault, limits } from '../../faults';
import type { NewCall, Trunk } from '../../server';

export interface CallForm {
  agent: string;
  trunk: string;
  to: string;
  /** What the callee sees. */
  shown: string;
  ring: string;
  machine: 'speak' | 'hang_up';
}

export const blank = (agent: string, trunk: string): CallForm => ({
  agent,
  trunk,
  to: '',
  shown: '',
  ring: '45',
  machine: 'speak',
});

export const callOf = (form: CallForm): NewCall => {
  const ring = Number(form.ring.trim());
  return {
    agent: form.agent,
    trunk: form.trunk,
    to: form.to.trim(),
    from: form.shown.trim() || null,
    // What is no number is sent as none, so that the server names the field.
    ring_s: Number.isFinite(ring) ? Math.round(ring) : 0,
    machine_detection: { mode: form.machine === 'speak' ? 'off' : 'on', at_machine: 'hang_up' },
  };
};

/** Where the API's words speak of its own fields. */
export function words(fault: Fault): string | undefined {
  const [least = '', most = ''] = limits(fault) ?? [];
  switch (fault.pointer) {
    case '/ring_s':
      return most && `From ${least} to ${most} seconds.`;
    case '/agent':
      return fault.code === 'unknown'
        ? 'Nothing of this agent is published for callers: publish it, or choose another one.'
        : undefined;
    case '/from':
      return fault.code === 'missing'
        ? 'By an account at a carrier a call needs a number of that account here.'
        : undefined;
    default:
      return undefined;
  }
}

export const KINDS: Record<Trunk['kind'], string> = { sip: 'SIP', twilio: 'Twilio', telnyx: 'Telnyx' };

/** The word beside its light, and the light. */
export const STATES: Record<Trunk['state'], { name: string; tag: string }> = {
  // Nobody has asked the other side: whether it answers shows in a call.
  ready: { name: 'ready', tag: 'tag' },
  registered: { name: 'registered', tag: 'tag good' },
  registering: { name: 'registering', tag: 'tag warn' },
  refused: { name: 'not registered', tag: 'tag wrong' },
  unfit: { name: 'cannot call', tag: 'tag warn' },
};

/** A trunk that is not registered with is called by all the same: many take calls from those they do not know. */
export const calls = ({ state }: Trunk): boolean => state !== 'unfit';

/** To choose from; one that is there no longer stays as it is written. */
export function choices(trunks: readonly Trunk[], now: string): { value: string; label: string }[] {
  const known = trunks.map((one) => ({
    value: one.name,
    label: `${one.name}, ${KINDS[one.kind]}${calls(one) ? '' : ': cannot call'}`,
  }));
  if (now && !trunks.some(({ name }) => name === now)) {
    known.unshift({ value: now, label: `${now}, not there` });
  }
  return known;
}

/** The number that callees see where none is typed; null: one has to be. */
export const callerOf = (trunks: readonly Trunk[], name: string): string | null | undefined =>
  trunks.find((one) => one.name === name)?.caller;

/** Whether each call has to say from which number it comes. */
export const saysCaller = (trunks: readonly Trunk[], name: string): boolean =>
  trunks.some((one) => one.name === name && one.kind !== 'sip');
