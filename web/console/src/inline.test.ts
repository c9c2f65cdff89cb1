import { expect, test } from 'vitest';
import { pieces } from './inline';

test('code stands between backticks, and pages about errors are found', () => {
  expect(pieces('leave `node` out, see /docs/errors/ROUTE_NODE_UNKNOWN.')).toEqual([
    { kind: 'text', text: 'leave ' },
    { kind: 'code', text: 'node' },
    { kind: 'text', text: ' out, see ' },
    { kind: 'page', text: '/docs/errors/ROUTE_NODE_UNKNOWN' },
    { kind: 'text', text: '.' },
  ]);
  expect(pieces('`foundry admin-link` prints `one`')).toEqual([
    { kind: 'code', text: 'foundry admin-link' },
    { kind: 'text', text: ' prints ' },
    { kind: 'code', text: 'one' },
  ]);
});

test('what is no code stays as it is', () => {
  expect(pieces('')).toEqual([]);
  expect(pieces('a ` alone')).toEqual([{ kind: 'text', text: 'a ` alone' }]);
  expect(pieces('two `` and\nno `end\nhere`')).toEqual([
    { kind: 'text', text: 'two `` and\nno `end\nhere`' },
  ]);
});
