import { describe, expect, it } from 'vitest';
import { closing } from '../src/closing';
import { CallError, fromClose, isFinal } from '../src/trouble';

/** Of a browser's socket no more than how it ends. */
const socket = () => ({ onclose: null }) as unknown as WebSocket;
const close = (socket: WebSocket, code: number, reason: string) =>
  socket.onclose?.({ code, reason } as CloseEvent);

describe('a socket that the server closes', () => {
  it('says which code refused it', async () => {
    const refused = socket();
    const closed = closing(refused);
    close(refused, 4404, 'SESSION_UNKNOWN');
    const error = await closed.catch((why: unknown) => why);
    expect(error).toBeInstanceOf(CallError);
    expect((error as CallError).trouble).toMatchObject({
      code: 'SESSION_UNKNOWN',
      title: 'The call has ended',
    });
  });

  it('is only lost where it says nothing', async () => {
    const lost = socket();
    const closed = closing(lost);
    close(lost, 1006, '');
    const error = await closed.catch((why: unknown) => why);
    expect(error).not.toBeInstanceOf(CallError);
  });

  it('is read with care', () => {
    expect(fromClose(1000, 'SESSION_UNKNOWN')).toBeNull();
    expect(fromClose(4404, '<b>not a code</b>')).toBeNull();
    expect(fromClose(4404, '')).toBeNull();
    expect(fromClose(4401, 'TOKEN_INVALID')).toMatchObject({ code: 'TOKEN_INVALID', retry: false });
    const busy = fromClose(4503, 'SERVER_FULL');
    expect(busy && isFinal(busy)).toBe(false);
  });
});
