import { expect, test } from 'vitest';
import type { Route } from '../../server';
import { beginnings, blank, blankCall, callOf, conditions, formOf, headersOf, routeOf } from './form';

const route: Route = {
  id: 'rte_1',
  title: 'Desk',
  number: '+4144*',
  room: null,
  host: null,
  trunk: 'main',
  headers: [{ name: 'X-Line', value: 'vip: yes' }],
  schedule: {
    time_zone: 'Europe/Zurich',
    windows: [{ days: ['mon', 'tue', 'wed'], from: '08:00', to: '18:00' }],
    holidays: 'never',
    from: null,
    until: null,
  },
  agent_id: 'agt_1',
  environment_id: 'env_1',
  node: 'booking',
  enabled: false,
  revision: 2,
  created_at: '2026-11-01T00:00:00Z',
  updated_at: '2026-11-01T00:00:00Z',
};

test('what is read is what is written', () => {
  const { id: _, revision: __, created_at: ___, updated_at: ____, ...body } = route;
  expect(routeOf(formOf(route))).toEqual(body);
});

test('what is not said does not narrow', () => {
  const made = routeOf({ ...blank(), agent: 'agt_1', environment: 'env_1' });
  expect([made.number, made.room, made.host, made.trunk, made.schedule]).toEqual([
    null,
    null,
    null,
    null,
    null,
  ]);
  expect(made.headers).toEqual([]);
});

test('headers are lines', () => {
  expect(headersOf('X-A: one: two\n\n X-B :\nX-C')).toEqual([
    { name: 'X-A', value: 'one: two' },
    { name: 'X-B', value: '' },
    { name: 'X-C', value: '' },
  ]);
});

test('a call brings what is filled in', () => {
  expect(callOf({ ...blankCall(), number: ' +41441234567 ' })).toEqual({
    number: '+41441234567',
    room: null,
    host: null,
    trunk: null,
    headers: [],
    at: null,
  });
});

test('a route is told in a few words', () => {
  expect(conditions(route)).toBe('+4144…, by main, X-Line: vip: yes, Mon–Wed 08:00–18:00, not on holidays');
  const open = { ...route, number: null, trunk: null, headers: [], schedule: null };
  expect(conditions(open)).toBe('Every call by a trunk or account');
});

test('a call begins at a node of the agent, and one that is gone is still seen', () => {
  const definition = { entry: 'desk', nodes: { desk: { kind: 'intent' }, booking: { kind: 'collect' } } };
  const entry = { value: '', label: "At the agent's entry (desk)" };
  const booking = { value: 'booking', label: 'booking (collect)' };
  expect(beginnings(definition, '')).toEqual([entry, booking]);
  expect(beginnings(definition, 'old')).toEqual([entry, { value: 'old', label: 'old (not there)' }, booking]);
  expect(beginnings(undefined, '')).toEqual([{ value: '', label: "At the agent's entry" }]);
});
