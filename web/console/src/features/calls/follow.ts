// Which line of a transcript is heard at a time, and the words about a call as a whole.

import type { Call, Line, Recording, Turn } from '../../server';

export interface Span {
  fromMs: number;
  toMs: number;
}

const mark = (turn: Turn | undefined, name: string): number | undefined =>
  turn?.marks.find((one) => one.mark === name)?.at_ms;

/** A line ends at the latest where the other side's next one begins; marks know better. */
export function spans(lines: readonly Line[], turns: readonly Turn[], lengthMs: number): Span[] {
  const details = new Map(turns.map((turn) => [turn.turn, turn]));
  const starts = lines.map((line) => {
    const turn = details.get(line.turn);
    const begun = line.role === 'caller' ? mark(turn, 'speech_started') : mark(turn, 'agent_started');
    return line.typed ? line.at_ms : (begun ?? line.at_ms);
  });
  return lines.map((line, index) => {
    const fromMs = starts[index] ?? line.at_ms;
    const turn = details.get(line.turn);
    const ended = line.role === 'caller' ? mark(turn, 'speech_ended') : mark(turn, 'agent_ended');
    const next = starts.slice(index + 1).find((start) => start > fromMs) ?? lengthMs;
    const toMs = ended !== undefined && ended > fromMs ? ended : next;
    return { fromMs, toMs: Math.max(fromMs, toMs) };
  });
}

/** The line that began last among those heard at the time; -1: silence. */
export function heardAt(all: readonly Span[], atMs: number): number {
  let found = -1;
  for (const [index, { fromMs, toMs }] of all.entries()) {
    if (fromMs <= atMs && atMs < toMs && fromMs >= (all[found]?.fromMs ?? -1)) found = index;
  }
  return found;
}

/** Who served a turn, stage by stage, in the order in which they took over; empty where nobody was needed, and of calls from before that was kept. */
export function servedBy(served: Turn['served_by']): string {
  const stage = (name: string, who: Turn['served_by']['voice']) =>
    who.length > 0 ? [`${name}: ${who.map((one) => `${one.account} (${one.model})`).join(', then ')}`] : [];
  return [
    ...stage('Recognition', served.recognition),
    ...stage('Thinking', served.thinking),
    ...stage('Voice', served.voice),
  ].join(' · ');
}

/** 0 is an agent's draft. */
export const versioned = (version: number): string => (version === 0 ? 'draft' : `v${version}`);

/** Why a line has an end that nobody heard. */
export function cutBy({
  interrupted,
  text,
  unheard,
}: Pick<Line, 'interrupted' | 'text' | 'unheard'>): string {
  if (!text && (interrupted || unheard)) return 'not heard';
  if (interrupted) return 'interrupted';
  return unheard ? 'cut off' : '';
}

const seconds = (ms: number): string => {
  const whole = Math.max(1, Math.round(ms / 1000));
  return whole === 1 ? '1 second' : `${whole} seconds`;
};

/** What carried the call, one after the other: `webrtc, then websocket`. */
export const ways = (call: Pick<Call, 'transport' | 'connections'>): string =>
  call.connections
    .map((one) => one.transport || call.transport)
    .filter((way, index, all) => way !== all[index - 1])
    .join(', then ');

/** How often its caller was away, and why; one sentence each. */
export const returns = (call: Pick<Call, 'connections'>): { atMs: number; text: string }[] =>
  call.connections.slice(1).map((one) => {
    const over = one.transport ? `, over ${one.transport}` : '';
    const why = one.after_crash ? 'The server died' : 'The connection was lost';
    return { atMs: one.at_ms, text: `${why}; the caller was back after ${seconds(one.gap_ms)}${over}.` };
  });

/** What is missing of a recording, in plain words; empty where all of it is there. */
export function missing(
  call: Pick<Call, 'recorded' | 'running' | 'end_reason' | 'connections'>,
  parts: readonly Recording[],
): string {
  if (call.running) return '';
  if (parts.length === 0) {
    return call.recorded
      ? 'The recording of this call is not there any more: it was deleted when its days were over.'
      : 'This call was not recorded. Recording is switched on in the agent, under Session.';
  }
  const legs = new Set(parts.map((part) => part.leg));
  if (!legs.has('caller')) return 'Only the agent was recorded: nothing is there of the caller.';
  if (!legs.has('agent')) return 'Only the caller was recorded: nothing is there of the agent.';
  if (call.end_reason === 'interrupted') {
    return 'The server died in this call: what was said in its last moments may be missing.';
  }
  const crash = call.connections.find((one) => one.after_crash);
  const reasons = [
    (crash || parts.some((part) => part.cut_off)) &&
      `The server died in this call${crash ? `, and it went on ${seconds(crash.gap_ms)} later` : ''}: what was said in the last moments before may be missing, and between them is silence.`,
    parts.some((part) => !part.complete && !part.cut_off) &&
      'Not all of this call was recorded: the disk was full or too slow for it. What is missing is silence here.',
  ];
  return reasons.filter(Boolean).join(' ');
}

export const PARTS = ['endpointing', 'thinking', 'sentence', 'synthesis', 'playout'] as const;
export type Part = (typeof PARTS)[number];

export const PART_MEANING: Record<Part, string> = {
  endpointing: 'until the caller was taken to have finished',
  thinking: 'until the agent gave its first text',
  sentence: 'until that text was a sentence',
  synthesis: 'until the voice gave an audible sample',
  playout: 'until that sample was sent',
};

/** Whole milliseconds that add up to the rounded whole: what rounding leaves goes to those it took most from. */
export function rounded(parts: readonly number[], whole: number): number[] {
  const result = parts.map(Math.floor);
  let left = Math.round(whole) - result.reduce((sum, part) => sum + part, 0);
  const order = parts
    .map((part, index) => ({ index, lost: part - Math.floor(part) }))
    .sort((a, b) => b.lost - a.lost);
  for (const { index } of order) {
    if (left <= 0) break;
    result[index] = (result[index] ?? 0) + 1;
    left -= 1;
  }
  return result;
}

export function matches(event: { kind: string; text: string }, words: string, partials: boolean): boolean {
  if (!partials && event.kind === 'heard' && event.text.startsWith('partial:')) return false;
  const text = `${event.kind} ${event.text}`.toLowerCase();
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
