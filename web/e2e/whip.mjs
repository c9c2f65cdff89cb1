// A WHIP client by hand, as any page may be one: one peer for both ways, or (`--way apart`) one that sends and one that receives.
// With `--relay yes` its media goes by the TURN servers that the server names.

import { join } from 'node:path';
import { options, recording, story } from './browser.mjs';

const { url, token, speech, out, way, relay } = options('url', 'token', 'speech', 'out', 'way', 'relay');

await story(
  async (page, folder) => {
    await page.route(`${url}/whip-client/`, (route) =>
      route.fulfill({ contentType: 'text/html', body: '<!doctype html><button>Talk</button>' }),
    );
    await page.goto(`${url}/whip-client/`);
    await page.evaluate(client);
    await page.evaluate(
      (how) => {
        document.querySelector('button').onclick = () => {
          window.connecting = window.talk(how);
        };
      },
      { apart: way === 'apart', relay: relay === 'yes' },
    );
    await page.getByText('Talk').click();
    const call = await page.evaluate(() => window.connecting);
    await page.waitForFunction(() =>
      window.messages.some(
        ({ type, data }) => type === 'bot-output' && /saturday|nine|four/i.test(data?.text),
      ),
    );
    await page.waitForFunction(
      () => window.messages.filter(({ type }) => type === 'bot-stopped-speaking').length >= 2,
    );
    await page.waitForTimeout(1300); // what the jitter buffer still holds, and the second that the tap gathers
    const heard = await recording(page, join(folder, 'reply.wav'));
    const routes = await page.evaluate(() => window.routes());
    const ended = await page.evaluate(() => window.hangUp());
    const again = await page.evaluate(() => window.hangUp());
    const session = await finished(page, call.session);
    return { call, heard, routes, ended, again, session };
  },
  { speech, out },
);

/** The call on record, once it has ended. */
async function finished(page, id) {
  for (;;) {
    const answer = await page.request.get(`${url}/v1/sessions/${id}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const session = answer.ok() ? await answer.json() : {};
    if (session.end_reason) return session;
    await page.waitForTimeout(500);
  }
}

/** Runs in the page. */
function client() {
  const peers = [];
  let resource;
  window.messages = [];
  window.talk = async ({ apart, relay }) => {
    const permission = await (await fetch('/v1/widget/token', { method: 'POST' })).json();
    const configuration = {
      iceServers: permission.ice_servers ?? [],
      iceTransportPolicy: relay ? 'relay' : 'all',
    };
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    const sender = new RTCPeerConnection(configuration);
    sender.addTransceiver(stream.getAudioTracks()[0], { direction: apart ? 'sendonly' : 'sendrecv' });
    const first = await exchange(sender, '/whip/front-desk');
    resource = first.resource;
    let voice;
    if (apart) {
      const listener = new RTCPeerConnection(configuration);
      listener.addTransceiver('audio', { direction: 'recvonly' });
      voice = await exchange(listener, /<([^>]+)>; rel="whep"/.exec(first.link)[1]);
    }
    return {
      session: first.session,
      resource,
      voice: voice?.resource,
      link: first.link,
      trickled: first.trickled,
    };
  };

  /** Offers, and trickles what candidates come. */
  async function exchange(peer, path) {
    peers.push(peer);
    const channel = peer.createDataChannel('rtvi');
    channel.onopen = () =>
      channel.send(JSON.stringify({ label: 'rtvi-ai', type: 'client-ready', id: '1', data: {} }));
    channel.onmessage = ({ data }) => window.messages.push(JSON.parse(data));
    // A browser decodes only what something plays.
    peer.ontrack = ({ track }) => {
      const player = document.body.appendChild(document.createElement('audio'));
      player.srcObject = new MediaStream([track]);
      player.autoplay = true;
    };
    const candidates = [];
    let found = () => undefined;
    peer.onicecandidate = ({ candidate }) => {
      if (candidate?.candidate) candidates.push(candidate);
      found();
    };
    await peer.setLocalDescription(await peer.createOffer());
    const answer = await fetch(path, {
      method: 'POST',
      headers: { 'content-type': 'application/sdp' },
      body: peer.localDescription.sdp,
    });
    const sdp = await answer.text();
    if (answer.status !== 201) throw new Error(`${path}: ${answer.status} ${sdp}`);
    const place = answer.headers.get('location');
    await peer.setRemoteDescription({ type: 'answer', sdp });
    if (candidates.length === 0) await new Promise((resolve) => (found = resolve));
    const fragment = ['m=audio 9 UDP/TLS/RTP/SAVPF 111', 'a=mid:0'];
    const trickled = await fetch(place, {
      method: 'PATCH',
      headers: {
        'content-type': 'application/trickle-ice-sdpfrag',
        'if-match': answer.headers.get('etag'),
      },
      body: `${[...fragment, ...candidates.map(({ candidate }) => `a=${candidate}`)].join('\r\n')}\r\n`,
    });
    return {
      resource: place,
      session: answer.headers.get('x-session-id'),
      link: answer.headers.get('link'),
      trickled: trickled.status,
    };
  }

  /** How each peer's media goes: `host`, `srflx`, `prflx` or `relay`. */
  window.routes = () =>
    Promise.all(
      peers.map(async (peer) => {
        const stats = [...(await peer.getStats()).values()];
        const pair = stats.find(
          ({ type, nominated, state }) => type === 'candidate-pair' && nominated && state === 'succeeded',
        );
        return stats.find(({ id }) => id === pair?.localCandidateId)?.candidateType;
      }),
    );
  window.hangUp = async () => (await fetch(resource, { method: 'DELETE' })).status;
}
