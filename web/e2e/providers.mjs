// Who thinks and speaks for an agent, put in order in the console: chosen, tried, saved, published, and there again.

import { join } from 'node:path';
import { options, story } from './browser.mjs';
import { Operator } from './operator.mjs';

const { url, token, out } = options('url', 'token', 'out');
const operator = new Operator({ url, token });
const AGENT = 'ordered';

const order = (page, ability) => page.getByTestId(`order-${ability}`);
const row = (page, ability, place) => order(page, ability).getByTestId('binding').nth(place);
const saved = (page) => page.locator('[data-testid=save-state][data-state=saved]').waitFor();

async function opened(page) {
  await operator.enter(page, `/agents/${AGENT}`);
  await page.getByTestId('node').first().waitFor();
}

/** The `place`th of those that do it, chosen as people choose. */
async function choose(page, ability, place, { provider, model, voice }) {
  await page.getByTestId(`add-${ability}`).click();
  const one = row(page, ability, place);
  await one.getByTestId('binding-provider').selectOption(provider);
  if (model) await one.getByTestId('binding-model').fill(model);
  if (voice) await one.getByTestId('binding-voice').fill(voice);
}

/** What "Test this" and "Listen" say of a row. */
async function tried(page, ability, place) {
  await row(page, ability, place).getByTestId('test-binding').click();
  const passed = row(page, ability, place).getByTestId('binding-passed');
  await passed.waitFor();
  return passed.innerText();
}

const shown = async (page, ability) => {
  const values = (testid) =>
    order(page, ability)
      .getByTestId(testid)
      .evaluateAll((fields) => fields.map((field) => field.value));
  return { providers: await values('binding-provider'), models: await values('binding-model') };
};

await story(
  async (page, folder) => {
    await operator.post('/agents', { name: AGENT, title: 'Ordered', template: 'front-desk' });
    await opened(page);
    await choose(page, 'llm', 0, { provider: 'first' });
    await choose(page, 'llm', 1, { provider: 'second', model: 'compat-large' });
    await choose(page, 'tts', 0, { provider: 'voices', voice: 'river' });
    await choose(page, 'tts', 1, { provider: 'built-in' });
    const thinks = [await tried(page, 'llm', 0), await tried(page, 'llm', 1)];
    const speaks = await tried(page, 'tts', 0);
    await row(page, 'tts', 0).locator('audio').waitFor({ state: 'attached' });
    await page.getByLabel('Thinks, 2: earlier').click();
    // The pause after which a draft is saved, and the save.
    await page.waitForResponse((answer) => answer.request().method() === 'PUT' && answer.ok());
    await saved(page);
    await page.screenshot({ path: join(folder, 'providers.png'), fullPage: true });
    await page.getByTestId('publish').click();
    await page.getByTestId('publish-note').fill('Who serves');
    await page.getByTestId('publish-now').click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    const { definition } = await operator.get(`/agents/${AGENT}/versions/1`);
    await page.reload();
    await page.getByTestId('node').first().waitFor();
    const again = { llm: await shown(page, 'llm'), tts: await shown(page, 'tts') };
    // A fallback that is taken away is gone from the draft, and the version stays.
    await page.getByLabel('Thinks, 2: remove').click();
    await page.waitForResponse((answer) => answer.request().method() === 'PUT' && answer.ok());
    const draft = (await operator.get(`/agents/${AGENT}/draft`)).definition;
    return {
      thinks,
      speaks,
      published: definition.options.providers,
      again,
      draft: draft.options.providers,
    };
  },
  { out },
);
