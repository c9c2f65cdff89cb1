// What the page of live calls asks the server, and what it has done in them.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { api, taken, type Whisper } from '../../server';

/** So late is a call seen that has begun or ended. */
const FOLLOW_MS = 1_000;

export const useLive = () =>
  useQuery({
    queryKey: ['live'],
    queryFn: () => taken(api.GET('/v1/live')),
    refetchInterval: FOLLOW_MS,
    placeholderData: (before) => before,
  });

const path = (id: string) => ({ params: { path: { id } } });

export const listen = (id: string) => taken(api.POST('/v1/sessions/{id}/listen', path(id)));
export const whisper = ({ id, ...body }: Whisper & { id: string }) =>
  taken(api.POST('/v1/sessions/{id}/whisper', { ...path(id), body }));
export const end = (id: string) => taken(api.POST('/v1/sessions/{id}/end', path(id)));

export function useDoing<A, T>(act: (given: A) => Promise<T>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: act,
    onSuccess: () => client.invalidateQueries({ queryKey: ['live'] }),
  });
}
