-- Greetings by channel, language and time, in experiments, and what came of them.

-- What was there goes on: no channel, no language, always, in the order of before.
alter table app.greetings
    add column title text not null default '',
    add column channel_id uuid,
    add column language text,
    add column priority int not null default 0 check (priority between -100 and 100),
    -- As greetings::Schedule; null: always.
    add column schedule jsonb,
    -- As greetings::Experiment; null: the wordings are said.
    add column experiment jsonb,
    -- Counts up when the experiment is another: outcomes of different texts are never added up.
    add column experiment_round int not null default 0,
    add column experiment_since timestamptz,
    add foreign key (org_id, channel_id) references app.channels (org_id, id) on delete cascade;

-- Several of one scope, at different times; of two that hold always one would never be said.
alter table app.greetings drop constraint greetings_org_id_agent_id_domain_id_environment_id_key;
create unique index greetings_always on app.greetings (org_id, agent_id, domain_id, environment_id, channel_id, language, priority)
    nulls not distinct where schedule is null;
create index greetings_by_channel on app.greetings (org_id, channel_id);

-- An organization's time, its holidays, and what callers speak by their number.
create table app.greeting_calendars (
    org_id uuid primary key references app.orgs (id) on delete cascade,
    time_zone text not null default 'UTC',
    -- [{"date": "2026-12-25", "name": "Christmas"}]
    holidays jsonb not null default '[]',
    -- [{"prefix": "+49", "language": "de"}]
    languages jsonb not null default '[]',
    revision int not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
select app.protect('app.greeting_calendars');

-- With which greeting a call began, and what came of it. No foreign key to the greeting: outcomes stay when it goes.
create table app.session_greetings (
    session_id uuid primary key,
    org_id uuid not null,
    started_at timestamptz not null,
    -- Null: the agent's own.
    greeting_id uuid,
    round int not null default 0,
    -- Of an experiment.
    arm text,
    language text not null default '',
    -- `note:NAME` or `node:NAME`.
    goal text,
    -- All of it was rendered when the call began.
    rendered boolean not null default false,
    -- From media flowing both ways to the first audible sample; null: none was sent (yet).
    first_audible_us bigint,
    -- It is over: the measures below are known.
    measured boolean not null default false,
    clipped boolean not null default false,
    talked_over boolean not null default false,
    answered boolean not null default false,
    goal_reached boolean not null default false,
    created_at timestamptz not null default now(),
    foreign key (org_id, session_id) references app.sessions (org_id, id) on delete cascade
);
select app.protect('app.session_greetings', 'select');
create index session_greetings_by_greeting on app.session_greetings (org_id, greeting_id, round, started_at);
create index session_greetings_newest on app.session_greetings (org_id, started_at);
