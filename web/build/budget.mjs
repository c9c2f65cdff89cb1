// The widget is a guest on other people's pages: it stays small. Skipped where it has not been built yet.
import { existsSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const BUDGET_BYTES = 60_000;
const file = new URL('../widget/dist/widget.js', import.meta.url);
if (existsSync(file)) {
  const size = gzipSync(readFileSync(file), { level: 9 }).length;
  console.log(`widget.js: ${size} bytes compressed, of ${BUDGET_BYTES}`);
  if (size > BUDGET_BYTES) process.exit(1);
}
