// The operator of a real server: as a program, as a caller without a browser, and at the console.

import { spawn } from 'node:child_process';
import { PATIENCE_MS } from './browser.mjs';

export class Operator {
  constructor({ url, token, program }) {
    Object.assign(this, { url, token, program });
  }

  /** As a program would, with curl. */
  async call(method, path, body, headers = {}) {
    const response = await fetch(`${this.url}/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${this.token}`, 'content-type': 'application/json', ...headers },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return { etag: response.headers.get('etag'), body: text ? JSON.parse(text) : null };
  }

  get = async (path) => (await this.call('GET', path)).body;
  post = async (path, body) => (await this.call('POST', path, body)).body;

  /** Another editor of a draft: `change` gets the definition and gives the next one. */
  async redraft(agent, change) {
    const { body, etag } = await this.call('GET', `/agents/${agent}/draft`);
    const definition = change(structuredClone(body.definition));
    const saved = await this.call('PUT', `/agents/${agent}/draft`, { definition }, { 'if-match': etag });
    return saved.etag;
  }

  async publish(agent, note, environment = 'prod') {
    const { etag } = await this.call('GET', `/agents/${agent}/draft`);
    const { body } = await this.call(
      'POST',
      `/agents/${agent}/publish`,
      { note, environment },
      { 'if-match': etag },
    );
    return body.number;
  }

  /**
   * A call with `foundry call`, that speaks `lines`: files, or a file and after how many seconds of the agent's words it is
   * spoken into them. The promise is kept when it has ended.
   */
  speak(agent, lines, transport = 'webrtc') {
    const said = lines.flatMap((line) =>
      Array.isArray(line) ? ['--wav', line[0], '--at', String(line[1])] : ['--wav', line],
    );
    const place = ['call', '--url', this.url, '--agent', agent, '--transport', transport, ...said];
    return new Promise((resolve, reject) => {
      const caller = spawn(this.program, place, { env: { ...process.env, FOUNDRY_TOKEN: this.token } });
      const words = [];
      for (const stream of [caller.stdout, caller.stderr]) stream.on('data', (data) => words.push(data));
      caller.on('error', reject);
      caller.on('exit', (code) =>
        code === 0 ? resolve() : reject(new Error(`${place}\n${words.join('')}`)),
      );
    });
  }

  /** The newest call of an agent as `wanted` has it, as soon as there is one. */
  async newest(agent, wanted) {
    const until = Date.now() + PATIENCE_MS;
    while (Date.now() < until) {
      const { data } = await this.get(`/sessions?agent=${encodeURIComponent(agent)}&limit=20`);
      const found = data.find(wanted);
      if (found) return found;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`no call of ${agent} was as wanted within ${PATIENCE_MS} ms`);
  }

  /** Signs a page in, by the address that the server printed, and leaves it at `path`. */
  async enter(page, path) {
    await page.goto(`${this.url}/console${path}#token=${this.token}`);
    await page.waitForFunction(() => location.hash === '');
  }
}
