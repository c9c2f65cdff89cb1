import { expect, test } from 'vitest';
import { failed, rungs } from './ladder';

test('messages of the signalling are the rungs, and other notes are none', () => {
  const notes = [
    { at_ms: 0, name: 'sip', value: { sent: false, what: 'INVITE', text: 'INVITE sip:a SIP/2.0' } },
    { at_ms: 3, name: 'sip', value: { sent: true, what: '486 Busy Here', text: '' } },
    { at_ms: 9, name: 'appointment', value: { what: 'cut' } },
    { at_ms: 10, name: 'sip', value: 'odd' },
  ];
  const found = rungs(notes as never);
  expect(found.map((rung) => [rung.sent, rung.what])).toEqual([
    [false, 'INVITE'],
    [true, '486 Busy Here'],
  ]);
  expect(found.map(failed)).toEqual([false, true]);
});
