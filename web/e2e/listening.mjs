// An operator finds a call that is under way, hears it, tells its agent what to do, and ends it; then they read how it went by SIP.

import { join } from 'node:path';
import { options, PATIENCE_MS, recording, story } from './browser.mjs';
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

/** Told once: a caller who is speaking just then finishes first. Who speaks into the words cuts them off as any others. */
async function saySaid(page, id, words) {
  const said = await tell(page, words, 'say');
  const until = Date.now() + PATIENCE_MS;
  while (Date.now() < until) {
    const { data } = await operator.get(`/sessions/${id}/events?limit=1000`);
    const heard = (event) =>
      event.kind === 'agent_turn' && event.text.replace(/^heard until interrupted: /, '');
    const turns = data.filter(heard).map((event) => event.turn);
    const saying = data.filter((event) => event.kind === 'agent_saying' && event.text.includes(words));
    if (saying.some((event) => turns.includes(event.turn))) return said;
    await page.waitForTimeout(200);
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
    const said = await saySaid(page, id, 'We close early today.');
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
