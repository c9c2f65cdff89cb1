import { describe, expect, it } from 'vitest';
import { clientReady, read, sendText } from '../src/rtvi';

const message = (type: string, data: unknown) => JSON.stringify({ label: 'rtvi-ai', type, id: '1', data });
const notice = (t: string, d: unknown) => message('server-message', { t, d });

describe('messages from the server', () => {
  it('are read as what they mean', () => {
    expect(read(message('bot-ready', { version: '2.2.0' }))).toEqual({ kind: 'ready' });
    expect(read(message('user-transcription', { text: 'hi', final: false }))).toEqual({
      kind: 'heard',
      text: 'hi',
      final: false,
    });
    expect(read(notice('session', { session_id: 'ses_1', resume_token: 'r' }))).toEqual({
      kind: 'session',
      id: 'ses_1',
      resumeToken: 'r',
      resumeWithinMs: null,
    });
    const waits = notice('session', { session_id: 'ses_1', resume_token: 'r', resume_within_ms: 90_000 });
    expect(read(waits)).toMatchObject({ resumeWithinMs: 90_000 });
    expect(read(notice('session', { session_id: 'ses_1', resume_token: null }))).toMatchObject({
      resumeToken: null,
    });
    expect(read(notice('agent-state', { state: 'thinking' }))).toEqual({
      kind: 'agent-state',
      state: 'thinking',
    });
    expect(read(notice('call-ended', { reason: 'agent_ended' }))).toEqual({
      kind: 'ended',
      reason: 'agent_ended',
    });
    expect(read(message('error', { error: 'x', message: 'y', code: 'Z', fatal: true }))).toEqual({
      kind: 'error',
      message: 'y',
      code: 'Z',
      fatal: true,
    });
  });

  it('that are damaged or not ours are passed over', () => {
    const strange = [
      '',
      '{',
      '[]',
      'null',
      '3',
      '{"label":"other","type":"bot-ready"}',
      notice('agent-state', { state: 'flying' }),
    ];
    for (const text of [
      ...strange,
      notice('news', {}),
      message('server-message', null),
      message('server-message', 'x'),
    ]) {
      expect(read(text)).toBeNull();
    }
    expect(read(message('user-transcription', 7))).toEqual({ kind: 'heard', text: '', final: false });
  });
});

describe('messages to the server', () => {
  it('carry the label, a version that makes no client warn, and ids that differ', () => {
    const [ready, text] = [clientReady(), sendText('hello')].map((one) => JSON.parse(one));
    expect(ready).toMatchObject({ label: 'rtvi-ai', type: 'client-ready', data: { version: '2.1.0' } });
    expect(text).toMatchObject({ type: 'send-text', data: { content: 'hello' } });
    expect(ready.id).not.toBe(text.id);
  });
});
