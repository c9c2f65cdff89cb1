// Who is at the console: the operator's cookie, which no script can read. What the server refuses with 401 leads to the
// door, at whatever address that happens, and from there back to the same address.

import { MutationCache, onlineManager, QueryCache, QueryClient } from '@tanstack/react-query';
import { api, passing, refusalOf, signedOut, taken } from '../server';

let out = false;
const listeners = new Set<() => void>();

function set(next: boolean): void {
  if (out === next) return;
  out = next;
  // Nobody asks for anything at the door; what was asked before goes on behind it.
  onlineManager.setOnline(!out);
  for (const listener of listeners) listener();
}

const watch = (error: unknown): void => {
  if (signedOut(error)) set(true);
};

export const queries = new QueryClient({
  queryCache: new QueryCache({ onError: watch }),
  mutationCache: new MutationCache({ onError: watch }),
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      retry: (failures, error) => passing(error) && failures < 2,
      retryDelay: (failures) => 400 * 2 ** failures,
    },
  },
});

export const session = {
  isOut: (): boolean => out,
  /** For what asks the server beside the queries, such as a draft's keeper. */
  watch,
  subscribe: (listener: () => void): (() => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};

/** The secret in an address that the server printed, `#admin=CODE` or `#token=…`: the part that no server is sent. */
export function secretIn(hash: string): { token: string } | { code: string } | null {
  const parameters = new URLSearchParams(hash.replace(/^#/, ''));
  const code = parameters.get('admin');
  const token = parameters.get('token');
  return code ? { code } : token ? { token } : null;
}

export async function signIn(secret: { token: string } | { code: string }): Promise<void> {
  await taken(api.POST('/v1/operator/session', { body: secret }));
  set(false);
  await queries.invalidateQueries();
}

/** Signs in by the address where it has a secret, which leaves the address first: it must not stay on a screen. */
export async function signInByAddress(): Promise<unknown> {
  const secret = secretIn(location.hash);
  if (!secret) return null;
  history.replaceState(history.state, '', location.pathname + location.search);
  try {
    await signIn(secret);
    return null;
  } catch (error) {
    set(true);
    return refusalOf(error).status === 0 ? null : error;
  }
}

export async function signOut(): Promise<void> {
  await api.DELETE('/v1/operator/session').catch(() => undefined);
  queries.clear();
  set(true);
}
