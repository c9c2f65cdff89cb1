-- Where calls begin: a route may name a node of its agent's graph, and channels of kind number and room lead calls as routes do, so that their places
-- are claimed as those of routes are.

-- Null: at the agent's entry.
alter table app.routes add column node text check (length(node) between 1 and 128);

-- Of channels that were there before, those whose place nobody has; of two the older. One that is left without leads nowhere until it is made anew.
insert into app.route_claims (org_id, places)
select c.org_id, app.places(c.kind || ':' || c.address, c.kind || ':' || c.address, '[]')
from app.channels c
where c.kind in ('number', 'room')
  and not exists (select from app.route_claims r where r.places @> (c.kind || ':' || c.address))
order by c.created_at, c.id
on conflict do nothing;
