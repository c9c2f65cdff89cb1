// Somebody fills in forms wrongly: what is wrong stands at each field in words of the form, and the first has the focus. New forms
// begin with an agent that callers reach, and a roll back is offered where there is something to go back to.

import { options, story } from './browser.mjs';
import { Operator } from './operator.mjs';

const { url, token, link, out } = options('url', 'token', 'link', 'out');
const operator = new Operator({ url, token });

/** What a form says after a try: at which fields, in which words, where the focus is, and what stands at its end. */
async function refused(page, save) {
  const answer = page.waitForResponse(
    (response) =>
      response.request().method() === 'POST' && /\/v1\/(routes|campaigns|greetings)$/.test(response.url()),
  );
  await page.getByTestId(save).click();
  await answer;
  await page.locator('form [aria-invalid=true]').first().waitFor();
  return page.evaluate(() => {
    const form = document.querySelector('form:has([aria-invalid=true])');
    const said = (field) =>
      (field.getAttribute('aria-describedby') ?? '')
        .split(' ')
        .map((id) => document.getElementById(id)?.textContent ?? '')
        .join(' ');
    const wrong = [...(form?.querySelectorAll('[aria-invalid=true]') ?? [])];
    return {
      fields: Object.fromEntries(wrong.map((field) => [field.dataset.pointer, said(field)])),
      focus: document.activeElement?.dataset.pointer ?? null,
      end: form?.querySelector('[role=alert]')?.textContent ?? null,
      pointers: /\/(number|title|wordings|retry)\b/.test(
        form?.querySelector('[role=alert]')?.textContent ?? '',
      ),
    };
  });
}

async function routes(page) {
  await page.goto(`${url}/console/routes/new`);
  const agent = await page.getByTestId('route-agent').evaluate((select) => select.selectedOptions[0].label);
  await page.getByTestId('route-number').fill('+41 44*1');
  await page.getByTestId('route-trunk').fill('No Such');
  return { agent, ...(await refused(page, 'save-route')) };
}

async function campaigns(page) {
  await page.goto(`${url}/console/campaigns/new`);
  const agent = await page
    .getByTestId('campaign-agent')
    .evaluate((select) => select.selectedOptions[0].label);
  await page.getByTestId('campaign-concurrency').fill('0');
  await page.getByTestId('campaign-after').fill('0');
  const first = await refused(page, 'save-campaign');
  await page.getByTestId('campaign-title').fill('Reminders');
  await page.getByTestId('campaign-concurrency').fill('1');
  await page.getByTestId('campaign-after').fill('60');
  return { agent, first, second: await refused(page, 'save-campaign') };
}

async function greetings(page) {
  await page.goto(`${url}/console/greetings/new`);
  await page.getByRole('button', { name: 'Add a wording' }).click();
  await page.getByTestId('wording-1').fill('Hello {caller.name');
  const choice = page.getByRole('region', { name: 'Preview' }).getByLabel('Agent');
  await choice.locator('option').first().waitFor({ state: 'attached' });
  const agent = await choice.evaluate((select) => select.selectedOptions[0].label);
  return { agent, ...(await refused(page, 'save-greeting')) };
}

const offers = async (page, agent) => {
  await page.goto(`${url}/console/agents/${agent}/versions`);
  await page.getByTestId('environment').first().waitFor();
  return page.evaluate(() =>
    [...document.querySelectorAll('[data-testid=environment]')]
      .filter((place) => place.querySelector('[data-testid=roll-back]'))
      .map((place) => place.dataset.name),
  );
};

/** Widths beyond a telephone's. */
async function narrow(page, paths) {
  await page.setViewportSize({ width: 360, height: 740 });
  const wide = [];
  for (const path of paths) {
    await page.goto(`${url}${path}`);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    if (width > 360) wide.push(`${path}: ${width}`);
  }
  return wide;
}

await story(
  async (page) => {
    const opened = await page.context().browser().newContext();
    const stranger = await opened.newPage();
    const enter = async () => {
      await stranger.goto(`${url}/console/agents${new URL(link).hash}`);
      await stranger.waitForFunction(() => location.hash === '');
    };
    await enter();
    await stranger
      .getByTestId('sign-in')
      .or(stranger.getByRole('heading', { name: 'Agents' }))
      .first()
      .waitFor();
    const entered = (await stranger.getByTestId('sign-in').count()) === 0;
    await opened.clearCookies();
    // Otherwise the address alone would change.
    await stranger.goto('about:blank');
    await enter();
    await stranger.getByTestId('sign-in').getByText('foundry admin-link').nth(1).waitFor();
    const again = await stranger.getByTestId('sign-in').innerText();
    await opened.close();

    // Newer than those that are served, and not published.
    await operator.post('/agents', { name: 'draft-only', title: 'Draft only' });
    await operator.post('/agents', { name: 'twice', title: 'Twice', template: 'front-desk' });
    await operator.publish('twice', 'One');
    await operator.redraft('twice', (now) => ({ ...now, greeting: ['Hello again.'] }));
    await operator.publish('twice', 'Two');
    await operator.post('/agents', { name: 'draft-too', title: 'Draft too' });
    await operator.enter(page, '/agents');
    const forms = {
      routes: await routes(page),
      campaigns: await campaigns(page),
      greetings: await greetings(page),
    };
    const rollBack = { once: await offers(page, 'front-desk'), twice: await offers(page, 'twice') };
    const paths = [
      '/',
      '/docs',
      '/docs/errors',
      '/docs/errors/ADMIN_LINK_SPENT',
      '/nowhere',
      '/console/routes/new',
    ];
    const wide = await narrow(page, paths);
    await page.goto(`${url}/docs`);
    await page.getByRole('link', { name: 'routes', exact: true }).click();
    const part = await page.evaluate(() => document.querySelector(':target')?.textContent ?? null);
    return { entered, again, ...forms, rollBack, wide, part };
  },
  { out },
);
