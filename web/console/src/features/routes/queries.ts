// What the pages of routes ask the server, and what they tell it.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { begunWith } from '../../served';
import { api, ifMatch, type NewRoute, once, type Route, type RouteTest, taken } from '../../server';
import { useAllAgents, useEnvironments, usePages } from '../../shell';

export const useRoutes = () =>
  usePages(['routes'], (query) => taken(api.GET('/v1/routes', { params: { query } })));
export const useRoute = (id: string) =>
  useQuery({
    queryKey: ['routes', id],
    queryFn: () => taken(api.GET('/v1/routes/{id}', { params: { path: { id } } })),
    enabled: id !== 'new',
  });

export function useNames() {
  const agents = useAllAgents(60_000);
  const environments = useEnvironments();
  const callable = (agents.data?.data ?? []).filter((one) => !one.archived);
  return {
    agents: callable.map((one) => ({ value: one.id, label: one.title || one.name })),
    first: begunWith(callable)?.id ?? '',
    environments: (environments.data?.data ?? []).map((one) => ({ value: one.id, label: one.name })),
  };
}
/** The graph that calls reach: what the environment serves of the agent; null: nothing. */
export const useServed = (agent: string, environment: string) =>
  useQuery({
    queryKey: ['agents', agent, 'served', environment],
    queryFn: async () => {
      const aliases = await taken(api.GET('/v1/agents/{id}/aliases', { params: { path: { id: agent } } }));
      const served = aliases.data.find((one) => one.environment === environment);
      if (!served) return null;
      const path = { id: agent, number: served.version };
      const version = await taken(api.GET('/v1/agents/{id}/versions/{number}', { params: { path } }));
      return version.definition ?? null;
    },
    enabled: agent !== '' && environment !== '',
  });

export type Names = ReturnType<typeof useNames>;

/** Lists and tests are asked for anew when a route was changed. */
export function useChange<A, T>(change: (given: A) => Promise<T>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: ['routes'] }),
        client.invalidateQueries({ queryKey: ['route-test'] }),
      ]),
  });
}

export const create = (body: NewRoute) => taken(api.POST('/v1/routes', { body, headers: once() }));
export const change = ({ id, revision }: Route, body: NewRoute) =>
  taken(api.PATCH('/v1/routes/{id}', { params: { path: { id } }, body, headers: ifMatch(revision) }));
export const remove = ({ id }: Route) => taken(api.DELETE('/v1/routes/{id}', { params: { path: { id } } }));

/** Asked anew as it is typed: what is shown meanwhile is what was said before. */
export const useTest = (asked: RouteTest | null) =>
  useQuery({
    queryKey: ['route-test', asked],
    queryFn: () => taken(api.POST('/v1/routes/test', { body: asked as RouteTest })),
    enabled: asked !== null,
    placeholderData: (before) => before,
    retry: false,
  });
