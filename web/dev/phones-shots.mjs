// Pages of trunks, calls out and calls under way, forms that are refused, and routes that a version has lost, as `shots.mjs` looks at them.

export const phonesShots = (base, scenario) => {
  const open = (path, shown) => async (page) => {
    await page.goto(`${base}/console${path}`);
    await page.getByTestId(shown).first().waitFor();
  };
  const settled = (page) => page.waitForTimeout(400);
  return {
    'console-calls-out': open('/campaigns', 'trunk-row'),
    'console-calls-out-test': async (page) => {
      await open('/campaigns', 'trunk-row')(page);
      await page.locator('[data-name=twilio]').getByTestId('test-call').click();
      await page.getByTestId('call-to').fill('+4930123456');
      await page.getByTestId('place-call').click();
      await page.locator('form [id$="-error"]').first().waitFor();
      await settled(page);
    },
    'console-calls-out-followed': async (page) => {
      await open('/campaigns', 'trunk-row')(page);
      await page.getByTestId('new-call').click();
      await page.getByTestId('call-to').fill('+4930123456');
      await page.getByTestId('place-call').click();
      await page.locator('[data-testid=call-followed][data-state=ended]').waitFor();
      await settled(page);
    },
    'console-campaign-new': async (page) => {
      await open('/campaigns/new', 'campaign-trunk')(page);
      await page.getByTestId('campaign-trunk').selectOption('telnyx');
      await page.getByTestId('campaign-trunk-says').waitFor();
    },
    'console-campaign-contacts': open('/campaigns/cmp_1', 'contact-row'),
    'console-campaign-contact': async (page) => {
      await open('/campaigns/cmp_1', 'contact-row')(page);
      await page.getByTestId('contact-change').first().click();
      await page.getByTestId('contact-number').fill('+4930101');
      await page.getByTestId('save-contact').click();
      await page.locator('form [id$="-error"]').first().waitFor();
      await settled(page);
    },
    'console-campaign-contact-gone': async (page) => {
      await open('/campaigns/cmp_1', 'contact-row')(page);
      await page.getByTestId('contact-remove').nth(1).click();
      await page.getByTestId('confirm').waitFor();
      await settled(page);
    },
    'console-live-two': open('/live', 'live-elsewhere'),
    'console-account-telnyx': async (page) => {
      await open('/settings/providers', 'account-row')(page);
      await page.getByTestId('new-account').click();
      await page.getByTestId('account-vendor').selectOption('telnyx');
      await page.getByTestId('account-connection').waitFor();
      await settled(page);
    },
    'console-account-refused': async (page) => {
      await scenario(page, 'refuses');
      await open('/settings/providers', 'account-row')(page);
      await page.getByTestId('new-account').click();
      await page.getByTestId('account-vendor').selectOption('telnyx');
      await page.getByTestId('account-name').fill('built-in');
      await page.getByTestId('account-key').fill('KEY0123456789');
      await page.getByTestId('account-public-key').fill('a key');
      await page.getByTestId('save-account').click();
      await page.locator('form [id$="-error"]').first().waitFor();
      await settled(page);
    },
    'console-channel-refused': async (page) => {
      await scenario(page, 'refuses');
      await open('/settings/channels', 'channel-row')(page);
      await page.getByTestId('new-channel').click();
      await page.getByTestId('channel-address').fill('no page');
      await page.getByTestId('save-channel').click();
      await page.locator('form [id$="-error"]').first().waitFor();
      await settled(page);
    },
    'console-publish-lost': async (page) => {
      await scenario(page, 'lost-routes');
      await open('/agents/front-desk', 'node')(page);
      await page.getByTestId('publish').click();
      await page.getByTestId('publish-now').click();
      await page.getByTestId('routes-without-node').waitFor();
      await settled(page);
    },
    'console-move-lost': async (page) => {
      await scenario(page, 'lost-routes');
      await open('/agents/front-desk/versions', 'environment')(page);
      await page.locator('[data-name=prod] select').selectOption({ index: 1 });
      await page.getByTestId('confirm').click();
      await page.getByTestId('routes-without-node').waitFor();
      await settled(page);
    },
    'console-back-lost': async (page) => {
      await scenario(page, 'lost-routes');
      await open('/agents/front-desk/versions', 'environment')(page);
      await page.getByTestId('roll-back').first().click();
      await page.getByTestId('confirm').click();
      await page.getByTestId('routes-without-node').waitFor();
      await settled(page);
    },
  };
};
