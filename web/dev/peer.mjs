// The widget's WebRTC against another page of the same Chromium: `/api/offer` is answered by a real peer connection
// there, with a tone and RTVI on the data channel. Proves the path without our server, the fallback when UDP is dead, and
// the way back after a loss. usage: node dev/peer.mjs
import assert from 'node:assert/strict';
import { AUTOPLAY, launch } from './chromium.mjs';

process.argv[2] = '8093';
const { server } = await import('./server.mjs');
const base = 'http://127.0.0.1:8093';
const browser = await launch(
  AUTOPLAY,
  '--disable-features=WebRtcHideLocalIpsWithMdns',
  '--allow-loopback-in-peer-connection',
);
const context = await browser.newContext();
await context.grantPermissions(['microphone'], { origin: base });

/** The far side: answers offers, greets the protocol, hears the caller. */
const far = await context.newPage();
await far.goto(`${base}/v1/widget/agents`);
await far.evaluate(() => {
  const peers = [];
  const tell = (channel, type, data) =>
    channel.send(JSON.stringify({ label: 'rtvi-ai', type, id: 's', data }));
  const notice = (channel, t, d) => tell(channel, 'server-message', { t, d });
  globalThis.peers = peers;
  globalThis.answer = async (sdp) => {
    const connection = new RTCPeerConnection();
    const peer = { connection, heard: [], track: null };
    peers.push(peer);
    const audio = new AudioContext();
    const tone = audio.createOscillator();
    const out = audio.createMediaStreamDestination();
    tone.connect(out);
    tone.start();
    connection.ontrack = ({ track }) => {
      peer.track = track;
    };
    connection.ondatachannel = ({ channel }) => {
      peer.channel = channel;
      channel.onmessage = ({ data }) => {
        const { type, id } = JSON.parse(data);
        peer.heard.push(type);
        if (type !== 'client-ready') return;
        channel.send(JSON.stringify({ label: 'rtvi-ai', type: 'bot-ready', id, data: { version: '2.1.0' } }));
        notice(channel, 'session', { session_id: 'ses_far', resume_token: 'r1.far' });
        notice(channel, 'agent-state', { state: 'listening' });
      };
    };
    await connection.setRemoteDescription({ type: 'offer', sdp });
    connection.addTrack(out.stream.getAudioTracks()[0], out.stream);
    await connection.setLocalDescription();
    await new Promise((resolve) => {
      if (connection.iceGatheringState === 'complete') resolve();
      connection.onicegatheringstatechange = () => connection.iceGatheringState === 'complete' && resolve();
    });
    return connection.localDescription.sdp;
  };
  globalThis.add = (candidates) => {
    const last = peers.at(-1).connection;
    return Promise.all(
      candidates.map((one) =>
        last.addIceCandidate({
          candidate: one.candidate,
          sdpMid: one.sdp_mid,
          sdpMLineIndex: one.sdp_mline_index,
        }),
      ),
    );
  };
});

const page = await context.newPage();
page.on('pageerror', (error) => console.error(error));
const offers = [];
let udp = true;
await page.route('**/api/offer', async (route) => {
  const body = route.request().postDataJSON();
  if (route.request().method() === 'PATCH') {
    if (udp) await far.evaluate((candidates) => globalThis.add(candidates), body.candidates);
    await route.fulfill({ json: { status: 'success' } });
    return;
  }
  offers.push(body);
  const sdp = await far.evaluate((offer) => globalThis.answer(offer), body.sdp);
  const dead = sdp.replaceAll(/a=candidate:.*\r\n/g, '');
  const answer = {
    sdp: udp ? sdp : dead,
    type: 'answer',
    pc_id: 'far',
    session_id: 'ses_far',
    resume_token: 'r1.far',
  };
  await route.fulfill({ json: answer });
});

const widget = page.getByTestId('widget');
const is = (state) => page.locator(`[data-testid=widget][data-state=${state}]`).waitFor({ timeout: 20_000 });
const level = (side) =>
  widget.evaluate((element, name) => {
    const fill = element.shadowRoot.querySelector(`[data-testid=meter-${name}] .fill`);
    return Number(/scaleX\((.*)\)/.exec(fill.style.transform)?.[1] ?? 0);
  }, side);

await page.goto(`${base}/`);
await page.getByTestId('start').click();
await is('listening');
assert.equal(await widget.getAttribute('data-transport'), 'webrtc');
assert.equal(offers[0].requestData.agent, 'front-desk');
await page.waitForTimeout(1500);
assert.ok((await level('agent')) > 0.3, 'the tone of the far side is heard');
assert.deepEqual(await far.evaluate(() => globalThis.peers[0].heard), ['client-ready']);
console.log('webrtc: connected, both data and voice');

await far.evaluate(() => globalThis.peers[0].connection.close());
await is('reconnecting');
await is('listening');
assert.equal(offers[1].requestData.resume, 'r1.far');
console.log('webrtc: came back with the resume token');

await page.getByTestId('hangup').click();
await is('ended');
await page.waitForTimeout(300);
assert.ok((await far.evaluate(() => globalThis.peers[1].heard)).includes('disconnect-bot'));
console.log('webrtc: said goodbye');

udp = false;
const began = performance.now();
await page.getByTestId('retry').click();
await is('speaking');
assert.equal(await widget.getAttribute('data-transport'), 'websocket');
console.log(`fallback: on the WebSocket after ${Math.round(performance.now() - began)} ms`);
await page.waitForTimeout(600);
assert.ok((await level('agent')) > 0.3, 'the voice of the WebSocket is heard');

await browser.close();
server.close();
process.exit(0);
