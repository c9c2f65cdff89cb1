// How soon a page of the console can be used: node dev/interactive.mjs --url http://127.0.0.1:8080 --token TOKEN
// From the navigation to its content on the screen with no work of more than 50 ms under way: the browser's cache empty, and warm.
// On a busy machine that is how long others were waited for, too: the processor's time of the page's main thread is beside it.
// With 30 days of a thousand calls an hour behind it: `control/store/examples/month.rs` first, into the database of that server.

import { parseArgs } from 'node:util';
import { launch } from './chromium.mjs';

const { values } = parseArgs({ options: { url: { type: 'string' }, token: { type: 'string' } } });
const CHARTS = '[data-testid=chart] canvas, [data-testid=empty]';
const pages = {
  '/console/latency': CHARTS,
  '/console/latency?window=24h': CHARTS,
  '/console/latency?window=30d': CHARTS,
  '/console/calls': '[data-testid=call-row], [data-testid=empty]',
  '/console/agents': '[data-testid=agent-row]',
};
const RUNS = 5;

/** Runs in the page: when `selector` stood there and the last long task had ended, ms since the navigation. */
const usable = (selector) =>
  new Promise((resolve) => {
    let busyUntil = 0;
    new PerformanceObserver((list) => {
      for (const task of list.getEntries()) busyUntil = Math.max(busyUntil, task.startTime + task.duration);
    }).observe({ type: 'longtask', buffered: true });
    let there = 0;
    const look = () => {
      if (!there && document.querySelector(selector)) there = performance.now();
      const now = performance.now();
      if (there && now - Math.max(there, busyUntil) > 200) resolve(Math.max(there, busyUntil));
      else requestAnimationFrame(look);
    };
    look();
  });

const browser = await launch();
for (const [path, selector] of Object.entries(pages)) {
  const cold = [];
  const warm = [];
  for (let run = 0; run < RUNS; run += 1) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
    await context.request.post(`${values.url}/v1/operator/session`, {
      data: { token: values.token },
      headers: { origin: values.url },
    });
    const page = await context.newPage();
    const client = await context.newCDPSession(page);
    await client.send('Performance.enable', { timeDomain: 'threadTicks' });
    for (const visits of [cold, warm]) {
      await page.goto(`${values.url}${path}`);
      const after = await page.evaluate(usable, selector);
      const { metrics } = await client.send('Performance.getMetrics');
      const busy = metrics.find((one) => one.name === 'TaskDuration').value * 1000;
      visits.push({ after, busy });
    }
    await context.close();
  }
  const middle = (times) => Math.round(times.sort((a, b) => a - b)[Math.floor(RUNS / 2)]);
  const [first, again] = [cold, warm].map(
    (visits) =>
      `${middle(visits.map((one) => one.after))} ms (processor ${middle(visits.map((one) => one.busy))} ms)`,
  );
  console.log(`${path}: first visit ${first}, again ${again}; medians of ${RUNS}`);
}
await browser.close();
