// What the pages of agents ask the server, and what they tell it.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import {
  api,
  type Draft,
  ifMatch,
  once,
  Refused,
  type Problem as Reported,
  type Template,
  taken,
} from '../../server';
import { refusal } from '../../server/refusal';
import { usePages } from '../../shell';
import type { Save, Saved } from './keeper';
import type { JsonObject } from './pointer';

export const useAgents = () =>
  usePages(['agents'], (query) => taken(api.GET('/v1/agents', { params: { query } })));

export const useTemplates = (enabled: boolean) =>
  useQuery({ queryKey: ['templates'], queryFn: () => taken(api.GET('/v1/templates')), enabled });

export const useAgent = (id: string) =>
  useQuery({
    queryKey: ['agents', id],
    queryFn: () => taken(api.GET('/v1/agents/{id}', { params: { path: { id } } })),
  });

/** Kept by the keeper once it is there; asked for anew each time the page is opened. */
export const useDraft = (id: string) =>
  useQuery({
    queryKey: ['draft', id],
    queryFn: () => taken(api.GET('/v1/agents/{id}/draft', { params: { path: { id } } })),
    staleTime: 0,
    gcTime: 0,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  });

export const useVersions = (id: string) =>
  usePages(['agents', id, 'versions'], (query) =>
    taken(api.GET('/v1/agents/{id}/versions', { params: { path: { id }, query } })),
  );

export const useAliases = (id: string) =>
  useQuery({
    queryKey: ['agents', id, 'aliases'],
    queryFn: () => taken(api.GET('/v1/agents/{id}/aliases', { params: { path: { id } } })),
  });

export const useReleases = (id: string) =>
  usePages(['agents', id, 'releases'], (query) =>
    taken(api.GET('/v1/agents/{id}/releases', { params: { path: { id }, query } })),
  );

export const useComparison = (id: string, from: string, to: string, enabled = true) =>
  useQuery({
    queryKey: ['agents', id, 'compare', from, to],
    queryFn: () =>
      taken(api.GET('/v1/agents/{id}/compare', { params: { path: { id }, query: { from, to } } })),
    enabled: enabled && from !== '' && to !== '' && from !== to,
  });

export function useCreate() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: { name: string; title: string; template: Template['name'] }) =>
      taken(api.POST('/v1/agents', { body, headers: once() })),
    onSuccess: () => client.invalidateQueries({ queryKey: ['agents'] }),
  });
}

const saved = ({ definition, revision, problems }: Draft): Saved<Reported> => ({
  definition: definition as JsonObject,
  revision,
  problems,
});

export const keptFrom = saved;

export const save =
  (id: string): Save<Reported> =>
  async (definition, revision) => {
    const path = { id };
    const { data, error, response } = await api.PUT('/v1/agents/{id}/draft', {
      params: { path },
      body: { definition },
      headers: ifMatch(revision),
    });
    if (data) return { saved: saved(data) };
    const said = refusal(response.status, error, response.headers.get('x-request-id'));
    if (response.status !== 412) throw new Refused(said);
    const theirs = isDraft(said.current)
      ? said.current
      : await taken(api.GET('/v1/agents/{id}/draft', { params: { path } }));
    return { conflict: saved(theirs) };
  };

const isDraft = (value: unknown): value is Draft =>
  typeof value === 'object' && value !== null && 'definition' in value && 'revision' in value;

/**
 * The server compiles a draft when it is first called, which takes seconds where many examples are new: it is asked to
 * before anybody presses the button.
 */
export const useReady = (id: string, revision: number, enabled: boolean) =>
  useQuery({
    queryKey: ['ready', id, revision],
    queryFn: () => taken(api.POST('/v1/widget/token', { body: { agent: `${id}@draft` } })).then(() => true),
    enabled,
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
    placeholderData: (before) => before,
  });

/** All that follows from another version being somewhere. */
export function useAfterRelease(id: string) {
  const client = useQueryClient();
  return () =>
    Promise.all([
      client.invalidateQueries({ queryKey: ['agents'] }),
      client.invalidateQueries({ queryKey: ['agents', id] }),
    ]);
}

export const publish = (id: string, revision: number, note: string, environment: string) =>
  taken(
    api.POST('/v1/agents/{id}/publish', {
      params: { path: { id } },
      body: { note, environment },
      headers: { ...ifMatch(revision), ...once() },
    }),
  );

export const release = (id: string, environment: string, version: number) =>
  taken(
    api.PUT('/v1/agents/{id}/aliases/{environment}', {
      params: { path: { id, environment } },
      body: { version },
    }),
  );

export const rollBack = (id: string, environment: string) =>
  taken(
    api.POST('/v1/agents/{id}/rollback', {
      params: { path: { id } },
      body: { environment },
      headers: once(),
    }),
  );

export const restore = (id: string, number: number, revision: number) =>
  taken(
    api.POST('/v1/agents/{id}/versions/{number}/restore', {
      params: { path: { id, number } },
      headers: { ...ifMatch(revision), ...once() },
    }),
  );

export const archive = (id: string) => taken(api.DELETE('/v1/agents/{id}', { params: { path: { id } } }));
