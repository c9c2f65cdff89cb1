// Looks at every page and state in Chromium, light and dark, wide and narrow: writes dev/shots/*.png, and fails on an
// accessibility finding, a script error or a breach of the content policy. usage: node dev/shots.mjs [name or its beginning-]
import { mkdirSync } from 'node:fs';
import { AUTOPLAY, launch } from './chromium.mjs';
import { accessibility, tooWide } from './inspect.mjs';

process.argv[2] = process.argv[2] ?? '';
const only = process.argv[2];
process.argv[2] = '8092';
const { server } = await import('./server.mjs');
const base = 'http://127.0.0.1:8092';
const out = new URL('shots/', import.meta.url).pathname;
mkdirSync(out, { recursive: true });

const browser = await launch(AUTOPLAY);

const looks = [
  { name: 'light-wide', colorScheme: 'light', viewport: { width: 1240, height: 860 } },
  { name: 'dark-wide', colorScheme: 'dark', viewport: { width: 1240, height: 860 } },
  { name: 'light-narrow', colorScheme: 'light', viewport: { width: 360, height: 740 } },
  { name: 'dark-narrow', colorScheme: 'dark', viewport: { width: 360, height: 740 } },
];

/** The console is a tool for large screens that works on small ones. */
const consoleLooks = looks.map((look) =>
  look.viewport.width > 400 ? { ...look, viewport: { width: 1440, height: 900 } } : look,
);

const state = (name) => (page) =>
  page.locator(`[data-testid=widget][data-state=${name}]`).waitFor({ timeout: 15_000 });
const start = (page) => page.getByTestId('start').click();
const scenario = (page, name) => page.request.get(`${base}/dev/scenario?name=${name}`);

const shots = {
  home: async (page) => void (await page.goto(`${base}/?transport=websocket`)),
  speaking: async (page) => {
    await page.goto(`${base}/?transport=websocket`);
    await start(page);
    await page.getByTestId('line').filter({ hasText: 'forty francs' }).waitFor();
    await page.waitForTimeout(500);
  },
  interrupted: async (page) => {
    await page.goto(`${base}/?transport=websocket`);
    await start(page);
    await page.getByTestId('line').filter({ hasText: 'are you open on' }).waitFor({ timeout: 15_000 });
    await page.getByTestId('mute').click();
    await page.waitForTimeout(600);
  },
  ended: async (page) => {
    await page.goto(`${base}/?transport=websocket`);
    await start(page);
    await page.getByText('forty francs').waitFor();
    await page.getByTestId('text-input').fill('Thank you, goodbye');
    await page.getByTestId('send').click();
    await state('ended')(page);
  },
  typing: async (page) => {
    await page.goto(`${base}/?transport=websocket`);
    await start(page);
    await page.getByText('forty francs').waitFor();
    await page.getByTestId('text-input').fill('word '.repeat(380));
    await page.getByTestId('room').waitFor();
  },
  long: async (page) => {
    await page.goto(`${base}/?transport=websocket`);
    await start(page);
    await page.getByText('forty francs').waitFor();
    await page.getByTestId('text-input').fill('many words '.repeat(180));
    await page.getByTestId('send').click();
    await state('ended')(page);
    const tail = await page.evaluate(
      () =>
        document.documentElement.scrollHeight -
        document.querySelector('main').getBoundingClientRect().bottom -
        scrollY,
    );
    if (tail > 1) throw new Error(`the page goes on for ${tail} px below its content`);
  },
  full: async (page) => {
    await scenario(page, 'full');
    await page.goto(`${base}/?transport=websocket`);
    await start(page);
    await state('failed')(page);
  },
  lost: async (page) => {
    await scenario(page, 'drop');
    await page.goto(`${base}/?transport=websocket`);
    await start(page);
    await page.getByText('How can I help').waitFor();
    await page.route('**/*', (route) => route.abort());
    await page.context().setOffline(true);
    await state('reconnecting')(page);
  },
  refused: async (page) => {
    await page.addInitScript(() => {
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'));
    });
    await page.goto(`${base}/`);
    await start(page);
    await state('failed')(page);
  },
  closed: async (page) => {
    await scenario(page, 'closed');
    await page.goto(`${base}/?transport=websocket`);
    await start(page);
    await state('failed')(page);
  },
  wronglink: async (page) => {
    await page.goto(`${base}/#token=wrong`);
    await page.getByTestId('problem').waitFor();
  },
};

const { consoleShots } = await import('./console-shots.mjs');
Object.assign(shots, consoleShots(base, scenario));
const { phonesShots } = await import('./phones-shots.mjs');
Object.assign(shots, phonesShots(base, scenario));

const findings = [];
for (const [name, steps] of Object.entries(shots)) {
  if (only && only !== name && !(only.endsWith('-') && name.startsWith(only))) continue;
  const inConsole = name.startsWith('console-');
  for (const look of inConsole ? consoleLooks : looks) {
    const page = await browser.newPage({ ...look, deviceScaleFactor: 1 });
    page.on('pageerror', (error) => findings.push(`${name} ${look.name}: ${error}`));
    page.on('console', (entry) => {
      const said = entry.text();
      const refused = /Failed to load resource/.test(said); // what a state is about
      if (/Content Security Policy/.test(said) || (inConsole && entry.type() === 'error' && !refused))
        findings.push(`${name} ${look.name}: ${said}`);
    });
    await scenario(page, 'talk');
    try {
      await steps(page);
      await page.screenshot({
        path: `${out}${name}-${look.name}.png`,
        fullPage: name === 'home' || inConsole,
      });
      if (name !== 'lost') {
        for (const found of [...(await accessibility(page)), ...(await tooWide(page))])
          findings.push(`${name} ${look.name}: ${found}`);
      }
    } catch (error) {
      findings.push(`${name} ${look.name}: ${error}`);
      await page.screenshot({ path: `${out}${name}-${look.name}-failed.png` }).catch(() => undefined);
    }
    await page.close();
  }
}
await browser.close();
server.close();
for (const finding of findings) console.error(finding);
console.log(`${findings.length} findings`);
process.exit(findings.length ? 1 : 0);
