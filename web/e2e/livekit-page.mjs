// LiveKit's published JavaScript client, unmodified, in Chromium: all is said before it is connected, and it does what the agent asks.

import { resolve } from 'node:path';
import { options, story } from './browser.mjs';
import { bundled, open } from './bundle.mjs';

const { url, room, token, speech, out } = options('url', 'room', 'token', 'speech', 'out');

await story(
  async (page) => {
    const script = await bundled(resolve(import.meta.dirname, 'livekit/client.js'));
    await open(page, `${url}/livekit-client/`, script);
    await page.evaluate(
      ([address, admission]) => {
        document.querySelector('button').onclick = () => {
          window.connecting = window.speakAndConnect(address, admission).then(
            () => 'connected',
            (error) => `${error.name}: ${error.message}`,
          );
        };
      },
      [room, token],
    );
    await page.getByText('Talk').click();
    const outcome = await page.evaluate(() => window.connecting);
    if (outcome !== 'connected') throw new Error(outcome);
    await page.waitForFunction(() =>
      window.report.texts.some(
        ({ identity, text, ended }) =>
          identity !== window.report.identity && ended && /from nine to four/i.test(text),
      ),
    );
    await page.evaluate(() => window.room.disconnect());
    await page.waitForFunction(() => window.report.disconnected);
    return page.evaluate(() => window.report);
  },
  // The page comes from no address, which the browser would hold against its way to loopback.
  { speech, out, leadSeconds: 1, flags: ['--disable-features=LocalNetworkAccessChecks'] },
);
