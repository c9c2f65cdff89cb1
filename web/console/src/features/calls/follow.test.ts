import { describe, expect, it } from 'vitest';
import type { Line, Turn } from '../../server';
import { cutBy, heardAt, matches, missing, returns, rounded, servedBy, spans, ways } from './follow';

const line = (at_ms: number, role: 'caller' | 'agent', turn: number): Line => ({
  at_ms,
  role,
  turn,
  text: 'x',
});
const turn = (number: number, marks: Record<string, number>): Turn => ({
  turn: number,
  caller_text: '',
  agent_text: '',
  typed: false,
  interrupted: false,
  nodes: [],
  latencies: null,
  served_by: { recognition: [], thinking: [], voice: [] },
  marks: Object.entries(marks).map(([mark, at_ms]) => ({ mark, at_ms })) as Turn['marks'],
});

describe('a transcript that follows the recording', () => {
  const lines = [line(200, 'agent', 0), line(5_600, 'caller', 1), line(6_000, 'agent', 1)];
  const turns = [
    turn(1, { speech_started: 4_000, speech_ended: 5_300, agent_started: 6_000, agent_ended: 8_000 }),
  ];
  const all = spans(lines, turns, 10_000);
  it('takes lines from where the voice began, not from where they were written', () => {
    expect(all).toEqual([
      { fromMs: 200, toMs: 4_000 },
      { fromMs: 4_000, toMs: 5_300 },
      { fromMs: 6_000, toMs: 8_000 },
    ]);
  });
  it('knows which line is heard, and when none is', () => {
    expect([0, 300, 4_100, 5_500, 6_000, 9_000].map((at) => heardAt(all, at))).toEqual([-1, 0, 1, -1, 2, -1]);
  });
});

const connection = (transport: string, more = {}) => ({
  at_ms: 0,
  transport,
  gap_ms: 0,
  after_crash: false,
  ...more,
});

describe('words about a call', () => {
  it('name what carried it, and why it changed', () => {
    const back = { at_ms: 9_000, gap_ms: 12_300 };
    const connections = [
      connection('webrtc'),
      connection('websocket', { ...back, after_crash: true }),
      connection('websocket', { at_ms: 20_000, gap_ms: 900 }),
    ];
    expect(ways({ transport: 'webrtc', connections })).toBe('webrtc, then websocket');
    expect(returns({ connections })).toEqual([
      { atMs: 9_000, text: 'The server died; the caller was back after 12 seconds, over websocket.' },
      { atMs: 20_000, text: 'The connection was lost; the caller was back after 1 second, over websocket.' },
    ]);
    // As it was kept before.
    const old = [connection('webrtc'), connection('', back)];
    expect(ways({ transport: 'webrtc', connections: old })).toBe('webrtc');
    expect(returns({ connections: [connection('sip')] })).toEqual([]);
  });
  it('say why an end was not heard', () => {
    expect(cutBy({ text: 'A haircut is', interrupted: true, unheard: 'forty' })).toBe('interrupted');
    expect(cutBy({ text: '', unheard: 'forty' })).toBe('not heard');
    expect(cutBy({ text: 'A', unheard: 'b' })).toBe('cut off');
    expect(cutBy({ text: 'A' })).toBe('');
  });
  it('say what is missing of a recording', () => {
    const part = (leg: 'caller' | 'agent', complete = true, cut_off = false) => ({
      leg,
      part: 1,
      codec: 'opus',
      content_type: 'audio/ogg',
      url: `/v1/sessions/ses_1/recordings/${leg}-1.ogg`,
      offset_ms: 0,
      length_ms: 1,
      bytes: 1,
      complete,
      cut_off,
    });
    const call = { recorded: true, running: false, end_reason: null, connections: [connection('webrtc')] };
    const of = (...recordings: ReturnType<typeof part>[]) =>
      missing({ ...call, recorded: recordings.length > 0 }, recordings);
    expect(of(part('caller'), part('agent'))).toBe('');
    expect(of(part('caller'), part('agent', false))).toMatch(/disk/);
    expect(of(part('agent'))).toMatch(/nothing is there of the caller/);
    expect(of()).toMatch(/not recorded/);
    expect(missing(call, [])).toMatch(/not there any more/);
    const crashed = {
      ...call,
      connections: [connection('webrtc'), connection('websocket', { gap_ms: 11_900, after_crash: true })],
    };
    const said = missing(crashed, [part('caller', false, true), part('agent', false, true)]);
    expect(said).toMatch(/The server died in this call, and it went on 12 seconds later/);
    expect(said).not.toMatch(/disk/);
    // Of a call that another server took over, what was recorded before lies there.
    expect(missing(crashed, [part('caller'), part('agent')])).toMatch(/server died/);
    expect(missing(crashed, [part('caller', false, true), part('agent', false)])).toMatch(/died.*disk/);
  });
  it('name who served each stage, and nobody where none was needed', () => {
    const voice = [
      { account: 'voices', model: 'v1' },
      { account: 'built-in', model: 'piper' },
    ];
    const recognition = [{ account: 'ears', model: 'nova' }];
    expect(servedBy({ recognition, thinking: [], voice })).toBe(
      'Recognition: ears (nova) · Voice: voices (v1), then built-in (piper)',
    );
    expect(servedBy({ recognition: [], thinking: [], voice: [] })).toBe('');
  });
  it('round parts so that they still add up', () => {
    expect(rounded([0.5, 0.4, 0.6, 0, 0], 1.5)).toEqual([1, 0, 1, 0, 0]);
    expect(rounded([312.4, 41.2, 0, 268.7, 21.1], 643.4).reduce((sum, part) => sum + part, 0)).toBe(643);
  });
  it('filter events by all words, partial transcripts apart', () => {
    const event = { kind: 'heard', text: 'partial: how much' };
    expect(matches(event, 'how', false)).toBe(false);
    expect(matches(event, 'heard MUCH', true)).toBe(true);
    expect(matches({ kind: 'node', text: 'desk' }, 'desk hours', true)).toBe(false);
  });
});
