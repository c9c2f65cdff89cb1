// What a page must not have: something that axe finds, or a width beyond the screen's.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** A page on which axe has less to say is not the page that was meant. */
const LEAST_RULES = 10;

/** Findings of axe on the page as it stands, a line each; with `rules`, of those alone; with `within`, in that part alone. */
export async function accessibility(page, { rules, within } = {}) {
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axe);
  const { violations, passes } = await page.evaluate(
    ([place, only]) =>
      globalThis.axe.run(place ?? document, only ? { runOnly: { type: 'rule', values: only } } : {}),
    [within ?? null, rules ?? null],
  );
  const found = violations.map((one) => {
    const where = one.nodes.map(
      (node) => `${node.target.join(' ')} ${node.failureSummary?.replaceAll(/\s+/g, ' ')}`,
    );
    return `${one.id} (${one.impact}): ${where.join('; ')}`;
  });
  if (!rules && !within && passes.length < LEAST_RULES)
    found.push(`only ${passes.length} rules looked at anything`);
  return found;
}

export async function tooWide(page) {
  const px = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  return px > 0 ? [`the page is ${px} px too wide`] : [];
}

/** Waits until nothing moves but what moves for ever. */
export const still = (page) =>
  page.evaluate(async () => {
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    await frame();
    await frame();
    const ends = document.getAnimations().filter((one) => one.effect?.getTiming().iterations !== Infinity);
    await Promise.all(ends.map((one) => one.finished.catch(() => undefined)));
    await frame();
  });
