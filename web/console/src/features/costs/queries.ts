// What the pages of costs ask the server, and what they tell it.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type Alert, api, type Costs, ifMatch, type NewPrice, once, type Price, taken } from '../../server';

export type Window = Costs['window'];
export type Group = Costs['group_by'];

export const WINDOWS: { value: Window; label: string }[] = [
  { value: '24h', label: '24 h' },
  { value: '7d', label: '7 d' },
  { value: '30d', label: '30 d' },
];
export const GROUPS: { value: Group; label: string }[] = [
  { value: 'provider', label: 'Provider' },
  { value: 'model', label: 'Model' },
  { value: 'agent', label: 'Agent' },
  { value: 'domain', label: 'Domain' },
  { value: 'environment', label: 'Environment' },
  { value: 'ability', label: 'Ability' },
  { value: 'day', label: 'Day' },
];

/** While calls run their costs are seen to grow. */
const POLL_MS = 15_000;

export const useCosts = (window: Window, group_by: Group) =>
  useQuery({
    queryKey: ['costs', window, group_by],
    queryFn: () => taken(api.GET('/v1/costs', { params: { query: { window, group_by } } })),
    refetchInterval: POLL_MS,
    placeholderData: (before) => before,
  });

export const useBudget = () =>
  useQuery({
    queryKey: ['budget'],
    queryFn: () => taken(api.GET('/v1/budget')),
    refetchInterval: POLL_MS,
  });

export const useAlerts = () =>
  useQuery({
    queryKey: ['alerts'],
    queryFn: () => taken(api.GET('/v1/alerts', { params: { query: { limit: 20 } } })),
    refetchInterval: POLL_MS,
  });

export const useShippedPrices = () =>
  useQuery({
    queryKey: ['price-list'],
    queryFn: () => taken(api.GET('/v1/price-list')),
    staleTime: Number.POSITIVE_INFINITY,
  });

/** All of them: a list that says what is overridden must not be a part. */
export const usePrices = () => useQuery({ queryKey: ['prices'], queryFn: ownPrices });

async function ownPrices(): Promise<Price[]> {
  const all: Price[] = [];
  let cursor: string | null | undefined;
  do {
    const query = { limit: 100, ...(cursor && { cursor }) };
    const page = await taken(api.GET('/v1/prices', { params: { query } }));
    all.push(...page.data);
    cursor = page.has_more ? page.next_cursor : null;
  } while (cursor);
  return all;
}

/** What depends on prices is asked for anew. */
export function useChange<A, T>(change: (given: A) => Promise<T>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: () =>
      Promise.all(
        ['prices', 'costs', 'budget', 'alerts'].map((name) => client.invalidateQueries({ queryKey: [name] })),
      ),
  });
}

export const createPrice = (body: NewPrice) => taken(api.POST('/v1/prices', { body, headers: once() }));
export const changePrice = ({ id, revision }: Price, { price_nano_usd, per, tiers, note }: NewPrice) =>
  taken(
    api.PATCH('/v1/prices/{id}', {
      params: { path: { id } },
      body: { price_nano_usd, ...(per && { per }), ...(tiers && { tiers }), note: note ?? '' },
      headers: ifMatch(revision),
    }),
  );
export const removePrice = ({ id, revision }: Price) =>
  taken(api.DELETE('/v1/prices/{id}', { params: { path: { id } }, headers: ifMatch(revision) }));
export const importPrices = (prices: NewPrice[]) =>
  taken(api.POST('/v1/prices/import', { body: { prices }, headers: once() }));

export const setBudget = ({
  revision,
  ...body
}: {
  revision: number;
  monthly_limit_nano_usd: number | null;
  warn_percent: number;
  hard_stop: boolean;
}) => taken(api.PUT('/v1/budget', { body, headers: ifMatch(revision) }));

export const closeAlert = ({ id }: Alert) =>
  taken(api.DELETE('/v1/alerts/{id}', { params: { path: { id } } }));
