// An operator makes a route in the console: sees whom a call would reach before and after it is saved, and why, and removes it again.

import { options, story } from './browser.mjs';
import { Operator } from './operator.mjs';

const { url, token, number, out } = options('url', 'token', 'number', 'out');
const operator = new Operator({ url, token });

const answer = async (page, text) => {
  const said = page.getByTestId('test-answer').filter({ hasText: text });
  await said.waitFor();
  return said.textContent();
};

async function make(page) {
  await page.getByTestId('new-route').first().click();
  await page.getByTestId('route-agent').selectOption({ label: 'Front desk' });
  await page.getByTestId('route-node').selectOption({ label: 'booking (collect)' });
  await page.getByTestId('route-number').fill('+41 44*1');
  await page.getByTestId('test-number').fill(number);
  const fault = await page.getByTestId('problem').first().textContent();
  await page.getByTestId('route-number').fill('+15550100');
  const other = await answer(page, 'refused');
  await page.getByTestId('route-number').fill(number);
  const drafted = await answer(page, 'It reaches');
  await page.getByTestId('route-title').fill('The desk');
  const saved = page.waitForResponse(
    (response) => response.request().method() === 'POST' && response.url().endsWith('/v1/routes'),
  );
  await page.getByTestId('save-route').click();
  const status = (await saved).status();
  await page.waitForURL(/routes\/rte_/);
  return { fault, other, drafted, status };
}

/** Hours in which nobody calls at the instant that is tried. */
async function close(page) {
  await page.getByTestId('route-scheduled').check();
  await page.getByTestId('test-number').fill(number);
  await page.getByTestId('test-at').fill('2026-11-29T12:00');
  return answer(page, 'refused');
}

await story(
  async (page) => {
    await operator.enter(page, '/routes');
    await page.getByTestId('empty').waitFor();
    const made = await make(page);
    const closed = await close(page);
    await page.goto(`${url}/console/routes`);
    const row = page.getByTestId('route-row');
    await row.waitFor();
    const listed = await row.getByRole('rowheader').textContent();
    await page.getByTestId('test-number').fill(`0${number.replace('+', '0')}`);
    const reached = await answer(page, 'It reaches');
    return { ...made, closed, listed, reached };
  },
  { out },
);
