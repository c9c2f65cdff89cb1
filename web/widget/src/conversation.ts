// What was said, as the screen shows it: a pure function of what the server told, in order.

import type { Told } from './rtvi';

export interface Line {
  /** Stable while the line changes in place. */
  id: number;
  role: 'caller' | 'agent';
  text: string;
  /** Will not change any more. */
  final: boolean;
  interrupted: boolean;
  typed: boolean;
}

export interface Conversation {
  lines: readonly Line[];
  next: number;
  /** Finals of the caller's turn so far; a partial follows them. */
  finals: string;
}

export const empty: Conversation = { lines: [], next: 1, finals: '' };

/** The page keeps this many lines; the call's own page has all. */
const MOST = 400;

export function told(before: Conversation, event: Told): Conversation {
  switch (event.kind) {
    case 'heard':
      return heard(before, event.text, event.final);
    case 'caller-turn':
      return callerTurn(before, event.text, event.typed);
    case 'saying':
      return saying(before, event.text);
    case 'agent-turn':
      return agentTurn(before, event.text, event.interrupted);
    case 'ended':
      return { ...before, finals: '', lines: before.lines.map((line) => ({ ...line, final: true })) };
    default:
      return before;
  }
}

/** What the caller typed is shown at once; the server's word for it settles it. */
export function typed(before: Conversation, text: string): Conversation {
  return append(before, { role: 'caller', text, final: false, interrupted: false, typed: true });
}

function heard(before: Conversation, text: string, final: boolean): Conversation {
  const words = joined(before.finals, text);
  if (!words) return before;
  const open = lastOpen(before, 'caller', false);
  const after = open
    ? replace(before, { ...open, text: words })
    : append(before, { role: 'caller', text: words, final: false, interrupted: false, typed: false });
  return { ...after, finals: final ? words : before.finals };
}

function callerTurn(before: Conversation, text: string, isTyped: boolean): Conversation {
  const open = lastOpen(before, 'caller', isTyped);
  const after = { ...before, finals: isTyped ? before.finals : '' };
  if (open) return replace(after, { ...open, text, final: true });
  return append(after, { role: 'caller', text, final: true, interrupted: false, typed: isTyped });
}

function saying(before: Conversation, text: string): Conversation {
  const open = lastOpen(before, 'agent', false);
  if (open) return replace(before, { ...open, text: joined(open.text, text) });
  return append(before, { role: 'agent', text, final: false, interrupted: false, typed: false });
}

/** Of the agent's turn the caller heard exactly this; a turn of which nothing was heard leaves no line. */
function agentTurn(before: Conversation, text: string, interrupted: boolean): Conversation {
  const open = lastOpen(before, 'agent', false);
  if (open && !text.trim()) return { ...before, lines: before.lines.filter((line) => line.id !== open.id) };
  if (open) return replace(before, { ...open, text, interrupted, final: true });
  if (!text.trim()) return before;
  return append(before, { role: 'agent', text, final: true, interrupted, typed: false });
}

function lastOpen(conversation: Conversation, role: Line['role'], isTyped: boolean): Line | undefined {
  return conversation.lines.findLast((line) => line.role === role && !line.final && line.typed === isTyped);
}

function append(before: Conversation, line: Omit<Line, 'id'>): Conversation {
  const lines = [...before.lines, { ...line, id: before.next }].slice(-MOST);
  return { ...before, lines, next: before.next + 1 };
}

function replace(before: Conversation, line: Line): Conversation {
  return { ...before, lines: before.lines.map((known) => (known.id === line.id ? line : known)) };
}

const joined = (before: string, text: string): string => [before, text.trim()].filter(Boolean).join(' ');
