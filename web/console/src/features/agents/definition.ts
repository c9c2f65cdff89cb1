// What the form knows of an agent's definition (`agents/graph`); the rest of it is edited as JSON.

import { at, isObject, type Json, type JsonObject, pointer, within } from './pointer';

export const FIELDS = {
  title: '/title',
  greeting: '/greeting',
  voice: '/voice/name',
  voiceLanguage: '/voice/language',
  speed: '/voice/speed',
  language: '/language',
  timeZone: '/time_zone',
  facts: '/facts',
  description: '/options/page/description',
  recording: '/options/session/recording/mode',
  notice: '/options/session/recording/notice',
  bargeIn: '/options/session/turn/barge_in/enabled',
  idleAfter: '/options/session/turn/idle/after_ms',
  nudges: '/options/session/turn/idle/nudges',
  entry: '/entry',
} as const;

/** Parts that are edited as JSON, each as a whole. */
export const PARTS = [
  {
    pointer: '/manners',
    title: 'Manners',
    about: 'What it says to silence, to "wait", to what it did not catch',
  },
  { pointer: '/vocabularies', title: 'Vocabularies', about: 'Choices, and by what names callers know them' },
  { pointer: '/state', title: 'State', about: 'What it remembers during a call' },
  { pointer: '/edges', title: 'Edges', about: 'Which node follows which, and when' },
  { pointer: '/options', title: 'Options', about: 'All settings of the session and of the page' },
] as const;

export const KINDS = {
  say: { text: [''] },
  intent: { intents: {}, unknown: ['Sorry, I did not get that.'] },
  collect: { into: '', slots: [] },
  router: {},
  llm: { instructions: 'You answer the telephone. Speak in one or two short sentences.' },
  tool: { tool: '', args: {} },
  transfer: { to: '', text: ['One moment please, I will put you through.'] },
  press: { keys: '' },
  end: { text: ['Goodbye.'] },
} satisfies Record<string, JsonObject>;

export type Kind = keyof typeof KINDS;

/** Lists of wordings that a node may have, beside its JSON. */
export const WORDINGS = ['text', 'prompt', 'unknown'] as const;

export interface NodeOf {
  id: string;
  pointer: string;
  kind: string;
  value: Json;
}

export function nodesOf(definition: JsonObject): NodeOf[] {
  const nodes = definition.nodes;
  if (!isObject(nodes)) return [];
  const entry = definition.entry;
  const list = Object.entries(nodes).map(([id, value]) => ({
    id,
    pointer: pointer('nodes', id),
    kind: isObject(value) && typeof value.kind === 'string' ? value.kind : 'unknown',
    value,
  }));
  return list.sort((a, b) => Number(b.id === entry) - Number(a.id === entry));
}

export const wordings = (definition: JsonObject, path: string): string[] => {
  const value = at(definition, path);
  return Array.isArray(value) && value.every((item) => typeof item === 'string') ? (value as string[]) : [];
};

export const textAt = (definition: JsonObject, path: string): string => {
  const value = at(definition, path);
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
};

/** One line of a node: what it first says, or asks. */
export function gist(node: NodeOf): string {
  const { value } = node;
  if (!isObject(value)) return '';
  if (typeof value.keys === 'string' && value.keys) return `presses ${value.keys}`;
  for (const name of WORDINGS) {
    const first = Array.isArray(value[name]) ? value[name][0] : undefined;
    if (typeof first === 'string') return first;
  }
  if (isObject(value.intents)) return Object.keys(value.intents).join(', ');
  if (typeof value.to === 'string') return value.to;
  return typeof value.tool === 'string' ? value.tool : '';
}

export interface Found {
  pointer: string;
  detail: string;
  severity: string;
}

/** The problems at a field or below it. */
export const problemsAt = <P extends Found>(problems: readonly P[], ...paths: string[]): P[] =>
  problems.filter((problem) => paths.some((path) => within(problem.pointer, path)));

export const errorsAmong = <P extends Found>(problems: readonly P[]): P[] =>
  problems.filter((problem) => problem.severity !== 'warning');

/** Names of agents and nodes as URLs and the graph take them. */
export const nameFault = (name: string): string | null =>
  /^[a-z0-9]+(-[a-z0-9]+)*$/.test(name) && name.length <= 63
    ? null
    : 'Lower case letters, digits and hyphens, up to 63 characters, such as front-desk';
