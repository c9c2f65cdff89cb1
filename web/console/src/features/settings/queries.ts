// What the settings ask the server, and what they tell it.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import {
  api,
  type Channel,
  ifMatch,
  type Organization,
  once,
  type ProviderAccount,
  taken,
} from '../../server';
import { usePages } from '../../shell';

export const useKeys = () =>
  usePages(['api-keys'], (query) => taken(api.GET('/v1/api-keys', { params: { query } })));
export const useChannels = () =>
  usePages(['channels'], (query) => taken(api.GET('/v1/channels', { params: { query } })));
export const useAccounts = () =>
  usePages(['provider-accounts'], (query) => taken(api.GET('/v1/provider-accounts', { params: { query } })));
export const useAudit = () =>
  usePages(['audit'], (query) => taken(api.GET('/v1/audit', { params: { query } })), 100);

export const useProviders = () =>
  useQuery({ queryKey: ['providers'], queryFn: () => taken(api.GET('/v1/providers')) });
export const useHealth = () =>
  useQuery({
    queryKey: ['provider-health'],
    queryFn: () => taken(api.GET('/v1/provider-health')),
    refetchInterval: 10_000,
  });
/** The list is asked for anew when something in it was changed. */
export function useChange<A, T>(key: string, change: (given: A) => Promise<T>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: () => client.invalidateQueries({ queryKey: [key] }),
  });
}

export const createKey = (body: { name: string; expires_at?: string }) =>
  taken(api.POST('/v1/api-keys', { body, headers: once() }));
export const rotateKey = ({ id, grace_seconds }: { id: string; grace_seconds: number }) =>
  taken(
    api.POST('/v1/api-keys/{id}/rotate', {
      params: { path: { id } },
      body: { grace_seconds },
      headers: once(),
    }),
  );
export const revokeKey = (id: string) => taken(api.DELETE('/v1/api-keys/{id}', { params: { path: { id } } }));

export type ChannelGiven = Pick<Channel, 'kind' | 'address' | 'agent_id' | 'environment_id' | 'enabled'>;
export const createChannel = (body: ChannelGiven) =>
  taken(api.POST('/v1/channels', { body, headers: once() }));
/** Kind and address stay: another address is another channel. */
export const changeChannel = ({ id, revision }: Channel, { kind: _, address: __, ...body }: ChannelGiven) =>
  taken(api.PATCH('/v1/channels/{id}', { params: { path: { id } }, body, headers: ifMatch(revision) }));
export const removeChannel = ({ id }: Channel) =>
  taken(api.DELETE('/v1/channels/{id}', { params: { path: { id } } }));

export const changeOrganization = (
  { id, revision }: Organization,
  body: {
    title: string;
    calls_keep_days?: number | null;
    recordings_keep_days?: number | null;
    latency_target_ms?: number | null;
    residency?: string[];
  },
) =>
  taken(api.PATCH('/v1/organizations/{id}', { params: { path: { id } }, body, headers: ifMatch(revision) }));

export type AccountGiven = Pick<ProviderAccount, 'name' | 'vendor' | 'options' | 'enabled'> & { key: string };
export const createAccount = ({ key, ...body }: AccountGiven) =>
  taken(api.POST('/v1/provider-accounts', { body: { ...body, ...(key && { key }) }, headers: once() }));
/** Name and vendor stay: another vendor is another account. */
export const changeAccount = ({ id, revision }: ProviderAccount, { key, options, enabled }: AccountGiven) =>
  taken(
    api.PATCH('/v1/provider-accounts/{id}', {
      params: { path: { id } },
      body: { options, enabled, ...(key && { key }) },
      headers: ifMatch(revision),
    }),
  );
export const removeAccount = ({ id }: ProviderAccount) =>
  taken(api.DELETE('/v1/provider-accounts/{id}', { params: { path: { id } } }));
