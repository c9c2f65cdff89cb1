// The page of a closed server: refused with what to do, and let in by the address that the server printed.

import { options, story } from './browser.mjs';
import { Widget } from './widget.mjs';

const { url, token, out } = options('url', 'token', 'out');

await story(
  async (page) => {
    await page.goto(url);
    const listed = () => page.getByTestId('agents').locator('li').count();
    await page.getByTestId('suggestions').locator('li').first().waitFor();
    const strangers = await listed();
    const refused = new Widget(page);
    await refused.call();
    await refused.state('failed');
    const notice = refused.element.getByTestId('notice');
    const [code, advice] = [await notice.getAttribute('data-code'), await notice.textContent()];

    // In the same tab: the address changes, and no page is asked for.
    const reloaded = page.waitForEvent('load');
    await page.evaluate((hash) => {
      location.hash = hash;
    }, `token=${token}`);
    await reloaded;
    await page.waitForFunction(() => location.hash === '');
    await page.getByTestId('agents').locator('li').first().waitFor({ state: 'attached' });
    const agents = await listed();
    const allowed = new Widget(page);
    await allowed.call();
    const greeting = await allowed.line('agent', '\\w+ \\w+');
    const transport = await allowed.data('transport');
    await allowed.hangUp();
    await page.goto(`${url}/console/calls`);
    await page.getByTestId('call-row').or(page.getByTestId('empty')).first().waitFor();
    return { code, advice, greeting, transport, strangers, agents };
  },
  { out },
);
