// A call over WebRTC whose server dies and is started again: the page comes back to it by itself.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { options, story } from './browser.mjs';
import { Widget } from './widget.mjs';

const { url, token, out } = options('url', 'token', 'out');

await story(
  async (page, folder) => {
    await page.goto(`${url}/#token=${token}`);
    const widget = new Widget(page);
    await widget.call();
    await widget.line('agent', '\\w+ \\w+');
    await widget.shows('listening');
    await widget.type('I would like to book a haircut please');
    await widget.shows('thinking').catch(() => undefined);
    await page.waitForFunction(() => window.states.slice(-1)[0] === 'listening');
    const kept = (await widget.lines()).length;
    const session = await widget.data('session');
    const seen = (await widget.states()).length;
    // Whoever kills the server waits for this.
    writeFileSync(join(folder, 'talking'), session);
    await widget.state('reconnecting', seen);
    await page.waitForFunction(() => !['reconnecting', 'connecting'].includes(window.states.slice(-1)[0]));
    const again = await widget.line('agent', 'cut off', kept);
    await widget.shows('listening');
    await page.screenshot({ path: join(folder, 'back.png') });
    const back = { session: await widget.data('session'), transport: await widget.data('transport') };
    const lines = await widget.lines();
    await widget.hangUp();
    return { session, kept, again, back, lines };
  },
  { out },
);
