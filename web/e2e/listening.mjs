// An operator finds a call that is under way, hears it, tells its agent what to do, and ends it; then they read how it went by SIP.

import { join } from 'node:path';
import { options, recording, story } from './browser.mjs';
import { Operator } from './operator.mjs';

const { url, token, out } = options('url', 'token', 'out');
const operator = new Operator({ url, token });

async function tell(page, words, mode) {
  await page.getByTestId('live-mode').selectOption(mode);
  await page.getByTestId('live-words').fill(words);
  const answered = page.waitForResponse((response) => response.url().endsWith('/whisper'));
  await page.getByTestId('live-tell').click();
  await answered;
  return page.getByTestId('live-told').textContent();
}

/** A caller who is speaking just then is not talked over: the words give way to theirs, and are told again. */
async function sayUntilSaid(page, id, words) {
  for (let tries = 0; tries < 8; tries += 1) {
    const said = await tell(page, words, 'say');
    const until = Date.now() + 4_000;
    while (Date.now() < until) {
      const { data } = await operator.get(`/sessions/${id}/events?limit=1000`);
      if (data.some((event) => event.kind === 'agent_turn' && event.text.includes(words))) return said;
      await page.waitForTimeout(200);
    }
  }
  throw new Error(`${words} was never said`);
}

await story(
  async (page, folder) => {
    await operator.enter(page, '/live');
    const row = page.getByTestId('live-row');
    await row.waitFor();
    const id = await row.getAttribute('data-id');
    const agent = await row.getByRole('rowheader').textContent();
    await page.getByTestId('live-listen').click();
    await page.getByTestId('live-listen').filter({ hasText: 'Stop listening' }).waitFor();
    const whispered = await tell(page, "Offer them ten o'clock.", 'instruct');
    const said = await sayUntilSaid(page, id, 'We close early today.');
    await page.waitForTimeout(6_000);
    const sound = await recording(page, join(folder, 'listened.wav'));
    await page.screenshot({ path: join(folder, 'live.png') });
    await page.getByTestId('live-end').click();
    await page.getByTestId('confirm').click();
    await page.getByTestId('empty').waitFor();
    await page.goto(`${url}/console/calls/${id}`);
    await page.getByTestId('facts').filter({ hasText: 'Ended by an operator' }).waitFor();
    const rungs = await page.getByTestId('rung').locator('summary').allTextContents();
    await page.getByTestId('rung').first().locator('summary').click();
    const first = await page.getByTestId('rung').first().locator('pre').textContent();
    await page.getByTestId('ladder').scrollIntoViewIfNeeded();
    await page.screenshot({ path: join(folder, 'ladder.png') });
    return { id, agent, whispered, said, sound, rungs, first };
  },
  { out },
);
