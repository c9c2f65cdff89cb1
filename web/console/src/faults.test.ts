import { expect, test } from 'vitest';
import { elsewhere, type Fault, faultAt, worded } from './faults';

const fault = (pointer: string, code: string, detail: string): Fault => ({ pointer, code, detail });

test('what is wrong is said as a form says it', () => {
  expect(worded(fault('/title', 'too_short', 'must not be empty'))).toBe('Fill this in.');
  expect(worded(fault('/agent', 'missing', 'missing field `agent`'))).toBe('Fill this in.');
  expect(worded(fault('/ring_s', 'out_of_range', 'must be between 5 and 180, not 0'))).toBe('From 5 to 180.');
  expect(worded(fault('/priority', 'out_of_range', 'must be between -100 and 100, not 900'))).toBe(
    'From -100 to 100.',
  );
  expect(worded(fault('/title', 'too_long', '212 characters are more than 200'))).toBe(
    'At most 200 characters; these are 212.',
  );
  expect(worded(fault('/host', 'invalid', 'a hostname has letters'))).toBe('A hostname has letters.');
});

test('a form has words of its own where those of the API do not fit', () => {
  const own = ({ pointer }: Fault) => (pointer === '/node' ? 'Choose another one.' : undefined);
  expect(worded(fault('/node', 'unknown', 'leave `node` out'), own)).toBe('Choose another one.');
  expect(worded(fault('/title', 'invalid', 'no'), own)).toBe('No.');
});

test('a field says what is wrong with it and with what it is made of, and nothing else', () => {
  const faults = [
    fault('/headers/0/name', 'invalid', 'a name has letters'),
    fault('/headers/1/value', 'too_long', 'too long'),
    fault('/headersman', 'invalid', 'no'),
    fault('/schedule/windows/1/from', 'invalid', 'no time'),
  ];
  expect(faultAt(faults, '/headers')).toBe('A name has letters. Too long.');
  expect(faultAt(faults, '/title')).toBeUndefined();
  expect(elsewhere(faults, ['/headers', '/title']).map(({ pointer }) => pointer)).toEqual([
    '/headersman',
    '/schedule/windows/1/from',
  ]);
});
