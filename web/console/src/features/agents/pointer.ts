// JSON pointers (RFC 6901) into values that are never changed in place.

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type JsonObject = { [name: string]: Json };

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const escaped = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');

export const pointer = (...names: (string | number)[]): string =>
  names.map((name) => `/${escaped(String(name))}`).join('');

export const parts = (text: string): string[] =>
  text
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));

export function at(value: unknown, path: string): Json | undefined {
  let here: unknown = value;
  for (const part of parts(path)) {
    if (Array.isArray(here)) here = here[Number(part)];
    else if (isObject(here) && Object.hasOwn(here, part)) here = here[part];
    else return undefined;
  }
  return here as Json | undefined;
}

/**
 * The value with something else at `path`; `undefined` takes the field away, and with it parents that are empty then,
 * so that "as the server has it" leaves no trace.
 */
export function withAt(value: JsonObject, path: string, next: Json | undefined): JsonObject {
  const [name, ...rest] = parts(path);
  if (name === undefined) return isObject(next) ? next : value;
  if (rest.length === 0) {
    if (next !== undefined) return { ...value, [name]: next };
    const { [name]: _, ...others } = value;
    return others;
  }
  const below = value[name];
  const below_path = rest.map((part) => `/${escaped(part)}`).join('');
  if (Array.isArray(below)) {
    const items = withAt(Object.fromEntries(below.entries()) as JsonObject, below_path, next);
    return { ...value, [name]: Object.values(items) };
  }
  if (next === undefined && !isObject(below)) return value;
  const changed = withAt(isObject(below) ? below : {}, below_path, next);
  if (next === undefined && Object.keys(changed).length === 0) {
    const { [name]: _, ...others } = value;
    return others;
  }
  return { ...value, [name]: changed };
}

/** Equal whatever the order of an object's fields. */
export function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => same(item, b[index]));
  }
  if (isObject(a) && isObject(b)) {
    const names = Object.keys(a);
    return (
      names.length === Object.keys(b).length &&
      names.every((name) => Object.hasOwn(b, name) && same(a[name], b[name]))
    );
  }
  return false;
}

/** Whether one path is the other or lies below it. */
export const within = (path: string, root: string): boolean => path === root || path.startsWith(`${root}/`);
