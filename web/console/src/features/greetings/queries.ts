// What the pages of greetings ask the server, and what they tell it.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { begunWith } from '../../served';
import {
  api,
  type Greeting,
  type GreetingAudioRequest,
  type GreetingCalendar,
  type GreetingPreviewRequest,
  ifMatch,
  type NewGreeting,
  once,
  taken,
} from '../../server';
import { useAllAgents, useAllChannels, useDomains, useEnvironments } from '../../shell';

/** The list is read to its end: which greeting is said depends on all. */
export const useGreetings = () =>
  useQuery({
    queryKey: ['greetings'],
    queryFn: async () => {
      const all: Greeting[] = [];
      let after: string | undefined;
      do {
        const query = { limit: 100, ...(after && { cursor: after }) };
        const page = await taken(api.GET('/v1/greetings', { params: { query } }));
        all.push(...page.data);
        after = page.next_cursor ?? undefined;
      } while (after);
      return all;
    },
  });
export const useGreeting = (id: string) =>
  useQuery({
    queryKey: ['greetings', id],
    queryFn: () => taken(api.GET('/v1/greetings/{id}', { params: { path: { id } } })),
    enabled: id !== 'new',
  });
export const useMeasures = () =>
  useQuery({
    queryKey: ['greeting-measures'],
    queryFn: () => taken(api.GET('/v1/greeting-measures')),
    refetchInterval: 30_000,
  });
export const useResults = (id: string) =>
  useQuery({
    queryKey: ['greetings', id, 'results'],
    queryFn: () => taken(api.GET('/v1/greetings/{id}/results', { params: { path: { id } } })),
    refetchInterval: 30_000,
  });
export const useCalendar = () =>
  useQuery({ queryKey: ['greeting-calendar'], queryFn: () => taken(api.GET('/v1/greeting-calendar')) });

export function useNames() {
  const agents = useAllAgents(60_000);
  const domains = useDomains();
  const environments = useEnvironments();
  const channels = useAllChannels();
  const named = (list: { id: string; name: string; title?: string }[] | undefined) =>
    (list ?? []).map((one) => ({ value: one.id, label: one.title || one.name }));
  const callable = (agents.data?.data ?? []).filter((one) => !one.archived);
  return {
    agents: named(callable),
    first: begunWith(callable)?.id ?? '',
    domains: named(domains.data?.data),
    environments: (environments.data?.data ?? []).map((one) => ({ value: one.id, label: one.name })),
    channels: (channels.data?.data ?? []).map((one) => ({
      value: one.id,
      label: `${one.kind} ${one.address}`,
    })),
  };
}
export type Names = ReturnType<typeof useNames>;

/** Everything about greetings is asked for anew when something of them was changed. */
export function useChange<A, T>(change: (given: A) => Promise<T>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: ['greetings'] }),
        client.invalidateQueries({ queryKey: ['greeting-calendar'] }),
        client.invalidateQueries({ queryKey: ['greeting-preview'] }),
      ]),
  });
}

export const create = (body: NewGreeting) => taken(api.POST('/v1/greetings', { body, headers: once() }));
export const change = ({ id, revision }: Greeting, body: Partial<NewGreeting>) =>
  taken(api.PATCH('/v1/greetings/{id}', { params: { path: { id } }, body, headers: ifMatch(revision) }));
export const remove = ({ id }: Greeting) =>
  taken(api.DELETE('/v1/greetings/{id}', { params: { path: { id } } }));
export const setCalendar = ({ revision, ...body }: GreetingCalendar) =>
  taken(api.PUT('/v1/greeting-calendar', { body, headers: ifMatch(revision) }));

/** Asked anew as it is typed: what is shown meanwhile is what was said before. */
export const usePreview = (asked: GreetingPreviewRequest | null) =>
  useQuery({
    queryKey: ['greeting-preview', asked],
    queryFn: () => taken(api.POST('/v1/greeting-preview', { body: asked as GreetingPreviewRequest })),
    enabled: asked !== null,
    placeholderData: (before) => before,
    retry: false,
  });
export const speak = (body: GreetingAudioRequest) => taken(api.POST('/v1/greeting-audio', { body }));
