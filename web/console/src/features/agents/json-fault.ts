// Where a text stops being JSON. Engines word it differently and name the place only sometimes, hence our own walk.

class Fault {
  constructor(
    readonly index: number,
    readonly reason: string,
  ) {}
}

/** `null` for JSON; otherwise where and why, as people count. */
export function jsonFault(text: string): string | null {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    const fault = found(text);
    if (!fault) return error instanceof Error ? error.message : String(error);
    const before = text.slice(0, fault.index).split('\n');
    return `Line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}: ${fault.reason}`;
  }
}

function found(text: string): Fault | null {
  try {
    const end = blank(text, value(text, blank(text, 0)));
    return end < text.length ? new Fault(end, 'something follows the end') : null;
  } catch (fault) {
    return fault instanceof Fault ? fault : null;
  }
}

const blank = (text: string, from: number): number => {
  let index = from;
  while (/[\s]/.test(text.charAt(index))) index += 1;
  return index;
};

function value(text: string, index: number): number {
  const first = text.charAt(index);
  if (first === '{') return list(text, index, '}', pair);
  if (first === '[') return list(text, index, ']', value);
  if (first === '"') return string(text, index);
  const word = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)/.exec(
    text.slice(index),
  )?.[0];
  if (word) return index + word.length;
  throw new Fault(index, first ? 'a value was expected here' : 'the text ends too early');
}

function list(text: string, from: number, close: string, item: typeof value): number {
  let index = blank(text, from + 1);
  if (text.charAt(index) === close) return index + 1;
  for (;;) {
    index = blank(text, item(text, index));
    if (text.charAt(index) === close) return index + 1;
    if (text.charAt(index) !== ',') {
      throw new Fault(
        index,
        index < text.length ? `a comma or ${close} is missing before this` : 'the text ends too early',
      );
    }
    index = blank(text, index + 1);
    if (text.charAt(index) === close) throw new Fault(index, 'a comma before the end is one too many');
  }
}

function pair(text: string, from: number): number {
  if (text.charAt(from) !== '"') throw new Fault(from, 'a name in double quotes was expected here');
  const index = blank(text, string(text, from));
  if (text.charAt(index) !== ':') throw new Fault(index, 'a colon is missing before this');
  return value(text, blank(text, index + 1));
}

function string(text: string, from: number): number {
  for (let index = from + 1; index < text.length; index += 1) {
    const char = text.charAt(index);
    if (char === '"') return index + 1;
    if (char === '\n') throw new Fault(index, 'the quotes are not closed on this line');
    if (char === '\\') {
      if (!/^(?:["\\/bfnrt]|u[\da-fA-F]{4})/.test(text.slice(index + 1, index + 6))) {
        throw new Fault(index, 'a backslash must be written twice');
      }
      index += 1;
    }
  }
  throw new Fault(text.length, 'the quotes are not closed');
}
