//! What the database's own catalog says of every table, so that no later migration can forget it.

use crate::support::{database, sql};

/// Each query lists what must not be.
const RULES: &[(&str, &str)] = &[
    (
        "a table without enabled and forced row-level security, or without a policy",
        "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
         left join pg_policy p on p.polrelid = c.oid
         where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_'
           and c.relname <> '_sqlx_migrations'
         group by 1, c.relrowsecurity, c.relforcerowsecurity
         having not (c.relrowsecurity and c.relforcerowsecurity) or count(p.oid) < 2",
    ),
    (
        "a table of ours without org_id",
        "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where c.relkind in ('r', 'p') and n.nspname = 'app' and c.relname <> '_sqlx_migrations'
           and not exists (select from pg_attribute where attrelid = c.oid and attname = 'org_id' and attnotnull)",
    ),
    (
        "a table of ours without created_at",
        "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where c.relkind in ('r', 'p') and n.nspname = 'app' and c.relname <> '_sqlx_migrations'
           and not exists (select from pg_attribute where attrelid = c.oid and attname = 'created_at' and attnotnull)",
    ),
    (
        "a policy for others than the platform that does not confine to the organization, by one call for a statement",
        "select tablename || '.' || policyname from pg_policies where roles <> '{foundry_system}'
         and (coalesce(qual, '') !~* 'org_id = \\(\\s*select' or (cmd not in ('SELECT', 'DELETE') and coalesce(with_check, '') !~* 'org_id = \\(\\s*select'))",
    ),
    (
        "a view that sees as its owner, or a materialized one",
        "select relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = 'app' and (relkind = 'm' or (relkind = 'v' and coalesce(array_to_string(reloptions, ','), '') !~ 'security_invoker=(true|on|1)'))",
    ),
    (
        "a foreign key between tables of organizations that does not carry the organization",
        "select conrelid::regclass || '.' || conname from pg_constraint
         where contype = 'f' and array_length(conkey, 1) = 1 and confrelid <> 'app.orgs'::regclass
           and exists (select from pg_attribute where attrelid = conrelid and attname = 'org_id')
           and exists (select from pg_attribute where attrelid = confrelid and attname = 'org_id')",
    ),
    (
        "a function that acts as its owner without a fixed search path",
        "select p.oid::regprocedure::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace
         where prosecdef and n.nspname !~ '^(pg_|information_schema)' and coalesce(array_to_string(proconfig, ','), '') !~ 'search_path='",
    ),
    (
        "a role that is too strong",
        "select rolname from pg_roles where rolname in ('foundry_app', 'foundry_system', 'foundry_owner')
         and (rolsuper or rolbypassrls or (rolcreaterole and rolname <> 'foundry_owner'))",
    ),
    (
        "a table that may be truncated",
        "select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where relkind in ('r', 'p') and n.nspname = 'app'
           and (has_table_privilege('foundry_app', c.oid, 'TRUNCATE') or has_table_privilege('foundry_system', c.oid, 'TRUNCATE'))",
    ),
];

#[tokio::test]
async fn every_table_is_confined_to_organizations() {
    let (_db, url) = database().await;
    for (what, query) in RULES {
        assert_eq!(sql(&url, query).await, "", "{what}");
    }
}

/// A rule that finds nothing proves something only if it finds what is planted.
#[tokio::test]
async fn each_rule_finds_what_is_planted() {
    let (_db, url) = database().await;
    let planted = [
        "create table app.bare (org_id uuid not null, created_at timestamptz not null)",
        "create table app.orphan (id int)",
        "create view app.leak as select * from app.agents",
        "create table app.loose (org_id uuid not null, agent_id uuid references app.agents (id))",
        "select app.protect('app.loose'); create policy wide on app.loose to foundry_app using (true)",
        "create function app.sharp() returns int language sql security definer as 'select 1'",
        "grant all on app.agents to foundry_app",
    ];
    for statement in planted {
        sql(&url, statement).await;
    }
    let mut found = String::new();
    for (_, query) in RULES {
        found.push_str(&sql(&url, query).await);
        found.push('\n');
    }
    for name in ["bare", "orphan", "leak", "app.loose.", "loose.wide", "app.sharp()", "app.agents"] {
        assert!(found.contains(name), "{name} was not found: {found}");
    }
}
