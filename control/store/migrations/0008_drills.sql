-- Faults that are put on providers for a share of an environment's calls, until they end.

create table app.drills (
    id uuid primary key,
    org_id uuid not null references app.orgs (id) on delete cascade,
    environment_id uuid not null,
    ability text not null check (ability in ('stt', 'llm', 'tts')),
    fault text not null,
    moment text not null,
    -- Name of an account, or `built-in`. Null: whoever is asked first.
    provider text,
    -- Of the calls that begin, in thousandths.
    share_permille int not null check (share_permille between 1 and 1000),
    started_by text not null,
    ends_at timestamptz not null,
    -- Before its time.
    stopped_at timestamptz,
    created_at timestamptz not null default now(),
    unique (org_id, id),
    foreign key (org_id, environment_id) references app.environments (org_id, id) on delete cascade
);
select app.protect('app.drills', 'select, insert, update');
create index drills_newest on app.drills (org_id, created_at desc, id desc);
create index drills_by_environment on app.drills (org_id, environment_id, ends_at desc);
create index drills_ending on app.drills (ends_at) where stopped_at is null;

-- The drill that struck a call. What such calls took is no part of the measures of all calls.
alter table app.sessions add column drill_id uuid;
create index sessions_by_drill on app.sessions (org_id, drill_id) where drill_id is not null;
