-- The ground floor: tenants, what they configure, what happened in their calls.
--
-- Every table has org_id, `primary key (id)` or a key that begins with its session, `unique (org_id, id)` for the composite
-- foreign keys of others, and row-level security that `app.protect` switches on. The schema `app` and the roles are made by
-- roles.sql, before any migration.

-- Of which organization the transaction is; null outside of one, so that nothing is seen.
create function app.org_id() returns uuid language sql stable parallel safe
    as $$ select nullif(current_setting('app.org_id', true), '')::uuid $$;

-- Row-level security for the table, forced on its owner too, and what the two roles may do. `rights` are those of
-- foundry_app; never TRUNCATE, which row-level security does not see.
create function app.protect(wanted regclass, rights text default 'select, insert, update, delete') returns void
    language plpgsql as $$
begin
    execute format('alter table %s enable row level security', wanted);
    execute format('alter table %s force row level security', wanted);
    -- The sub-select makes it one call for the statement, not one for each row.
    execute format('create policy organization on %s to foundry_app using (org_id = (select app.org_id())) with check (org_id = (select app.org_id()))', wanted);
    execute format('create policy platform on %s to foundry_system using (true) with check (true)', wanted);
    execute format('grant %s on %s to foundry_app', rights, wanted);
    execute format('grant select, insert, update, delete on %s to foundry_system', wanted);
end $$;

-- Tenants -----------------------------------------------------------------------------------------------------------

create table app.orgs (
    id uuid primary key,
    org_id uuid not null generated always as (id) stored,
    name text not null unique check (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    title text not null,
    -- Days that recordings are kept; null keeps all.
    recordings_keep_days int check (recordings_keep_days between 1 and 3650),
    revision int not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (org_id, id)
);
select app.protect('app.orgs', 'select, update');

create table app.domains (
    id uuid primary key,
    org_id uuid not null references app.orgs (id) on delete cascade,
    name text not null check (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    title text not null,
    revision int not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (org_id, id),
    unique (org_id, name)
);
select app.protect('app.domains');

create table app.environments (
    id uuid primary key,
    org_id uuid not null references app.orgs (id) on delete cascade,
    name text not null check (name ~ '^[a-z][a-z0-9-]{0,62}$' and name <> 'draft'),
    title text not null,
    revision int not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (org_id, id),
    unique (org_id, name)
);
select app.protect('app.environments');

-- Agents ------------------------------------------------------------------------------------------------------------

create table app.agents (
    id uuid primary key,
    org_id uuid not null references app.orgs (id) on delete cascade,
    domain_id uuid,
    name text not null check (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    title text not null,
    archived_at timestamptz,
    revision int not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (org_id, id),
    unique (org_id, name),
    foreign key (org_id, domain_id) references app.domains (org_id, id)
);
select app.protect('app.agents');
create index agents_by_domain on app.agents (org_id, domain_id);

-- Immutable: nobody may change or remove one, its agent aside.
create table app.agent_versions (
    id uuid primary key,
    org_id uuid not null,
    agent_id uuid not null,
    number int not null check (number > 0),
    -- As text: what is hashed is what was written, to the byte.
    definition text not null,
    content_hash bytea not null check (length(content_hash) = 32),
    note text not null default '',
    created_by text not null,
    created_at timestamptz not null default now(),
    unique (org_id, id),
    unique (org_id, agent_id, number),
    unique (org_id, agent_id, content_hash),
    unique (org_id, agent_id, id),
    foreign key (org_id, agent_id) references app.agents (org_id, id) on delete cascade
);
select app.protect('app.agent_versions', 'select, insert');

create table app.agent_drafts (
    id uuid primary key,
    org_id uuid not null,
    agent_id uuid not null,
    definition text not null,
    -- The version it began from.
    base_number int,
    revision int not null default 1,
    updated_by text not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (org_id, id),
    unique (org_id, agent_id),
    foreign key (org_id, agent_id) references app.agents (org_id, id) on delete cascade
);
select app.protect('app.agent_drafts');

-- Which version an environment serves.
create table app.agent_aliases (
    id uuid primary key,
    org_id uuid not null,
    agent_id uuid not null,
    environment_id uuid not null,
    version_id uuid not null,
    revision int not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (org_id, id),
    unique (org_id, agent_id, environment_id),
    foreign key (org_id, agent_id) references app.agents (org_id, id) on delete cascade,
    foreign key (org_id, environment_id) references app.environments (org_id, id),
    foreign key (org_id, agent_id, version_id) references app.agent_versions (org_id, agent_id, id)
);
select app.protect('app.agent_aliases');
create index agent_aliases_by_environment on app.agent_aliases (org_id, environment_id);

-- Each move of an alias: what to go back to, and who did it.
create table app.agent_releases (
    id uuid primary key,
    org_id uuid not null,
    agent_id uuid not null,
    environment_id uuid not null,
    version_id uuid not null,
    previous_version_id uuid,
    kind text not null check (kind in ('publish', 'move', 'rollback')),
    created_by text not null,
    created_at timestamptz not null default now(),
    unique (org_id, id),
    foreign key (org_id, agent_id) references app.agents (org_id, id) on delete cascade,
    foreign key (org_id, environment_id) references app.environments (org_id, id),
    foreign key (org_id, agent_id, version_id) references app.agent_versions (org_id, agent_id, id),
    foreign key (org_id, agent_id, previous_version_id) references app.agent_versions (org_id, agent_id, id)
);
select app.protect('app.agent_releases', 'select, insert');
create index agent_releases_newest on app.agent_releases (org_id, agent_id, environment_id, created_at desc, id desc);

-- Said in place of what the definition greets with, where the scope fits; the narrowest scope wins.
create table app.greetings (
    id uuid primary key,
    org_id uuid not null references app.orgs (id) on delete cascade,
    agent_id uuid,
    domain_id uuid,
    environment_id uuid,
    wordings text[] not null check (cardinality(wordings) between 1 and 20),
    enabled boolean not null default true,
    revision int not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (org_id, id),
    unique nulls not distinct (org_id, agent_id, domain_id, environment_id),
    check (agent_id is null or domain_id is null),
    foreign key (org_id, agent_id) references app.agents (org_id, id) on delete cascade,
    foreign key (org_id, domain_id) references app.domains (org_id, id) on delete cascade,
    foreign key (org_id, environment_id) references app.environments (org_id, id) on delete cascade
);
select app.protect('app.greetings');

-- Where callers come in, and whom they then talk to.
create table app.channels (
    id uuid primary key,
    org_id uuid not null references app.orgs (id) on delete cascade,
    kind text not null check (kind in ('widget', 'room', 'number', 'host')),
    -- widget: a name; room: a room's name; number: E.164; host: a hostname in lower case.
    address text not null check (length(address) between 1 and 253),
    agent_id uuid not null,
    environment_id uuid not null,
    enabled boolean not null default true,
    revision int not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (org_id, id),
    unique (org_id, kind, address),
    foreign key (org_id, agent_id) references app.agents (org_id, id) on delete cascade,
    foreign key (org_id, environment_id) references app.environments (org_id, id)
);
select app.protect('app.channels');
-- A hostname belongs to one organization; that another has it may be known, as it may from DNS.
create unique index channels_host on app.channels (address) where kind = 'host';

-- Access ------------------------------------------------------------------------------------------------------------

create table app.api_keys (
    id uuid primary key,
    org_id uuid not null references app.orgs (id) on delete cascade,
    name text not null check (length(name) between 1 and 100),
    -- What is shown of it: the prefix and the last four characters.
    hint text not null,
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz,
    created_by text not null,
    created_at timestamptz not null default now(),
    unique (org_id, id)
);
select app.protect('app.api_keys');

-- More than one while a rotated key's grace lasts.
create table app.api_key_secrets (
    id uuid primary key,
    org_id uuid not null,
    key_id uuid not null,
    hash bytea not null unique check (length(hash) = 32),
    valid_until timestamptz,
    created_at timestamptz not null default now(),
    unique (org_id, id),
    foreign key (org_id, key_id) references app.api_keys (org_id, id) on delete cascade
);
select app.protect('app.api_key_secrets');
create index api_key_secrets_by_key on app.api_key_secrets (org_id, key_id);

create table app.idempotency_keys (
    id uuid primary key,
    org_id uuid not null references app.orgs (id) on delete cascade,
    key text not null check (length(key) between 1 and 255),
    route text not null,
    body_hash bytea not null,
    -- Null while the first request runs.
    status int,
    content_type text,
    headers jsonb,
    body bytea,
    created_at timestamptz not null default now(),
    unique (org_id, id),
    unique (org_id, route, key)
);
select app.protect('app.idempotency_keys');
create index idempotency_keys_oldest on app.idempotency_keys (org_id, created_at);

create table app.audit_log (
    id uuid primary key,
    org_id uuid not null references app.orgs (id) on delete cascade,
    actor text not null,
    action text not null,
    target text not null,
    before jsonb,
    after jsonb,
    request_id text not null,
    created_at timestamptz not null default now(),
    unique (org_id, id)
);
select app.protect('app.audit_log', 'select, insert');
create index audit_log_newest on app.audit_log (org_id, created_at desc, id desc);

create table app.outbox (
    id uuid primary key,
    org_id uuid not null references app.orgs (id) on delete cascade,
    topic text not null,
    payload jsonb not null,
    delivered_at timestamptz,
    created_at timestamptz not null default now(),
    unique (org_id, id)
);
select app.protect('app.outbox');
create index outbox_waiting on app.outbox (created_at) where delivered_at is null;

-- Calls -------------------------------------------------------------------------------------------------------------

create table app.sessions (
    id uuid primary key,
    org_id uuid not null references app.orgs (id) on delete cascade,
    -- No foreign keys to what was called: a call stays on record when its agent goes.
    agent_id uuid,
    agent_name text not null,
    -- 0: the draft.
    version int not null,
    environment_id uuid,
    channel_id uuid,
    transport text not null,
    provider text not null,
    -- The data directory of the server that runs or ran it.
    server_id uuid not null,
    started_at timestamptz not null,
    -- Of the last event on record.
    last_event_at timestamptz not null,
    last_sequence int not null default -1,
    ended_at timestamptz,
    end_reason text,
    duration_ms double precision,
    turns int not null default 0,
    interruptions int not null default 0,
    response_median_ms double precision,
    response_max_ms double precision,
    dead_air_ms double precision not null default 0,
    failures int not null default 0,
    recorded boolean not null default false,
    first_words text not null default '',
    summary text,
    fields jsonb not null default '{}',
    outcome text,
    -- What was said by both, for search.
    words tsvector not null default '',
    -- What a restarted server goes on from while the caller may come back.
    checkpoint jsonb,
    created_at timestamptz not null default now(),
    unique (org_id, id)
);
select app.protect('app.sessions');
create index sessions_newest on app.sessions (org_id, started_at desc, id desc);
create index sessions_by_agent on app.sessions (org_id, agent_name, started_at desc, id desc);
create index sessions_by_end on app.sessions (org_id, end_reason, started_at desc, id desc);
create index sessions_unsummarised on app.sessions (ended_at) where ended_at is not null and summary is null;
create index sessions_recorded on app.sessions (org_id, started_at) where recorded;
create index sessions_open on app.sessions (server_id) where ended_at is null;
create index sessions_running on app.sessions (org_id, last_event_at) where ended_at is null;
create index sessions_words on app.sessions using gin (words);

-- `@@` is not leakproof, so that row-level security keeps the index from being used: this function looks as the owner, in the
-- organization of the transaction alone.
create policy search on app.sessions for select to current_user using (org_id = (select app.org_id()));
create function app.search_sessions(wanted text, since timestamptz, until timestamptz, before timestamptz, before_id uuid, most int)
    returns table (id uuid, started_at timestamptz)
    language sql stable security definer set search_path = pg_catalog, app
    as $$
        select s.id, s.started_at from app.sessions s
        where s.org_id = app.org_id() and s.words @@ websearch_to_tsquery('simple', wanted)
          and s.started_at >= since and s.started_at < until
          and (before is null or (s.started_at, s.id) < (before, before_id))
        order by s.started_at desc, s.id desc limit most
    $$;
revoke all on function app.search_sessions from public;
grant execute on function app.search_sessions to foundry_app;

create table app.session_events (
    session_id uuid not null,
    org_id uuid not null,
    sequence int not null,
    -- Since the call began.
    at_us bigint not null,
    kind text not null,
    turn int,
    event jsonb not null,
    created_at timestamptz not null default now(),
    primary key (session_id, sequence),
    foreign key (org_id, session_id) references app.sessions (org_id, id) on delete cascade
);
select app.protect('app.session_events');
create index session_events_by_org on app.session_events (org_id, session_id, sequence);

create table app.turns (
    session_id uuid not null,
    org_id uuid not null,
    turn int not null,
    started_at timestamptz not null,
    -- Null where the caller did not speak or the agent did not answer.
    response_us bigint,
    endpointing_us bigint,
    thinking_us bigint,
    sentence_us bigint,
    synthesis_us bigint,
    playout_us bigint,
    created_at timestamptz not null default now(),
    primary key (session_id, turn),
    foreign key (org_id, session_id) references app.sessions (org_id, id) on delete cascade
);
select app.protect('app.turns');
create index turns_by_org on app.turns (org_id, session_id, turn);

-- Measures ----------------------------------------------------------------------------------------------------------
-- Of what calls share (agent, version, transport, provider), each minute and each hour: latencies as mergeable histograms, and
-- counts. Written in the transaction that writes the events they are made of, so that they say neither more nor less.

create table app.latency_hist_minute (
    org_id uuid not null references app.orgs (id) on delete cascade,
    at timestamptz not null,
    agent_name text not null,
    version int not null,
    transport text not null,
    provider text not null,
    stage text not null,
    count bigint not null,
    buckets bytea not null,
    created_at timestamptz not null default now(),
    primary key (org_id, stage, at, agent_name, version, transport, provider)
);
select app.protect('app.latency_hist_minute');

create table app.latency_hist_hour (
    org_id uuid not null references app.orgs (id) on delete cascade,
    at timestamptz not null,
    agent_name text not null,
    version int not null,
    transport text not null,
    provider text not null,
    stage text not null,
    count bigint not null,
    buckets bytea not null,
    created_at timestamptz not null default now(),
    primary key (org_id, stage, at, agent_name, version, transport, provider)
);
select app.protect('app.latency_hist_hour');

create table app.counts_minute (
    org_id uuid not null references app.orgs (id) on delete cascade,
    at timestamptz not null,
    agent_name text not null,
    version int not null,
    transport text not null,
    provider text not null,
    -- calls, turns, interruptions, dead_air_ms, failures, tokens_in, tokens_out
    name text not null,
    -- Such as the cause of dead air or the code of a failure.
    label text not null default '',
    value bigint not null,
    created_at timestamptz not null default now(),
    primary key (org_id, at, agent_name, version, transport, provider, name, label)
);
select app.protect('app.counts_minute');

create table app.counts_hour (
    org_id uuid not null references app.orgs (id) on delete cascade,
    at timestamptz not null,
    agent_name text not null,
    version int not null,
    transport text not null,
    provider text not null,
    name text not null,
    label text not null default '',
    value bigint not null,
    created_at timestamptz not null default now(),
    primary key (org_id, at, agent_name, version, transport, provider, name, label)
);
select app.protect('app.counts_hour');
