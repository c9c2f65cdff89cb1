// A newcomer's hour in the console: an agent from a template, its greeting, a call to the draft, a version, what happened
// in the call and how it sounded, the greeting changed by a program, and the version before it back again.

import { join } from 'node:path';
import { options, story } from './browser.mjs';
import { Operator } from './operator.mjs';
import { Widget } from './widget.mjs';

const {
  url = process.env.URL,
  token = process.env.TOKEN,
  name = `newcomer-${Date.now().toString(36)}`,
  speech,
  out,
} = options('url', 'token', 'name', 'speech', 'out');

const GREETING = 'Hello from the newcomer, what can I do for you?';
const LATER = 'Hello from a program.';

const operator = new Operator({ url, token });
/** As a program would, with curl. */
const call = (...given) => operator.call(...given);

const saved = (page) => page.locator('[data-testid=save-state][data-state=saved]').waitFor();

async function create(page) {
  await page.goto(`${url}/console/agents#token=${token}`);
  await page.waitForFunction(() => location.hash === '');
  await page.getByTestId('create-agent').first().click();
  await page.getByTestId('new-title').fill('Newcomer');
  await page.getByTestId('new-name').fill(name);
  await page.getByTestId('template-front-desk').check();
  await page.getByTestId('create').click();
  await page.getByTestId('node').first().waitFor();
}

/** One wording, so that it is known what is said; and the call is recorded. */
async function edit(page) {
  await page.getByTestId('field-greeting-0').fill(GREETING);
  while ((await page.getByLabel('Remove wording 2').count()) > 0)
    await page.getByLabel('Remove wording 2').click();
  await page
    .getByTestId('field-options-session-recording-mode')
    .selectOption({ label: 'On, nobody is told' });
  await page.waitForTimeout(1000); // the pause after which a draft is saved
  await saved(page);
}

async function talk(page) {
  await page.getByTestId('talk').click();
  const widget = new Widget(page);
  await widget.call();
  const greeting = await widget.line('agent', 'newcomer');
  if (speech) await widget.line('agent', 'saturday|nine|four', 1);
  await widget.shows('listening');
  const kept = (await widget.lines()).length;
  await widget.type('How much is a haircut?');
  const answer = await widget.line('agent', 'forty.?five', kept);
  await widget.shows('listening');
  const session = await widget.data('session');
  await widget.hangUp();
  return { greeting, answer, session };
}

async function publish(page) {
  await page.getByTestId('publish').click();
  await page.getByTestId('publish-note').fill('The first one');
  await page.getByTestId('publish-now').click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
}

async function read(page, session, folder) {
  await page.getByRole('link', { name: 'Calls', exact: true }).first().click();
  const row = page.locator(`[data-testid=call-row][data-id="${session}"]`);
  await row.waitFor();
  await page.getByTestId('search').fill('haircut');
  await page.waitForFunction(() => location.search.includes('q=haircut'));
  const listed = await row.locator('.about').evaluate((cell) => ({
    about: cell.textContent,
    marked: [...cell.querySelectorAll('mark')].map((mark) => mark.textContent),
  }));
  await row.getByRole('link').click();
  await page.getByTestId('turn').first().waitFor();
  await page.locator('[data-testid=waveform][data-state=drawn]').waitFor();
  await page.getByTestId('play').click();
  await page.waitForFunction(
    () => Number(document.querySelector('[data-testid=position]')?.dataset.ms) > 1500,
  );
  await page.locator('[data-testid=line][data-heard=true]').first().waitFor();
  await page.getByTestId('play').click();
  await page.screenshot({ path: join(folder, 'console-call.png') });
  const opened = await page.evaluate(() => {
    const text = (element) => element?.textContent ?? '';
    const number = (words) => Number.parseFloat(words.replaceAll(/[^\d.]/g, ''));
    const all = (testid) => [...document.querySelectorAll(`[data-testid=${testid}]`)];
    return {
      title: document.title,
      marked: [...document.querySelectorAll('[data-testid=line] mark')].map(text),
      played_ms: Number(all('position')[0].dataset.ms),
      lines: all('line').map((line) => ({
        role: line.dataset.role,
        text: text(line.querySelector('.what')),
      })),
      waterfalls: all('parts').map((list) => ({
        parts: [...list.querySelectorAll('b')].map((part) => number(text(part))),
        total: text(list.closest('.waterfall').querySelector('[data-testid=response]')),
      })),
    };
  });
  return { ...opened, listed };
}

async function changeByProgram() {
  const { body: draft, etag } = await call('GET', `/agents/${name}/draft`);
  const definition = { ...draft.definition, greeting: [LATER] };
  const changed = await call('PUT', `/agents/${name}/draft`, { definition }, { 'if-match': etag });
  const version = await call(
    'POST',
    `/agents/${name}/publish`,
    { note: 'By a program' },
    { 'if-match': changed.etag },
  );
  return version.body.number;
}

async function rollBack(page, folder) {
  await page.goto(`${url}/console/agents/${name}/versions`);
  const prod = page.locator('[data-testid=environment][data-name=prod]');
  const version = prod.getByTestId('environment-version');
  await version.getByText('v2', { exact: true }).waitFor();
  await page
    .getByTestId('compare')
    .getByTestId('change')
    .or(page.getByText('They are the same'))
    .first()
    .waitFor();
  await prod.getByTestId('roll-back').click();
  await page.getByTestId('confirm').click();
  await version.getByText('v1', { exact: true }).waitFor();
  await page.screenshot({ path: join(folder, 'console-versions.png') });
  return version.textContent();
}

await story(
  async (page, folder) => {
    const breaches = [];
    page.on('console', (message) => {
      if (/Content Security Policy/.test(message.text())) breaches.push(message.text());
    });
    await create(page);
    await edit(page);
    const talked = await talk(page);
    await page.screenshot({ path: join(folder, 'console-draft.png') });
    await publish(page);
    const first = (await call('GET', `/agents/${name}`)).body.aliases.prod;
    const seen = await read(page, talked.session, folder);
    const second = await changeByProgram();
    const back = await rollBack(page, folder);
    const { body: now } = await call('GET', `/agents/${name}/versions/1`);
    return { name, ...talked, first, second, back, greeting_back: now.definition.greeting, seen, breaches };
  },
  { speech, out },
);
