-- One agent is in one room once: whoever asks for a second lease is told that there is one. Where two agents of one name are in a room now, the
-- later one finds its lease gone, and leaves.

-- Every organization's rows are seen by this role alone, where whoever owns the schema is no superuser.
set local role foundry_system;
delete from app.leases l using app.leases first
where first.host = l.host and first.room = l.room and first.agent_name = l.agent_name
  and (first.created_at, first.session_id) < (l.created_at, l.session_id);
reset role;

create unique index leases_by_place on app.leases (host, room, agent_name);
