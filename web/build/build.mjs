// Builds the widget into one script and the pages into static files. No file names an outside host.
import { readFileSync, rmSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const web = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const shared = { configFile: false, logLevel: 'warn', root: web, publicDir: false };

const library = (entry, name, outDir, write) => ({
  target: 'es2022',
  write,
  outDir,
  emptyOutDir: true,
  lib: { entry: resolve(web, entry), formats: ['iife'], name, fileName: () => 'widget.js' },
  rolldownOptions: { output: { exports: 'none', codeSplitting: false } },
});

/** Audio worklets are loaded from text, since the widget is one file. */
async function worklets() {
  const built = await build({
    ...shared,
    build: library('widget/src/audio/worklets.ts', 'worklets', undefined, false),
  });
  const output = (Array.isArray(built) ? built[0] : built).output;
  return output[0].code;
}

const text = await worklets();
const worklet = {
  name: 'worklets-as-text',
  resolveId: (id) => (id === 'virtual:worklets' ? '\0worklets' : undefined),
  load: (id) => (id === '\0worklets' ? `export default ${JSON.stringify(text)}` : undefined),
};

await build({
  ...shared,
  plugins: [worklet],
  build: library('widget/src/index.ts', 'AgentFoundryWidget', resolve(web, 'widget/dist'), true),
});

const names = ['index', 'manual'];
const pages = names.map((name) => resolve(web, 'pages/src', `${name}.html`));
await build({
  ...shared,
  root: resolve(web, 'pages/src'),
  base: '/',
  build: {
    target: 'es2022',
    outDir: resolve(web, 'pages/dist'),
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: pages },
  },
});

await build({
  ...shared,
  root: resolve(web, 'console'),
  base: '/console/',
  define: { 'process.env.NODE_ENV': JSON.stringify('production') },
  build: {
    target: 'es2022',
    outDir: resolve(web, 'console/dist'),
    emptyOutDir: true,
    assetsInlineLimit: 0,
    // The budget reads from it what the first page loads.
    manifest: 'manifest.json',
    modulePreload: { polyfill: false },
    rolldownOptions: {
      // The component library marks its modules for servers that render; there is none here.
      onwarn: (warning, warn) => {
        if (warning.code !== 'MODULE_LEVEL_DIRECTIVE') warn(warning);
      },
    },
  },
});

// The pages' policy allows no inline script or style: fail here rather than in a browser.
for (const page of [...names.map((name) => `pages/dist/${name}.html`), 'console/dist/index.html']) {
  const html = readFileSync(resolve(web, page), 'utf8');
  if (/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/i.test(html))
    throw new Error(`${page} has inline code`);
}
rmSync(resolve(web, 'pages/dist/.vite'), { recursive: true, force: true });
