// The published Pipecat JavaScript client, unmodified, in Chromium against our server.

import { join, resolve } from 'node:path';
import { options, recording, story } from './browser.mjs';
import { bundled, open } from './bundle.mjs';

const { url, transport, speech, out } = options('url', 'transport', 'speech', 'out');

await story(
  async (page, folder) => {
    const script = await bundled(resolve(import.meta.dirname, 'pipecat/client.js'));
    await open(page, `${url}/pipecat-client/`, script);
    await page.evaluate((kind) => {
      document.querySelector('button').onclick = () => {
        window.connecting = window.connect(kind).then(
          () => 'connected',
          (error) => `${error.name}: ${error.message}`,
        );
      };
    }, transport);
    await page.getByText('Talk').click();
    const outcome = await page.evaluate(() => window.connecting);
    if (outcome !== 'connected')
      throw new Error(`${outcome} ${JSON.stringify(await page.evaluate(() => window.report))}`);
    const reported = (what) => page.waitForFunction(what);
    await reported(() => window.report.user.some(({ final, text }) => final && /saturday|hours/i.test(text)));
    await reported(() => window.report.output.some(({ text }) => /saturday|nine|four/i.test(text)));
    await reported(() => window.report.speaking.filter((word) => word === 'stopped').length >= 2);
    const heard = await recording(page, join(folder, 'reply.wav'));
    await page.evaluate(() => window.client.disconnect());
    await reported(() => window.report.disconnected);
    return { heard, ...(await page.evaluate(() => window.report)) };
  },
  // The page comes from no address, which the browser would hold against its WebSocket to loopback.
  { speech, out, flags: ['--disable-features=LocalNetworkAccessChecks'] },
);
