// Who hears, thinks and speaks for an agent, in the order in which they are asked: `options.providers` of its definition.

import { at, isObject, type Json, type JsonObject, withAt } from './pointer';

export const ABILITIES = ['stt', 'llm', 'tts'] as const;
export type Ability = (typeof ABILITIES)[number];

/** What definitions call the server's own models. */
export const BUILT_IN = 'built-in';

export interface Binding {
  provider: string;
  model: string;
  voice: string;
  cheap: boolean;
  /** As it is written, with what this form does not know. */
  written: JsonObject;
}

export const orderAt = (ability: Ability): string => `/options/providers/${ability}`;

const text = (value: Json | undefined): string => (typeof value === 'string' ? value : '');

/** `null`: something else than a list stands there, which is left alone. */
export function orderOf(definition: JsonObject, ability: Ability): Binding[] | null {
  const list = at(definition, orderAt(ability));
  if (list === undefined) return [];
  if (!Array.isArray(list) || !list.every(isObject)) return null;
  return list.map((written) => ({
    provider: text(written.provider),
    model: text(written.model),
    voice: text(written.voice),
    cheap: written.cheap === true,
    written,
  }));
}

/** Fields that say nothing are not written. */
function written({ provider, model, voice, cheap, written: before }: Binding): JsonObject {
  const { model: _, voice: __, cheap: ___, ...others } = before;
  return { ...others, provider, ...(model && { model }), ...(voice && { voice }), ...(cheap && { cheap }) };
}

/** An empty order is none: then the server chooses. */
export const withOrder = (definition: JsonObject, ability: Ability, order: readonly Binding[]): JsonObject =>
  withAt(definition, orderAt(ability), order.length > 0 ? order.map(written) : undefined);

export const binding = (provider: string): Binding => ({
  provider,
  model: '',
  voice: '',
  cheap: false,
  written: {},
});

/** The one at `from` comes to be at `to`, and the others close up. */
export function moved<T>(list: readonly T[], from: number, to: number): T[] {
  const rest = list.filter((_, place) => place !== from);
  const item = list[from];
  if (item === undefined) return [...list];
  rest.splice(Math.max(0, Math.min(to, rest.length)), 0, item);
  return rest;
}
