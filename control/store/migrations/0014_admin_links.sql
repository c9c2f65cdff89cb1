-- Links that sign one browser in as the operator, as `foundry admin-link` prints them: of the code, its hash alone. One that was used stays for
-- a while, so that whoever opens it again is told so.
create table app.admin_links (
    id uuid primary key,
    -- The organization of the server itself.
    org_id uuid not null references app.orgs (id) on delete cascade,
    hash bytea not null check (length(hash) = 32),
    expires_at timestamptz not null,
    used_at timestamptz,
    created_at timestamptz not null default now(),
    unique (org_id, id),
    unique (org_id, hash)
);
select app.protect('app.admin_links');
