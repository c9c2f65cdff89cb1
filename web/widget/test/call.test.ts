import { beforeEach, describe, expect, it, vi } from 'vitest';
import {
  Call,
  type Kind,
  type Listener,
  type Opened,
  type Ports,
  READY_WITHIN_MS,
  RESUME_WITHIN_MS,
  type Snapshot,
  WEBRTC_WITHIN_MS,
  WEBSOCKET_WITHIN_MS,
} from '../src/call';
import { CallError, fromClose, fromProblem, INSECURE } from '../src/trouble';

interface Line {
  kind: Kind;
  resume: string | null;
  listener: Listener;
  sent: string[];
  muted: boolean;
  flushed: number;
  closed: boolean;
}

/** A browser whose connections open, hang or refuse as told. */
class Fake implements Ports {
  lines: Line[] = [];
  attempts: [Kind, string | null][] = [];
  released = 0;
  /** As the opening answer says. */
  resumeWithinMs: number | undefined;
  microphoneGate: Promise<void> = Promise.resolve();
  behave: (kind: Kind) => 'open' | 'hang' | Error = () => 'open';

  microphone = () => this.microphoneGate;
  release = () => {
    this.released += 1;
  };
  now = () => Date.now();
  after = (ms: number, then: () => void) => {
    const timer = setTimeout(then, ms);
    return () => clearTimeout(timer);
  };

  open(kind: Kind, resume: string | null, listener: Listener, signal: AbortSignal): Promise<Opened> {
    this.attempts.push([kind, resume]);
    const how = this.behave(kind);
    if (how instanceof Error) return Promise.reject(how);
    if (how === 'hang') {
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(new Error('too late')));
      });
    }
    const line: Line = { kind, resume, listener, sent: [], muted: false, flushed: 0, closed: false };
    this.lines.push(line);
    const transport = {
      kind,
      send: (text: string) => void line.sent.push(JSON.parse(text).type),
      setMuted: (muted: boolean) => {
        line.muted = muted;
      },
      flush: () => {
        line.flushed += 1;
      },
      close: () => {
        line.closed = true;
      },
    };
    const { resumeWithinMs } = this;
    return Promise.resolve({ transport, sessionId: 'ses_1', resumeToken: 'r1', resumeWithinMs });
  }

  get line(): Line {
    const line = this.lines.at(-1);
    if (!line) throw new Error('no connection is open');
    return line;
  }

  tell(type: string, data: object = {}) {
    this.line.listener.message(JSON.stringify({ label: 'rtvi-ai', type, id: '1', data }));
  }

  notice(t: string, d: object) {
    this.tell('server-message', { t, d });
  }
}

let browser: Fake;
let call: Call;
let phases: string[];

beforeEach(() => {
  vi.useFakeTimers();
  browser = new Fake();
  phases = [];
  call = new Call(browser, (now: Snapshot) => {
    if (phases.at(-1) !== now.phase) phases.push(now.phase);
  });
});

const settle = () => vi.advanceTimersByTimeAsync(0);

async function live(): Promise<void> {
  void call.start();
  await settle();
  browser.tell('bot-ready', { version: '2.2.0' });
  browser.notice('agent-state', { state: 'listening' });
}

describe('beginning', () => {
  it('prefers WebRTC and is live once the server is ready', async () => {
    await live();
    expect(browser.attempts).toEqual([['webrtc', null]]);
    expect(browser.line.sent).toEqual(['client-ready']);
    expect(call.snapshot).toMatchObject({
      phase: 'live',
      agentState: 'listening',
      transport: 'webrtc',
      sessionId: 'ses_1',
    });
    expect(phases).toEqual(['connecting', 'live']);
  });

  it('falls back to the WebSocket when WebRTC does not open in time', async () => {
    browser.behave = (kind) => (kind === 'webrtc' ? 'hang' : 'open');
    void call.start();
    await vi.advanceTimersByTimeAsync(WEBRTC_WITHIN_MS - 1);
    expect(browser.attempts.length).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    browser.tell('bot-ready');
    expect(call.snapshot).toMatchObject({ phase: 'live', transport: 'websocket' });
  });

  it('says so when neither opens', async () => {
    browser.behave = () => 'hang';
    void call.start();
    await vi.advanceTimersByTimeAsync(WEBRTC_WITHIN_MS + WEBSOCKET_WITHIN_MS);
    expect(call.snapshot).toMatchObject({ phase: 'failed', trouble: { code: 'CONNECTION_FAILED' } });
    expect(browser.released).toBe(1);
  });

  it('asks no second time when the server refuses', async () => {
    const problem = { code: 'SERVER_FULL', detail: 'every line is busy', retryable: true };
    browser.behave = () => new CallError(fromProblem(503, problem, '7'));
    await call.start();
    expect(browser.attempts.length).toBe(1);
    expect(call.snapshot.trouble).toMatchObject({ code: 'SERVER_FULL', retry: true, retryAfterSeconds: 7 });
  });

  it('tries the WebSocket where the server cannot answer this browser’s offer', async () => {
    const invalid = new CallError(fromProblem(400, { code: 'OFFER_INVALID' }, null));
    browser.behave = (kind) => (kind === 'webrtc' ? invalid : 'open');
    await call.start();
    expect(call.snapshot.transport).toBe('websocket');
  });

  it('opens nothing without a microphone', async () => {
    browser.microphoneGate = Promise.reject(new CallError(INSECURE));
    await call.start();
    expect(browser.attempts).toEqual([]);
    expect(call.snapshot).toMatchObject({ phase: 'failed', trouble: { code: 'PAGE_INSECURE' } });
  });

  it('that is broken off while the browser still asks lets the microphone go', async () => {
    let allow = () => {};
    browser.microphoneGate = new Promise((resolve) => {
      allow = resolve;
    });
    void call.start();
    call.hangUp();
    allow();
    await settle();
    expect(browser.attempts).toEqual([]);
    expect(browser.released).toBe(2);
    expect(call.snapshot.phase).toBe('ended');
  });

  it('whose older attempt comes to its end late leaves the newer one within reach of a hang-up', async () => {
    const aborted: boolean[] = [];
    const ends: (() => void)[] = [];
    browser.open = (_kind, _resume, _listener, signal) => {
      const number = aborted.push(false) - 1;
      signal.addEventListener('abort', () => {
        aborted[number] = true;
      });
      // Ends long after it was told to, as a fetch that is already being answered may.
      return new Promise((_, reject) => ends.push(() => reject(new Error('too late'))));
    };
    void call.start();
    await settle();
    call.hangUp();
    void call.start();
    await settle();
    ends[0]?.();
    await settle();
    expect(aborted).toEqual([true, false]);
    call.hangUp();
    expect(aborted).toEqual([true, true]);
  });

  it('that the server never answers comes to an end', async () => {
    void call.start();
    await settle();
    browser.behave = () => 'hang';
    await vi.advanceTimersByTimeAsync(READY_WITHIN_MS + 3 * RESUME_WITHIN_MS);
    expect(call.snapshot).toMatchObject({ phase: 'failed', trouble: { code: 'CONNECTION_LOST' } });
  });
});

describe('a live call', () => {
  it('flushes what was to be played when the caller takes the floor', async () => {
    await live();
    browser.tell('bot-interrupted');
    expect(browser.line.flushed).toBe(1);
  });

  it('shows typed words at once and sends them', async () => {
    await live();
    expect(call.say('  book Thursday ')).toBe(true);
    expect(call.say('   ')).toBe(false);
    expect(browser.line.sent).toEqual(['client-ready', 'send-text']);
    expect(call.snapshot.conversation.lines).toMatchObject([{ text: 'book Thursday', typed: true }]);
  });

  it('ends when the server says so, with the reason in words', async () => {
    await live();
    browser.notice('call-ended', { reason: 'agent_ended' });
    expect(call.snapshot).toMatchObject({ phase: 'ended', ending: 'The agent said goodbye.' });
    expect(browser.line.closed).toBe(true);
    browser.line.listener.lost();
    expect(call.snapshot.phase).toBe('ended');
  });

  it('says goodbye when the caller hangs up, and lets everything go', async () => {
    await live();
    call.hangUp();
    expect(browser.line.sent.at(-1)).toBe('disconnect-bot');
    expect([browser.line.closed, browser.released]).toEqual([true, 1]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(browser.attempts.length).toBe(1);
  });

  it('keeps the reason of a fatal error on the screen', async () => {
    await live();
    browser.tell('error', { message: 'the voice failed', code: 'PROVIDER_FAILED', fatal: true });
    browser.notice('call-ended', { reason: 'provider_failed' });
    expect(call.snapshot).toMatchObject({ phase: 'failed', trouble: { code: 'PROVIDER_FAILED' } });
  });
});

describe('a lost connection', () => {
  it('is taken up again with the conversation, the session and the mute', async () => {
    await live();
    browser.tell('user-transcription', { text: 'hello', final: true });
    call.setMuted(true);
    browser.line.listener.lost();
    expect(call.snapshot.phase).toBe('reconnecting');
    await settle();
    expect(browser.attempts.at(-1)).toEqual(['webrtc', 'r1']);
    browser.tell('bot-ready');
    expect(call.snapshot.phase).toBe('live');
    expect(call.snapshot.conversation.lines).toMatchObject([{ text: 'hello' }]);
    expect([browser.line.muted, browser.lines[0]?.closed]).toEqual([true, true]);
    expect(phases).toEqual(['connecting', 'live', 'reconnecting', 'live']);
  });

  it('is looked for again and again, and given up when the server no longer waits', async () => {
    await live();
    browser.behave = () => new TypeError('Failed to fetch');
    browser.line.listener.lost();
    await vi.advanceTimersByTimeAsync(RESUME_WITHIN_MS - 1000);
    expect(call.snapshot.phase).toBe('reconnecting');
    expect(browser.attempts.length).toBeGreaterThan(8);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(call.snapshot).toMatchObject({ phase: 'failed', trouble: { code: 'CONNECTION_LOST' } });
  });

  it.each(['answer', 'session'])(
    'is looked for as long as the server waits, as its %s says',
    async (where) => {
      if (where === 'answer') browser.resumeWithinMs = 90_000;
      await live();
      if (where === 'session') {
        browser.notice('session', { session_id: 'ses_1', resume_token: 'r1', resume_within_ms: 90_000 });
      }
      browser.behave = () => new TypeError('Failed to fetch');
      browser.line.listener.lost();
      await vi.advanceTimersByTimeAsync(85_000);
      expect(call.snapshot.phase).toBe('reconnecting');
      await vi.advanceTimersByTimeAsync(10_000);
      expect(call.snapshot).toMatchObject({ phase: 'failed', trouble: { code: 'CONNECTION_LOST' } });
    },
  );

  it('ends at once where the server has ended the call', async () => {
    await live();
    browser.behave = () => new CallError(fromProblem(404, { code: 'SESSION_UNKNOWN' }, null));
    browser.line.listener.lost();
    await settle();
    expect(call.snapshot).toMatchObject({ phase: 'failed', trouble: { title: 'The call has ended' } });
  });

  it('ends at once where the server closes the socket of a call that it does not know', async () => {
    await live();
    browser.line.listener.lost();
    await settle();
    expect(call.snapshot.phase).toBe('reconnecting');
    const unknown = fromClose(4404, 'SESSION_UNKNOWN');
    browser.line.listener.lost(unknown ?? undefined);
    await settle();
    expect(call.snapshot).toMatchObject({ phase: 'failed', trouble: { code: 'SESSION_UNKNOWN' } });
    expect(browser.released).toBe(1);
    const attempts = browser.attempts.length;
    await vi.advanceTimersByTimeAsync(RESUME_WITHIN_MS);
    expect(browser.attempts.length).toBe(attempts);
  });

  it('is looked for again where the server is only busy', async () => {
    await live();
    browser.behave = () => new CallError(fromProblem(503, { code: 'SERVER_SLOW', retryable: true }, null));
    browser.line.listener.lost();
    await vi.advanceTimersByTimeAsync(5000);
    expect(call.snapshot.phase).toBe('reconnecting');
    expect(browser.attempts.length).toBeGreaterThan(3);
  });

  it('is not waited for when the device says that its network changed', async () => {
    await live();
    call.networkChanged();
    await settle();
    expect(browser.attempts.at(-1)).toEqual(['webrtc', 'r1']);
  });

  it('of an older attempt changes nothing', async () => {
    await live();
    const old = browser.line;
    call.networkChanged();
    await settle();
    browser.tell('bot-ready');
    old.listener.lost();
    old.listener.message(
      JSON.stringify({ label: 'rtvi-ai', type: 'server-message', data: { t: 'call-ended', d: {} } }),
    );
    expect(call.snapshot.phase).toBe('live');
  });
});
