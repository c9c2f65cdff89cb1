// What the page of latencies asks the server.

import { useQuery } from '@tanstack/react-query';
import { api, taken } from '../../server';
import { pollMs, type Window } from './series';

export interface Scope {
  window: Window;
  agent: string;
  provider: string;
  transport: string;
  version: string;
}

const query = ({ window, agent, provider, transport, version }: Scope) => ({
  window,
  ...(agent && { agent }),
  ...(provider && { provider }),
  ...(transport && { transport }),
  ...(version && { version: Number(version) }),
});

export const useLatency = (scope: Scope) =>
  useQuery({
    queryKey: ['latency', scope],
    queryFn: () => taken(api.GET('/v1/latency', { params: { query: query(scope) } })),
    refetchInterval: pollMs(scope.window),
    placeholderData: (before) => before,
  });

export const useActivity = (scope: Scope) =>
  useQuery({
    queryKey: ['activity', scope],
    queryFn: () => taken(api.GET('/v1/activity', { params: { query: query(scope) } })),
    refetchInterval: pollMs(scope.window),
    placeholderData: (before) => before,
  });
