// Every page of the console and every state of it, on a real server with real calls: nothing that axe finds, nothing wider than
// the screen, in light and dark, wide and narrow.

import { join } from 'node:path';
import { accessibility, still, tooWide } from '../dev/inspect.mjs';
import { options, story } from './browser.mjs';
import { Operator } from './operator.mjs';
import { Widget } from './widget.mjs';

const { url, token, program, speech, out } = options('url', 'token', 'program', 'speech', 'out');
const operator = new Operator({ url, token, program });

const AGENT = 'newcomer';
const SCREENS = { wide: { width: 1440, height: 900 }, narrow: { width: 360, height: 740 } };
/** What a page is made of does not change with its colours: in the dark these alone are looked at again. */
const COLOUR_RULES = ['color-contrast', 'link-in-text-block'];

const seen = [];
const findings = [];

/** The page as it stands in every look; `within`, where the rest of it was looked at before. */
async function look(page, name, within) {
  seen.push(name);
  console.error(`${new Date().toISOString()} ${name}`);
  for (const [screen, viewport] of Object.entries(SCREENS)) {
    await page.setViewportSize(viewport);
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await still(page);
      const light = colorScheme === 'light';
      const found = [
        ...(await accessibility(page, { within, ...(!light && { rules: COLOUR_RULES }) })),
        ...(light ? await tooWide(page) : []),
      ];
      for (const one of found) findings.push(`${name}, ${screen} and ${colorScheme}: ${one}`);
      if (found.length > 0) {
        await page.screenshot({ path: join(out, `${name}-${screen}-${colorScheme}.png`) });
      }
    }
  }
  await page.setViewportSize(SCREENS.wide);
}

const DIALOG = '[role=dialog]';
const PANEL = '[data-testid=talk-panel]';

/** Goes to `path`, waits for what it shows, and looks. */
const at = async (page, path, shown, name) => {
  await page.goto(`${url}/console${path}`);
  await page.getByTestId(shown).first().waitFor();
  await look(page, name);
};

const close = async (page) => {
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
};

async function door(page) {
  await page.goto(`${url}/console/calls`);
  await page.getByTestId('token').fill('wrong');
  await page.getByTestId('enter').click();
  await page.getByText('Only for the operator').waitFor();
  await look(page, 'sign-in');
  await operator.enter(page, '/agents');
}

/** What a server shows that nobody has called or set up. */
async function emptiness(page) {
  await at(page, '/agents', 'agent-row', 'agents');
  await at(page, '/calls', 'empty', 'calls-none-yet');
  await at(page, '/latency?window=24h', 'empty', 'latency-empty');
  await at(page, '/costs', 'empty', 'costs-empty');
  await at(page, '/costs/prices', 'price-row', 'prices');
  await at(page, '/costs/budget', 'budget-limit', 'budget');
  await at(page, '/drills', 'empty', 'drills-empty');
  await at(page, '/routes', 'empty', 'routes-empty');
  await at(page, '/campaigns', 'empty', 'campaigns-empty');
  await at(page, '/campaigns/cmp_019ab0e61c7a7d53a1d1d8ea5e3a6f10', 'problem', 'campaign-unknown');
  await at(page, '/settings/keys', 'empty', 'keys-empty');
  await at(page, '/settings/greetings', 'empty', 'greetings-empty');
  await at(page, '/settings/channels', 'empty', 'channels-empty');
  await at(page, '/settings/providers', 'empty', 'providers-empty');
  await at(page, '/nowhere', 'empty', 'nowhere');
  await at(page, '/calls/ses_019ab0e61c7a7d53a1d1d8ea5e3a6f10', 'problem', 'call-unknown');
  await at(page, '/agents/nobody', 'problem', 'agent-unknown');
}

async function making(page) {
  await page.goto(`${url}/console/agents`);
  await page.getByTestId('create-agent').click();
  await page.getByTestId('new-title').fill('Newcomer');
  await page.getByTestId('new-name').fill('New comer');
  await page.getByTestId('template-front-desk').check();
  await look(page, 'create', DIALOG);
  await page.getByTestId('new-name').fill(AGENT);
  await page.getByTestId('create').click();
  await page.getByTestId('node').first().waitFor();
  await look(page, 'draft');
  await page.getByTestId('field-voice-speed').fill('9');
  await page.locator('[data-pointer="/voice/speed"]').getByText('must be between').waitFor();
  await page.getByTestId('node').first().locator('summary').first().click();
  await look(page, 'draft-problems');
  await page.getByTestId('field-voice-speed').fill('1');
  await page.getByTestId('findings').waitFor({ state: 'detached' });
  await operator.redraft(AGENT, (now) => {
    now.greeting = ['Hello from the newcomer.'];
    now.options = { ...now.options, session: { ...now.options?.session, recording: { mode: 'on' } } };
    return now;
  });
}

async function talking(page) {
  await page.goto(`${url}/console/agents/${AGENT}`);
  await page.getByTestId('node').first().waitFor();
  await page.getByTestId('talk').click();
  const widget = new Widget(page);
  await widget.element.getByTestId('start').waitFor();
  await look(page, 'talk-panel', PANEL);
  await widget.call();
  await widget.line('agent', 'newcomer');
  await widget.shows('listening');
  await widget.type('How much is a haircut?');
  await widget.line('agent', 'forty.?five');
  await look(page, 'talking', PANEL);
  await widget.hangUp();
  await page.getByTestId('last-call').waitFor();
  await look(page, 'talked', PANEL);
}

async function versions(page) {
  await at(page, `/agents/${AGENT}/versions`, 'empty', 'versions-empty');
  await at(page, `/agents/${AGENT}/releases`, 'empty', 'releases-empty');
  await page.getByTestId('publish').click();
  await page.getByTestId('publish-note').fill('The first one');
  await look(page, 'publish', DIALOG);
  await page.getByTestId('publish-now').click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await operator.redraft(AGENT, (now) => ({ ...now, greeting: ['Hello from a program.'] }));
  await operator.publish(AGENT, 'By a program');
  await at(page, `/agents/${AGENT}/versions?from=1&to=2`, 'change', 'versions');
  await page.locator('[data-name=prod]').getByTestId('roll-back').click();
  await page.getByTestId('confirm').waitFor();
  await look(page, 'roll-back', DIALOG);
  await close(page);
  await at(page, `/agents/${AGENT}/releases`, 'releases', 'releases');
}

async function merging(page) {
  await page.goto(`${url}/console/agents/${AGENT}`);
  await page.getByTestId('node').first().waitFor();
  await operator.redraft(AGENT, (now) => ({ ...now, greeting: ['Theirs.'], title: 'Their title' }));
  await page.getByTestId('field-greeting-0').fill('Ours.');
  await page.getByTestId('merge').waitFor();
  await look(page, 'merge', '[data-testid=merge]');
  await page.getByTestId('choose-theirs').check();
  await page.getByTestId('merge-save').click();
  await page.getByTestId('merge').waitFor({ state: 'detached' });
}

/** One call that goes on while it is looked at, one that an impatient caller makes, one that is not recorded. */
async function calls(page) {
  const said = (name) => join(speech, name);
  const cuts = [said('desk_price.wav'), [said('desk_hours.wav'), 1], said('desk_bye.wav')];
  await operator.post('/agents', { name: 'unrecorded', title: 'Unrecorded', template: 'empty' });
  await operator.publish('unrecorded', '');
  const calling = operator.speak(AGENT, cuts, 'websocket');
  const { id } = await operator.newest(AGENT, (call) => call.running);
  await at(page, `/calls/${id}`, 'running', 'call-running');
  await at(page, '/latency', 'chart', 'latency-live');
  await Promise.all([calling, operator.speak('unrecorded', [said('desk_bye.wav')], 'websocket')]);
  const ended = await operator.newest(AGENT, (call) => call.id === id && !call.running);
  await at(page, '/calls', 'call-row', 'calls');
  await at(page, '/calls?q=zebra&agent=newcomer&range=7d&slower=600', 'empty', 'calls-none-like-that');
  await page.goto(`${url}/console/calls/${ended.id}`);
  await page.locator('[data-testid=waveform][data-state=drawn]').waitFor();
  await page.getByTestId('line').nth(1).click();
  await page.locator('[data-testid=line][data-heard=true]').waitFor();
  await page.getByTestId('events').locator('tbody tr').first().waitFor();
  for (const fold of await page.locator('details.marks summary').all()) await fold.click();
  await look(page, 'call');
  const other = await operator.newest('unrecorded', (call) => !call.running);
  await at(page, `/calls/${other.id}`, 'recording-missing', 'call-unrecorded');
  await at(page, '/latency?window=1h', 'chart', 'latency');
}

async function settings(page) {
  await page.goto(`${url}/console/settings/keys`);
  await page.getByTestId('new-key').click();
  await page.getByTestId('key-name').fill('Booking page');
  await look(page, 'key-form', DIALOG);
  await page.getByTestId('make-key').click();
  await page.getByTestId('key').waitFor();
  await look(page, 'key-shown', '[data-testid=shown-key]');
  await page.getByTestId('rotate').click();
  await page.getByTestId('rotate-now').waitFor();
  await look(page, 'key-rotate', DIALOG);
  await close(page);
  await page.getByTestId('revoke').click();
  await page.getByTestId('confirm').waitFor();
  await look(page, 'key-revoke', DIALOG);
  await page.getByTestId('confirm').click();
  await page.getByText('revoked', { exact: true }).waitFor();
  await look(page, 'keys');

  await operator.post('/greetings', { wordings: ['Good day, and welcome.'], enabled: true });
  await at(page, '/settings/greetings', 'greeting-row', 'greetings');
  await page.getByTestId('new-greeting').click();
  await page.getByTestId('save-greeting').waitFor();
  await look(page, 'greeting-form');

  const { id: agent_id } = await operator.get(`/agents/${AGENT}`);
  const { data: environments } = await operator.get('/environments');
  // More than one page of them.
  await Promise.all(
    Array.from({ length: 53 }, (_, number) =>
      operator.post('/channels', {
        kind: 'room',
        address: `room-${number}`,
        agent_id,
        environment_id: environments[0].id,
        enabled: number % 2 === 0,
      }),
    ),
  );
  await operator.post('/routes', {
    number: '+4144*',
    headers: [{ name: 'X-Line', value: 'vip' }],
    schedule: { windows: [{ days: ['mon', 'tue'], from: '08:00', to: '18:00' }] },
    agent_id,
    environment_id: environments[0].id,
  });
  await page.goto(`${url}/console/routes`);
  await page.getByTestId('test-number').fill('+41441234567');
  await page.getByTestId('test-answer').waitFor();
  await page.locator('.test summary').click();
  await look(page, 'routes');
  await page.getByTestId('route-row').getByRole('link').click();
  await page.getByTestId('save-route').waitFor();
  await page.getByTestId('route-number').fill('*');
  await page.getByTestId('save-route').click();
  await page.locator('form [aria-invalid=true]').first().waitFor();
  await look(page, 'route-form');
  await at(page, '/settings/channels', 'channel-row', 'channels');
  const rows = page.getByTestId('channel-row');
  const first = await rows.count();
  await page.getByTestId('more').click();
  await page.getByTestId('more').waitFor({ state: 'detached' });
  const paged = [first, await rows.count()];
  await page.getByTestId('new-channel').click();
  await page.getByRole('dialog').waitFor();
  await look(page, 'channel-form', DIALOG);

  // Nobody listens there: the test of it fails.
  await operator.post('/provider-accounts', {
    name: 'elsewhere',
    vendor: 'openai_compatible',
    key: 'sk-not-a-real-key-0123456789',
    options: { base_url: 'http://127.0.0.1:9/v1', llm_model: 'some-model' },
    enabled: true,
  });
  await at(page, '/settings/providers', 'account-row', 'providers');
  await page.getByTestId('new-account').click();
  await page.getByTestId('account-vendor').waitFor();
  await look(page, 'account-form', DIALOG);
  await close(page);
  await page.getByTestId('test-account').click();
  await page.getByTestId('run-test').click();
  await page.getByRole('dialog').getByTestId('problem').or(page.getByTestId('test-failed')).first().waitFor();
  await look(page, 'account-test', DIALOG);
  await at(page, '/settings/organization', 'organization-title', 'organization');
  await at(page, '/settings/audit', 'audit', 'audit');
  await at(page, '/settings/about', 'about', 'about');
  return paged;
}

/** The server does not answer, and each page says so and what to do. */
async function away(page) {
  await page.goto(`${url}/console/agents`);
  await page.getByTestId('agent-row').first().waitFor();
  await page.route('**/v1/**', (route) => route.abort());
  for (const [place, name] of [
    ['/calls', 'calls-away'],
    ['/latency', 'latency-away'],
    ['/settings', 'settings-away'],
  ]) {
    await page.locator(`.menu a[href$="${place}"]`).click();
    await page.getByTestId('problem').first().waitFor();
    await look(page, name);
  }
  await page.unroute('**/v1/**');
}

async function nothingLeft(page) {
  const { data } = await operator.get('/agents');
  for (const { name } of data) await operator.call('DELETE', `/agents/${name}`);
  await at(page, '/agents', 'empty', 'agents-empty');
}

await story(
  async (page) => {
    const breaches = [];
    page.on('console', (message) => {
      if (/Content Security Policy/.test(message.text())) breaches.push(message.text());
    });
    await door(page);
    await emptiness(page);
    await making(page);
    await talking(page);
    await versions(page);
    await merging(page);
    await calls(page);
    const paged = await settings(page);
    await away(page);
    await nothingLeft(page);
    return { seen, findings, breaches, paged };
  },
  { out },
);
