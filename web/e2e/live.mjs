// The page of latencies while somebody calls: an open page, never loaded again, shows what happens within a moment of it.

import { join } from 'node:path';
import { options, PATIENCE_MS, story } from './browser.mjs';
import { Operator } from './operator.mjs';
import { Widget } from './widget.mjs';

const { url, token, speech, out } = options('url', 'token', 'speech', 'out');
const operator = new Operator({ url, token });

/** Runs in the page: notes when a tile or the words of a chart became something else. */
function watch() {
  window.seen = [];
  window.found = {};
  const read = () => {
    const tiles = [...document.querySelectorAll('[data-tile]')].map((tile) => [
      tile.dataset.tile,
      tile.querySelector('dd').textContent,
    ]);
    const charts = [...document.querySelectorAll('[data-testid=chart]')].map((chart) => [
      `chart: ${chart.dataset.title}`,
      chart.querySelector('p').textContent,
    ]);
    const now = Object.fromEntries([...tiles, ...charts]);
    for (const [name, text] of Object.entries(now))
      if (window.seen.findLast((one) => one.name === name)?.text !== text)
        window.seen.push({ name, text, at: Date.now() });
  };
  new MutationObserver(read).observe(document.body, { subtree: true, childList: true, characterData: true });
  read();
  window.noted = window.seen.length;
}

/**
 * When something named `name` came to read as `pattern`, after what was last found of that name; waits for it. By order and not
 * by time: a page may count a call in the moment before the first event of it is written.
 */
const next = async (page, name, pattern) =>
  (
    await page.waitForFunction(
      ([wanted, source]) => {
        const from = window.found[wanted] ?? window.noted;
        const at = window.seen.findIndex(
          (one, index) => index >= from && one.name === wanted && new RegExp(source).test(one.text),
        );
        if (at < 0) return undefined;
        window.found[wanted] = at + 1;
        return window.seen[at];
      },
      [name, pattern],
      { polling: 50 },
    )
  ).jsonValue();

/** Until the first event of a kind that says so is on record: when it happened, by the server's clock, which is the browser's. */
async function happened(session, kind, says = '') {
  const until = Date.now() + PATIENCE_MS;
  while (Date.now() < until) {
    const call = await operator.get(`/sessions/${session}`).catch(() => null);
    const { data = [] } = call ? await operator.get(`/sessions/${session}/events?limit=1000`) : {};
    const found = data.find((event) => event.kind === kind && event.text.startsWith(says));
    if (found) return Date.parse(call.started_at) + found.at_ms;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`no ${kind} of ${session} is on record`);
}

const TURN_SHOWS = {
  'Response, p50': '^\\d[\\d,]* ms$',
  p95: '^\\d[\\d,]* ms$',
  p99: '^\\d[\\d,]* ms$',
  'chart: Response time': 'p50 last \\d.*p95 last \\d.*p99 last \\d',
};
const STAGES = ['Endpointing', 'Thinking', 'Sentence', 'Synthesis', 'Playout'];

await story(
  async (page, folder) => {
    await operator.enter(page, '/latency?window=5m');
    await page.getByTestId('tiles').waitFor();
    await page.evaluate(watch);
    const before = await page.evaluate(() =>
      Object.fromEntries(window.seen.map((one) => [one.name, one.text])),
    );
    const caller = await (
      await page
        .context()
        .browser()
        .newContext({ permissions: ['microphone'] })
    ).newPage();
    await caller.goto(`${url}/?agent=front-desk&transport=websocket`);
    const widget = new Widget(caller);
    await widget.call();
    await widget.shows('listening');
    const session = await widget.data('session');
    const lags = {};
    const lag = async (what, event, name, pattern) => {
      const seen = await next(page, name, pattern);
      lags[`${what}: ${name}`] = Math.max(0, Math.round(seen.at - event));
    };
    const started = await happened(session, 'started');
    await lag('begun', started, 'Active calls', '^1$');
    await lag('begun', started, 'chart: Active calls', 'in the minute last 1,');
    await lag('begun', started, 'Calls', '^1$');

    // The microphone speaks by itself, a while after it was opened.
    const asked = await happened(session, 'caller_turn');
    // A turn of the minute before counts by what of that minute is left; a page that stalls may have cut what was said in two.
    await lag('asked', asked, 'Turns per minute', '^(?!0$)\\d');
    await lag('asked', asked, 'chart: Requests', 'turns per minute last \\d+, lowest 0, highest [1-9]');
    const finished = await happened(session, 'turn_finished', 'answered');
    for (const [name, pattern] of Object.entries(TURN_SHOWS)) await lag('answered', finished, name, pattern);
    const charts = await page.evaluate(() => [...new Set(window.seen.map((one) => one.name))]);
    for (const stage of STAGES) {
      const title = charts.find((name) => name.startsWith(`chart: ${stage}:`)) ?? stage;
      await lag('answered', finished, title, 'p50 last .*p95 last .*p99 last ');
    }
    await page.screenshot({ path: join(folder, 'live.png'), fullPage: true });
    await widget.hangUp();
    const ended = await happened(session, 'ended');
    await lag('ended', ended, 'Active calls', '^0$');
    // What was noted would be gone had the page been loaded anew.
    const notes = await page.evaluate(() => window.seen.length);
    return { before, lags, notes };
  },
  { speech, out },
);
