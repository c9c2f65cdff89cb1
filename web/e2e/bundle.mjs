// A page of the server's own origin with a published client in it, as any bundler makes it; the server's pages are not at stake there.

import { dirname } from 'node:path';
import { build } from 'vite';

/** The script at `entry` with its packages. */
export async function bundled(entry) {
  const [{ output }] = await build({
    configFile: false,
    logLevel: 'error',
    root: dirname(entry),
    publicDir: false,
    define: { 'process.env.NODE_ENV': '"production"', global: 'globalThis' },
    build: {
      write: false,
      minify: false,
      lib: { entry, formats: ['iife'], name: 'client', fileName: () => 'client.js' },
    },
  });
  return output[0].code;
}

/** Opens a page at `address` with one button and the script. */
export async function open(page, address, script) {
  await page.route(`${address}**`, (route) =>
    route.request().url().endsWith('.js')
      ? route.fulfill({ contentType: 'text/javascript', body: script })
      : route.fulfill({
          contentType: 'text/html',
          body: '<!doctype html><body><button>Talk</button><script src="client.js"></script></body>',
        }),
  );
  await page.goto(address);
}
