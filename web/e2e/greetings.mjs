// An operator writes a greeting in the console: sees what a call would hear and why, hears it, saves it, and a caller hears it, too.

import { join } from 'node:path';
import { options, story } from './browser.mjs';
import { Widget } from './widget.mjs';

const { url = process.env.URL, token = process.env.TOKEN, out } = options('url', 'token', 'out');

const TEXT = 'Good {part_of_day} from the greetings page{if caller.name}, {caller.name}{end}.';

async function write(page) {
  await page.goto(`${url}/console/greetings#token=${token}`);
  await page.waitForFunction(() => location.hash === '');
  await page.getByTestId('new-greeting').first().click();
  await page.getByTestId('wording-0').fill('Hello {caller.name}.');
  const problem = await page.getByTestId('problem').first().textContent();
  await page.getByTestId('wording-0').fill(TEXT);
  const text = page.getByTestId('preview-text').filter({ hasText: 'greetings page, Anna' });
  await text.waitFor();
  const shown = await text.textContent();
  await page.getByTestId('preview-play').click();
  const audio = page.getByTestId('preview-audio');
  await audio.waitFor();
  const seconds = await audio.evaluate(
    (element) =>
      new Promise((resolve) => {
        if (element.duration) resolve(element.duration);
        else element.addEventListener('loadedmetadata', () => resolve(element.duration));
      }),
  );
  await page.getByTestId('greeting-title').fill('From the page');
  await page.getByTestId('save-greeting').click();
  await page.waitForURL(/greetings\/grt_/);
  return { problem, shown, seconds };
}

/** The server follows within a second. */
async function hear(page) {
  await page.waitForTimeout(2500);
  await page.goto(`${url}/`);
  const widget = new Widget(page);
  await widget.call();
  const heard = await widget.line('agent', 'greetings page');
  await widget.hangUp();
  return heard;
}

async function look(page, folder) {
  await page.goto(`${url}/console/greetings`);
  await page.getByTestId('greeting-row').filter({ hasText: 'From the page' }).waitFor();
  await page.getByTestId('greeting-figures').waitFor();
  await page.screenshot({ path: join(folder, 'console-greetings.png') });
  return page.getByTestId('greeting-figures').textContent();
}

await story(
  async (page, folder) => {
    const written = await write(page);
    const heard = await hear(page);
    const figures = await look(page, folder);
    return { ...written, heard, figures };
  },
  { out },
);
