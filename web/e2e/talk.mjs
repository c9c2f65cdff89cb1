// A whole call on the page at `/`: spoken question, typed question, a change of network, the page of the finished call.

import { join } from 'node:path';
import { options, recording, story } from './browser.mjs';
import { Widget } from './widget.mjs';

const { url, token, speech, out } = options('url', 'token', 'speech', 'out');

await story(
  async (page, folder) => {
    await page.goto(`${url}/#token=${token}`);
    const widget = new Widget(page);
    await widget.call();
    const greeting = await widget.line('agent', '\\w+ \\w+');
    const question = await widget.line('caller', 'saturday|hours');
    await widget.state('thinking');
    const before = await widget.lines();
    const answer = await widget.line('agent', 'saturday|nine|four', 1);
    await page.waitForTimeout(600); // the answer is in the middle of being spoken
    await page.screenshot({ path: join(folder, 'call.png') });
    await page.waitForFunction(() => window.states.slice(-1)[0] === 'listening');
    await page.waitForTimeout(1300); // what the jitter buffer still holds, and the second that the tap gathers
    const heard = await recording(page, join(folder, 'reply.wav'));
    const spoken = await widget.lines();

    await widget.type('How much is a haircut?');
    const typed = await widget.line('agent', 'forty.?five', spoken.length);
    await widget.shows('listening');

    const seen = (await widget.states()).length;
    const kept = (await widget.lines()).length;
    const session = await widget.data('session');
    // What a browser reports when a laptop moves from one network to another.
    await page.evaluate(() => window.dispatchEvent(new Event('online')));
    await widget.state('reconnecting', seen);
    await page.waitForFunction(() => !['reconnecting', 'connecting'].includes(window.states.slice(-1)[0]));
    const back = { lines: (await widget.lines()).length, session: await widget.data('session') };
    await widget.type('Where are you?');
    const resumed = await widget.line('agent', 'maple', kept);
    await widget.shows('listening');
    await page.screenshot({ path: join(folder, 'call-late.png') });
    const [transport, states, lines] = [
      await widget.data('transport'),
      await widget.states(),
      await widget.lines(),
    ];
    await widget.hangUp();

    await page.goto(`${url}/console/calls/${session}`);
    await page.getByTestId('turn').first().waitFor();
    await page.screenshot({ path: join(folder, 'call-page.png'), fullPage: false });
    return {
      greeting,
      question,
      answer,
      typed,
      resumed,
      transport,
      states,
      lines,
      partials: before.length,
      heard,
      kept,
      session,
      back,
      page: await finished(page),
    };
  },
  { speech, out },
);

/** What the page of a finished call shows, as numbers. */
function finished(page) {
  return page.evaluate(() => {
    const text = (element) => element?.textContent ?? '';
    const number = (words) => Number.parseFloat(words.replaceAll(/[^\d.]/g, ''));
    const all = (name) => [...document.querySelectorAll(`[data-testid=${name}]`)];
    const waterfalls = all('parts').map((list) => {
      const total = text(list.closest('.waterfall').querySelector('[data-testid=response]'));
      return { parts: [...list.querySelectorAll('b')].map((part) => number(text(part))), total };
    });
    const lines = all('line').map((line) => ({
      role: line.dataset.role,
      text: text(line.querySelector('.what')),
    }));
    return { title: document.title, facts: text(all('facts')[0]), lines, waterfalls };
  });
}
