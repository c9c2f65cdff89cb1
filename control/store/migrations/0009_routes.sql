-- Routes: from what a call brings to an agent in an environment.

create table app.routes (
    id uuid primary key,
    org_id uuid not null references app.orgs (id) on delete cascade,
    title text not null default '',
    -- What a call must bring. Null: whatever it brings. Numbers and rooms that end in `*` are beginnings.
    number text check (length(number) between 1 and 130),
    room text check (length(room) between 1 and 130),
    host text check (length(host) between 1 and 253),
    -- Name of a trunk, or of an account at a carrier.
    trunk text check (length(trunk) between 1 and 63),
    -- [{"name": "X-Line", "value": "vip"}]
    headers jsonb not null default '[]',
    -- As greetings::Schedule; null: always.
    schedule jsonb,
    agent_id uuid not null,
    environment_id uuid not null,
    enabled boolean not null default true,
    revision int not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (org_id, id),
    foreign key (org_id, agent_id) references app.agents (org_id, id) on delete cascade,
    foreign key (org_id, environment_id) references app.environments (org_id, id)
);
select app.protect('app.routes');
create index routes_newest on app.routes (org_id, created_at desc, id desc);
create index routes_by_agent on app.routes (org_id, agent_id);
create index routes_by_environment on app.routes (org_id, environment_id);

-- What a number, room or hostname takes of all there are: itself, or everything that begins so. They are of ASCII, so that nothing that begins so
-- comes after the beginning with the last character of ASCII behind it.
create type app.places as range (subtype = text, collation = "C");
create function app.places_of(place text) returns app.places language sql immutable parallel safe
    as $$ select case when right(place, 1) = '*' then app.places(left(place, -1), left(place, -1) || chr(127), '[)')
                      else app.places(place, place, '[]') end $$;

-- Which places are which organization's: the widest that its routes name, those that are off too. The exclusion sees every organization's rows, as
-- row-level security does not; within one organization they never overlap, since one that lies in another is left out.
create table app.route_claims (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references app.orgs (id) on delete cascade,
    places app.places not null,
    created_at timestamptz not null default now(),
    unique (org_id, id),
    constraint route_claims_one_organization exclude using gist (places with &&)
);
select app.protect('app.route_claims', 'select, insert, delete');
