// How long calls and recordings are kept: set in the console, and set back to for ever.

import { options, story } from './browser.mjs';
import { Operator } from './operator.mjs';

const { url, token, out } = options('url', 'token', 'out');
const operator = new Operator({ url, token });

const kept = async () => {
  const { organization } = await operator.get('/about');
  return [organization.calls_keep_days, organization.recordings_keep_days];
};

/** Saves the form, and gives what the server has then and what the page shows after it was opened anew. */
async function keep(page, calls, recordings) {
  await page.getByTestId('call-days').fill(calls);
  await page.getByTestId('recording-days').fill(recordings);
  const answered = page.waitForResponse((response) => response.request().method() === 'PATCH');
  await page.getByTestId('save-organization').click();
  const status = (await answered).status();
  await page.reload();
  await page.getByTestId('call-days').waitFor();
  const shown = [
    await page.getByTestId('call-days').inputValue(),
    await page.getByTestId('recording-days').inputValue(),
  ];
  return { status, server: await kept(), shown };
}

await story(
  async (page) => {
    await operator.enter(page, '/settings/organization');
    await page.getByTestId('call-days').waitFor();
    const before = await kept();
    const set = await keep(page, '90', '14');
    await page.getByTestId('call-days').fill('0');
    const refused = await page.getByTestId('save-organization').isDisabled();
    const half = await keep(page, '', '14');
    const back = await keep(page, '', '');
    return { before, set, refused, half, back };
  },
  { out },
);
