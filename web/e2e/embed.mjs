// The widget on somebody else's page: once on a page that may use the agent, once on one that may not.

import { createServer } from 'node:http';
import { options, story } from './browser.mjs';
import { Widget } from './widget.mjs';

const { url, port, out } = options('url', 'port', 'out');
const html = `<!doctype html><title>A shop</title><h1>A shop</h1>
<script src="${url}/widget.js"></script><agent-foundry-widget agent="front-desk"></agent-foundry-widget>`;
const shop = createServer((_, answer) => answer.setHeader('content-type', 'text/html').end(html));
await new Promise((listening) => shop.listen(Number(port), '127.0.0.1', listening));

await story(
  async (page) => {
    await page.goto(`http://shop.localhost:${port}/`);
    const allowed = new Widget(page);
    await allowed.call();
    const greeting = await allowed.line('agent', '\\w+ \\w+');
    await allowed.type('Where are you?');
    const answer = await allowed.line('agent', 'maple street', 1);
    const transport = await allowed.data('transport');
    await allowed.hangUp();

    await page.goto(`http://other.localhost:${port}/`);
    const refused = new Widget(page);
    await refused.call();
    await refused.state('failed');
    const notice = refused.element.getByTestId('notice');
    return {
      greeting,
      answer,
      transport,
      refused: await notice.getAttribute('data-code'),
      advice: await notice.textContent(),
    };
  },
  { out },
);
shop.close();
