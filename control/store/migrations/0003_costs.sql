-- What vendors were asked for, what they charge for it, and what an organization may spend.

-- An organization's own prices, which come before the list that the server ships.
create table app.prices (
    id uuid primary key,
    org_id uuid not null references app.orgs (id) on delete cascade,
    vendor text not null,
    -- A model's name, or its beginning and `*`.
    model text not null,
    unit text not null,
    -- Nano-dollars for so many units.
    price_nano bigint not null check (price_nano >= 0),
    per bigint not null check (per > 0),
    valid_from timestamptz not null,
    -- [{"from": units of the month, "price_nano_usd": …}], ascending.
    tiers jsonb not null default '[]',
    note text not null default '',
    revision int not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (org_id, id),
    unique (org_id, vendor, model, unit, valid_from)
);
select app.protect('app.prices');
create index prices_newest on app.prices (org_id, created_at desc, id desc);

-- One row for each attempt. No foreign keys to what it was made for: what was paid for stays on record when that goes.
create table app.provider_requests (
    id uuid primary key,
    org_id uuid not null references app.orgs (id) on delete cascade,
    session_id uuid,
    turn int,
    at timestamptz not null,
    agent_name text not null,
    domain_id uuid,
    environment_id uuid,
    ability text not null,
    -- The account's name.
    provider text not null,
    vendor text not null,
    model text not null,
    region text not null,
    -- What it was made for, such as `turn`, `hedge` or `fallback`.
    why text not null,
    outcome text not null,
    error_code text,
    connect_us bigint,
    first_us bigint,
    took_us bigint,
    input_tokens bigint not null default 0,
    cached_tokens bigint not null default 0,
    cache_written_tokens bigint not null default 0,
    output_tokens bigint not null default 0,
    audio_input_tokens bigint not null default 0,
    audio_output_tokens bigint not null default 0,
    characters bigint not null default 0,
    audio_in_us bigint not null default 0,
    audio_out_us bigint not null default 0,
    estimated boolean not null default false,
    -- Null: not known, since the units of `unpriced` have no price.
    cost_nano bigint,
    unpriced text[] not null default '{}',
    created_at timestamptz not null default now(),
    unique (org_id, id),
    check ((cost_nano is null) = (cardinality(unpriced) > 0))
);
select app.protect('app.provider_requests', 'select');
create index provider_requests_by_session on app.provider_requests (org_id, session_id, at, id);
create index provider_requests_by_model on app.provider_requests (org_id, vendor, at);
create index provider_requests_unpriced on app.provider_requests (org_id, at) where cost_nano is null;

-- Sums of them, hour by hour, written in the same transaction.
create table app.costs_hour (
    org_id uuid not null references app.orgs (id) on delete cascade,
    at timestamptz not null,
    agent_name text not null,
    domain_id uuid,
    environment_id uuid,
    ability text not null,
    provider text not null,
    model text not null,
    requests bigint not null,
    failures bigint not null,
    cost_nano bigint not null,
    -- Requests whose cost is not known, and requests whose usage the vendor has not said.
    unpriced bigint not null,
    estimated bigint not null,
    input_tokens bigint not null,
    cached_tokens bigint not null,
    output_tokens bigint not null,
    characters bigint not null,
    audio_in_us bigint not null,
    audio_out_us bigint not null,
    created_at timestamptz not null default now(),
    unique nulls not distinct (org_id, at, agent_name, domain_id, environment_id, ability, provider, model)
);
select app.protect('app.costs_hour', 'select');

-- What an organization means to spend in a month (UTC).
create table app.budgets (
    org_id uuid primary key references app.orgs (id) on delete cascade,
    -- Null: as much as it comes to.
    monthly_limit_nano bigint check (monthly_limit_nano >= 0),
    warn_percent int not null check (warn_percent between 1 and 100),
    -- No new calls beyond the limit; calls that run are never cut off.
    hard_stop boolean not null,
    revision int not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
select app.protect('app.budgets');
