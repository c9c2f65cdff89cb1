// A real Chromium calls the `answer` example: fake microphone, audio both ways, data channel. No HTTP server takes part.
//
//   cargo build -p media-rtc --example answer
//   NODE_PATH must find playwright-core;  node caller.mjs PATH/TO/answer [LISTEN] [extra Chromium flags..]
//
// Prints one line of JSON with what the page saw; exits non-zero where audio or messages did not pass both ways.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { chromium } = createRequire(`${process.env.NODE_PATH ?? process.cwd()}/`)("playwright-core");
const [answerer, listen = "127.0.0.1:0", ...flags] = process.argv.slice(2);
const server = spawn(answerer, [listen], { stdio: ["pipe", "pipe", "inherit"] });
const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
const saw = [];

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--headless=new", "--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required", ...flags],
});
try {
  const page = await browser.newPage();
  // localhost is a secure context, which the microphone needs; the page itself comes from here.
  await page.route("http://localhost/**", (route) => route.fulfill({ contentType: "text/html", body: "<title>call</title>" }));
  await page.goto("http://localhost/");
  await page.exposeFunction("signal", async (sdp) => {
    server.stdin.write(`${JSON.stringify(sdp)}\n`);
    return JSON.parse((await lines.next()).value).sdp;
  });
  const report = await page.evaluate(async () => {
    const began = performance.now();
    const pc = new RTCPeerConnection();
    const microphone = await navigator.mediaDevices.getUserMedia({ audio: true });
    pc.addTransceiver(microphone.getAudioTracks()[0], { direction: "sendrecv" });
    pc.addTransceiver("video", { direction: "sendrecv" });
    const channel = pc.createDataChannel("chat", { ordered: true });
    const echoed = new Promise((resolve) => { channel.onmessage = (event) => resolve(event.data); });
    channel.onopen = () => { channel.send("ping: 1"); channel.send("hello"); };
    const playing = new Promise((resolve) => {
      pc.ontrack = ({ track, streams }) => { if (track.kind === "audio") resolve(streams[0] ?? new MediaStream([track])); };
    });
    await pc.setLocalDescription(await pc.createOffer());
    const answer = await window.signal(pc.localDescription.sdp);
    const connected = new Promise((resolve) => {
      pc.onconnectionstatechange = () => { if (pc.connectionState === "connected") resolve(performance.now() - began); };
    });
    await pc.setRemoteDescription({ type: "answer", sdp: answer });
    const within = (promise, ms) => Promise.race([promise, new Promise((resolve) => setTimeout(() => resolve(null), ms))]);
    const connected_ms = await within(connected, 20_000);
    const message = await within(echoed, 10_000);
    const sound = new Audio();
    sound.srcObject = await within(playing, 10_000);
    await sound.play();
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    const stats = [...(await pc.getStats()).values()];
    const inbound = stats.find((one) => one.type === "inbound-rtp" && one.kind === "audio");
    const outbound = stats.find((one) => one.type === "outbound-rtp" && one.kind === "audio");
    const pair = stats.find((one) => one.type === "candidate-pair" && one.nominated);
    pc.close();
    return {
      connected_ms, message, state: pc.connectionState, sent: outbound?.packetsSent,
      received: inbound?.packetsReceived, lost: inbound?.packetsLost, energy: inbound?.totalAudioEnergy,
      concealed: inbound?.concealedSamples, jitter_s: inbound?.jitter, round_trip_s: pair?.currentRoundTripTime,
    };
  });
  // What the server saw of the end.
  const ended = await Promise.race([
    (async () => { for (;;) { const line = JSON.parse((await lines.next()).value); saw.push(line); if (/Closed|Lost/.test(line.event)) return line; } })(),
    new Promise((resolve) => setTimeout(() => resolve(null), 15_000)),
  ]);
  console.log(JSON.stringify({ ...report, browser: browser.version(), server: saw }));
  const good = report.message === "echo hello" && report.received > 100 && report.energy > 0 && ended?.event === "Closed";
  process.exitCode = good ? 0 : 1;
} finally {
  await browser.close();
  server.kill();
}
