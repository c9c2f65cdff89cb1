import { describe, expect, it } from 'vitest';
import { changes, compared, merged } from './merge';
import { at, type JsonObject, parts, pointer, same, withAt } from './pointer';

describe('pointers', () => {
  it('lead through objects and lists, and escape what they are made of', () => {
    const value = { nodes: { 'a/b': { text: ['x', 'y'] } } };
    expect(pointer('nodes', 'a/b', 'text', 1)).toBe('/nodes/a~1b/text/1');
    expect(parts('/nodes/a~1b')).toEqual(['nodes', 'a/b']);
    expect(at(value, '/nodes/a~1b/text/1')).toBe('y');
    expect(at(value, '/nodes/none/text')).toBeUndefined();
    expect(at(value, '')).toBe(value);
  });
  it('change a copy', () => {
    const value: JsonObject = { voice: { speed: 1 }, greeting: ['a', 'b'] };
    expect(withAt(value, '/voice/name', 'anna')).toEqual({
      voice: { speed: 1, name: 'anna' },
      greeting: ['a', 'b'],
    });
    expect(withAt(value, '/greeting/1', 'c')).toEqual({ voice: { speed: 1 }, greeting: ['a', 'c'] });
    expect(value).toEqual({ voice: { speed: 1 }, greeting: ['a', 'b'] });
  });
  it('make parents and take them away again', () => {
    const on = withAt({}, '/options/session/recording/mode', 'on');
    expect(on).toEqual({ options: { session: { recording: { mode: 'on' } } } });
    expect(withAt(on, '/options/session/recording/mode', undefined)).toEqual({});
    expect(withAt({ a: 1 }, '/options/session', undefined)).toEqual({ a: 1 });
  });
  it('know equal values whatever the order of fields', () => {
    expect(same({ a: 1, b: [{ c: null }] }, { b: [{ c: null }], a: 1 })).toBe(true);
    expect(same({ a: undefined }, { b: 1 })).toBe(false);
    expect(same([1, 2], [2, 1])).toBe(false);
  });
});

const base: JsonObject = {
  title: 'Desk',
  greeting: ['Hello.'],
  nodes: { a: { kind: 'say', text: ['A'] }, b: { kind: 'end', text: ['Bye'] } },
};

describe('two drafts of one base', () => {
  it('differ by field, lists as a whole', () => {
    const after = { ...base, greeting: ['Hello.', 'Hi.'], nodes: { a: { kind: 'say', text: ['A'] } } };
    expect(changes(base, after)).toEqual([
      { pointer: '/greeting', kind: 'changed', before: ['Hello.'], after: ['Hello.', 'Hi.'] },
      { pointer: '/nodes/b', kind: 'removed', before: { kind: 'end', text: ['Bye'] }, after: undefined },
    ]);
  });
  it('become one where they changed different fields', () => {
    const yours = withAt(base, '/title', 'Reception');
    const theirs = withAt(base, '/nodes/a/text', ['B']);
    const merge = compared(base, yours, theirs);
    expect(merge.contested).toEqual([]);
    expect(merged(theirs, merge, {})).toEqual({ ...withAt(theirs, '/title', 'Reception') });
  });
  it('ask where both changed a field, and take what is chosen', () => {
    const yours = withAt(base, '/greeting', ['Good day.']);
    const theirs = withAt(withAt(base, '/greeting', ['Hi.']), '/title', 'Front desk');
    const merge = compared(base, yours, theirs);
    expect(merge.contested).toEqual([
      { pointer: '/greeting', base: ['Hello.'], yours: ['Good day.'], theirs: ['Hi.'] },
    ]);
    expect(merge.theirs.map((one) => one.pointer)).toEqual(['/title']);
    expect(at(merged(theirs, merge, {}), '/greeting')).toEqual(['Good day.']);
    expect(at(merged(theirs, merge, { '/greeting': 'theirs' }), '/greeting')).toEqual(['Hi.']);
    expect(at(merged(theirs, merge, { '/greeting': 'base' }), '/greeting')).toEqual(['Hello.']);
    expect(at(merged(theirs, merge, { '/greeting': 'base' }), '/title')).toBe('Front desk');
  });
  it('become one list where they changed different items of it', () => {
    const start = withAt(base, '/greeting', ['Hello.', 'Hi.', 'Good day.']);
    const yours = withAt(start, '/greeting', ['Hello.', 'Hi there.', 'Good day.', 'Welcome.']);
    const theirs = withAt(withAt(start, '/greeting', ['Hello!', 'Hi.']), '/title', 'Front desk');
    const merge = compared(start, yours, theirs);
    expect(merge).toMatchObject({ contested: [], yours: [] });
    expect(merge.joined.map((one) => one.pointer)).toEqual(['/greeting']);
    expect(merge.theirs.map((one) => one.pointer)).toEqual(['/title']);
    expect(merged(theirs, merge, {})).toEqual({
      ...theirs,
      greeting: ['Hello!', 'Hi there.', 'Welcome.'],
    });
  });
  it('choose the whole list where both changed one item of it', () => {
    const start = withAt(base, '/greeting', ['Hello.', 'Hi.']);
    const yours = withAt(start, '/greeting', ['Hello!', 'Hi!']);
    const theirs = withAt(start, '/greeting', ['Hallo.', 'Hi.']);
    const merge = compared(start, yours, theirs);
    expect([merge.contested.map((one) => one.pointer), merge.joined]).toEqual([['/greeting'], []]);
  });
  it('do not ask where both did the same', () => {
    const both = withAt(base, '/title', 'Reception');
    expect(compared(base, both, both)).toEqual({ contested: [], joined: [], theirs: [], yours: [] });
  });
  it('choose a node as a whole where one removed it and the other changed it', () => {
    const yours = withAt(base, '/nodes/b', undefined);
    const theirs = withAt(base, '/nodes/b/text', ['See you.']);
    const merge = compared(base, yours, theirs);
    expect(merge.contested.map((one) => one.pointer)).toEqual(['/nodes/b']);
    expect(at(merged(theirs, merge, { '/nodes/b': 'yours' }), '/nodes/b')).toBeUndefined();
    expect(at(merged(theirs, merge, { '/nodes/b': 'theirs' }), '/nodes/b/text')).toEqual(['See you.']);
  });
});
