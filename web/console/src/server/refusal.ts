// What a server that refuses says (RFC 9457), as an error that pages show.

export interface FieldError {
  pointer: string;
  code: string;
  detail: string;
}

export interface Refusal {
  /** 0 where no answer came. */
  status: number;
  code: string;
  title: string;
  detail: string;
  requestId: string | null;
  errors: FieldError[];
  /** Of a 412: the resource as it is now. */
  current: unknown;
}

export class Refused extends Error {
  constructor(readonly refusal: Refusal) {
    super(refusal.detail || refusal.title);
  }
}

type Body = Partial<Record<'code' | 'title' | 'detail' | 'request_id', unknown>> & {
  errors?: FieldError[];
  current?: unknown;
};

const text = (value: unknown): string | null => (typeof value === 'string' && value ? value : null);

/** `body` is what was sent, whatever it is: a proxy in between may answer with a page. */
export function refusal(status: number, body: unknown, requestId: string | null): Refusal {
  const given: Body = typeof body === 'object' && body !== null ? body : {};
  return {
    status,
    code: text(given.code) ?? 'SERVER_ANSWER_UNKNOWN',
    title: text(given.title) ?? `The server answered ${status}`,
    detail: text(given.detail) ?? '',
    requestId: text(given.request_id) ?? requestId,
    errors: Array.isArray(given.errors) ? given.errors : [],
    current: given.current,
  };
}

export const unreachable: Refusal = {
  status: 0,
  code: 'SERVER_UNREACHABLE',
  title: 'The server does not answer',
  detail: 'Is it still running, and is this computer on its network? What you typed is kept here',
  requestId: null,
  errors: [],
  current: undefined,
};

/** Whatever was thrown, as something to show. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refused) return error.refusal;
  const detail = error instanceof Error ? error.message : String(error);
  return { ...unreachable, code: '', title: 'This page failed', detail, status: -1 };
}

/** Somebody has to sign in first. */
export const signedOut = (error: unknown): boolean => {
  const { status, code } = refusalOf(error);
  return status === 401 || code === 'OPERATOR_ONLY';
};

/** Worth asking again without being told to. */
export const passing = (error: unknown): boolean => {
  const { status } = refusalOf(error);
  return status === 0 || status >= 500;
};
