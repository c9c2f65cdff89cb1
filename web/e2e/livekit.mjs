// LiveKit's published JavaScript client, unmodified, in Chromium: in a room with our agent.

import { join, resolve } from 'node:path';
import { options, recording, story } from './browser.mjs';
import { bundled, open } from './bundle.mjs';

const { url, room, token, speech, out } = options('url', 'room', 'token', 'speech', 'out');

await story(
  async (page, folder) => {
    const script = await bundled(resolve(import.meta.dirname, 'livekit/client.js'));
    await open(page, `${url}/livekit-client/`, script);
    await page.evaluate(
      ([address, admission]) => {
        document.querySelector('button').onclick = () => {
          window.connecting = window.connect(address, admission).then(
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
    const reported = (what) => page.waitForFunction(what);
    const asked = () =>
      window.report.texts.some(
        ({ identity, attributes, text }) =>
          identity === window.report.identity &&
          attributes['lk.transcription_final'] === 'true' &&
          /saturday|hours/i.test(text),
      );
    const answered = () =>
      window.report.texts.some(
        ({ identity, text, ended }) =>
          identity !== window.report.identity && ended && /saturday|nine|four/i.test(text),
      );
    await reported(asked);
    await reported(answered);
    await reported(() => window.report.states.at(-1) === 'listening');
    const heard = await recording(page, join(folder, 'reply.wav'));
    const before = await page.evaluate(() => window.report.texts.length);
    await page.evaluate(() => window.room.localParticipant.sendText('Where are you?', { topic: 'lk.chat' }));
    await page.waitForFunction(
      (count) => window.report.texts.slice(count).some(({ text, ended }) => ended && /maple/i.test(text)),
      before,
    );
    await page.evaluate(() => window.room.disconnect());
    await reported(() => window.report.disconnected);
    return { heard, ...(await page.evaluate(() => window.report)) };
  },
  // The page comes from no address, which the browser would hold against its way to loopback.
  { speech, out, flags: ['--disable-features=LocalNetworkAccessChecks'] },
);
