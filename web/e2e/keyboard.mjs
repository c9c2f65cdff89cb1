// The console without a pointer: an agent is made, talked to, published and rolled back, its call is played and sought in.

import { join } from 'node:path';
import { options, story } from './browser.mjs';
import { Operator } from './operator.mjs';
import { Widget } from './widget.mjs';

const { url, token, out } = options('url', 'token', 'out');
const operator = new Operator({ url, token });
const AGENT = 'by-keys';

/** How many times Tab was pressed to get somewhere, by place. */
const presses = {};

const focused = (place) => place.evaluate((element) => element.matches(':focus'));

/** Presses Tab until `place` has the focus; after `most` presses nobody would look further. */
async function reach(page, name, place, most, key = 'Tab') {
  await place.waitFor();
  for (presses[name] = 0; !(await focused(place)); presses[name] += 1) {
    if (presses[name] >= most) throw new Error(`${name} is not reached with ${most} presses of ${key}`);
    await page.keyboard.press(key);
  }
  return place;
}

/** To a place whose focus is moved there by the page. */
const given = (page, testid) =>
  page.waitForFunction((wanted) => document.activeElement?.matches(`[data-testid="${wanted}"]`), testid);

async function press(page, testid, most, within = page) {
  await reach(page, testid, within.getByTestId(testid).first(), most);
  await page.keyboard.press('Enter');
}

const saved = (page) => page.locator('[data-testid=save-state][data-state=saved]').waitFor();

async function create(page) {
  await press(page, 'create-agent', 20);
  await given(page, 'new-title');
  await page.keyboard.type('By keys');
  await reach(page, 'template', page.getByTestId('template-front-desk'), 5);
  await press(page, 'create', 5);
  await page.getByTestId('node').first().waitFor();
}

async function edit(page) {
  const greeting = page.getByTestId('field-greeting-0');
  await reach(page, 'greeting', greeting, 20);
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.type('Hello, you came by keys.');
  const recording = page.getByTestId('field-options-session-recording-mode');
  await reach(page, 'recording', recording, 60);
  await page.keyboard.type('On, nobody');
  await page.waitForTimeout(1000); // the pause after which a draft is saved
  await saved(page);
  return recording.evaluate((select) => select.selectedOptions[0].label);
}

async function talk(page) {
  await page.keyboard.press('ControlOrMeta+Home');
  await page.getByRole('heading', { level: 1 }).focus();
  await press(page, 'talk', 5);
  const widget = new Widget(page);
  await reach(page, 'start', widget.element.getByTestId('start'), 5);
  await page.keyboard.press('Enter');
  await widget.element.evaluate(() => {
    window.states = [];
  });
  await widget.line('agent', '\\w'); // one of its wordings
  await widget.shows('listening');
  await reach(page, 'text-input', widget.element.getByTestId('text-input'), 6);
  await page.keyboard.type('How much is a haircut?');
  await page.keyboard.press('Enter');
  await widget.line('agent', 'forty.?five');
  await widget.shows('listening');
  const session = await widget.data('session');
  await reach(page, 'hangup', widget.element.getByTestId('hangup'), 8);
  await page.keyboard.press('Enter');
  await widget.shows('ended');
  await reach(page, 'last-call', page.getByTestId('last-call'), 4);
  await reach(page, 'close-talk', page.getByTestId('close-talk'), 6, 'Shift+Tab');
  await page.keyboard.press('Enter');
  await given(page, 'talk');
  return session;
}

async function publish(page) {
  await press(page, 'publish', 2);
  await given(page, 'publish-note');
  await page.keyboard.type('By keys');
  await press(page, 'publish-now', 5);
  await page.getByRole('dialog').waitFor({ state: 'detached' });
}

async function rollBack(page) {
  await operator.redraft(AGENT, (now) => ({ ...now, greeting: ['Hello from a program.'] }));
  await operator.publish(AGENT, 'By a program');
  await page.reload();
  await page.getByTestId('node').first().waitFor();
  await reach(page, 'versions', page.getByRole('link', { name: 'Versions' }), 24);
  await page.keyboard.press('Enter');
  const prod = page.locator('[data-testid=environment][data-name=prod]');
  const version = prod.getByTestId('environment-version');
  await version.getByText('v2', { exact: true }).waitFor();
  await press(page, 'roll-back', 28, prod);
  await press(page, 'confirm', 4);
  await version.getByText('v1', { exact: true }).waitFor();
  return version.textContent();
}

async function listen(page, session) {
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  const calls = page.getByRole('link', { name: 'Calls', exact: true }).first();
  await reach(page, 'calls', calls, 28, 'Shift+Tab');
  await page.keyboard.press('Enter');
  const call = page.locator(`[data-testid=call-row][data-id="${session}"]`).getByRole('link');
  await reach(page, 'call', call, 34);
  await page.keyboard.press('Enter');
  await page.locator('[data-testid=waveform][data-state=drawn]').waitFor();
  const position = () => page.getByTestId('position').evaluate((shown) => Number(shown.dataset.ms));
  await press(page, 'play', 8);
  await page.waitForFunction(
    () => Number(document.querySelector('[data-testid=position]')?.dataset.ms) > 800,
  );
  await page.keyboard.press('Enter');
  await page.locator('[data-testid=player][data-playing=false]').waitFor();
  const before = await position();
  await reach(page, 'seek', page.getByTestId('seek'), 8);
  await page.keyboard.press('ArrowRight');
  await page.waitForFunction(
    (from) => Number(document.querySelector('[data-testid=position]')?.dataset.ms) > from + 1000,
    before,
  );
  return { before, after: await position() };
}

await story(
  async (page, folder) => {
    await operator.enter(page, '/agents');
    await page.getByTestId('agent-row').first().waitFor();
    await create(page);
    const recorded = await edit(page);
    const session = await talk(page);
    await publish(page);
    const back = await rollBack(page);
    const sought = await listen(page, session);
    await page.screenshot({ path: join(folder, 'keyboard.png') });
    return { recorded, session, back, sought, presses };
  },
  { out },
);
