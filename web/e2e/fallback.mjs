// The widget where no UDP packet arrives: the WebSocket takes the call, and takes it up again after it broke.

import { join } from 'node:path';
import { options, recording, story } from './browser.mjs';
import { Widget } from './widget.mjs';

const { url, out } = options('url', 'out');

await story(
  async (page, folder) => {
    await page.goto(url);
    const widget = new Widget(page);
    await widget.call();
    const greeting = await widget.line('agent', '\\w+ \\w+');
    const transport = await widget.data('transport');
    await widget.shows('listening');
    const heard = await recording(page, join(folder, 'greeting.wav'));
    await widget.type('Where are you?');
    const first = await widget.line('agent', 'maple street', 1);
    await widget.shows('listening');

    const session = await widget.data('session');
    const kept = (await widget.lines()).length;
    const seen = (await widget.states()).length;
    // A close without a code is a hang-up; what breaks a connection on its way closes it with another.
    await page.evaluate(() => window.tapped.sockets.slice(-1)[0].close(4000, 'broken'));
    await widget.state('reconnecting', seen);
    await page.waitForFunction(() => !['reconnecting', 'connecting'].includes(window.states.slice(-1)[0]));
    const back = { lines: (await widget.lines()).length, session: await widget.data('session') };
    await widget.type('How much is a haircut?');
    const second = await widget.line('agent', 'forty.?five', kept);
    const states = await widget.states();
    await widget.hangUp();
    return { greeting, transport, heard, first, session, kept, back, second, states };
  },
  { out },
);
