// What an operator sees of costs: a request without a price, the price that is set for it, the next call's cost, and the budget.

import { join } from 'node:path';
import { options, story } from './browser.mjs';
import { Widget } from './widget.mjs';

const { url, token, out } = options('url', 'token', 'out');

const costs = (page) => page.goto(`${url}/console/costs?window=24h`);

async function talk(page) {
  await page.goto(`${url}/?agent=assistant&transport=websocket`);
  const widget = new Widget(page);
  await widget.call();
  await widget.shows('listening');
  const kept = (await widget.lines()).length;
  await widget.type('I grow basil indoors');
  await widget.line('agent', 'basil', kept);
  await widget.shows('listening');
  await widget.hangUp();
}

/** What a call came to is there a moment after it. */
async function until(page, found) {
  const end = Date.now() + 40_000;
  while (Date.now() < end) {
    await costs(page);
    await page.getByTestId('tiles').waitFor();
    if (await found()) return;
    await page.waitForTimeout(1000);
  }
  throw new Error('what was waited for is not on the page');
}

await story(
  async (page, folder) => {
    await page.goto(`${url}/console/costs#token=${token}`);
    await page.waitForFunction(() => location.hash === '');
    await page.getByTestId('empty').waitFor();
    await talk(page);
    await until(page, async () => (await page.getByTestId('set-price').count()) > 0);
    const unknown = await page.getByTestId('total').innerText();
    const alerts = [];
    await page.getByTestId('alert').first().waitFor();
    for (const alert of await page.getByTestId('alert').all())
      alerts.push(await alert.getAttribute('data-kind'));
    const links = await page.getByTestId('set-price').all();
    const ways = await Promise.all(links.map((link) => link.getAttribute('href')));
    const missing = ways.length;
    // By its address: which is listed first may change while more requests come to be on record.
    for (const way of ways) {
      await page.goto(`${url}${way}`);
      await page.getByTestId('price-dollars').fill('20');
      await page.getByTestId('save-price').click();
      await page.getByRole('dialog').waitFor({ state: 'detached' });
    }
    await talk(page);
    await until(page, async () => (await page.getByTestId('total').innerText()) !== 'unknown');
    const known = await page.getByTestId('total').innerText();
    const parts = await page.getByTestId('part').allInnerTexts();
    await page.screenshot({ path: join(folder, 'costs.png'), fullPage: true });
    await page.goto(`${url}/console/costs/budget`);
    await page.getByTestId('budget-limit').fill('5');
    await page.getByTestId('save-budget').click();
    await page.waitForFunction(() =>
      document.querySelector('[data-testid=spent]')?.textContent.includes('$5.00'),
    );
    const spent = await page.getByTestId('spent').innerText();
    await page.goto(`${url}/console/settings/providers`);
    await page.getByTestId('health-row').first().waitFor();
    const health = (await page.getByTestId('health-row').allInnerTexts()).join('\n');
    await page.screenshot({ path: join(folder, 'health.png'), fullPage: true });
    return { unknown, known, alerts, missing, parts, spent, health };
  },
  { out },
);
