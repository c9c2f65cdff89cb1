// What the pages of fault drills ask the server, and what they tell it.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { api, type Drill, once, taken } from '../../server';

/** A drill that somebody else started is seen this soon, and one that ended by itself is gone. */
const LOOK_AGAIN = 15_000;
const LIST = { params: { query: { limit: 100 } } };

export const useDrills = () =>
  useQuery({
    queryKey: ['drills'],
    queryFn: () => taken(api.GET('/v1/drills', LIST)),
    refetchInterval: LOOK_AGAIN,
  });
export const useReport = (drill: Drill) =>
  useQuery({
    queryKey: ['drill-report', drill.id],
    queryFn: () => taken(api.GET('/v1/drills/{id}/report', { params: { path: { id: drill.id } } })),
    refetchInterval: drill.running ? 5_000 : false,
  });
export type DrillGiven = Pick<Drill, 'environment' | 'kind' | 'fault' | 'moment' | 'share'> & {
  provider?: string;
  minutes: number;
};

export const startDrill = (body: DrillGiven) => taken(api.POST('/v1/drills', { body, headers: once() }));
export const stopDrill = (id: string) =>
  taken(api.POST('/v1/drills/{id}/stop', { params: { path: { id } } }));

export function useDrilling<A>(does: (given: A) => Promise<Drill>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: does,
    onSuccess: () => client.invalidateQueries({ queryKey: ['drills'] }),
  });
}
