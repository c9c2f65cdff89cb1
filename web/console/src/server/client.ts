// The generated client, with refusals as errors. Nothing else in the console asks the server.

import createClient from 'openapi-fetch';
import type { paths } from '../../../api-client/schema';
import { Refused, refusal, unreachable } from './refusal';

export const api = createClient<paths>({
  baseUrl: location.origin,
  fetch: (request) =>
    fetch(request).catch(() => {
      throw new Refused(unreachable);
    }),
});

/** The answer's data; a refusal is thrown. */
export async function taken<T>(
  asked: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<Exclude<T, undefined>> {
  const { data, error, response } = await asked;
  if (!response.ok) {
    throw new Refused(refusal(response.status, error, response.headers.get('x-request-id')));
  }
  return data as Exclude<T, undefined>;
}

/** The revision that a change is meant for. */
export const ifMatch = (revision: number): Record<string, string> => ({ 'if-match': `"${revision}"` });

/** Sent again with the same key, a request that makes something makes it once. */
export function once(): Record<string, string> {
  // `randomUUID` exists on secure pages only, and the console may be used over plain HTTP in a house.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return { 'idempotency-key': Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('') };
}

/** A file as it is. */
export async function download(url: string): Promise<ArrayBuffer> {
  const response = await fetch(url).catch(() => {
    throw new Refused(unreachable);
  });
  if (response.ok) return response.arrayBuffer();
  const body: unknown = await response.json().catch(() => null);
  throw new Refused(refusal(response.status, body, response.headers.get('x-request-id')));
}
