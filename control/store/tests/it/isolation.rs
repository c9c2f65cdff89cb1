//! What one organization can do to another's rows, for every table there is: nothing.

use testkit::postgres;

use crate::support::{apart, database, sql};

/// A row of each table, in the order of their references. `$O` stands for the organization, `$N` for a number that differs between them.
const ROWS: &[(&str, &str)] = &[
    ("orgs", "(id, name, title) values ('$O', 'org-$N', 'T')"),
    ("domains", "(id, org_id, name, title) values ('$O', '$O', 'd', 'T')"),
    ("environments", "(id, org_id, name, title) values ('$O', '$O', 'prod', 'T')"),
    ("agents", "(id, org_id, domain_id, name, title) values ('$O', '$O', '$O', 'a', 'T')"),
    (
        "agent_versions",
        "(id, org_id, agent_id, number, definition, content_hash, created_by) values ('$O', '$O', '$O', 1, '{}', sha256('$N'), 't')",
    ),
    ("agent_drafts", "(id, org_id, agent_id, definition, updated_by) values ('$O', '$O', '$O', '{}', 't')"),
    (
        "agent_aliases",
        "(id, org_id, agent_id, environment_id, version_id) values ('$O', '$O', '$O', '$O', '$O')",
    ),
    (
        "agent_releases",
        "(id, org_id, agent_id, environment_id, version_id, kind, created_by) values ('$O', '$O', '$O', '$O', '$O', 'publish', 't')",
    ),
    (
        "secrets",
        "(id, org_id, sealed, wrapped_key, master_key, hint) values ('$O', '$O', 'x', 'x', 'k', '...')",
    ),
    (
        "provider_accounts",
        "(id, org_id, name, vendor, secret_id) values ('$O', '$O', 'own', 'deepgram', '$O')",
    ),
    (
        "prices",
        "(id, org_id, vendor, model, unit, price_nano, per, valid_from) values ('$O', '$O', 'v', 'm', 'request', 1, 1, now())",
    ),
    (
        "provider_requests",
        "(id, org_id, at, agent_name, ability, provider, vendor, model, region, why, outcome, cost_nano) values ('$O', '$O', now(), 'a', 'llm', 'p', 'v', 'm', '', 'first', 'completed', 1)",
    ),
    (
        "costs_hour",
        "(org_id, at, agent_name, ability, provider, model, requests, failures, cost_nano, unpriced, estimated, input_tokens, cached_tokens, output_tokens, characters, audio_in_us, audio_out_us) values ('$O', now(), 'a', 'llm', 'p', 'm', 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0)",
    ),
    ("alerts", "(id, org_id, kind, subject, facts, last_at) values ('$O', '$O', 'k', 's', '{}', now())"),
    (
        "costs_month",
        "(org_id, at, vendor, model, requests, cost_nano, input_tokens, cached_tokens, cache_written_tokens, output_tokens, audio_input_tokens, audio_output_tokens, characters, audio_in_us, audio_out_us) values ('$O', now(), 'v', 'm', 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)",
    ),
    (
        "drills",
        "(id, org_id, environment_id, ability, fault, moment, share_permille, started_by, ends_at) values ('$O', '$O', '$O', 'tts', 'hang', 'connect', 1, 'k', now())",
    ),
    ("budgets", "(org_id, warn_percent, hard_stop) values ('$O', 80, false)"),
    ("greetings", "(id, org_id, wordings) values ('$O', '$O', '{hello}')"),
    (
        "channels",
        "(id, org_id, kind, address, agent_id, environment_id) values ('$O', '$O', 'host', 'h$N.example', '$O', '$O')",
    ),
    ("routes", "(id, org_id, agent_id, environment_id) values ('$O', '$O', '$O', '$O')"),
    ("route_claims", "(org_id, places) values ('$O', app.places_of('number:$N'))"),
    ("greeting_calendars", "(org_id) values ('$O')"),
    ("admin_links", "(id, org_id, hash, expires_at) values ('$O', '$O', sha256('$N'), now())"),
    ("api_keys", "(id, org_id, name, hint, created_by) values ('$O', '$O', 'k', 'h', 't')"),
    ("api_key_secrets", "(id, org_id, key_id, hash) values ('$O', '$O', '$O', sha256('$N'))"),
    ("idempotency_keys", "(id, org_id, key, route, body_hash) values ('$O', '$O', 'k', 'r', 'h')"),
    ("audit_log", "(id, org_id, actor, action, target, request_id) values ('$O', '$O', 'a', 'a', 't', 'r')"),
    ("outbox", "(id, org_id, topic, payload) values ('$O', '$O', 't', '{}')"),
    (
        "sessions",
        "(id, org_id, agent_name, version, transport, provider, server_id, started_at, last_event_at, words) values ('$O', '$O', 'a', 1, 'webrtc', 'local', '$O', now(), now(), to_tsvector('simple', 'haircut'))",
    ),
    (
        "session_events",
        "(session_id, org_id, sequence, at_us, kind, event) values ('$O', '$O', 0, 0, 'started', '{}')",
    ),
    (
        "campaigns",
        "(id, org_id, title, agent, trunk, ring_s, at_machine, concurrency, per_minute, retry_on, attempts_most, retry_after_s) values ('$O', '$O', 'T', 'a', 't', 30, 'speak', 1, 1, '{}', 1, 60)",
    ),
    ("campaign_contacts", "(id, org_id, campaign_id, number) values ('$O', '$O', '$O', '+4930')"),
    (
        "outbound_calls",
        "(id, org_id, agent, trunk, number, ring_s, at_machine) values ('$O', '$O', 'a', 't', '+4930', 30, 'speak')",
    ),
    (
        "carrier_calls",
        "(org_id, account_id, call, server_id, expires_at) values ('$O', '$O', 'CA1', '$O', now())",
    ),
    (
        "leases",
        "(session_id, org_id, server_id, agent_name, host, room, identity, expires_at) values ('$O', '$O', '$O', 'a', 'h', '$O', 'i', now())",
    ),
    ("session_greetings", "(session_id, org_id, started_at) values ('$O', '$O', now())"),
    ("turns", "(session_id, org_id, turn, started_at) values ('$O', '$O', 1, now())"),
    (
        "latency_hist_minute",
        "(org_id, at, agent_name, version, transport, provider, stage, count, buckets) values ('$O', now(), 'a', 1, 't', 'p', 'response', 1, '')",
    ),
    (
        "latency_hist_hour",
        "(org_id, at, agent_name, version, transport, provider, stage, count, buckets) values ('$O', now(), 'a', 1, 't', 'p', 'response', 1, '')",
    ),
    (
        "counts_minute",
        "(org_id, at, agent_name, version, transport, provider, name, value) values ('$O', now(), 'a', 1, 't', 'p', 'calls', 1)",
    ),
    (
        "counts_hour",
        "(org_id, at, agent_name, version, transport, provider, name, value) values ('$O', now(), 'a', 1, 't', 'p', 'calls', 1)",
    ),
];

const MINE: &str = "0190aaaa-0000-7000-8000-00000000000a";
const THEIRS: &str = "0190bbbb-0000-7000-8000-00000000000b";

fn row(columns: &str, org: &str, number: &str) -> String {
    columns.replace("$O", org).replace("$N", number)
}

async fn attempt(url: &str, org: Option<&str>, statement: String) -> Result<String, String> {
    let context = org.map(|org| format!("set local app.org_id = '{org}';")).unwrap_or_default();
    let (url, whole) =
        (url.to_owned(), format!("begin; set local role foundry_app; {context} {statement}; rollback"));
    apart(move || postgres::try_sql(&url, &whole)).await
}

/// How many rows it saw or changed; a refusal is none.
async fn touched(url: &str, org: Option<&str>, statement: &str) -> String {
    match attempt(url, org, statement.to_owned()).await {
        Ok(count) => count,
        Err(said) if said.contains("permission denied") => "0".to_owned(),
        Err(said) => unreachable!("{statement}: {said}"),
    }
}

#[tokio::test]
async fn no_organization_sees_or_changes_anothers_row_in_any_table() {
    let (_db, url) = database().await;
    let tables = "select string_agg(relname, ' ' order by relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
                  where c.relkind in ('r', 'p') and n.nspname = 'app' and c.relname <> '_sqlx_migrations'";
    let mut known: Vec<&str> = ROWS.iter().map(|(table, _)| *table).collect();
    known.sort_unstable();
    assert_eq!(sql(&url, tables).await, known.join(" "), "each table needs a row here");
    for (table, columns) in ROWS {
        for (org, number) in [(MINE, "1"), (THEIRS, "2")] {
            sql(&url, &format!("insert into app.{table} {}", row(columns, org, number))).await;
        }
    }
    for (table, columns) in ROWS {
        let count = format!("select count(*) from app.{table}");
        assert_eq!(touched(&url, Some(MINE), &count).await, "1", "{table}: one's own is seen");
        assert_eq!(touched(&url, None, &count).await, "0", "{table}: nobody's is nobody's");
        for context in [Some(MINE), None] {
            let theirs = format!("org_id = '{THEIRS}'");
            for change in [
                format!(
                    "with t as (update app.{table} set created_at = created_at where {theirs} returning 1) select count(*) from t"
                ),
                format!(
                    "with t as (delete from app.{table} where {theirs} returning 1) select count(*) from t"
                ),
                format!("select count(*) from app.{table} where {theirs}"),
            ] {
                assert_eq!(touched(&url, context, &change).await, "0", "{table}: {change}");
            }
            let insert = format!("insert into app.{table} {}", row(columns, THEIRS, "3"));
            let refused = attempt(&url, context, insert).await.expect_err("refused");
            assert!(
                refused.contains("row-level security") || refused.contains("permission denied"),
                "{table}: {refused}"
            );
        }
    }
    let search =
        "select count(*) from app.search_sessions('haircut', '-infinity', 'infinity', null, null, 10)";
    assert_eq!(touched(&url, Some(MINE), search).await, "1");
    assert_eq!(touched(&url, None, search).await, "0");
}

#[tokio::test]
async fn a_reference_cannot_reach_into_another_organization() {
    let (_db, url) = database().await;
    for (table, columns) in ROWS {
        for (org, number) in [(MINE, "1"), (THEIRS, "2")] {
            sql(&url, &format!("insert into app.{table} {}", row(columns, org, number))).await;
        }
    }
    let other = "0190cccc-0000-7000-8000-00000000000c";
    let statement = format!(
        "insert into app.agents (id, org_id, domain_id, name, title) values ('{other}', '{MINE}', '{THEIRS}', 'x', 'T')"
    );
    let refused = attempt(&url, Some(MINE), statement).await.expect_err("refused");
    assert!(refused.contains("foreign key"), "{refused}");
}

#[tokio::test]
async fn neither_hat_can_be_changed_or_the_rules_switched_off() {
    let (_db, url) = database().await;
    for statement in [
        "alter table app.agents disable row level security",
        "alter table app.agents no force row level security",
        "drop policy organization on app.agents",
        "truncate app.agents",
        "create table app.mine (id int)",
        "update app.agent_versions set note = 'changed'",
        "delete from app.audit_log",
    ] {
        let refused = attempt(&url, Some(MINE), statement.to_owned()).await.expect_err("refused");
        assert!(
            refused.contains("must be owner") || refused.contains("permission denied"),
            "{statement}: {refused}"
        );
    }
    let off = attempt(&url, Some(MINE), "set row_security = off; select * from app.agents".to_owned()).await;
    assert!(off.expect_err("refused").contains("row-level security"));
}
