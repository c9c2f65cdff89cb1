// The widget's screen: builds its parts once and shows a snapshot in them. Knows nothing of how a call works.

import type { Snapshot } from './call';
import type { Line } from './conversation';
import { icon } from './icons';

export interface Actions {
  start(): void;
  hangUp(): void;
  mute(muted: boolean): void;
  say(text: string): boolean;
}

const STATES: Record<string, string> = {
  idle: 'Ready',
  connecting: 'Connecting…',
  initializing: 'Connecting…',
  listening: 'Listening',
  thinking: 'Thinking…',
  speaking: 'Speaking',
  reconnecting: 'Reconnecting…',
  ended: 'Call ended',
  failed: 'Not connected',
};

/** Characters of a typed message; what is pasted beyond them is cut. */
const LONGEST = 2000;
/** From so few left on, the writer is told. */
const NEAR = 200;

/** What to tell about the room that a typed message leaves. */
export function roomLeft(length: number): string {
  const left = LONGEST - length;
  if (left > NEAR) return '';
  if (left <= 0) return `No characters left: a message holds ${LONGEST.toLocaleString('en')}.`;
  return `${left} ${left === 1 ? 'character' : 'characters'} left`;
}

/** One word for phase and agent state together; also the `data-state` that tests and styles read. */
export function stateOf({ phase, agentState }: Snapshot): string {
  if (phase !== 'live') return phase;
  return agentState === 'initializing' ? 'connecting' : agentState;
}

export class View {
  private readonly panel = h('section', {
    class: 'panel',
    part: 'panel',
    testid: 'panel',
    'aria-label': 'Voice call',
  });
  private readonly status = h('span', { class: 'status', part: 'status', testid: 'status', role: 'status' });
  private readonly statusText = h('span', {});
  private readonly clock = h('span', { class: 'clock', testid: 'clock' });
  private readonly title = h('h2', { class: 'title', part: 'title', testid: 'title' });
  private readonly log = h('div', {
    class: 'transcript',
    part: 'transcript',
    testid: 'transcript',
    role: 'log',
    'aria-label': 'Transcript',
    tabindex: '0',
  });
  private readonly welcome = h('div', { class: 'welcome' });
  private readonly hint = h('p', { testid: 'hint' });
  private readonly startButton = button('start', 'start', 'Start talking', 'microphone');
  private readonly notice = h('div', { class: 'notice', part: 'notice', testid: 'notice', role: 'alert' });
  private readonly retry = button('retry', 'retry', 'Call again', 'microphone');
  private readonly footer = h('footer', { part: 'controls' });
  private readonly muteButton = round('mute', 'Mute microphone', 'microphone');
  private readonly hangupButton = round('hangup', 'Hang up', 'hangup');
  private readonly input = h('input', {
    testid: 'text-input',
    type: 'text',
    maxlength: String(LONGEST),
    'aria-describedby': 'room',
    placeholder: 'Or type here',
    'aria-label': 'Message to the agent',
    autocomplete: 'off',
    enterkeyhint: 'send',
  });
  private readonly room = h('p', { class: 'room', id: 'room', testid: 'room', role: 'status' });
  private readonly fills = { caller: h('span', { class: 'fill' }), agent: h('span', { class: 'fill' }) };
  private readonly rows = new Map<number, HTMLElement>();
  private waiting: ReturnType<typeof setInterval> | undefined;
  private shown: Snapshot | null = null;

  constructor(root: ShadowRoot, actions: Actions) {
    this.status.append(h('span', { class: 'dot', 'aria-hidden': 'true' }), this.statusText);
    const header = h('header', {}, this.title, this.status, this.clock);
    this.welcome.append(this.startButton, this.hint);
    this.log.append(this.welcome);
    const send = round('send', 'Send message', 'send', 'submit');
    const form = h('form', {}, this.input, send);
    this.footer.append(
      h('div', { class: 'meters' }, this.meter('caller', 'You'), this.meter('agent', 'Agent')),
      h('div', { class: 'controls' }, this.muteButton, form, this.hangupButton),
      this.room,
    );
    this.room.hidden = true;
    this.panel.append(header, this.log, this.notice, this.footer);
    root.append(this.panel);

    this.startButton.onclick = () => actions.start();
    this.retry.onclick = () => actions.start();
    this.hangupButton.onclick = () => actions.hangUp();
    this.muteButton.onclick = () => actions.mute(this.muteButton.getAttribute('aria-pressed') !== 'true');
    form.onsubmit = (event) => {
      event.preventDefault();
      if (actions.say(this.input.value)) this.input.value = '';
      this.measure();
    };
    this.input.oninput = () => this.measure();
  }

  describe(title: string, hint: string): void {
    this.title.textContent = title;
    this.hint.textContent = hint;
    (this.startButton.lastChild as HTMLElement).textContent = `Talk to ${title}`;
  }

  show(now: Snapshot): void {
    const before = this.shown;
    this.shown = now;
    const state = stateOf(now);
    this.status.dataset.state = state;
    if (this.statusText.textContent !== STATES[state]) this.statusText.textContent = STATES[state] ?? state;
    const busy = ['connecting', 'live', 'reconnecting'].includes(now.phase);
    this.welcome.hidden = now.phase !== 'idle';
    this.footer.hidden = !busy;
    this.input.disabled = now.phase !== 'live';
    this.pressed(now.muted);
    if (before?.conversation !== now.conversation) this.lines(now.conversation.lines);
    if (before?.phase !== now.phase || before.trouble !== now.trouble) {
      const atEnd = this.atEnd();
      this.tell(now);
      // The notice and the controls take their room from the transcript.
      if (atEnd) this.toEnd();
      this.focus(before, now);
    }
  }

  tick(levels: { caller: number; agent: number }, now: number): void {
    const snapshot = this.shown;
    const muted = snapshot?.muted === true;
    this.fills.caller.style.transform = `scaleX(${muted ? 0 : levels.caller.toFixed(3)})`;
    this.fills.agent.style.transform = `scaleX(${levels.agent.toFixed(3)})`;
    if (snapshot?.since != null) this.clock.textContent = clock(now - snapshot.since);
  }

  private measure(): void {
    this.room.textContent = roomLeft(this.input.value.length);
    this.room.hidden = !this.room.textContent;
  }

  private pressed(muted: boolean): void {
    if (this.muteButton.getAttribute('aria-pressed') === String(muted)) return;
    this.muteButton.setAttribute('aria-pressed', String(muted));
    this.muteButton.replaceChildren(icon(muted ? 'muted' : 'microphone'));
    this.muteButton.title = muted ? 'Unmute microphone' : 'Mute microphone';
  }

  private meter(side: 'caller' | 'agent', label: string): HTMLElement {
    const bar = h('span', { class: 'bar', 'aria-hidden': 'true' }, this.fills[side]);
    this.fills[side].style.display = 'block';
    return h('div', { class: `meter ${side}`, testid: `meter-${side}` }, h('span', {}, label), bar);
  }

  private lines(lines: readonly Line[]): void {
    const atEnd = this.atEnd();
    const kept = new Set(lines.map((line) => line.id));
    for (const [id, row] of this.rows) {
      if (kept.has(id)) continue;
      row.remove();
      this.rows.delete(id);
    }
    for (const line of lines) this.line(line);
    if (atEnd) this.toEnd();
  }

  private atEnd(): boolean {
    return this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 60;
  }

  private toEnd(): void {
    this.log.scrollTop = this.log.scrollHeight;
  }

  private line(line: Line): void {
    let row = this.rows.get(line.id);
    if (!row) {
      const speaker = h('span', { class: 'said' }, line.role === 'caller' ? 'You: ' : 'Agent: ');
      const note = h('span', { class: 'note' });
      note.hidden = true;
      row = h(
        'div',
        { class: 'line', part: `line ${line.role}`, testid: 'line' },
        h('p', {}, speaker, h('span', {})),
        note,
      );
      this.rows.set(line.id, row);
      this.log.append(row);
    }
    row.dataset.role = line.role;
    row.dataset.final = String(line.final);
    row.dataset.interrupted = String(line.interrupted);
    // A partial changes ten times a second: it is read aloud once it stands still.
    row.setAttribute('aria-busy', String(!line.final));
    const text = row.querySelector('p > span:last-child');
    const words = line.interrupted ? `${line.text} —` : line.text;
    if (text && text.textContent !== words) text.textContent = words;
    const note = row.querySelector<HTMLElement>('.note');
    if (!note) return;
    note.hidden = !line.interrupted && !line.typed;
    note.textContent = line.interrupted ? 'interrupted here' : 'typed';
  }

  private tell({ phase, trouble, ending }: Snapshot): void {
    clearInterval(this.waiting);
    this.notice.hidden = !['reconnecting', 'ended', 'failed'].includes(phase);
    // Nothing was said: what went wrong is all there is to see.
    this.panel.dataset.empty = String(phase === 'failed' && this.rows.size === 0);
    this.notice.dataset.kind = phase === 'failed' ? 'trouble' : phase;
    delete this.notice.dataset.code;
    if (phase === 'reconnecting') {
      this.notice.replaceChildren(
        h('strong', {}, 'The connection was lost'),
        h('p', {}, 'Bringing you back. The call waits for you, nothing is lost.'),
      );
    } else if (phase === 'ended') {
      this.retryAfter(0);
      this.notice.replaceChildren(h('strong', {}, ending), this.retry);
    } else if (phase === 'failed' && trouble) {
      this.notice.dataset.code = trouble.code;
      this.retryAfter(trouble.retryAfterSeconds);
      const parts: HTMLElement[] = [
        h('strong', {}, trouble.title),
        h('p', {}, trouble.advice),
        h('code', {}, trouble.code),
      ];
      if (trouble.retry) parts.push(h('div', {}, this.retry));
      this.notice.replaceChildren(...parts);
    }
  }

  private retryAfter(seconds: number): void {
    const label = this.retry.lastChild as HTMLElement;
    let left = seconds;
    const show = () => {
      this.retry.disabled = left > 0;
      label.textContent =
        left > 0 ? `Try again in ${left} s` : this.shown?.phase === 'ended' ? 'Call again' : 'Try again';
      if (left <= 0) clearInterval(this.waiting);
      left -= 1;
    };
    show();
    if (seconds > 0) this.waiting = setInterval(show, 1000);
  }

  /** The pressed button goes away: the keyboard must not fall back to the top of the page. */
  private focus(before: Snapshot | null, now: Snapshot): void {
    if (before?.phase === 'idle' && now.phase === 'connecting')
      this.muteButton.focus({ preventScroll: true });
    const over = now.phase === 'ended' || now.phase === 'failed';
    if (!over || !before) return;
    if (this.retry.isConnected && !this.retry.disabled) this.retry.focus({ preventScroll: true });
    else this.log.focus({ preventScroll: true });
  }

  close(): void {
    clearInterval(this.waiting);
  }
}

type Attributes = Record<string, string>;

function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  { testid, ...attributes }: Attributes,
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (testid) element.dataset.testid = testid;
  element.append(...children);
  return element;
}

function button(name: string, testid: string, label: string, picture: 'microphone'): HTMLButtonElement {
  return h(
    'button',
    { class: name, part: name, testid, type: 'button' },
    icon(picture),
    h('span', {}, label),
  );
}

function round(
  name: string,
  label: string,
  picture: Parameters<typeof icon>[0],
  type = 'button',
): HTMLButtonElement {
  const attributes = {
    class: `round ${name}`,
    part: name,
    testid: name,
    type,
    'aria-label': label,
    title: label,
  };
  return h('button', attributes, icon(picture));
}

export function clock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
