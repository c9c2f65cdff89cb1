// Pictures for the documentation: every page of the console, light and dark, of a real server that was really called.
// usage: node dev/pictures.mjs [--program FILE] [--only NAME,NAME] ; writes docs/images/console/*.webp
// The server, its data and its calls are made here and gone afterwards; it hears and speaks with the embedded models, and thinks with
// the stand-ins for vendors of `loadtest vendors`, so that there are costs to see.

import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { padded } from '../e2e/browser.mjs';
import { Operator } from '../e2e/operator.mjs';
import { Widget } from '../e2e/widget.mjs';
import { launch } from './chromium.mjs';
import { still, tooWide } from './inspect.mjs';

const target = process.env.CARGO_TARGET_DIR ?? new URL('../../target', import.meta.url).pathname;
const { values } = parseArgs({
  options: { program: { type: 'string', default: join(target, 'debug/foundry') }, only: { type: 'string' } },
});
const only = values.only?.split(',') ?? [];
const out = new URL('../../docs/images/console/', import.meta.url).pathname;
const speech = (name) => new URL(`../../testkit/speech/${name}.wav`, import.meta.url).pathname;
mkdirSync(out, { recursive: true });

const WIDE = { width: 1280, height: 800 };
const NARROW = { width: 360, height: 740 };
/** Longer pages are cut: a picture is to be read. */
const TALLEST = 1500;
const QUALITY = 80;
/** Also shown on a telephone. */
const NARROW_TOO = ['agents', 'draft', 'talk', 'calls', 'call', 'latency', 'docs', 'route-refused'];

/** A port that nobody has now. */
const freePort = () =>
  new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

/** Starts the program on ports of its own, SIP on `sip`, and waits until it is ready. It calls by a trunk at `callees`. */
async function serve(program, providers, sip, callees) {
  const folder = mkdtempSync(join(tmpdir(), 'foundry-pictures-'));
  const config = join(folder, 'foundry.toml');
  const trunk = ['name = "carrier"', 'host = "127.0.0.1"', `port = ${callees}`, 'caller = "+15550199"'];
  writeFileSync(config, `[sip]\nlisten = "127.0.0.1:${sip}"\n[[sip.trunks]]\n${trunk.join('\n')}\n`);
  const data = ['--data-dir', join(folder, 'data'), '--listen', '127.0.0.1:0', '--log', 'warn'];
  const place = ['serve', '--config', config, ...data, '--providers', providers];
  const child = spawn(program, place, { stdio: ['ignore', 'pipe', 'inherit'] });
  const url = await new Promise((resolve, reject) => {
    let said = '';
    child.on('exit', (code) => reject(new Error(`the server ended with ${code}`)));
    child.stdout.on('data', (data) => {
      said += data;
      const ready = /is ready: (http:\/\/[^/\s]+)/.exec(said);
      if (ready) resolve(ready[1]);
    });
  });
  const token = readFileSync(join(folder, 'data', 'operator-token'), 'utf8').trim();
  const stop = async () => {
    child.removeAllListeners('exit');
    const ended = new Promise((resolve) => child.on('exit', resolve));
    child.kill('SIGINT');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  return { operator: Object.assign(new Operator({ url, token, program }), { folder }), stop };
}

/** What signs one browser in, once: the part of the link that stays in the browser. */
async function linkOf({ program, folder, url }) {
  const child = spawn(program, ['admin-link', '--data-dir', join(folder, 'data'), '--url', url], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  for await (const data of child.stdout) said += data;
  return new URL(said.split('\n')[0]).hash;
}

/** Stand-ins for vendors, on a port of theirs. */
async function vendors(program) {
  const child = spawn(join(dirname(program), 'loadtest'), ['vendors', '--listen', '127.0.0.1:0'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const address = await new Promise((resolve, reject) => {
    let said = '';
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`the vendors ended with ${code}: ${said}`)));
    child.stderr.on('data', (data) => {
      said += data;
      const ready = /timed vendors on (\S+)/.exec(said);
      if (ready) resolve(ready[1]);
    });
  });
  const stopVendors = () => {
    child.removeAllListeners('exit');
    child.kill('SIGINT');
  };
  return { address, stopVendors };
}

/** What a small company sets up. */
async function setUp(operator, vendorsAt) {
  const change = async (agent, edit, note, environment) => {
    await operator.redraft(agent, edit);
    return operator.publish(agent, note, environment);
  };
  await operator.post('/agents', { name: 'corner-salon', title: 'Corner salon', template: 'front-desk' });
  await change(
    'corner-salon',
    (now) => {
      now.options.page.description = 'Answers for the salon on the corner.';
      return { ...now, greeting: ['Corner Salon, how can I help?'] };
    },
    'First version',
  );
  await change(
    'corner-salon',
    (now) => ({ ...now, greeting: ['Corner Salon, good day. What can I do for you?'] }),
    'A friendlier greeting',
    'staging',
  );
  await change(
    'corner-salon',
    (now) => ({
      ...now,
      greeting: ['Corner Salon, good day. What can I do for you?', 'Corner Salon, hello!'],
      voice: { ...now.voice, speed: 1.1 },
    }),
    'Speaks a little faster; a second wording',
  );
  await operator.redraft('corner-salon', (now) => ({
    ...now,
    greeting: ['Corner Salon, good day. How can I help you?', 'Corner Salon, hello!'],
  }));
  await operator.post('/agents', { name: 'after-hours', title: 'After hours', template: 'empty' });

  await operator.post('/api-keys', { name: 'Booking page' });
  await operator.post('/api-keys', {
    name: 'Nightly report',
    expires_at: new Date(Date.now() + 90 * 86_400_000).toISOString(),
  });
  const { data: environments } = await operator.get('/environments');
  const environment_id = environments.find((one) => one.name === 'prod').id;
  const salon = (await operator.get('/agents/corner-salon')).id;
  const desk = (await operator.get('/agents/front-desk')).id;
  const channels = [
    ['widget', 'https://shop.example.com', salon],
    ['number', '+15550100', desk],
    ['host', 'voice.example.com', desk],
  ];
  for (const [kind, address, agent_id] of channels) {
    await operator.post('/channels', { kind, address, agent_id, environment_id, enabled: kind !== 'host' });
  }
  await operator.post('/greetings', {
    wordings: ['Corner Salon. We close at four today.'],
    enabled: true,
    agent_id: salon,
  });
  for (const [name, vendor, llm_model, path] of [
    ['openai', 'openai', 'gpt-4.1-mini', 'openai/v1'],
    ['anthropic', 'anthropic', 'claude-haiku-4-5', 'anthropic'],
  ]) {
    const key = `key-of-${name}-0123456789`;
    const options = { llm_model, base_url: `http://${vendorsAt}/${path}` };
    await operator.post('/provider-accounts', { name, vendor, key, options, enabled: true });
  }
  await operator.post('/routes', {
    title: 'Main number',
    number: '+15550100',
    agent_id: desk,
    environment_id,
  });
  await operator.post('/routes', { title: 'The salon', number: '+155502', agent_id: salon, environment_id });
  await operator.post('/routes', {
    title: 'Bookings',
    number: '+15550150',
    agent_id: desk,
    environment_id,
    node: 'booking',
  });
}

/** People to be called, of whom two have no telephone any more. */
const CONTACTS = `number,name,due
+15550100,Maria Lopez,Monday
+15550307,Ben Okafor,Monday
+155502,Aiko Tanaka,Tuesday
+15550411,Jonas Meyer,Tuesday
+1555021,Lea Rossi,Friday
+1555022,Omar Haddad,Friday
`;

/** Those who are still there. */
async function pickUp(callees) {
  const { data: environments } = await callees.get('/environments');
  const environment_id = environments.find((one) => one.name === 'prod').id;
  const agent_id = (await callees.get('/agents/front-desk')).id;
  for (const number of ['+15550100', '+155502*']) {
    await callees.post('/routes', { title: number, number, agent_id, environment_id });
  }
}

/** A campaign that calls them, while its first call goes on. */
async function callOut(operator) {
  const { id } = await operator.post('/campaigns', {
    title: 'Reminders for next week',
    agent: 'front-desk',
    trunk: 'carrier',
    concurrency: 2,
    per_minute: 600,
    machine_detection: { mode: 'off' },
    retry: { outcomes: ['busy', 'no_answer'], attempts: 2, after_s: 3600 },
  });
  const imported = await fetch(`${operator.url}/v1/campaigns/${id}/contacts`, {
    method: 'POST',
    headers: { authorization: `Bearer ${operator.token}`, 'content-type': 'text/csv' },
    body: CONTACTS,
  });
  if (!imported.ok) throw new Error(`contacts: ${imported.status} ${await imported.text()}`);
  await operator.post(`/campaigns/${id}/start`, {});
  await operator.newest('front-desk', (call) => call.running && call.transport === 'sip');
  return id;
}

/** Callers: some ask, one cuts in, one books, one over a telephone's codec. */
async function callIn(operator) {
  const say = (...names) =>
    names.map((name) => (Array.isArray(name) ? [speech(name[0]), name[1]] : speech(name)));
  const calls = [
    ['front-desk', say('desk_hours', 'desk_address', 'desk_bye')],
    ['front-desk', say('desk_price', ['desk_hours', 2], 'desk_bye')],
    ['corner-salon', say('desk_address', 'desk_bye'), 'websocket'],
    ['front-desk', say('desk_hours_slt', 'desk_bye'), 'mulaw'],
    ['assistant', say('desk_hours', 'desk_bye')],
    ['front-desk', say('desk_book', 'desk_book_slt', 'desk_name', 'desk_phone', 'desk_yes', 'desk_bye')],
  ];
  for (const [agent, lines, transport] of calls) {
    // A caller who is not understood within the patience of the command is a call like others.
    await operator
      .speak(agent, lines, transport)
      .catch((error) => console.error(String(error).slice(0, 300)));
  }
}

const microphone = join(mkdtempSync(join(tmpdir(), 'foundry-pictures-')), 'silence.wav');
writeFileSync(microphone, padded(undefined, 1));
const browser = await launch(`--use-file-for-fake-audio-capture=${microphone}%noloop`);

async function capture(page, name) {
  await still(page);
  const found = await tooWide(page);
  if (found.length > 0) throw new Error(`${name}: ${found}`);
  // What lies below a window is not dimmed: it is no part of the picture.
  const { width, height } = await page.evaluate(() => ({
    width: document.documentElement.clientWidth,
    height: document.querySelector('[role=dialog]') ? innerHeight : document.documentElement.scrollHeight,
  }));
  const client = await page.context().newCDPSession(page);
  const { data } = await client.send('Page.captureScreenshot', {
    format: 'webp',
    quality: QUALITY,
    captureBeyondViewport: true,
    clip: { x: 0, y: 0, width, height: Math.min(height, TALLEST), scale: 1 },
  });
  await client.detach();
  writeFileSync(join(out, `${name}.webp`), Buffer.from(data, 'base64'));
}

/** The page as it stands, in each look that is wanted of it. */
async function take(page, name) {
  for (const [screen, viewport] of [
    ['', WIDE],
    ['-narrow', NARROW],
  ]) {
    if (screen && !NARROW_TOO.includes(name)) continue;
    await page.setViewportSize(viewport);
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.waitForTimeout(300); // canvases are drawn again
      await capture(page, `${name}${screen}-${colorScheme}`);
    }
  }
  await page.setViewportSize(WIDE);
}

const { address: vendorsAt, stopVendors } = await vendors(values.program);
const ports = [await freePort(), await freePort()];
const { operator, stop } = await serve(values.program, 'local', ports[0], ports[1]);
const { operator: callees, stop: stopCallees } = await serve(values.program, 'fake', ports[1], ports[0]);
const { url } = operator;
const open = (path, shown) => async (page) => {
  await page.goto(`${url}/console${path}`);
  await page.getByTestId(shown).first().waitFor();
};
const dialog = (path, shown, button, field) => async (page) => {
  await open(path, shown)(page);
  await page.getByTestId(button).first().click();
  await page.getByTestId(field).first().waitFor();
};

const pages = {
  // First, while the calls are in it.
  'latency-live': open('/latency?window=5m', 'chart'),
  'sign-in': async (page) => {
    await page.context().clearCookies();
    await open('/agents', 'sign-in')(page);
    await take(page, 'sign-in');
    await operator.enter(page, '/agents');
  },
  agents: open('/agents', 'agent-row'),
  create: async (page) => {
    await dialog('/agents', 'agent-row', 'create-agent', 'template-empty')(page);
    await page.getByTestId('new-title').fill('Dental practice');
  },
  draft: open('/agents/corner-salon', 'node'),
  problems: async (page) => {
    await open('/agents/after-hours', 'node')(page);
    await page.getByTestId('field-greeting-0').fill('After hours, {if now.hour < 12}good morning.');
    await page.getByTestId('field-voice-speed').fill('9');
    await page.getByTestId('findings').waitFor();
  },
  talk: async (page) => {
    await open('/agents/corner-salon', 'node')(page);
    await page.getByTestId('talk').click();
    const widget = new Widget(page);
    await widget.call();
    await widget.line('agent', 'Salon');
    await widget.shows('listening');
    await widget.type('How much is a haircut?');
    await widget.line('agent', 'forty.?five');
    await widget.shows('listening');
  },
  merge: async (page) => {
    await open('/agents/corner-salon', 'node')(page);
    await operator.redraft('corner-salon', (now) => ({
      ...now,
      title: 'Salon on the corner',
      greeting: ['Salon on the corner, hello.', now.greeting[1]],
    }));
    await page.getByTestId('field-greeting-0').fill('Good day, this is the Corner Salon.');
    await page.getByTestId('merge').waitFor();
    await page.getByTestId('choose-theirs').check();
  },
  publish: async (page) => {
    await dialog('/agents/corner-salon', 'node', 'publish', 'publish-note')(page);
    await page.getByTestId('publish-note').fill('Says its name as the sign does');
    await page.getByRole('dialog').locator('summary').click();
  },
  versions: open('/agents/corner-salon/versions?from=1&to=3', 'change'),
  releases: open('/agents/corner-salon/releases', 'releases'),
  calls: open('/calls', 'call-row'),
  'calls-search': async (page) => {
    await open('/calls?q=saturday&agent=front-desk&range=24h', 'call-row')(page);
  },
  call: async (page) => {
    const { id } = await operator.newest('front-desk', (call) => !call.running && call.interruptions > 0);
    await open(`/calls/${id}`, 'turn')(page);
    await page.locator('[data-testid=waveform][data-state=drawn]').waitFor();
    await page.getByTestId('line').nth(3).click();
    await page.locator('[data-testid=line][data-heard=true]').waitFor();
  },
  'call-long': async (page) => {
    const { id } = await operator.newest('front-desk', (call) => !call.running && call.turns > 4);
    await open(`/calls/${id}`, 'turn')(page);
    await page.locator('[data-testid=waveform][data-state=drawn]').waitFor();
  },
  'call-running': async (page) => {
    const calling = operator.speak('front-desk', [speech('desk_hours'), speech('desk_price')]);
    const { id } = await operator.newest('front-desk', (call) => call.running && call.turns > 0);
    await open(`/calls/${id}`, 'running')(page);
    await page.getByTestId('line').nth(1).waitFor();
    await take(page, 'call-running');
    await calling;
  },
  latency: open('/latency?window=1h', 'chart'),
  keys: open('/settings/keys', 'key-row'),
  'key-shown': async (page) => {
    await dialog('/settings/keys', 'key-row', 'new-key', 'key-name')(page);
    await page.getByTestId('key-name').fill('Spreadsheet');
    await page.getByTestId('make-key').click();
    await page.getByTestId('key').waitFor();
  },
  greetings: open('/greetings', 'greeting-row'),
  greeting: async (page) => {
    await open('/greetings', 'greeting-row')(page);
    await page.getByTestId('greeting-row').first().getByRole('link').first().click();
    await page.getByTestId('preview-text').waitFor();
  },
  costs: open('/costs?window=24h', 'breakdown'),
  prices: open('/costs/prices', 'price-row'),
  budget: async (page) => {
    await open('/costs/budget', 'budget-limit')(page);
    await page.getByTestId('budget-limit').fill('150');
    await page.getByTestId('save-budget').click();
    await page.getByTestId('spent').waitFor();
  },
  drill: async (page) => {
    await dialog('/drills', 'new-drill', 'new-drill', 'start-drill')(page);
  },
  drills: async (page) => {
    await dialog('/drills', 'new-drill', 'new-drill', 'start-drill')(page);
    await page.getByTestId('start-drill').click();
    await page.getByTestId('drill-row').first().waitFor();
    await take(page, 'drills');
    // It strikes whoever calls meanwhile.
    await page.getByTestId('drill-stop').first().click();
    await page.getByTestId('confirm').click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  },
  routes: async (page) => {
    await open('/routes', 'route-row')(page);
    await page.getByTestId('test-number').fill('+15550150');
    await page.getByTestId('test-answer').filter({ hasText: 'booking' }).waitFor();
  },
  route: async (page) => {
    await open('/routes/new', 'route-title')(page);
    await page.getByTestId('route-title').fill('Weekends');
    await page.getByTestId('route-number').fill('+15550100');
  },
  'route-refused': async (page) => {
    await open('/routes/new', 'route-title')(page);
    await page.getByTestId('route-number').fill('+41 44*1');
    await page.getByTestId('route-trunk').fill('Main line');
    await page.getByTestId('save-route').click();
    await page.getByTestId('form-faults').waitFor();
  },
  docs: async (page) => {
    await page.goto(`${url}/docs`);
    await page.getByTestId('manual').waitFor();
  },
  'link-used': async (page) => {
    const link = await linkOf(operator);
    await page.context().clearCookies();
    await page.goto('about:blank');
    await page.goto(`${url}/console/agents${link}`);
    await page.getByTestId('agent-row').first().waitFor();
    await page.goto('about:blank');
    await page.context().clearCookies();
    await page.goto(`${url}/console/agents${link}`);
    await page.getByTestId('sign-in').getByText('used already').waitFor();
  },
  live: async (page) => {
    campaign = await callOut(operator);
    await open('/live', 'live-row')(page);
    await page.getByTestId('live-words').first().fill("Offer them ten o'clock instead.");
  },
  campaign: async (page) => {
    campaign ??= await callOut(operator);
    await open(`/campaigns/${campaign}`, 'contact-row')(page);
  },
  campaigns: open('/campaigns', 'new-campaign'),
  channels: open('/settings/channels', 'channel-row'),
  organization: open('/settings/organization', 'organization-title'),
  providers: open('/settings/providers', 'account-row'),
  account: dialog('/settings/providers', 'account-row', 'new-account', 'account-key'),
  audit: open('/settings/audit', 'audit'),
  about: open('/settings/about', 'about'),
};
/** Made by the first page that shows it. */
let campaign;
/** These take their picture themselves, while what they show lasts. */
const OWN = ['sign-in', 'call-running', 'drills'];

let failed = false;
try {
  await setUp(operator, vendorsAt);
  await pickUp(callees);
  if (only.length === 0 || only.some((name) => /^(call|latency|costs)/.test(name))) await callIn(operator);
  for (const [name, steps] of Object.entries(pages)) {
    if (only.length > 0 && !only.includes(name)) continue;
    const context = await browser.newContext({ viewport: WIDE, permissions: ['microphone'] });
    const page = await context.newPage();
    await operator.enter(page, '/agents');
    await steps(page);
    if (!OWN.includes(name)) await take(page, name);
    await context.close();
    console.log(name);
  }
} catch (error) {
  console.error(error);
  failed = true;
} finally {
  await browser.close();
  await stop();
  await stopCallees();
  stopVendors();
}
process.exit(failed ? 1 : 0);
