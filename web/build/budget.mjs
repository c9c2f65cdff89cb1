// The widget is a guest on other people's pages, and the console is opened in a hurry: both stay small. Skipped where they
// have not been built yet.
import { existsSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const WIDGET_BYTES = 60_000;
/** All that the console loads before its first page is seen; charts and editors come when they are asked for. */
const CONSOLE_BYTES = 250_000;

const dist = (path) => new URL(`../${path}`, import.meta.url);
const compressed = (path) => gzipSync(readFileSync(dist(path)), { level: 9 }).length;

if (existsSync(dist('widget/dist/widget.js'))) {
  within('widget.js', compressed('widget/dist/widget.js'), WIDGET_BYTES);
}
if (existsSync(dist('console/dist/manifest.json'))) {
  const manifest = JSON.parse(readFileSync(dist('console/dist/manifest.json'), 'utf8'));
  const files = loaded(manifest, 'index.html', new Set());
  const size = [...files].reduce((sum, file) => sum + compressed(`console/dist/${file}`), 0);
  within(`console, first load, ${files.size} files`, size, CONSOLE_BYTES);
  for (const [name, chunk] of Object.entries(manifest)) {
    if (!chunk.isDynamicEntry) continue;
    const own = [...loaded(manifest, name, new Set())].filter((file) => !files.has(file));
    const more = own.reduce((sum, file) => sum + compressed(`console/dist/${file}`), 0);
    console.log(`  ${name}: ${more} bytes more`);
  }
}

/** A chunk's files and those of the chunks that it imports at once. */
function loaded(manifest, name, files) {
  const chunk = manifest[name];
  if (files.has(chunk.file)) return files;
  for (const file of [chunk.file, ...(chunk.css ?? [])]) files.add(file);
  for (const other of chunk.imports ?? []) loaded(manifest, other, files);
  return files;
}

function within(name, size, budget) {
  console.log(`${name}: ${size} bytes compressed, of ${budget}`);
  if (size > budget) process.exitCode = 1;
}
