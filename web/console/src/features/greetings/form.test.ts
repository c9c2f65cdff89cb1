import { expect, test } from 'vitest';
import { dayRange, times } from '../../hours';
import type { Greeting } from '../../server';
import { blank, formOf, greetingOf, placed, settingOf, share } from './form';

const greeting: Greeting = {
  id: 'grt_1',
  title: 'Evening',
  agent_id: 'agt_1',
  domain_id: null,
  environment_id: null,
  channel_id: null,
  language: 'de',
  priority: 5,
  schedule: {
    time_zone: null,
    windows: [{ days: ['sat', 'sun'], from: '18:00', to: '02:00' }],
    holidays: 'never',
    from: null,
    until: '2026-12-31',
  },
  wordings: ['Guten Abend.'],
  experiment: {
    arms: [
      { key: 'a', weight: 1, text: 'Hallo.' },
      { key: 'b', weight: 3, text: 'Servus.' },
    ],
    sticky: 'session',
    goal: { kind: 'node', name: 'booked' },
    running: false,
  },
  experiment_round: 2,
  experiment_since: null,
  enabled: false,
  revision: 3,
  created_at: '2026-11-01T00:00:00Z',
  updated_at: '2026-11-01T00:00:00Z',
};

test('what is read is what is written', () => {
  const { title, language, priority, schedule, wordings, experiment, enabled } = greeting;
  const setting = { title, language, priority, schedule, wordings, experiment, enabled };
  expect(settingOf(formOf(greeting))).toEqual(setting);
  expect(greetingOf(formOf(greeting))).toEqual({ ...setting, agent_id: 'agt_1' });
});

test('what is switched off is not sent, and empty wordings are dropped', () => {
  const form = { ...blank(), wordings: [' Hello. ', ''], agent: 'agt_1', domain: 'dom_1' };
  expect(greetingOf(form)).toEqual({
    title: '',
    language: null,
    priority: 0,
    schedule: null,
    experiment: null,
    wordings: ['Hello.'],
    enabled: true,
    agent_id: 'agt_1',
  });
});

test('times are said in a few words', () => {
  expect(times(greeting)).toBe('Sat, Sun 18:00–02:00, not on holidays, until 2026-12-31');
  expect(times({ schedule: null })).toBe('always');
  expect(dayRange(['fri', 'mon', 'wed', 'tue', 'thu'])).toBe('Mon–Fri');
  expect(dayRange([])).toBe('daily');
  expect(dayRange(['mon', 'wed', 'fri'])).toBe('Mon, Wed, Fri');
});

test('faults of wordings stand at those that were sent', () => {
  const form = { ...blank(), wordings: ['', 'Hello', ' ', '{'] };
  const fault = (pointer: string) => ({ pointer, code: 'invalid', detail: 'no' });
  const places = (pointers: string[], of = form) =>
    placed(of, pointers.map(fault)).map(({ pointer }) => pointer);
  expect(places(['/wordings/0', '/wordings/1', '/title'])).toEqual(['/wordings/1', '/wordings/3', '/title']);
  expect(places(['/wordings'], blank())).toEqual(['/wordings/0']);
  expect(places(['/experiment/arms'])).toEqual(['/experiment/arms']);
});

test('a share of nothing is none', () => {
  expect([share(1, 3), share(0, 0), share(0, 5), share(5, 5)]).toEqual(['33 %', '—', '0 %', '100 %']);
  expect([share(19, 1904), share(1902, 1904)]).toEqual(['1.0 %', '99.9 %']);
});
