// What is asked of trunks, and the calls that are made by them.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { api, type NewCall, type OutboundCall, once, taken } from '../../server';

/** So late is seen what became of a call. */
const FOLLOW_MS = 700;

export const place = (body: NewCall) => taken(api.POST('/v1/calls', { body, headers: once() }));

export function usePlacing() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: place,
    onSuccess: () => client.invalidateQueries({ queryKey: ['calls-out'] }),
  });
}

/** A call until it has ended. */
export const useFollowed = (call: OutboundCall) =>
  useQuery({
    queryKey: ['call-out', call.id],
    queryFn: () => taken(api.GET('/v1/calls/{id}', { params: { path: { id: call.id } } })),
    initialData: call,
    refetchInterval: ({ state }) => (state.data?.state === 'ended' ? false : FOLLOW_MS),
  });
