// What can go wrong, and what the person can do about it, in their words.

export interface Trouble {
  code: string;
  title: string;
  /** What to do. */
  advice: string;
  /** Whether pressing the button again may help, and not before how many seconds. */
  retry: boolean;
  retryAfterSeconds: number;
}

export class CallError extends Error {
  constructor(readonly trouble: Trouble) {
    super(`${trouble.code}: ${trouble.advice}`);
  }
}

interface Problem {
  code?: unknown;
  title?: unknown;
  detail?: unknown;
  retryable?: unknown;
}

export const trouble = (code: string, title: string, advice: string, retry = true): Trouble => ({
  code,
  title,
  advice,
  retry,
  retryAfterSeconds: 0,
});

export const INSECURE = trouble(
  'PAGE_INSECURE',
  'The microphone needs a secure page',
  'Open this page over https, or on localhost. Browsers lend the microphone to no other page.',
  false,
);
export const UNREACHABLE = trouble(
  'SERVER_UNREACHABLE',
  'The server does not answer',
  'Check your connection and that the server runs, then try again.',
);
export const NO_CONNECTION = trouble(
  'CONNECTION_FAILED',
  'No audio connection',
  'Neither WebRTC nor a WebSocket reached the server. A firewall or proxy may be in the way; try another network.',
);
export const LOST = trouble(
  'CONNECTION_LOST',
  'The connection was lost',
  'The network did not come back in time. Start a new call when it does.',
);

/** From an answer that is no success. */
export function fromProblem(status: number, body: unknown, retryAfter: string | null): Trouble {
  const problem = (typeof body === 'object' && body !== null ? body : {}) as Problem;
  // Without a code it is not the server that answered.
  const code = typeof problem.code === 'string' ? problem.code : 'SERVER_ANSWER_UNKNOWN';
  const detail = typeof problem.detail === 'string' ? problem.detail : `The server answered ${status}.`;
  const seconds = Number(retryAfter ?? 0);
  const known = KNOWN[code];
  return {
    code,
    title: known?.title ?? (typeof problem.title === 'string' ? problem.title : 'The call could not begin'),
    advice: known?.advice ?? sentence(detail),
    retry: problem.retryable === true || status >= 500,
    retryAfterSeconds: Number.isFinite(seconds) && seconds > 0 ? Math.min(Math.ceil(seconds), 120) : 0,
  };
}

/**
 * From the end of a WebSocket. Browsers hide the answer to one that does not open, so the server opens what it refuses and
 * closes it with 4000 + the status it would have answered, and the code as the reason. `null`: any other end.
 */
export function fromClose(code: number, reason: string): Trouble | null {
  if (code < 4400 || code > 4599 || !/^[A-Z][A-Z_]+$/.test(reason)) return null;
  const title = 'The call cannot go on';
  return fromProblem(code - 4000, { code: reason, title, detail: 'Start a new one.' }, null);
}

const REFUSALS = new Set(
  'AGENT_UNKNOWN SERVER_FULL SERVER_DRAINING BUDGET_SPENT ORIGIN_FORBIDDEN OPERATOR_ONLY TOKEN_REQUIRED TOKEN_INVALID TOKEN_EXPIRED SESSION_UNKNOWN'.split(
    ' ',
  ),
);

/** The server has decided: another transport would hear the same. */
export const isRefusal = (code: string): boolean => REFUSALS.has(code);

/** The server has decided, and no later attempt would hear anything else. */
export const isFinal = ({ code, retry }: Trouble): boolean => isRefusal(code) && !retry;

const KNOWN: Record<string, { title: string; advice: string }> = {
  SERVER_FULL: {
    title: 'All lines are busy',
    advice: 'Someone else is talking right now. Try again in a moment.',
  },
  // What is spent and by whom is nothing to callers.
  BUDGET_SPENT: { title: 'No calls are taken now', advice: 'Please try again on another day.' },
  OPERATOR_ONLY: {
    title: 'This server is closed',
    advice:
      "Open the link that the server printed at its start, or sign in at /calls with the operator's token.",
  },
  SERVER_DRAINING: { title: 'The server is restarting', advice: 'Try again in a moment.' },
  SESSION_UNKNOWN: { title: 'The call has ended', advice: 'It waited as long as it could. Start a new one.' },
};

/** From what `getUserMedia` threw. */
export function fromMicrophone(error: unknown): Trouble {
  const name = error instanceof Error ? error.name : '';
  switch (name) {
    case 'NotAllowedError':
    case 'SecurityError':
      return trouble(
        'MICROPHONE_REFUSED',
        'The microphone is blocked',
        'Allow the microphone for this page (the icon beside the address), then try again.',
      );
    case 'NotFoundError':
    case 'OverconstrainedError':
      return trouble(
        'MICROPHONE_MISSING',
        'No microphone found',
        'Plug one in or switch it on, then try again.',
      );
    case 'NotReadableError':
    case 'AbortError':
      return trouble(
        'MICROPHONE_BUSY',
        'The microphone is in use',
        'Another program holds it. Close that program, then try again.',
      );
    default:
      return trouble(
        'MICROPHONE_FAILED',
        'The microphone does not work',
        `The browser says: ${String(error)}`,
      );
  }
}

const sentence = (text: string): string =>
  `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;

const ENDINGS: Record<string, string> = {
  caller_left: 'You hung up.',
  agent_ended: 'The agent said goodbye.',
  caller_silent: 'The call ended because nobody spoke.',
  connection_lost: 'The connection was lost.',
  provider_failed: 'The agent had a fault and had to end the call.',
  server_stopping: 'The server is restarting.',
  too_long: 'The call reached its longest duration.',
  budget_spent: 'The agent had to end the call.',
  answered_by_machine: 'The call has ended.',
  interrupted: 'The call was interrupted by a failure of the server.',
  transferred: 'You were put through.',
  operator_ended: 'The call was ended by its operator.',
};

export const ending = (reason: string): string => ENDINGS[reason] ?? 'The call has ended.';
