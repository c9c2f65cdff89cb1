// The signalling of a call as a ladder: what was said by whom, in order.

import type { Call } from '../../server';

export interface Rung {
  atMs: number;
  /** By this server. */
  sent: boolean;
  what: string;
  text: string;
}

/** Of what was noted, the messages. */
export function rungs(notes: Call['notes']): Rung[] {
  return notes.flatMap(({ at_ms: atMs, name, value }) => {
    if (name !== 'sip' || typeof value !== 'object' || value === null) return [];
    const { sent, what, text } = value as Record<string, unknown>;
    if (typeof what !== 'string') return [];
    return [{ atMs, sent: sent === true, what, text: typeof text === 'string' ? text : '' }];
  });
}

/** Failures, and what is neither asked nor answered well. */
export const failed = ({ what }: Rung): boolean => /^[456]\d\d /.test(what);
