// The voice widget as a person at the screen uses it.

export class Widget {
  constructor(page) {
    this.page = page;
    this.element = page.locator('agent-foundry-widget').first();
  }

  /** Presses the button; from here on every state that is shown is written down. */
  async call() {
    await this.element.evaluate((element) => {
      window.states = [];
      element.addEventListener('agent-foundry:state', ({ detail }) => window.states.push(detail.state));
    });
    await this.element.getByTestId('start').click();
  }

  states() {
    return this.page.evaluate(() => window.states);
  }

  /** Waits for a state that is shown now or was shown since entry `since` of `states()`. */
  async state(wanted, since = 0) {
    await this.page.waitForFunction(
      ([state, from]) => window.states.slice(from).includes(state),
      [wanted, since],
    );
  }

  async shows(wanted) {
    await this.page.waitForFunction(
      (state) => document.querySelector('agent-foundry-widget').dataset.state === state,
      wanted,
    );
  }

  /** What stands in the transcript: who said what, and whether it is final. */
  async lines() {
    return this.element.getByTestId('line').evaluateAll((rows) =>
      rows.map((row) => ({
        role: row.dataset.role,
        final: row.dataset.final === 'true',
        text: row.querySelector('p > span:last-child').textContent,
      })),
    );
  }

  /** The first line of `role` behind the first `after` lines whose text matches. */
  async line(role, pattern, after = 0) {
    const found = await this.page.waitForFunction(
      ([who, source, from]) => {
        const root = document.querySelector('agent-foundry-widget').shadowRoot;
        const rows = [...root.querySelectorAll('[data-testid=line]')].slice(from);
        const text = (row) => row.querySelector('p > span:last-child').textContent;
        const row = rows.find((one) => one.dataset.role === who && new RegExp(source, 'i').test(text(one)));
        return row ? text(row) : null;
      },
      [role, pattern, after],
    );
    return found.jsonValue();
  }

  async type(text) {
    const input = this.element.getByTestId('text-input');
    await input.fill(text);
    await input.press('Enter');
  }

  async hangUp() {
    await this.element.getByTestId('hangup').click();
    await this.shows('ended');
  }

  data(name) {
    return this.element.evaluate((element, key) => element.dataset[key] ?? '', name);
  }
}
