// Two people edit one draft, in two browsers: the second is told, sees both changes, chooses, and nothing is lost.

import { join } from 'node:path';
import { options, story } from './browser.mjs';
import { Operator } from './operator.mjs';

const { url, token, out } = options('url', 'token', 'out');
const operator = new Operator({ url, token });
const AGENT = 'shared';

const state = (page, name) => page.locator(`[data-testid=save-state][data-state=${name}]`).waitFor();
const draft = () => operator.get(`/agents/${AGENT}/draft`);

/** Typed, and left: as people do. */
async function fill(page, field, text) {
  await page.getByTestId(`field-${field}`).fill(text);
  await page.getByTestId(`field-${field}`).blur();
}

async function opened(page) {
  await operator.enter(page, `/agents/${AGENT}`);
  await page.getByTestId('node').first().waitFor();
}

/** Each changes another wording of one greeting. */
async function differentWordings(first, second) {
  await operator.redraft(AGENT, (now) => ({ ...now, greeting: ['One.', 'Two.', 'Three.'] }));
  await Promise.all([first.reload(), second.reload()]);
  for (const page of [first, second]) await page.getByTestId('field-greeting-2').waitFor();
  await fill(first, 'greeting-0', 'One of the first.');
  await state(first, 'saved');
  await fill(second, 'greeting-2', 'Three of the second.');
  await second.getByTestId('merge').waitFor();
  const contested = await second.getByTestId('contested').count();
  const joined = await second.getByTestId('joined').locator('pre').allTextContents();
  await second.getByTestId('merge-save').click();
  await state(second, 'saved');
  return { contested, joined, greeting: (await draft()).definition.greeting };
}

await story(
  async (second, folder) => {
    await operator.post('/agents', { name: AGENT, title: 'Shared', template: 'front-desk' });
    const before = await draft();
    const browser = second.context().browser();
    const first = await (await browser.newContext()).newPage();
    await Promise.all([opened(first), opened(second)]);

    await fill(first, 'greeting-0', 'The first editor says hello.');
    await fill(first, 'options-page-description', 'What the first editor wrote.');
    await state(first, 'saved');
    await first.waitForFunction(
      ([path, known]) =>
        fetch(path)
          .then((answer) => answer.json())
          .then(({ revision }) => revision > known),
      [`/v1/agents/${AGENT}/draft`, before.revision],
      { polling: 200 },
    );

    const refused = second.waitForResponse((response) => response.status() === 412);
    await fill(second, 'greeting-0', 'The second editor says hello.');
    await refused;
    await state(second, 'conflict');
    await second.getByTestId('merge').waitFor();
    // Typing goes on while the two are not merged yet: that is kept, too.
    await fill(second, 'title', 'Title of the second');
    const contested = await second.getByTestId('contested').locator('legend').allTextContents();
    const sides = await second.getByTestId('contested').locator('pre').allTextContents();
    const kept = await second.getByTestId('merge').locator('p code').allTextContents();
    const locked = await second.getByTestId('merge-save').isDisabled();
    const unchanged = (await draft()).definition;
    await second.screenshot({ path: join(folder, 'merge.png') });

    await second.getByTestId('choose-theirs').check();
    await second.getByTestId('merge-save').click();
    await state(second, 'saved');
    await second.getByTestId('merge').waitFor({ state: 'detached' });
    const { definition } = await draft();

    // The first editor, whose page is older now, meets the same, and this time both sides fit.
    await fill(first, 'language', 'de');
    await first.getByTestId('merge').waitFor();
    const fits = await first.getByTestId('contested').count();
    await first.getByTestId('merge-save').click();
    await state(first, 'saved');
    const last = (await draft()).definition;
    const wordings = await differentWordings(first, second);
    return {
      before: before.definition,
      contested,
      sides,
      kept: kept.map((one) => one.trim()),
      locked,
      unchanged,
      definition,
      fits,
      last,
      wordings,
    };
  },
  { out },
);
