-- Measures and calls name those who really served, which is known when they have, and no longer the server's own speech provider.

-- Accounts and `built-in`, in the order in which they began to serve the call. Empty: of a call before this migration, whose `provider` is
-- the server's own.
alter table app.sessions add column providers text[] not null default '{}';
alter table app.sessions alter column provider set default '';

-- Everything is counted and measured as a whole, under the provider '', and once more under each provider that had a part in it: the sum over
-- providers is more than the whole. Rows before this migration are whole and name a provider.
alter table app.latency_hist_minute add column whole boolean not null default true;
alter table app.latency_hist_hour add column whole boolean not null default true;
alter table app.counts_minute add column whole boolean not null default true;
alter table app.counts_hour add column whole boolean not null default true;
