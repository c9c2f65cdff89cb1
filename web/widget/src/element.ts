// <agent-foundry-widget agent="front-desk" server="https://voice.example.com" theme="auto">
// Joins a call to its view; all rules are in `call.ts`, all looks in `view.ts`.

import tokens from '../../tokens.css?inline';
import { Browser } from './browser';
import { Call, type Snapshot } from './call';
import { Server } from './server';
import { stateOf, View } from './view';
import styles from './widget.css?inline';

/** Where this script came from is where the server is, unless the page says otherwise. */
const home =
  document.currentScript instanceof HTMLScriptElement
    ? new URL(document.currentScript.src).origin
    : location.origin;

const FRAME_MS = 60;

export class Widget extends HTMLElement {
  static readonly observedAttributes = ['agent', 'server', 'label'];

  private readonly browser = new Browser(() => this.server);
  private readonly call: Call;
  private readonly view: View;
  private meters: ReturnType<typeof setInterval> | undefined;
  private network: string | undefined;
  private readonly onNetwork = () => this.call.networkChanged();
  /** The browser reports each new estimate of speed here too: only another kind of network cuts the path. */
  private readonly onEstimate = () => {
    const type = connection()?.type;
    if (type !== this.network && type !== 'none') this.call.networkChanged();
    this.network = type;
  };
  private readonly onLeave = () => this.call.hangUp();
  private described = '';
  private known: Server | null = null;

  constructor() {
    super();
    const root = this.attachShadow({ mode: 'open' });
    root.adoptedStyleSheets = [sheet(tokens), sheet(styles)];
    this.call = new Call(this.browser, (snapshot) => this.changed(snapshot));
    this.view = new View(root, {
      start: () => void this.start(),
      hangUp: () => this.hangUp(),
      mute: (muted) => this.call.setMuted(muted),
      say: (text) => this.call.say(text),
    });
    this.view.show(this.call.snapshot);
  }

  /** The same one for as long as the page means the same: it remembers what the server said. */
  private get server(): Server {
    const given = this.getAttribute('server');
    const base = new URL(given || home, location.href).origin;
    const agent = this.getAttribute('agent') ?? '';
    if (this.known?.base !== base || this.known.agent !== agent) this.known = new Server(base, agent);
    return this.known;
  }

  connectedCallback(): void {
    window.addEventListener('online', this.onNetwork);
    this.network = connection()?.type;
    connection()?.addEventListener('change', this.onEstimate);
    window.addEventListener('pagehide', this.onLeave);
    void this.describe();
  }

  disconnectedCallback(): void {
    window.removeEventListener('online', this.onNetwork);
    connection()?.removeEventListener('change', this.onEstimate);
    window.removeEventListener('pagehide', this.onLeave);
    this.call.hangUp();
    this.view.close();
  }

  attributeChangedCallback(): void {
    if (this.isConnected) void this.describe();
  }

  /** Starts a call, as the button does. Call it from the handler of a press: browsers start audio for nothing less. */
  async start(): Promise<void> {
    this.browser.prepare();
    await this.call.start(this.getAttribute('transport') === 'websocket' ? 'websocket' : 'webrtc');
  }

  hangUp(): void {
    this.call.hangUp();
  }

  get snapshot(): Snapshot {
    return this.call.snapshot;
  }

  /** The agent's name as people read it; its plain name until the server has said it. */
  private async describe(): Promise<void> {
    const { agent, base } = this.server;
    if (this.described === `${base} ${agent}`) return;
    this.described = `${base} ${agent}`;
    const label = this.getAttribute('label');
    this.view.describe(label || readable(agent), HINT);
    if (label) return;
    const agents = await this.server.agents().catch(() => {
      // Asked again when the page names whom it shows, as it does after a sign-in.
      this.described = '';
      return [];
    });
    const known = agents.find((one) => one.name === agent) ?? (agent ? undefined : agents[0]);
    if (known) this.view.describe(known.title || readable(known.name), known.description || HINT);
  }

  private changed(snapshot: Snapshot): void {
    const { phase, sessionId } = snapshot;
    const state = stateOf(snapshot);
    this.view.show(snapshot);
    if (this.dataset.state !== state) {
      this.dataset.state = state;
      this.announce('state', { state, sessionId });
    }
    this.dataset.transport = snapshot.transport ?? '';
    if (sessionId) this.dataset.session = sessionId;
    const busy = phase === 'live' || phase === 'reconnecting' || phase === 'connecting';
    if (busy && !this.meters) {
      this.meters = setInterval(() => this.view.tick(this.browser.levels(), this.browser.now()), FRAME_MS);
    } else if (!busy && this.meters) {
      clearInterval(this.meters);
      this.meters = undefined;
      this.announce('ended', { sessionId, reason: snapshot.ending, code: snapshot.trouble?.code ?? null });
    }
  }

  private announce(name: string, detail: object): void {
    this.dispatchEvent(new CustomEvent(`agent-foundry:${name}`, { detail, bubbles: true, composed: true }));
  }
}

const HINT = 'Your browser will ask for the microphone. You can interrupt the agent at any time.';

function sheet(text: string): CSSStyleSheet {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(text);
  return sheet;
}

function readable(name: string): string {
  const words = name.replaceAll(/[-_]+/g, ' ').trim();
  return words ? words.charAt(0).toUpperCase() + words.slice(1) : 'the agent';
}

type Network = EventTarget & { readonly type?: string };

const connection = (): Network | undefined => (navigator as { connection?: Network }).connection;
