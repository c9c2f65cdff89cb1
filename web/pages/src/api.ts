// What the pages ask of the server, in the shapes of `control/api`.

export interface CallSummary {
  id: string;
  agent: string;
  transport: string;
  started_at: string;
  duration_ms: number;
  end_reason: string | null;
  turns: number;
  interruptions: number;
  response_median_ms: number | null;
  response_max_ms: number | null;
  dead_air_ms: number;
  failures: number;
  first_words: string;
}

export interface Calls {
  data: CallSummary[];
  next_cursor: string | null;
  has_more: boolean;
}

export interface Line {
  at_ms: number;
  role: 'caller' | 'agent';
  turn: number;
  text: string;
  typed?: boolean;
  interrupted?: boolean;
  unheard?: string;
}

export interface Latencies {
  endpointing_ms: number;
  thinking_ms: number;
  sentence_ms: number;
  synthesis_ms: number;
  playout_ms: number;
  response_ms: number;
}

export interface Turn {
  turn: number;
  nodes: string[];
  marks: { mark: string; at_ms: number }[];
  latencies: Latencies | null;
}

export interface Event {
  at_ms: number;
  kind: string;
  turn: number | null;
  text: string;
}

export interface Call extends CallSummary {
  transcript: Line[];
  turns_detail: Turn[];
  dead_air: { at_ms: number; turn: number | null; cause: string; length_ms: number }[];
  notes: { at_ms: number; name: string; value: unknown }[];
  problems: { at_ms: number; code: string; message: string; source: string }[];
  events: Event[];
  events_truncated: boolean;
}

export interface Agent {
  name: string;
  title: string;
  description: string;
  suggestions: string[];
}

export interface Offer {
  title: string;
  description: string;
  href: string;
  /** It is whom the page shows. */
  here: boolean;
}

/** Pages on which each agent is talked to; what else the address asks for stays. */
export function offers(agents: readonly Agent[], shown: string, search: string): Offer[] {
  return agents.map(({ name, title, description }) => {
    const parameters = new URLSearchParams(search);
    parameters.set('agent', name);
    return { title: title || name, description, href: `/?${parameters}`, here: name === shown };
  });
}

export class Refused extends Error {
  constructor(
    readonly code: string,
    readonly title: string,
    detail: string,
  ) {
    super(detail);
  }
}

export async function get<T>(path: string): Promise<T> {
  return answer(await fetch(path).catch(unreachable));
}

/** What signs in, in an address that `foundry serve` printed (`#admin=...`, good once) or that somebody made of the operator's token
 * (`#token=...`): the part that no server is sent. */
export const proofIn = (hash: string): { code: string } | { token: string } | null => {
  const named = new URLSearchParams(hash.replace(/^#/, ''));
  const [code, token] = [named.get('admin'), named.get('token')];
  return code ? { code } : token ? { token } : null;
};

/** Opened where the page is already, such a link changes the address alone. */
export function followLinks(): void {
  window.addEventListener('hashchange', () => {
    if (proofIn(location.hash)) location.reload();
  });
}

/** Signs in by the address where it has a token, which then leaves the address: it must not stay on a screen. */
export async function signInByAddress(): Promise<void> {
  const proof = proofIn(location.hash);
  if (!proof) return;
  history.replaceState(null, '', location.pathname + location.search);
  await signIn(proof);
}

/** The proof becomes a cookie that no script can read. */
export async function signIn(proof: { code: string } | { token: string }): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch('/v1/operator/session', {
    method: 'POST',
    headers,
    body: JSON.stringify(proof),
  }).catch(unreachable);
  if (!response.ok) await answer(response);
}

async function answer<T>(response: Response): Promise<T> {
  const body = (await response.json().catch(() => null)) as
    | (T & { code?: string; title?: string; detail?: string })
    | null;
  if (response.ok && body) return body;
  const title = body?.title ?? `The server answered ${response.status}`;
  throw new Refused(body?.code ?? 'SERVER_ANSWER_UNKNOWN', title, body?.detail ?? '');
}

const unreachable = (): never => {
  throw new Refused('SERVER_UNREACHABLE', 'The server does not answer', 'Is it still running?');
};
