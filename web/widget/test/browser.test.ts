import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Browser } from '../src/browser';
import type { Listener } from '../src/call';
import { Server } from '../src/server';
import * as websocket from '../src/websocket';

vi.mock('../src/websocket', () => ({ open: vi.fn(() => Promise.resolve({})) }));

/** What leads where, as a browser would keep it. */
class Node {
  to: Node[] = [];
  gain = { value: 1 };
  fftSize = 0;
  connect(node: Node): void {
    this.to.push(node);
  }
  disconnect(): void {
    this.to = [];
  }
}

class Context {
  static nodes: Node[];
  destination = new Node();
  constructor() {
    Context.nodes = [];
  }
  private node(): Node {
    const node = new Node();
    Context.nodes.push(node);
    return node;
  }
  createGain = () => this.node();
  createAnalyser = () => this.node();
  createMediaStreamSource = () => this.node();
  resume = () => Promise.resolve();
  close = () => Promise.resolve();
}

const connected = () => Context.nodes.reduce((sum, node) => sum + node.to.length, 0);
const listener: Listener = { message: () => undefined, lost: () => undefined };

beforeEach(() => {
  vi.mocked(websocket.open).mockClear();
  vi.stubGlobal('AudioContext', Context);
  vi.stubGlobal('Audio', class {});
  vi.stubGlobal('window', { isSecureContext: true });
  const microphone = { getTracks: () => [{ stop: () => undefined }], getAudioTracks: () => [] };
  vi.stubGlobal('navigator', { mediaDevices: { getUserMedia: () => Promise.resolve(microphone) } });
});

describe('a microphone', () => {
  it('that is lent after its call was hung up is let go, and leaves the next call its own', async () => {
    const [allow, stopped, closed]: [(() => void)[], string[], Context[]] = [[], [], []];
    const stream = (name: string) => ({ getTracks: () => [{ stop: () => void stopped.push(name) }] });
    const names = ['first', 'second'];
    const asking = () => {
      const name = names.shift() ?? 'another';
      return new Promise((lend) => allow.push(() => lend(stream(name))));
    };
    vi.stubGlobal('navigator', { mediaDevices: { getUserMedia: asking } });
    vi.stubGlobal(
      'AudioContext',
      class extends Context {
        override close = () => {
          closed.push(this);
          return Promise.resolve();
        };
      },
    );
    const browser = new Browser(() => new Server('http://localhost', ''));
    const first = browser.microphone();
    browser.release();
    expect(closed.length).toBe(1);
    const second = browser.microphone();
    for (const lend of allow) lend();
    await Promise.all([first, second]);
    expect(stopped).toEqual(['first']);
    await browser.open('websocket', null, listener, new AbortController().signal);
    browser.release();
    expect(stopped).toEqual(['first', 'second']);
    expect(closed.length).toBe(2);
  });
});

describe('the speaker', () => {
  it('stays the same through every reconnect, and is let go with the call', async () => {
    const browser = new Browser(() => new Server('http://localhost', ''));
    await browser.microphone();
    const before = [Context.nodes.length, connected()];
    for (let times = 0; times < 5; times += 1) {
      await browser.open('websocket', 'r1', listener, new AbortController().signal);
    }
    expect([Context.nodes.length, connected()]).toEqual(before);
    const speakers = vi.mocked(websocket.open).mock.calls.map((given) => given[3] as unknown as Node);
    expect(new Set(speakers).size).toBe(1);
    expect(speakers[0]?.to.length).toBe(2);
    browser.release();
    expect(speakers[0]?.to).toEqual([]);
  });
});
