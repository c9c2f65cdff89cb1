// The published Pipecat JavaScript client, unmodified, in Chromium against our server.

import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { options, recording, story } from './browser.mjs';

const { url, transport, speech, out } = options('url', 'transport', 'speech', 'out');
const here = dirname(fileURLToPath(import.meta.url));

await story(
  async (page, folder) => {
    const script = await bundled();
    // A page of the server's own origin; the server's pages are not at stake here.
    await page.route(`${url}/pipecat-client/**`, (route) =>
      route.request().url().endsWith('.js')
        ? route.fulfill({ contentType: 'text/javascript', body: script })
        : route.fulfill({
            contentType: 'text/html',
            body: '<!doctype html><button>Talk</button><script src="client.js"></script>',
          }),
    );
    await page.goto(`${url}/pipecat-client/`);
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

/** The test page's script with the packages in it, as any bundler makes it. */
async function bundled() {
  const folder = mkdtempSync(join(tmpdir(), 'foundry-pipecat-'));
  await build({
    configFile: false,
    logLevel: 'error',
    root: here,
    publicDir: false,
    define: { 'process.env.NODE_ENV': '"production"', global: 'globalThis' },
    build: {
      outDir: folder,
      minify: false,
      lib: {
        entry: resolve(here, 'pipecat/client.js'),
        formats: ['iife'],
        name: 'pipecat',
        fileName: () => 'client.js',
      },
    },
  });
  return readFileSync(join(folder, 'client.js'), 'utf8');
}
