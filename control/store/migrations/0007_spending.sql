-- What an organization has to know, what its months came to, and where its callers' words may go.

-- What happened to an organization and wants somebody's attention. Told once for each subject, then brought up to date.
create table app.alerts (
    id uuid primary key,
    org_id uuid not null references app.orgs (id) on delete cascade,
    kind text not null,
    -- What it is about, such as a model without a price.
    subject text not null,
    facts jsonb not null,
    last_at timestamptz not null,
    -- Somebody has put it aside, or it has settled.
    closed_at timestamptz,
    created_at timestamptz not null default now(),
    unique (org_id, id),
    unique (org_id, kind, subject)
);
select app.protect('app.alerts', 'select, update');
create index alerts_newest on app.alerts (org_id, created_at desc, id desc) where closed_at is null;

-- Sums of requests of a month (UTC), by whoever charges for them: what tiers and budgets are reckoned by.
create table app.costs_month (
    org_id uuid not null references app.orgs (id) on delete cascade,
    at timestamptz not null,
    vendor text not null,
    model text not null,
    requests bigint not null,
    cost_nano bigint not null,
    input_tokens bigint not null,
    cached_tokens bigint not null,
    cache_written_tokens bigint not null,
    output_tokens bigint not null,
    audio_input_tokens bigint not null,
    audio_output_tokens bigint not null,
    characters bigint not null,
    audio_in_us bigint not null,
    audio_out_us bigint not null,
    created_at timestamptz not null default now(),
    primary key (org_id, at, vendor, model)
);
select app.protect('app.costs_month', 'select');
insert into app.costs_month (org_id, at, vendor, model, requests, cost_nano, input_tokens, cached_tokens, cache_written_tokens, output_tokens,
    audio_input_tokens, audio_output_tokens, characters, audio_in_us, audio_out_us)
select org_id, date_trunc('month', at, 'UTC'), vendor, model, count(*), coalesce(sum(cost_nano), 0), sum(input_tokens), sum(cached_tokens),
    sum(cache_written_tokens), sum(output_tokens), sum(audio_input_tokens), sum(audio_output_tokens), sum(characters), sum(audio_in_us),
    sum(audio_out_us)
from app.provider_requests group by 1, 2, 3, 4;

-- Of the last hours, of one organization and of all; tiers read sums now.
create index provider_requests_newest on app.provider_requests (org_id, at);
create index provider_requests_unfit on app.provider_requests (at) where cost_nano is null or outcome = 'failed';
create index provider_requests_oldest on app.provider_requests (at);
drop index app.provider_requests_by_model;

-- Regions that accounts at vendors may be in; none: anywhere.
alter table app.orgs add column residency text[] not null default '{}';
