import { expect, test } from 'vitest';
import { begunWith } from './served';

const agent = (name: string, aliases: Record<string, number> = {}) => ({ name, aliases });

test('a form begins with an agent that callers reach', () => {
  const agents = [agent('draft'), agent('tried', { staging: 2 }), agent('desk', { prod: 1, staging: 1 })];
  expect(begunWith(agents)?.name).toBe('desk');
  expect(begunWith(agents, 'staging')?.name).toBe('tried');
  expect(begunWith(agents, 'dev')?.name).toBe('tried');
  expect(begunWith([agent('newest'), agent('older')])?.name).toBe('newest');
  expect(begunWith([])).toBeUndefined();
});
