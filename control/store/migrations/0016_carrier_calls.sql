-- Calls at carriers that servers have: of a server that dies they are ended by another, or by itself when it starts anew. A row lives as long as
-- its call is ours.
create table app.carrier_calls (
    org_id uuid not null references app.orgs (id) on delete cascade,
    account_id uuid not null,
    -- The carrier's name of it.
    call text not null check (length(call) between 1 and 500),
    -- The data directory of the server that has it.
    server_id uuid not null,
    -- Nobody speaks in it: whoever has it is to end it.
    abandoned boolean not null default false,
    -- Each time that it was taken to be ended.
    attempts int not null default 0,
    expires_at timestamptz not null,
    created_at timestamptz not null default now(),
    primary key (account_id, call),
    foreign key (org_id, account_id) references app.provider_accounts (org_id, id) on delete cascade
) with (fillfactor = 50); -- Each row is written again and again, in its place.
select app.protect('app.carrier_calls', 'select');
create index carrier_calls_by_server on app.carrier_calls (server_id);
