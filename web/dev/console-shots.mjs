// Each page and state of the console, as `shots.mjs` looks at them.
import { callId } from './console-fixtures.mjs';

const put = (base, path, body) =>
  fetch(`${base}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

export const consoleShots = (base, scenario) => {
  const open = (path, shown) => async (page) => {
    await page.goto(`${base}/console${path}`);
    await page.getByTestId(shown).first().waitFor();
  };
  const agents = open('/agents', 'agent-row');
  const draft = (name) => open(`/agents/${name}`, 'node');
  return {
    'console-agents': agents,
    'console-agents-empty': async (page) => {
      await scenario(page, 'empty');
      await open('/agents', 'empty')(page);
    },
    'console-agents-down': async (page) => {
      await scenario(page, 'down');
      await open('/agents', 'problem')(page);
    },
    'console-create': async (page) => {
      await agents(page);
      await page.getByTestId('create-agent').click();
      await page.getByTestId('template-empty').waitFor();
      await page.getByTestId('new-title').fill('Zahnarzt Müller');
      await page.waitForTimeout(300);
    },
    'console-draft': draft('front-desk'),
    'console-draft-problems': async (page) => {
      await draft('florist')(page);
      await page.getByTestId('field-greeting-0').fill('Corner Florist, {if now.hour < 12}good morning.');
      await page.getByTestId('field-voice-speed').fill('9');
      await page.getByTestId('findings').waitFor();
      await page.locator('[data-node=desk] summary').click();
      await page.getByTestId('field-nodes-desk').fill('{\n  "kind": "intent",\n  "intents": {,}\n}');
    },
    'console-draft-providers': async (page) => {
      await draft('florist')(page);
      await page.getByTestId('add-llm').click();
      await page.getByTestId('add-tts').click();
      await page.getByTestId('add-tts').click();
      await page.getByTestId('order-tts').getByTestId('binding-voice').first().fill('coral');
      await page.getByTestId('order-llm').getByTestId('test-binding').click();
      await page.getByTestId('binding-passed').waitFor();
      await page.getByTestId('order-tts').getByLabel('Speaks, 2: earlier').press('Enter');
      await page.waitForTimeout(900);
    },
    'console-merge': async (page) => {
      await draft('florist')(page);
      await put(base, '/dev/meanwhile', {
        agent: 'florist',
        greeting: ['Florist, hi.'],
        title: 'Florist on the corner',
      });
      await page.getByTestId('field-greeting-0').fill('Good day, this is the Corner Florist.');
      await page.getByTestId('merge').waitFor();
      await page.getByTestId('choose-theirs').check();
    },
    'console-talk': async (page) => {
      await page.goto(`${base}/console/agents/florist?transport=websocket`);
      await page.getByTestId('talk').click();
      await page.getByTestId('start').click();
      await page.getByTestId('line').filter({ hasText: 'How can I help' }).waitFor();
      await page.waitForTimeout(500);
    },
    'console-publish': async (page) => {
      await draft('florist')(page);
      await page.getByTestId('publish').click();
      await page.getByTestId('publish-note').fill('Says good day; the second wording is new');
      await page.getByRole('dialog').locator('summary').click();
      await page.waitForTimeout(300);
    },
    'console-versions': open('/agents/front-desk/versions?from=1&to=3', 'change'),
    'console-rollback': async (page) => {
      await open('/agents/front-desk/versions', 'environment-version')(page);
      await page.getByTestId('roll-back').first().click();
      await page.getByTestId('confirm').waitFor();
      await page.waitForTimeout(300);
    },
    'console-releases': open('/agents/front-desk/releases', 'releases'),
    'console-calls': open('/calls', 'call-row'),
    'console-calls-filtered': async (page) => {
      await open('/calls?q=parking&agent=front-desk&range=7d&slower=600', 'call-row')(page);
      await page.waitForTimeout(300);
      if (page.viewportSize().width < 700) await page.getByTestId('filters').click();
    },
    'console-calls-none': open('/calls?q=zebra', 'empty'),
    'console-calls-empty': async (page) => {
      await scenario(page, 'empty');
      await open('/calls', 'empty')(page);
    },
    'console-call': async (page) => {
      await open(`/calls/${callId(1)}`, 'turn')(page);
      await page.locator('[data-testid=waveform][data-state=drawn]').waitFor();
      await page.getByTestId('play').click();
      await page.waitForFunction(
        () => Number(document.querySelector('[data-testid=position]').dataset.ms) > 900,
      );
      await page.getByTestId('line').nth(4).click();
      await page.locator('[data-testid=line][data-heard=true]').waitFor();
      await page.waitForTimeout(700);
      await page.getByTestId('play').click();
    },
    'console-call-out': open(`/calls/${callId(3)}`, 'facts'),
    'console-call-running': open(`/calls/${callId(0)}`, 'running'),
    'console-call-cut': async (page) => {
      await open(`/calls/${callId(4)}`, 'interrupted-call')(page);
      await page.locator('[data-testid=waveform][data-state=drawn]').waitFor();
    },
    'console-call-disk': async (page) => {
      await open(`/calls/${callId(3)}`, 'recording-missing')(page);
      await page.locator('[data-testid=waveform][data-state=drawn]').waitFor();
    },
    'console-call-unrecorded': open(`/calls/${callId(16)}`, 'recording-missing'),
    'console-call-unknown': open('/calls/nope', 'problem'),
    'console-latency': async (page) => {
      await open('/latency?window=24h', 'chart')(page);
      await page.waitForTimeout(400);
    },
    'console-latency-live': async (page) => {
      await open('/latency?window=5m', 'chart')(page);
      await page.waitForTimeout(2300);
    },
    'console-latency-empty': async (page) => {
      await scenario(page, 'empty');
      await open('/latency', 'empty')(page);
    },
    'console-costs': async (page) => {
      await open('/costs', 'breakdown')(page);
      await page.waitForTimeout(400);
    },
    'console-costs-empty': async (page) => {
      await scenario(page, 'empty');
      await open('/costs', 'empty')(page);
    },
    'console-costs-down': async (page) => {
      await scenario(page, 'down');
      await open('/costs', 'problem')(page);
    },
    'console-prices': open('/costs/prices', 'price-row'),
    'console-price-new': async (page) => {
      await open('/costs', 'missing')(page);
      await page.getByTestId('set-price').first().click();
      await page.getByTestId('price-dollars').fill('0.20');
      await page.waitForTimeout(300);
    },
    'console-prices-import': async (page) => {
      await open('/costs/prices', 'price-row')(page);
      await page.getByTestId('import-prices').click();
      await page.getByTestId('price-text').fill('vendor,model,unit,price_usd\nown,m,request,cheap');
      await page.getByTestId('price-faults').waitFor();
      await page.waitForTimeout(300);
    },
    'console-budget': open('/costs/budget', 'budget-limit'),
    'console-drills': async (page) => {
      await scenario(page, 'drill');
      await open('/drills', 'drills')(page);
      await page.getByTestId('drill-banner').waitFor();
    },
    'console-drill-report': async (page) => {
      await scenario(page, 'drill');
      await open('/drills', 'drills')(page);
      await page.getByTestId('drill-shows').first().click();
      await page.getByTestId('drill-report').waitFor();
      await page.waitForTimeout(400);
    },
    'console-drill-new': async (page) => {
      await open('/drills', 'drills')(page);
      await page.getByTestId('new-drill').click();
      await page.getByTestId('start-drill').waitFor();
      await page.waitForTimeout(400);
    },
    'console-keys': open('/settings/keys', 'keys'),
    'console-key-new': async (page) => {
      await open('/settings/keys', 'keys')(page);
      await page.getByTestId('new-key').click();
      await page.getByTestId('key-name').fill('Booking page');
      await page.getByTestId('make-key').click();
      await page.getByTestId('key').waitFor();
      await page.waitForTimeout(400);
    },
    'console-revoke': async (page) => {
      await open('/settings/keys', 'keys')(page);
      await page.getByTestId('revoke').first().click();
      await page.getByTestId('confirm').waitFor();
      await page.waitForTimeout(300);
    },
    'console-greetings': open('/greetings', 'greeting-row'),
    'console-greetings-empty': async (page) => {
      await scenario(page, 'empty');
      await open('/greetings', 'empty')(page);
    },
    'console-greeting': async (page) => {
      await open('/greetings', 'greeting-row')(page);
      await page.getByRole('link', { name: 'Everyday' }).click();
      await page.getByTestId('preview-text').waitFor();
      await page.getByTestId('verdict').first().waitFor();
      await page.getByTestId('preview-play').click();
      await page.getByTestId('preview-audio').waitFor();
    },
    'console-greeting-new': async (page) => {
      await open('/greetings/new', 'wording-0')(page);
      await page.getByTestId('greeting-scheduled').click({ force: true });
      await page.getByTestId('wording-0').fill('Hello {nobody}.');
      await page.getByTestId('problem').first().waitFor();
    },
    'console-channels': open('/settings/channels', 'channel-row'),
    'console-organization': open('/settings/organization', 'organization-title'),
    'console-providers': open('/settings/providers', 'account-row'),
    'console-providers-empty': async (page) => {
      await scenario(page, 'empty');
      await open('/settings/providers', 'new-account')(page);
    },
    'console-providers-new': async (page) => {
      await open('/settings/providers', 'account-row')(page);
      await page.getByTestId('new-account').click();
      await page.getByTestId('account-vendor').selectOption('openai');
      await page.getByTestId('account-key').fill('sk-0123456789');
      await page.waitForTimeout(300);
    },
    'console-providers-test': async (page) => {
      await open('/settings/providers', 'account-row')(page);
      await page.getByTestId('test-account').first().click();
      await page.getByTestId('run-test').click();
      await page.getByTestId('test-passed').waitFor();
      await page.waitForTimeout(300);
    },
    'console-audit': open('/settings/audit', 'audit'),
    'console-about': open('/settings/about', 'about'),
    'console-sign-in': async (page) => {
      await scenario(page, 'closed');
      await open('/calls', 'sign-in')(page);
      await page.getByTestId('token').fill('wrong');
      await page.getByTestId('enter').click();
      await page.getByText('Only for the operator').waitFor();
    },
    'console-scheme': async (page) => {
      await draft('florist')(page);
      await page.getByTestId('scheme').click();
      await page.getByTestId('scheme').click();
      await page.waitForTimeout(400);
    },
    'console-nowhere': open('/nowhere', 'empty'),
  };
};
