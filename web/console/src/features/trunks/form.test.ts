import { expect, test } from 'vitest';
import type { Trunk } from '../../server';
import { blank, callOf, calls, choices, saysCaller, words } from './form';

const trunk = (name: string, kind: Trunk['kind'], state: Trunk['state']): Trunk => ({
  name,
  kind,
  state,
  account_id: kind === 'sip' ? null : 'pac_1',
  caller: kind === 'sip' ? '+4930555' : null,
  detail: null,
});
const TRUNKS = [trunk('carrier', 'sip', 'refused'), trunk('main', 'telnyx', 'unfit')];

test('trunks and accounts are offered, and one that is gone stays chosen', () => {
  expect(choices(TRUNKS, '')).toEqual([
    { value: 'carrier', label: 'carrier, SIP' },
    { value: 'main', label: 'main, Telnyx: cannot call' },
  ]);
  expect(choices(TRUNKS, 'former')[0]).toEqual({ value: 'former', label: 'former, not there' });
  expect(TRUNKS.map(calls)).toEqual([true, false]);
  expect([saysCaller(TRUNKS, 'carrier'), saysCaller(TRUNKS, 'main')]).toEqual([false, true]);
});

test('a call is sent as it was typed, and what is no number so that the field is named', () => {
  const form = { ...blank('front-desk', 'main'), to: ' +4930123 ', shown: '+4930555' };
  expect(callOf(form)).toEqual({
    agent: 'front-desk',
    trunk: 'main',
    to: '+4930123',
    from: '+4930555',
    ring_s: 45,
    machine_detection: { mode: 'off', at_machine: 'hang_up' },
  });
  expect(callOf({ ...form, ring: 'long', shown: ' ', machine: 'hang_up' })).toMatchObject({
    from: null,
    ring_s: 0,
    machine_detection: { mode: 'on' },
  });
  const fault = { pointer: '/ring_s', code: 'out_of_range', detail: 'must be between 5 and 180, not 0' };
  expect(words(fault)).toBe('From 5 to 180 seconds.');
  expect(words({ pointer: '/from', code: 'missing', detail: 'x' })).toContain('a number of that account');
});
