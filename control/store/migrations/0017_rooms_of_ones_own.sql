-- Rooms of an organization beside the default one begin with its id and `/`, unless the operator gives it others. What was claimed before this rule was
-- claimed by whoever came first: it becomes a room of the organization's own, under the name that its tokens have for it.

-- Every organization's rows are seen by this role alone, where whoever owns the schema is no superuser.
set local role foundry_system;

-- What would be longer than a name may be leads nowhere, and claims nothing.
update app.routes r set
    room = case when length(room) > 91 then null else 'org_' || replace(o.id::text, '-', '') || '/' || room end,
    enabled = enabled and length(room) <= 91,
    revision = r.revision + 1, updated_at = now()
from app.orgs o
where o.id = r.org_id and o.name <> 'default' and not starts_with(r.room, 'org_' || replace(o.id::text, '-', '') || '/');

-- The default organization has all names but those.
update app.routes r set room = null, enabled = false, revision = r.revision + 1, updated_at = now()
from app.orgs o
where o.id = r.org_id and o.name = 'default'
  and (starts_with(r.room, 'org_') and not starts_with(r.room, 'org_' || replace(o.id::text, '-', '') || '/') or r.room in ('o*', 'or*', 'org*'));

update app.channels c set address = 'org_' || replace(o.id::text, '-', '') || '/' || address, revision = c.revision + 1, updated_at = now()
from app.orgs o
where o.id = c.org_id and c.kind = 'room' and length(c.address) <= 216
  and not starts_with(c.address, 'org_' || replace(o.id::text, '-', '') || '/')
  and (o.name <> 'default' or starts_with(c.address, 'org_'))
  and not exists (
      select from app.channels d
      where d.org_id = c.org_id and d.kind = 'room' and d.address = 'org_' || replace(o.id::text, '-', '') || '/' || c.address);
-- Those whose new name is another's of the same organization, or too long for one.
delete from app.channels c using app.orgs o
where o.id = c.org_id and c.kind = 'room'
  and not starts_with(c.address, 'org_' || replace(o.id::text, '-', '') || '/')
  and (o.name <> 'default' or starts_with(c.address, 'org_'));

delete from app.route_claims where starts_with(lower(places), 'room:');
insert into app.route_claims (org_id, places)
with named as (select distinct org_id, app.places_of('room:' || room) as places from app.routes where room is not null)
select org_id, places from named
where not exists (
    select from named as wider where wider.org_id = named.org_id and wider.places @> named.places and wider.places <> named.places)
on conflict do nothing;
insert into app.route_claims (org_id, places)
select c.org_id, app.places('room:' || c.address, 'room:' || c.address, '[]')
from app.channels c
where c.kind = 'room' and not exists (select from app.route_claims r where r.places @> ('room:' || c.address))
order by c.created_at, c.id
on conflict do nothing;

reset role;
