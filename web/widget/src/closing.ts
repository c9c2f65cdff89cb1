// Why a WebSocket ended: the server's refusal, or only a loss.

import { CallError, fromClose } from './trouble';

/** Rejects when the socket closes: with a `CallError` where the server says why, which it can only once it has opened. */
export function closing(socket: WebSocket): Promise<never> {
  const closed = new Promise<never>((_, reject) => {
    socket.onclose = ({ code, reason }) => {
      const refused = fromClose(code, reason);
      reject(refused ? new CallError(refused) : new Error('the WebSocket closed'));
    };
  });
  // Whoever does not ask need not be told.
  closed.catch(() => undefined);
  return closed;
}
