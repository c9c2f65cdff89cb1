// RTVI messages: what we say to the server and what it tells us. Data only.

export const LABEL = 'rtvi-ai';
export const VERSION = '2.1.0';

export type AgentState = 'initializing' | 'listening' | 'thinking' | 'speaking';

/** What a message from the server means to us. Kinds that we do not show are `null`. */
export type Told =
  | { kind: 'ready' }
  | { kind: 'session'; id: string; resumeToken: string | null; resumeWithinMs: number | null }
  | { kind: 'agent-state'; state: AgentState }
  | { kind: 'caller-speaking'; speaking: boolean }
  | { kind: 'heard'; text: string; final: boolean }
  | { kind: 'caller-turn'; turn: number; text: string; typed: boolean }
  | { kind: 'saying'; text: string }
  | { kind: 'interrupted' }
  | { kind: 'agent-turn'; turn: number; text: string; interrupted: boolean }
  | { kind: 'reattached' }
  | { kind: 'ended'; reason: string }
  | { kind: 'error'; message: string; code: string; fatal: boolean };

type Fields = Record<string, unknown>;

let count = 0;

export function write(type: string, data: Fields = {}): string {
  count += 1;
  return JSON.stringify({ label: LABEL, type, id: `w${count}`, data });
}

export const clientReady = (): string =>
  write('client-ready', {
    version: VERSION,
    about: { library: 'agent-foundry-widget', library_version: '1' },
  });

export const sendText = (content: string): string =>
  write('send-text', { content, options: { run_immediately: true, audio_response: true } });

/** Answered by the server whatever else goes on. */
export const ping = (): string => write('client-message', { t: 'ping', d: null });

export const disconnect = (): string => write('disconnect-bot');

export function read(text: string): Told | null {
  let message: Fields;
  try {
    message = fields(JSON.parse(text));
  } catch {
    return null;
  }
  if (message.label !== LABEL) return null;
  const data = fields(message.data);
  switch (message.type) {
    case 'bot-ready':
      return { kind: 'ready' };
    case 'user-started-speaking':
      return { kind: 'caller-speaking', speaking: true };
    case 'user-stopped-speaking':
      return { kind: 'caller-speaking', speaking: false };
    case 'user-transcription':
      return { kind: 'heard', text: string(data.text), final: data.final === true };
    case 'bot-transcription':
      return { kind: 'saying', text: string(data.text) };
    case 'bot-interrupted':
      return { kind: 'interrupted' };
    case 'error':
      return {
        kind: 'error',
        message: string(data.message) || string(data.error),
        code: string(data.code),
        fatal: data.fatal === true,
      };
    case 'server-message':
      return notice(string(data.t), fields(data.d));
    default:
      return null;
  }
}

function notice(name: string, d: Fields): Told | null {
  switch (name) {
    case 'session':
      return {
        kind: 'session',
        id: string(d.session_id),
        resumeToken: string(d.resume_token) || null,
        resumeWithinMs: Math.max(0, number(d.resume_within_ms)) || null,
      };
    case 'agent-state':
      return isAgentState(d.state) ? { kind: 'agent-state', state: d.state } : null;
    case 'caller-turn':
      return { kind: 'caller-turn', turn: number(d.turn), text: string(d.text), typed: d.typed === true };
    case 'agent-turn':
      return {
        kind: 'agent-turn',
        turn: number(d.turn),
        text: string(d.text),
        interrupted: d.interrupted === true,
      };
    case 'reattached':
      return { kind: 'reattached' };
    case 'call-ended':
      return { kind: 'ended', reason: string(d.reason) };
    default:
      return null;
  }
}

const isAgentState = (state: unknown): state is AgentState =>
  state === 'initializing' || state === 'listening' || state === 'thinking' || state === 'speaking';

const fields = (value: unknown): Fields =>
  typeof value === 'object' && value !== null ? (value as Fields) : {};
const string = (value: unknown): string => (typeof value === 'string' ? value : '');
const number = (value: unknown): number => (typeof value === 'number' ? value : -1);
