// An operator makes a campaign in the console: sees what is wrong with a file before it is imported, starts it, pauses it, goes on, and sees
// what came of everybody. Every state is looked at: nothing that axe finds, nothing wider than the screen, in light and dark, wide and narrow.

import { join } from 'node:path';
import { accessibility, still, tooWide } from '../dev/inspect.mjs';
import { options, story } from './browser.mjs';
import { Operator } from './operator.mjs';

const { url, token, file, out } = options('url', 'token', 'file', 'out');
const operator = new Operator({ url, token });

const SCREENS = { wide: { width: 1440, height: 900 }, narrow: { width: 360, height: 740 } };
const findings = [];

async function look(page, name) {
  for (const [screen, viewport] of Object.entries(SCREENS)) {
    await page.setViewportSize(viewport);
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await still(page);
      for (const one of [...(await accessibility(page)), ...(await tooWide(page))]) {
        findings.push(`${name}, ${screen} and ${colorScheme}: ${one}`);
      }
      await page.screenshot({ path: join(out, `${name}-${screen}-${colorScheme}.png`), fullPage: true });
    }
  }
  await page.setViewportSize(SCREENS.wide);
}

async function make(page) {
  await operator.enter(page, '/campaigns');
  await page.getByTestId('empty').waitFor();
  await look(page, 'campaigns-empty');
  await page.getByTestId('new-campaign').click();
  await page.getByTestId('campaign-agent').selectOption({ label: 'Front desk' });
  await page.getByTestId('campaign-title').fill('Reminders');
  await page.getByTestId('campaign-machine').selectOption('leave_message');
  await page.getByTestId('campaign-message').fill('Hello {caller.name}.');
  await page.getByTestId('campaign-concurrency').fill('many');
  await page.getByTestId('save-campaign').click();
  const wrong = page.locator('form [id$="-error"]');
  await wrong.first().waitFor();
  const refused = await wrong.allTextContents();
  await look(page, 'campaign-refused');
  await trunksAway(page);
  const kept = await page.getByTestId('campaign-title').inputValue();
  await page
    .getByTestId('campaign-message')
    .fill('Hello {caller.name|default:"there"}. Please call us back.');
  await page.getByTestId('campaign-concurrency').fill('1');
  await page.getByTestId('campaign-perMinute').fill('600');
  await page.getByTestId('campaign-attempts').fill('2');
  await page.getByTestId('campaign-after').fill('0.02');
  await page.getByTestId('campaign-trunk').selectOption('carrier');
  await page.getByTestId('save-campaign').click();
  await page.waitForURL(/campaigns\/cmp_/);
  return { refused, kept };
}

/** Trunks cannot be asked for, as while the server starts anew, until the page has given up once. */
async function trunksAway(page) {
  let failed = 0;
  page.on('requestfailed', (request) => {
    failed += Number(request.url().endsWith('/v1/trunks'));
  });
  await page.route('**/v1/trunks', (route) => route.abort());
  while (failed < 3) {
    // As of somebody who comes back to the page, which has it ask for what is old.
    await page.evaluate(() => window.dispatchEvent(new Event('visibilitychange')));
    await page.waitForTimeout(500);
  }
  await still(page);
  await page.unroute('**/v1/trunks');
}

async function take(page) {
  await page.getByTestId('contacts-text').fill('name,city\nMaria,Bern\n');
  const noHeader = await page.getByTestId('problem').first().textContent();
  await page.getByTestId('contacts-text').fill(file.replaceAll('\\n', '\n'));
  const errors = await page.getByTestId('contacts-errors').textContent();
  await look(page, 'campaign-import');
  await page.getByTestId('take-contacts').click();
  await page.getByTestId('contact-row').first().waitFor();
  const imported = await page.getByTestId('contact-row').count();
  return { noHeader, errors, imported, ...(await correct(page)) };
}

/** One of them has another name, and one is not to be called. */
async function correct(page) {
  const row = (number) => page.getByTestId('contact-row').filter({ hasText: number });
  await row('+4930005').getByTestId('contact-change').click();
  await page.getByTestId('contact-number').fill('+4930001');
  await page.getByTestId('save-contact').click();
  const taken = page.locator('form [id$="-error"]').first();
  await taken.waitFor();
  const refused = await taken.textContent();
  await look(page, 'contact-refused');
  await page.getByTestId('contact-number').fill('+4930005');
  await page.getByTestId('contact-told').fill('caller.name: Cleo Stern');
  await page.getByTestId('save-contact').click();
  await row('+4930005').getByText('Cleo Stern').waitFor();
  await row('+4930009').getByTestId('contact-remove').click();
  await page.getByTestId('confirm').click();
  await row('+4930009').waitFor({ state: 'detached' });
  return { numberTaken: refused, contacts: await page.getByTestId('contact-row').count() };
}

const state = (page, name) => page.getByTestId('campaign-state').filter({ hasText: name }).waitFor();

async function run(page) {
  await page.getByTestId('campaign-start').click();
  await state(page, 'running');
  await page.getByTestId('campaign-pause').click();
  await state(page, 'paused');
  await look(page, 'campaign-paused');
  await page.getByTestId('campaign-resume').click();
  await state(page, 'completed');
  const outcomes = await page.getByTestId('outcomes').textContent();
  await page.reload();
  await page.getByTestId('contact-row').first().waitFor();
  await look(page, 'campaign-completed');
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.getByTestId('campaign-results').click(),
  ]);
  await page.goto(`${url}/console/campaigns`);
  await page.getByTestId('call-out-row').first().waitFor();
  await page.getByTestId('trunk-row').first().waitFor();
  await look(page, 'campaigns');
  const light = await page.getByTestId('trunk-light').getAttribute('data-state');
  const tried = await tryTrunk(page);
  return {
    light,
    tried,
    outcomes,
    file: file.suggestedFilename(),
    calls: await page.getByTestId('call-out-row').count(),
  };
}

/** A call by hand: what becomes of it is seen where it was made. */
async function tryTrunk(page) {
  await page.getByTestId('test-call').click();
  await page.getByTestId('call-to').fill('+4930001');
  await look(page, 'call');
  await trunksAway(page);
  await page.getByTestId('place-call').click();
  const followed = page.getByTestId('call-followed');
  await page.locator('[data-testid=call-followed][data-state=ended]').waitFor();
  const said = await followed.textContent();
  await page.getByTestId('call-close').click();
  return said;
}

/** The server does not answer, and the page says so. */
async function away(page) {
  await page.route('**/v1/campaigns**', (route) => route.abort());
  await page.goto(`${url}/console/campaigns`);
  await page.getByTestId('problem').first().waitFor({ timeout: 60_000 });
  await look(page, 'campaigns-away');
}

await story(
  async (page) => {
    const made = await make(page);
    const taken = await take(page);
    const ran = await run(page);
    await away(page);
    return { ...made, ...taken, ...ran, findings };
  },
  { out },
);
