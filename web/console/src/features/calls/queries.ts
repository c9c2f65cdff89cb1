// What the pages of calls ask the server.

import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { api, type Call, passing, type Recording, refusalOf, taken } from '../../server';
import { asked, type Filters } from './filters';

const PAGE = 50;
/** A call that runs changes with each turn. */
const RUNNING_MS = 2_000;
/** New calls come by themselves. */
const NEW_MS = 10_000;
/** A call is on record in the moment after it ends. */
const ASK_AGAIN_MS = 700;

export const useCalls = (filters: Filters) =>
  useInfiniteQuery({
    queryKey: ['calls', filters],
    initialPageParam: '',
    queryFn: ({ pageParam }) =>
      taken(
        api.GET('/v1/sessions', {
          params: {
            query: { ...asked(filters, Date.now()), limit: PAGE, ...(pageParam && { cursor: pageParam }) },
          },
        }),
      ),
    getNextPageParam: (page) => (page.has_more ? page.next_cursor : null),
    placeholderData: (before) => before,
    // Only what is seen at once is kept up to date: reading on must not move what is read.
    refetchInterval: ({ state }) => {
      const pages = state.data?.pages ?? [];
      if (pages.length > 1) return false;
      return pages[0]?.data.some((call) => call.running) ? RUNNING_MS * 2 : NEW_MS;
    },
  });

export const useCall = (id: string) =>
  useQuery({
    queryKey: ['call', id],
    queryFn: () => taken(api.GET('/v1/sessions/{id}', { params: { path: { id } } })),
    refetchInterval: ({ state }) => (state.data?.running ? RUNNING_MS : false),
    retry: (failures, error) =>
      // A call that has just begun is on record half a second later.
      failures < 2 && (refusalOf(error).code === 'NOT_FOUND' || passing(error)),
    retryDelay: ASK_AGAIN_MS,
  });

/** Both legs, part by part, once the call has ended: files that still grow are not played. */
export const useRecordings = (id: string, ended: boolean) =>
  useQuery({
    queryKey: ['call', id, 'recordings'],
    queryFn: () => taken(api.GET('/v1/sessions/{id}/recordings', { params: { path: { id } } })),
    enabled: ended,
    staleTime: Number.POSITIVE_INFINITY,
    select: ({ data }) => data,
  });

/** The values that the filters can take. */
export const useChoices = () =>
  useQuery({
    queryKey: ['activity', 'choices'],
    queryFn: () => taken(api.GET('/v1/activity', { params: { query: { window: '30d' } } })),
    staleTime: 300_000,
    retry: false,
    select: ({ agents, transports }) => ({ agents, transports }),
  });

export const logUrl = (call: Call): string => `/v1/sessions/${call.id}/log`;

/** Kept as a file, under a name that says which call it is of. */
export const downloadUrl = (part: Recording): string => `${part.url}?download=1`;
