// What the pages of campaigns ask the server, and what they tell it.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { api, type Campaign, type ContactChange, ifMatch, type NewCampaign, once, taken } from '../../server';
import { usePages } from '../../shell';

/** While calls are made, what came of them is looked at so often. */
const LIVE_MS = 2_000;
const LIST_MS = 5_000;
const live = (campaign: Campaign | undefined) =>
  campaign && (campaign.state === 'running' || campaign.progress.calling > 0) ? LIVE_MS : false;

export const useCampaigns = () =>
  usePages(['campaigns'], (query) => taken(api.GET('/v1/campaigns', { params: { query } })), 50, LIST_MS);
export const useCampaign = (id: string) =>
  useQuery({
    queryKey: ['campaigns', id],
    queryFn: () => taken(api.GET('/v1/campaigns/{id}', { params: { path: { id } } })),
    enabled: id !== 'new',
    refetchInterval: ({ state }) => live(state.data),
  });
export const useContacts = (campaign: Campaign) =>
  usePages(
    ['campaigns', campaign.id, 'contacts'],
    (query) =>
      taken(api.GET('/v1/campaigns/{id}/contacts', { params: { path: { id: campaign.id }, query } })),
    50,
    live(campaign),
  );
/** All calls that were made, those of campaigns and others. */
export const useCallsOut = () =>
  usePages(['calls-out'], (query) => taken(api.GET('/v1/calls', { params: { query } })), 20, LIST_MS);

/** Lists and counts are asked for anew when anything was changed. */
export function useChange<A, T>(change: (given: A) => Promise<T>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: () => client.invalidateQueries({ queryKey: ['campaigns'] }),
  });
}

export const create = (body: NewCampaign) => taken(api.POST('/v1/campaigns', { body, headers: once() }));
export const change = ({ id, revision }: Campaign, body: NewCampaign) =>
  taken(api.PATCH('/v1/campaigns/{id}', { params: { path: { id } }, body, headers: ifMatch(revision) }));

export type Move = 'start' | 'pause' | 'resume' | 'cancel';
export const go = (id: string, move: Move) => {
  const asked = { params: { path: { id } } };
  if (move === 'start') return taken(api.POST('/v1/campaigns/{id}/start', asked));
  if (move === 'pause') return taken(api.POST('/v1/campaigns/{id}/pause', asked));
  if (move === 'resume') return taken(api.POST('/v1/campaigns/{id}/resume', asked));
  return taken(api.POST('/v1/campaigns/{id}/cancel', asked));
};

/** The file as it is; looked at only, or taken. */
export const importContacts = (id: string, file: string, dry: boolean) =>
  taken(
    api.POST('/v1/campaigns/{id}/contacts', {
      params: { path: { id }, query: { dry_run: dry } },
      body: file,
      bodySerializer: (text) => text,
      headers: { 'content-type': 'text/csv', ...(!dry && once()) },
    }),
  );

export const changeContact = (id: string, contact: string, body: ContactChange) =>
  taken(api.PATCH('/v1/campaigns/{id}/contacts/{contact}', { params: { path: { id, contact } }, body }));
export const removeContact = (id: string, contact: string) =>
  taken(api.DELETE('/v1/campaigns/{id}/contacts/{contact}', { params: { path: { id, contact } } }));

export const resultsUrl = (id: string): string => `/v1/campaigns/${id}/results`;
