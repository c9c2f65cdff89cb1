import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Server } from '../src/server';
import * as webrtc from '../src/webrtc';

const TURN = { urls: ['turn:turn.example'], username: 'u', credential: 'c' };
const listener = { message: () => undefined, lost: () => undefined };
const media = { microphone: { getAudioTracks: () => [] }, play: () => undefined, mute: () => undefined };

/** What the server answers, and what it was asked. */
let answers: Record<string, () => Response>;
let asked: [string, unknown][];
let configured: RTCConfiguration[];

class Connection {
  localDescription = { sdp: 'v=0' };
  onicecandidate = null;
  constructor(configuration: RTCConfiguration) {
    configured.push(configuration);
  }
  createDataChannel = () => ({ readyState: 'open' });
  setLocalDescription = () => Promise.resolve();
  setRemoteDescription = () => Promise.resolve();
}

const json = (status: number, body: object) => () => new Response(JSON.stringify(body), { status });
const refused = json(403, { code: 'OPERATOR_ONLY', title: 'No', detail: 'no' });
const open = (server: Server, resume: string | null = null) =>
  webrtc.open(server, media as unknown as webrtc.Media, resume, listener, new AbortController().signal);

beforeEach(() => {
  asked = [];
  configured = [];
  answers = {
    '/v1/widget/token': json(200, { token: 'c1.t', ice_servers: [TURN] }),
    '/api/offer': json(200, { sdp: 'v=0', pc_id: 'pc_1', session_id: 'ses_1' }),
  };
  vi.stubGlobal('location', { origin: 'http://localhost' });
  vi.stubGlobal('RTCPeerConnection', Connection);
  vi.stubGlobal('fetch', (url: string, { body }: { body: string }) => {
    const { pathname } = new URL(url);
    asked.push([pathname, JSON.parse(body)]);
    return Promise.resolve(answers[pathname]?.() ?? new Response('{}', { status: 404 }));
  });
});

describe('a call over WebRTC', () => {
  it('is helped by the servers that the server names, on its own pages and elsewhere', async () => {
    for (const base of ['http://localhost', 'https://voice.example']) {
      asked = [];
      await open(new Server(base, 'front-desk'));
      expect(configured.at(-1)?.iceServers).toEqual([TURN]);
      expect(asked.map(([path]) => path)).toEqual(['/v1/widget/token', '/api/offer']);
      expect(asked[1]?.[1]).toMatchObject({ requestData: { agent: 'front-desk', token: 'c1.t' } });
    }
  });

  it('asks for them once, and for permission as often as it is needed', async () => {
    const own = new Server('http://localhost', '');
    for (const resume of [null, null, 'r1']) await open(own, resume);
    expect(asked.filter(([path]) => path === '/v1/widget/token').length).toBe(1);
    const elsewhere = new Server('https://voice.example', '');
    asked = [];
    for (const resume of [null, null]) await open(elsewhere, resume);
    expect(asked.filter(([path]) => path === '/v1/widget/token').length).toBe(2);
    expect(configured.at(-1)?.iceServers).toEqual([TURN]);
  });

  it('that is taken up again needs no new permission', async () => {
    answers['/v1/widget/token'] = refused;
    await expect(open(new Server('http://localhost', ''), 'r1')).resolves.toMatchObject({
      sessionId: 'ses_1',
    });
    await expect(open(new Server('http://localhost', ''))).rejects.toMatchObject({
      trouble: { code: 'OPERATOR_ONLY', title: 'This server is closed' },
    });
  });
});
