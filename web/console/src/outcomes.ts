// What became of a call of ours, in a few words. No React here.

const OUTCOMES: Record<string, string> = {
  completed: 'Spoken to',
  message_left: 'Message left',
  machine: 'Machine, hung up on',
  busy: 'Busy',
  no_answer: 'No answer',
  no_audio: 'Answered, no audio',
  declined: 'Declined',
  unknown_number: 'No such number',
  forbidden: 'Refused by the trunk',
  unspeakable: 'No common codec',
  unreachable: 'Trunk unreachable',
  untrusted: 'Trunk not to be trusted',
  cancelled: 'Cancelled',
  agent_unknown: 'Agent not served',
  expired: 'Waited too long',
  failed: 'Failed',
  interrupted: 'Cut off by a restart',
};

export const outcomeName = (outcome: string): string => OUTCOMES[outcome] ?? outcome.replaceAll('_', ' ');

/** Somebody or something took it: there is a call on record. */
export const wasAnswered = (outcome: string | null | undefined): boolean =>
  ['completed', 'message_left', 'machine', 'no_audio'].includes(outcome ?? '');

const WELL = ['completed', 'message_left'];
export const outcomeTone = (outcome: string): 'good' | 'warn' | 'wrong' => {
  if (WELL.includes(outcome)) return 'good';
  return ['busy', 'no_answer', 'no_audio', 'declined', 'machine', 'cancelled'].includes(outcome)
    ? 'warn'
    : 'wrong';
};
