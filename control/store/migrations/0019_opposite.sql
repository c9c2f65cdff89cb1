-- Who called whom. Null: the call was put on record before it was kept.

alter table app.sessions
    add column direction text,
    -- The other side's number or address, as far as its transport said it.
    add column party text;
-- Calls of before have none: nobody waits while they are looked at for it.
alter table app.sessions
    add constraint sessions_direction check (direction in ('inbound', 'outbound')) not valid;
create index sessions_outbound on app.sessions (org_id, started_at desc, id desc) where direction = 'outbound';
