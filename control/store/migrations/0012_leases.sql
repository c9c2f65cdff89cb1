-- Who has a conversation that another server may take over where its own dies: those in rooms that every server reaches. A row lives as
-- long as its call.
create table app.leases (
    session_id uuid primary key,
    org_id uuid not null references app.orgs (id) on delete cascade,
    -- The data directory of the server that has it.
    server_id uuid not null,
    -- Counts the servers that took it over. What one of before leaves behind is not taken any more.
    fence int not null default 0 check (fence >= 0),
    agent_name text not null,
    -- The address of the server of rooms, as the agents' servers know it.
    host text not null,
    room text not null,
    -- As whom the agent is in the room.
    identity text not null,
    -- What whoever asked for the agent gave it along.
    metadata text not null default '',
    -- With whom it speaks. Empty: nobody has come yet.
    caller text not null default '',
    expires_at timestamptz not null,
    created_at timestamptz not null default now()
) with (fillfactor = 50); -- Each row is written twice a second, in its place.
select app.protect('app.leases', 'select');

alter table app.sessions add column fence int not null default 0;
