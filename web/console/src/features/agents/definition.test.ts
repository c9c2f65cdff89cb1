import { describe, expect, it } from 'vitest';
import { errorsAmong, gist, nameFault, nodesOf, problemsAt } from './definition';
import { jsonFault } from './json-fault';

const definition = {
  entry: 'desk',
  nodes: {
    bye: { kind: 'end', text: ['Goodbye.'] },
    desk: { kind: 'intent', intents: { hours: {}, price: {} } },
    odd: 3,
    one: { kind: 'press', keys: '1w2#', text: ['One moment.'] },
    out: { kind: 'transfer', to: '+49301' },
  },
};

describe('a definition', () => {
  it('lists its nodes, the entry first', () => {
    const nodes = nodesOf(definition);
    expect(nodes.map(({ id, kind }) => [id, kind])).toEqual([
      ['desk', 'intent'],
      ['bye', 'end'],
      ['odd', 'unknown'],
      ['one', 'press'],
      ['out', 'transfer'],
    ]);
    expect(nodes.map(gist)).toEqual(['hours, price', 'Goodbye.', '', 'presses 1w2#', '+49301']);
  });
  it('gives each field its problems', () => {
    const problems = [
      { pointer: '/nodes/desk/intents/hours', detail: 'x', severity: 'error' },
      { pointer: '/nodes/desk2', detail: 'y', severity: 'warning' },
    ];
    expect(problemsAt(problems, '/nodes/desk')).toHaveLength(1);
    expect(errorsAmong(problems)).toHaveLength(1);
  });
  it('says where JSON is broken', () => {
    expect(jsonFault('{"a": 1}')).toBeNull();
    expect(jsonFault('{\n  "a": nope\n}')).toBe('Line 2, column 8: a value was expected here');
    expect(jsonFault('{"a": 1,}')).toMatch(/column 9: a comma before the end/);
    expect(jsonFault('["a" "b"]')).toMatch(/column 6: a comma or ]/);
    expect(jsonFault('{"a')).toMatch(/not closed/);
    expect(jsonFault('{a: 1}')).toMatch(/column 2: a name in double quotes/);
    expect(jsonFault('1 2')).toMatch(/column 3: something follows/);
    expect(jsonFault('')).toMatch(/too early/);
    expect(jsonFault('"\\d"')).toMatch(/twice/);
  });
  it('says what a name is', () => {
    expect(nameFault('front-desk')).toBeNull();
    for (const name of ['', 'Front', 'a--b', '-a', 'a_b', 'x'.repeat(64)])
      expect(nameFault(name)).not.toBeNull();
  });
});
