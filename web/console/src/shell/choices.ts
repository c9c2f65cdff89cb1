// What more than one feature lets people choose from: each list whole, and asked for once however many ask.

import { useQuery } from '@tanstack/react-query';
import { type Ability, api, taken } from '../server';
import { useWhole } from './pages';

const LONG = 60_000;

export const useAllAgents = (staleTime?: number) =>
  useWhole(['agents'], (query) => taken(api.GET('/v1/agents', { params: { query } })), staleTime);
export const useEnvironments = () =>
  useWhole(['environments'], (query) => taken(api.GET('/v1/environments', { params: { query } })), LONG);
export const useDomains = () =>
  useWhole(['domains'], (query) => taken(api.GET('/v1/domains', { params: { query } })), LONG);
export const useAllChannels = () =>
  useWhole(['channels'], (query) => taken(api.GET('/v1/channels', { params: { query } })), LONG);
export const useAllAccounts = () =>
  useWhole(['provider-accounts'], (query) => taken(api.GET('/v1/provider-accounts', { params: { query } })));
export const useVendors = () =>
  useQuery({
    queryKey: ['vendors'],
    queryFn: () => taken(api.GET('/v1/vendors')),
    staleTime: Number.POSITIVE_INFINITY,
  });
/** Asked of the vendor, so only where somebody wants to choose. */
export const useVoices = (id: string, wanted: boolean) =>
  useQuery({
    queryKey: ['voices', id],
    queryFn: () => taken(api.GET('/v1/provider-accounts/{id}/voices', { params: { path: { id } } })),
    enabled: wanted,
    retry: false,
    staleTime: 300_000,
  });

/** What calls out go by. How each stands changes by itself, which is followed where that is looked at, and not below a form. */
export const useTrunks = ({ follow }: { follow: boolean }) =>
  useQuery({
    queryKey: ['trunks'],
    queryFn: () => taken(api.GET('/v1/trunks')),
    refetchInterval: follow && 5_000,
  });

/** A real request to the vendor. */
export const tryAccount = ({
  id,
  ...body
}: {
  id: string;
  ability: Ability;
  model?: string;
  voice?: string;
}) => taken(api.POST('/v1/provider-accounts/{id}/test', { params: { path: { id } }, body }));
