// The server's HTTP surface as the widget uses it. Every refusal becomes a `CallError` that says what to do.

import { CallError, fromProblem } from './trouble';

export interface Answer {
  sdp: string;
  pc_id: string;
  session_id: string;
  resume_token: string;
  resume_within_ms: number;
}

export class Server {
  /** `base` is the server's origin; `agent` may be empty for its default. */
  constructor(
    readonly base: string,
    readonly agent: string,
  ) {}

  private get elsewhere(): boolean {
    return new URL(this.base).origin !== location.origin;
  }

  private ice: RTCIceServer[] | null = null;
  /** Came along with them, and is worth one call. */
  private held: string | null = null;

  /** STUN and TURN servers, which come with a permission to call; asked for once. */
  async iceServers(signal: AbortSignal): Promise<RTCIceServer[]> {
    if (!this.ice) this.held = await this.askToken(signal);
    return this.ice ?? [];
  }

  /** Pages elsewhere need permission for each call; our own pages ask only where the server wants it. */
  private async token(signal: AbortSignal): Promise<string | null> {
    const { held } = this;
    this.held = null;
    if (held || !this.elsewhere) return held;
    return this.askToken(signal);
  }

  private async askToken(signal: AbortSignal): Promise<string> {
    const answer = await this.json(
      '/v1/widget/token',
      'POST',
      this.agent ? { agent: this.agent } : {},
      signal,
    );
    this.ice = Array.isArray(answer.ice_servers) ? answer.ice_servers : [];
    return String(answer.token);
  }

  /** Runs `attempt` with what permission we have, and once more with a fresh token where the server asks for one. */
  private async permitted<T>(signal: AbortSignal, attempt: (token: string | null) => Promise<T>): Promise<T> {
    const token = await this.token(signal);
    try {
      return await attempt(token);
    } catch (error) {
      const code = error instanceof CallError ? error.trouble.code : '';
      if (code !== 'TOKEN_REQUIRED' && code !== 'TOKEN_EXPIRED') throw error;
      return attempt(await this.askToken(signal));
    }
  }

  offer(sdp: string, resume: string | null, signal: AbortSignal): Promise<Answer> {
    return this.permitted(signal, async (token) => {
      const requestData = {
        ...(this.agent && { agent: this.agent }),
        ...(token && { token }),
        ...(resume && { resume }),
      };
      const body = { sdp, type: 'offer', requestData };
      return (await this.json('/api/offer', 'POST', body, signal)) as unknown as Answer;
    });
  }

  async candidates(pcId: string, candidates: RTCIceCandidate[]): Promise<void> {
    const list = candidates.map((one) => ({
      candidate: one.candidate,
      sdp_mid: one.sdpMid,
      sdp_mline_index: one.sdpMLineIndex,
    }));
    await this.json('/api/offer', 'PATCH', { pc_id: pcId, candidates: list });
  }

  /**
   * Where the WebSocket is. `/start` refuses with words where a WebSocket that is refused only fails, so that we ask it
   * first; a call that is resumed goes straight back.
   */
  async socketUrl(resume: string | null, signal: AbortSignal): Promise<string> {
    if (resume) return `${this.base.replace(/^http/, 'ws')}/ws?resume=${encodeURIComponent(resume)}`;
    return this.permitted(signal, async (token) => {
      const body = {
        transport: 'websocket',
        body: { ...(this.agent && { agent: this.agent }), ...(token && { token }) },
      };
      return String((await this.json('/start', 'POST', body, signal)).wsUrl);
    });
  }

  async agents(): Promise<{ name: string; title: string; description: string; suggestions: string[] }[]> {
    const answer = await this.json('/v1/widget/agents', 'GET');
    return Array.isArray(answer.data) ? answer.data : [];
  }

  private async json(
    path: string,
    method: string,
    body?: unknown,
    signal?: AbortSignal,
  ): Promise<Record<string, unknown>> {
    const response = await fetch(this.base + path, {
      method,
      ...(body !== undefined && {
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      }),
      ...(signal && { signal }),
    });
    const answer: unknown = await response.json().catch(() => null);
    if (!response.ok)
      throw new CallError(fromProblem(response.status, answer, response.headers.get('retry-after')));
    return (answer ?? {}) as Record<string, unknown>;
  }
}
