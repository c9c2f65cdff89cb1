-- Calls that we make, each from its place in the queue to its end, and campaigns: calls to many people.

create table app.campaigns (
    id uuid primary key,
    org_id uuid not null references app.orgs (id) on delete cascade,
    title text not null check (length(title) between 1 and 200),
    -- By their names: an agent may be published anew, and trunks are the server's.
    agent text not null,
    trunk text not null,
    -- What callees see; null: the trunk's own.
    caller text,
    ring_s int not null check (ring_s between 5 and 180),
    at_machine text not null check (at_machine in ('speak', 'hang_up', 'leave_message')),
    message text check (length(message) between 1 and 1000),
    -- Calls at once, and calls begun in a minute.
    concurrency int not null check (concurrency between 1 and 100),
    per_minute int not null check (per_minute between 1 and 600),
    -- Outcomes after which a contact is called again, how often in all, and how far apart.
    retry_on text[] not null,
    attempts_most int not null check (attempts_most between 1 and 10),
    retry_after_s int not null check (retry_after_s between 1 and 604800),
    -- As greetings::Schedule; null: always.
    schedule jsonb,
    state text not null default 'draft' check (state in ('draft', 'running', 'paused', 'completed', 'cancelled')),
    -- The next call begins no earlier.
    next_at timestamptz,
    started_at timestamptz,
    ended_at timestamptz,
    revision int not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (org_id, id),
    check (at_machine <> 'leave_message' or message is not null)
);
select app.protect('app.campaigns');
create index campaigns_newest on app.campaigns (org_id, created_at desc, id desc);
create index campaigns_running on app.campaigns (org_id) where state = 'running';

create table app.campaign_contacts (
    id uuid primary key,
    org_id uuid not null,
    campaign_id uuid not null,
    number text not null check (length(number) between 1 and 64),
    -- What greetings and messages may say of them.
    variables jsonb not null default '{}',
    state text not null default 'waiting' check (state in ('waiting', 'calling', 'done', 'cancelled')),
    attempts int not null default 0,
    -- They are called no earlier.
    due_at timestamptz not null default now(),
    -- Of the last call that is over.
    outcome text,
    call_id uuid,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (org_id, id),
    unique (org_id, campaign_id, number),
    foreign key (org_id, campaign_id) references app.campaigns (org_id, id) on delete cascade
);
select app.protect('app.campaign_contacts');
create index campaign_contacts_newest on app.campaign_contacts (org_id, campaign_id, created_at desc, id desc);
create index campaign_contacts_due on app.campaign_contacts (org_id, campaign_id, due_at, id) where state = 'waiting';

create table app.outbound_calls (
    -- Of the session, once it is answered.
    id uuid primary key,
    org_id uuid not null references app.orgs (id) on delete cascade,
    campaign_id uuid,
    contact_id uuid,
    -- Counts the calls to a contact; 1 without one.
    attempt int not null default 1,
    agent text not null,
    trunk text not null,
    number text not null check (length(number) between 1 and 64),
    caller text,
    ring_s int not null,
    at_machine text not null check (at_machine in ('speak', 'hang_up', 'leave_message')),
    message text,
    variables jsonb not null default '{}',
    state text not null default 'queued' check (state in ('queued', 'dialling', 'ringing', 'answered', 'ended')),
    -- Why it is over.
    outcome text,
    sip_status int,
    -- Who took it, and whether a message was begun after a beep (true) or without one.
    answered_by text check (answered_by in ('human', 'machine', 'unknown')),
    beep boolean,
    -- How the session ended.
    end_reason text,
    -- Whose call it is since it is dialled.
    server_id uuid,
    -- Its campaign knows of its end.
    settled boolean not null default false,
    dialled_at timestamptz,
    answered_at timestamptz,
    ended_at timestamptz,
    created_at timestamptz not null default now(),
    unique (org_id, id),
    foreign key (org_id, campaign_id) references app.campaigns (org_id, id) on delete cascade,
    foreign key (org_id, contact_id) references app.campaign_contacts (org_id, id) on delete cascade,
    check (state <> 'ended' or outcome is not null)
);
select app.protect('app.outbound_calls');
create index outbound_calls_newest on app.outbound_calls (org_id, created_at desc, id desc);
create index outbound_calls_by_campaign on app.outbound_calls (org_id, campaign_id, created_at desc, id desc) where campaign_id is not null;
create index outbound_calls_by_contact on app.outbound_calls (org_id, contact_id) where contact_id is not null;
create index outbound_calls_open on app.outbound_calls (state, created_at) where state <> 'ended';
create index outbound_calls_unsettled on app.outbound_calls (org_id, campaign_id) where campaign_id is not null and state = 'ended' and not settled;
