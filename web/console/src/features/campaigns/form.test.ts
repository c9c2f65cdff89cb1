import { expect, test } from 'vitest';
import { outcomeName, outcomeTone } from '../../outcomes';
import type { Campaign } from '../../server';
import { blank, campaignOf, contactChange, formOf, percent, toldIn, toldOf } from './form';

const campaign: Campaign = {
  id: 'cmp_1',
  title: 'Reminders',
  agent: 'front-desk',
  trunk: 'carrier',
  from: null,
  ring_s: 30,
  machine_detection: { mode: 'on', at_machine: 'leave_message', message: 'Please call us back.' },
  concurrency: 3,
  per_minute: 20,
  retry: { outcomes: ['busy'], attempts: 2, after_s: 900 },
  schedule: {
    time_zone: 'Europe/Zurich',
    windows: [{ days: ['mon'], from: '09:00', to: '17:00' }],
    holidays: 'any',
    from: null,
    until: null,
  },
  state: 'draft',
  progress: { contacts: 0, waiting: 0, calling: 0, done: 0, cancelled: 0, outcomes: {} },
  started_at: null,
  ended_at: null,
  revision: 1,
  created_at: '2026-11-01T00:00:00Z',
  updated_at: '2026-11-01T00:00:00Z',
};

test('what is read is what is written', () => {
  const { id: _, state: __, progress: ___, started_at: ____, ended_at: _____, ...rest } = campaign;
  const { revision: _r, created_at: _c, updated_at: _u, ...body } = rest;
  expect(campaignOf(formOf(campaign))).toEqual(body);
});

test('what is no number is left for the server to name', () => {
  const made = campaignOf({ ...blank(), concurrency: 'many', perMinute: '', after: '0,5' });
  expect([made.concurrency, made.per_minute, made.retry?.after_s]).toEqual([0, 0, 30]);
  const odd = campaignOf({ ...blank(), concurrency: '2.5', perMinute: '-1', after: '1e9' });
  expect([odd.concurrency, odd.per_minute, odd.retry?.after_s]).toEqual([0, 0, 2 ** 32 - 1]);
});

test('a machine is not looked for unless something is done at it', () => {
  expect(campaignOf(blank()).machine_detection).toEqual({
    mode: 'off',
    at_machine: 'hang_up',
    message: null,
  });
  expect(campaignOf({ ...blank(), machine: 'hang_up' }).machine_detection?.mode).toBe('on');
  const unsaid = campaignOf({ ...blank(), machine: 'speak', message: 'Hello {caller.name.' });
  expect(unsaid.machine_detection?.message).toBeNull();
});

test('progress is whole only when nobody is left', () => {
  const progress = { ...campaign.progress, contacts: 1000, done: 998 };
  expect(percent(progress)).toBe(99);
  expect(percent({ ...progress, cancelled: 2 })).toBe(100);
  expect(percent(campaign.progress)).toBe(0);
});

test('outcomes are words', () => {
  expect([outcomeName('no_answer'), outcomeName('something_new')]).toEqual(['No answer', 'something new']);
  expect([outcomeName('no_audio'), outcomeTone('no_audio')]).toEqual(['Answered, no audio', 'warn']);
  expect([outcomeTone('message_left'), outcomeTone('busy'), outcomeTone('failed')]).toEqual([
    'good',
    'warn',
    'wrong',
  ]);
});

test('what is told of a contact is edited as lines', () => {
  const told = { 'caller.name': 'Maria Lopez', due: 'Monday: at noon' };
  expect(toldOf(told)).toBe('caller.name: Maria Lopez\ndue: Monday: at noon');
  expect(toldIn(toldOf(told))).toEqual(told);
  expect(toldIn('\n  due :  Friday \n\nno value\n')).toEqual({ due: 'Friday', 'no value': '' });
});

test('values that a line would not give back are written within quotes', () => {
  const told = {
    note: 'Ring twice.\nThen: wait\r\n',
    blanks: ' two ',
    quoted: '"yes"',
    begun: '"Maria" she said',
    path: 'C:\\new',
    none: '',
  };
  expect(toldOf(told).split('\n')).toEqual([
    'note: "Ring twice.\\nThen: wait\\r\\n"',
    'blanks: " two "',
    'quoted: "\\"yes\\""',
    'begun: "Maria" she said',
    'path: C:\\new',
    'none: ',
  ]);
  expect(toldIn(toldOf(told))).toEqual(told);
});

test('what is told of a contact is sent where it was touched', () => {
  const contact = { variables: { 'caller.name': ' Maria ', note: 'one\ntwo' } };
  const text = toldOf(contact.variables);
  expect(contactChange(contact, ' +4930001 ', text)).toEqual({ number: '+4930001' });
  expect(contactChange(contact, '+4930001', `${text}\ndue: Monday`)).toEqual({
    number: '+4930001',
    variables: { ...contact.variables, due: 'Monday' },
  });
  expect(contactChange(contact, '+4930001', '')).toEqual({ number: '+4930001', variables: {} });
});
