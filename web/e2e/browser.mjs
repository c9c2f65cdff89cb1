// A Chromium with a fake microphone that speaks a recording, and a tap on everything the page plays.

import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { launch } from '../dev/chromium.mjs';

/** Waits in a browser on a busy machine; a wait that ends is a finding. */
export const PATIENCE_MS = 45_000;

/** `--name value` pairs of the command line. */
export function options(...names) {
  const given = Object.fromEntries(names.map((name) => [name, { type: 'string' }]));
  return parseArgs({ options: given }).values;
}

/**
 * Runs one story in a fresh browser and prints its report as one line of JSON; a failure shows where the page was.
 * The microphone speaks `speech` once, after `leadSeconds` of silence, and is silent then.
 */
export async function story(
  tell,
  { speech, leadSeconds = 8, flags = [], out = mkdtempSync(join(tmpdir(), 'foundry-e2e-')) } = {},
) {
  const microphone = join(out, 'microphone.wav');
  writeFileSync(microphone, padded(speech, leadSeconds));
  const browser = await launch(`--use-file-for-fake-audio-capture=${microphone}%noloop`, ...flags);
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    colorScheme: 'light',
    permissions: ['microphone'],
  });
  const page = await context.newPage();
  const said = [];
  page.on('console', (message) => said.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => said.push(`uncaught: ${error.message}`));
  page.setDefaultTimeout(PATIENCE_MS);
  await page.addInitScript(tap);
  try {
    const report = await tell(page, out);
    const uncaught = said.filter((line) => line.startsWith('uncaught'));
    console.log(JSON.stringify({ ...report, out, uncaught }));
  } catch (error) {
    await page.screenshot({ path: join(out, 'failed.png') }).catch(() => undefined);
    const seen = await page
      .locator('body')
      .innerText()
      .catch(() => '');
    console.error(
      `${error.stack}\n--- the page, also in ${out}/failed.png\n${seen}\n--- its console\n${said.join('\n')}`,
    );
    process.exitCode = 1;
  } finally {
    await browser.close();
  }
}

/** Everything the page has played, as a WAV file. Silent takes (level meters and the like) are left out. */
export async function recording(page, path) {
  const takes = await page.evaluate(() =>
    window.tapped.takes.map(({ rate, chunks }) => ({ rate, samples: encode(chunks) })),
  );
  const heard = takes
    .map(({ rate, samples }) => ({ rate, pcm: Buffer.from(samples, 'base64') }))
    .filter(({ pcm }) => loudest(pcm) > 300);
  const rate = heard[0]?.rate ?? 16_000;
  const pcm = Buffer.concat(heard.filter((take) => take.rate === rate).map((take) => take.pcm));
  writeFileSync(path, Buffer.concat([header(rate, pcm.length), pcm]));
  return { seconds: pcm.length / 2 / rate, peak: loudest(pcm) };
}

function loudest(pcm) {
  let peak = 0;
  for (let at = 0; at + 1 < pcm.length; at += 2) peak = Math.max(peak, Math.abs(pcm.readInt16LE(at)));
  return peak;
}

/** Runs in the page before anything else there: keeps connections at hand and records what is played. */
function tap() {
  const takes = [];
  const peers = [];
  const sockets = [];
  const record = (node) => {
    const context = node.context;
    const take = { rate: context.sampleRate, chunks: [] };
    // Half a second of slack: a worklet would need the page's policy to allow our script.
    const processor = context.createScriptProcessor(16_384, 1, 1);
    processor.onaudioprocess = ({ inputBuffer }) => take.chunks.push(inputBuffer.getChannelData(0).slice());
    connect.call(node, processor);
    connect.call(processor, context.destination);
    takes.push(take);
  };
  const { connect } = AudioNode.prototype;
  AudioNode.prototype.connect = function (...given) {
    if (given[0] instanceof AudioDestinationNode && this.context instanceof AudioContext) record(this);
    return connect.apply(this, given);
  };
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...given) {
      super(...given);
      peers.push(this);
      this.addEventListener('track', ({ track }) => {
        if (track.kind !== 'audio') return;
        const context = new AudioContext({ sampleRate: 16_000 });
        record(context.createMediaStreamSource(new MediaStream([track])));
      });
    }
  };
  window.WebSocket = class extends WebSocket {
    constructor(...given) {
      super(...given);
      sockets.push(this);
    }
  };
  window.encode = (chunks) => {
    const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0) * 2);
    const view = new DataView(bytes.buffer);
    let at = 0;
    for (const chunk of chunks) {
      for (const sample of chunk) {
        view.setInt16(at, Math.max(-1, Math.min(1, sample)) * 32_767, true);
        at += 2;
      }
    }
    const parts = [];
    for (let from = 0; from < bytes.length; from += 32_768) {
      parts.push(String.fromCharCode(...bytes.subarray(from, from + 32_768)));
    }
    return btoa(parts.join(''));
  };
  window.tapped = { takes, peers, sockets };
}

/** Silence, the recording, and a second of silence; a silent second where there is no recording. As a WAV file. */
export function padded(speech, leadSeconds) {
  const { rate, pcm } = speech ? wav(readFileSync(speech)) : { rate: 16_000, pcm: Buffer.alloc(0) };
  const body = Buffer.concat([Buffer.alloc(rate * 2 * leadSeconds), pcm, Buffer.alloc(rate * 2)]);
  return Buffer.concat([header(rate, body.length), body]);
}

function wav(file) {
  let at = 12;
  let rate = 0;
  while (at + 8 <= file.length) {
    const kind = file.toString('latin1', at, at + 4);
    const length = file.readUInt32LE(at + 4);
    if (kind === 'fmt ') {
      if (file.readUInt16LE(at + 10) !== 1 || file.readUInt16LE(at + 22) !== 16)
        throw new Error('not 16-bit mono');
      rate = file.readUInt32LE(at + 12);
    }
    if (kind === 'data') return { rate, pcm: file.subarray(at + 8, at + 8 + length) };
    at += 8 + length + (length % 2);
  }
  throw new Error('a WAV file without samples');
}

function header(rate, length) {
  const bytes = Buffer.alloc(44);
  bytes.write('RIFF', 0, 'latin1');
  bytes.writeUInt32LE(36 + length, 4);
  bytes.write('WAVEfmt ', 8, 'latin1');
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(rate, 24);
  bytes.writeUInt32LE(rate * 2, 28);
  bytes.writeUInt16LE(2, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write('data', 36, 'latin1');
  bytes.writeUInt32LE(length, 40);
  return bytes;
}
