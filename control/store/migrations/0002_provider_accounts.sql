-- Accounts at vendors of speech and language, and their keys.

-- The value is encrypted under a key of its own (`sealed`), and that key under the server's master key (`wrapped_key`); both
-- AES-256-GCM, the nonce before the text. Bound to the organization and the row: a sealed value that is moved cannot be opened.
create table app.secrets (
    id uuid primary key,
    org_id uuid not null references app.orgs (id) on delete cascade,
    sealed bytea not null,
    wrapped_key bytea not null,
    -- Which master key: the beginning of its hash.
    master_key text not null,
    -- The last characters of the value, by which people tell keys apart.
    hint text not null,
    created_at timestamptz not null default now(),
    unique (org_id, id)
);
select app.protect('app.secrets');

create table app.provider_accounts (
    id uuid primary key,
    org_id uuid not null references app.orgs (id) on delete cascade,
    name text not null check (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    vendor text not null,
    -- Address, region and models where they are not the vendor's own.
    options jsonb not null default '{}',
    secret_id uuid,
    enabled boolean not null default true,
    revision int not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (org_id, id),
    unique (org_id, name),
    foreign key (org_id, secret_id) references app.secrets (org_id, id)
);
select app.protect('app.provider_accounts');
create index provider_accounts_newest on app.provider_accounts (org_id, created_at desc, id desc);
create index provider_accounts_by_secret on app.provider_accounts (org_id, secret_id);
