-- One agent is in one room once: whoever asks for a second lease is told that there is one. Where two agents of one name are in a room now, the
-- later one finds its lease gone, and leaves. One that ran out does not send away one that is renewed.

lock table app.leases in share row exclusive mode;

-- Every organization's rows are seen by this role alone, where whoever owns the schema is no superuser.
set local role foundry_system;
with moment as materialized (select clock_timestamp() as at)
delete from app.leases l using app.leases first, moment
where first.host = l.host and first.room = l.room and first.agent_name = l.agent_name
  and (first.expires_at <= moment.at, first.created_at, first.session_id) < (l.expires_at <= moment.at, l.created_at, l.session_id);
reset role;

create unique index leases_by_place on app.leases (host, room, agent_name);
