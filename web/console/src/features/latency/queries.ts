// What the page of latencies asks the server.

import { queryOptions, useQuery } from '@tanstack/react-query';
import { api, taken } from '../../server';
import { pollMs, type Window, windowFrom } from './series';

export interface Scope {
  window: Window;
  agent: string;
  provider: string;
  transport: string;
  version: string;
}

export const scopeFrom = (search: URLSearchParams): Scope => ({
  window: windowFrom(search.get('window')),
  agent: search.get('agent') ?? '',
  provider: search.get('provider') ?? '',
  transport: search.get('transport') ?? '',
  version: search.get('version') ?? '',
});

const query = ({ window, agent, provider, transport, version }: Scope) => ({
  window,
  ...(agent && { agent }),
  ...(provider && { provider }),
  ...(transport && { transport }),
  ...(version && { version: Number(version) }),
});

export const latencyOf = (scope: Scope) =>
  queryOptions({
    queryKey: ['latency', scope],
    queryFn: () => taken(api.GET('/v1/latency', { params: { query: query(scope) } })),
  });

export const activityOf = (scope: Scope) =>
  queryOptions({
    queryKey: ['activity', scope],
    queryFn: () => taken(api.GET('/v1/activity', { params: { query: query(scope) } })),
  });

export const useLatency = (scope: Scope) =>
  useQuery({
    ...latencyOf(scope),
    refetchInterval: pollMs(scope.window),
    placeholderData: (before) => before,
  });

export const useActivity = (scope: Scope) =>
  useQuery({
    ...activityOf(scope),
    refetchInterval: pollMs(scope.window),
    placeholderData: (before) => before,
  });
