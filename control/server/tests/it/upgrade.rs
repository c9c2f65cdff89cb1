//! Databases of servers before this one: what they hold is there after the upgrade, and read as it was meant.

use control_server::Options;
use control_store::{Access, Db, Histogram};
use domain::{AgentId, EndReason, Mark, OrgId, SessionEvent, SessionId, TurnId, TurnTimeline};
use serde_json::{Value, json};
use testkit::postgres;

use crate::plane::{Plane, apart};
use crate::record::SERVER;

/// Calls cost from then on; who really served them was not known yet.
const WITH_COSTS: i64 = 3;
/// Who served was known, what months came to was not.
const WITH_GREETINGS: i64 = 6;
/// Within the last hour of the plane's clock, and in its month.
const AT: &str = "'2027-01-15T07:30:00Z'";

/// Statements in the words of a schema of before, as the superuser.
async fn write(url: &str, statements: String) {
    let url = url.to_owned();
    apart(move || postgres::sql(&url, &statements)).await;
}

async fn make_as_of(url: &str, migration: i64) {
    Db::make_as_of(&Access::url(url).expect("a URL"), migration).await.expect("migrated");
}

fn quoted(value: &Value) -> String {
    format!("'{}'", value.to_string().replace('\'', "''"))
}

/// As servers of any age wrote them.
fn events() -> Vec<Value> {
    let mut timeline = TurnTimeline::new(TurnId(1));
    timeline.mark(Mark::SpeechEnded, std::time::Duration::from_secs(2));
    timeline.mark(Mark::AgentStarted, std::time::Duration::from_millis(2_400));
    let (turn, text) = (TurnId(1), "Do you have a table?".to_owned());
    let events = [
        SessionEvent::Started,
        SessionEvent::CallerTurn { turn, text, typed: false },
        SessionEvent::AgentTurn { turn, text: "We do.".to_owned(), interrupted: false },
        SessionEvent::TurnFinished { timeline },
        SessionEvent::Ended { reason: EndReason::CallerLeft },
    ];
    events.iter().map(|event| serde_json::to_value(event).expect("JSON")).collect()
}

/// Of every table that a call leaves rows in. `provider` is the column of calls before accounts were named, and whom measures were kept under.
fn call(org: OrgId, id: SessionId, measured_as: &str) -> String {
    let (org, id) = (org.as_uuid(), id.as_uuid());
    let mut statements = format!(
        "insert into app.sessions (id, org_id, agent_name, version, transport, provider, server_id, started_at, last_event_at, last_sequence,
             ended_at, end_reason, duration_ms, turns, response_median_ms, response_max_ms, first_words, words)
         values ('{id}', '{org}', 'sales', 1, 'webrtc', '{measured_as}', '{}', {AT}, {AT}, 4, {AT}, 'caller_left', 5000, 1, 400, 400,
             'Do you have a table?', to_tsvector('simple', 'Do you have a table? We do.'));",
        SERVER.as_uuid(),
    );
    for (sequence, event) in events().iter().enumerate() {
        let kind = event["type"].as_str().expect("a kind");
        statements += &format!(
            "insert into app.session_events (session_id, org_id, sequence, at_us, kind, event)
             values ('{id}', '{org}', {sequence}, {sequence}000000, '{kind}', {});",
            quoted(event),
        );
    }
    statements
        + &format!(
            "insert into app.turns (session_id, org_id, turn, started_at, response_us) values ('{id}', '{org}', 1, {AT}, 400000);
             insert into app.provider_requests (id, org_id, session_id, turn, at, agent_name, ability, provider, vendor, model, region, why,
                 outcome, input_tokens, output_tokens, cost_nano)
             values (gen_random_uuid(), '{org}', '{id}', 1, {AT}, 'sales', 'llm', 'mine', 'openai', 'm', '', 'first', 'completed', 100, 10, 2500);"
        )
}

/// Sums of one call, as they were kept for each minute and hour.
fn measures(org: OrgId, provider: &str) -> String {
    let mut histogram = Histogram::default();
    histogram.record(400_000);
    let bytes: String = histogram.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let org = org.as_uuid();
    let place = |grain: &str| {
        format!(
            "'{org}', date_trunc('{grain}', {AT}::timestamptz, 'UTC'), 'sales', 1, 'webrtc', '{provider}'"
        )
    };
    let mut statements = String::new();
    for grain in ["minute", "hour"] {
        let place = place(grain);
        statements += &format!(
            "insert into app.latency_hist_{grain} (org_id, at, agent_name, version, transport, provider, stage, count, buckets)
                 values ({place}, 'response', 1, '\\x{bytes}');
             insert into app.counts_{grain} (org_id, at, agent_name, version, transport, provider, name, value)
                 values ({place}, 'calls', 1), ({place}, 'turns', 1);"
        );
    }
    statements
        + &format!(
            "insert into app.costs_hour (org_id, at, agent_name, ability, provider, model, requests, failures, cost_nano, unpriced, estimated,
                 input_tokens, cached_tokens, output_tokens, characters, audio_in_us, audio_out_us)
             values ('{org}', date_trunc('hour', {AT}::timestamptz, 'UTC'), 'sales', 'llm', 'mine', 'm', 1, 0, 2500, 0, 0, 100, 0, 10, 0, 0, 0);"
        )
}

fn ground(org: OrgId, agent: AgentId) -> String {
    let (org, agent) = (org.as_uuid(), agent.as_uuid());
    format!(
        "insert into app.orgs (id, name, title) values ('{org}', 'acme', 'Acme');
         insert into app.environments (id, org_id, name, title) values (gen_random_uuid(), '{org}', 'prod', 'Prod');
         insert into app.agents (id, org_id, name, title) values ('{agent}', '{org}', 'sales', 'Sales');
         insert into app.agent_versions (id, org_id, agent_id, number, definition, content_hash, created_by)
             values (gen_random_uuid(), '{org}', '{agent}', 1, '{{\"name\": \"sales\"}}', sha256('sales'), 'operator');
         insert into app.greetings (id, org_id, wordings) values (gen_random_uuid(), '{org}', array['Hello from Acme.']);
         insert into app.prices (id, org_id, vendor, model, unit, price_nano, per, valid_from)
             values (gen_random_uuid(), '{org}', 'openai', 'm', 'input_token', 20, 1, '2026-01-01T00:00:00Z');
         insert into app.budgets (org_id, monthly_limit_nano, warn_percent, hard_stop) values ('{org}', 1000000, 80, true);"
    )
}

#[tokio::test]
async fn calls_turns_costs_and_measures_of_older_servers_are_read_after_the_upgrade() {
    let url = apart(postgres::empty).await;
    let (org, agent) = (OrgId::generate(), AgentId::generate());
    let (first, second) = (SessionId::generate(), SessionId::generate());
    make_as_of(&url, WITH_COSTS).await;
    write(&url, ground(org, agent) + &call(org, first, "deepgram") + &measures(org, "deepgram")).await;
    make_as_of(&url, WITH_GREETINGS).await;
    let served =
        format!("update app.sessions set providers = '{{built-in,mine}}' where id = '{}';", second.as_uuid());
    let greeted = format!(
        "insert into app.session_greetings (session_id, org_id, started_at, measured, answered) values ('{}', '{}', {AT}, true, true);",
        second.as_uuid(),
        org.as_uuid(),
    );
    write(&url, call(org, second, "") + &served + &greeted).await;

    let db = Db::open(&Access::url(&url).expect("a URL")).await.expect("upgraded");
    let mut plane =
        Plane::over(db, url, Options { requests_per_minute: 1_000_000, ..Options::default() }).await;
    plane.key = plane.key_of(org).await;

    let calls = plane.get("/v1/sessions").await;
    assert_eq!(calls["data"].as_array().map(Vec::len), Some(2), "{calls}");
    let found = plane.get("/v1/sessions?q=table").await;
    assert_eq!(found["data"].as_array().map(Vec::len), Some(2), "found by their words: {found}");
    // Of the older one the server's own provider is known, and no account.
    for (id, providers) in [(first, json!(["deepgram"])), (second, json!(["built-in", "mine"]))] {
        let call = plane.get(&format!("/v1/sessions/{id}")).await;
        assert_eq!((&call["providers"], &call["end_reason"]), (&providers, &json!("caller_left")), "{call}");
        assert_eq!(call["transcript"][0]["text"], "Do you have a table?", "{call}");
        let turns = plane.get(&format!("/v1/sessions/{id}/turns")).await;
        let turn = &turns["data"][0];
        assert_eq!(turn["cost"]["cost_nano_usd"], 2_500, "{turns}");
        assert_eq!(turn["served_by"]["thinking"], json!([]), "nobody knew: {turns}");
        let costs = plane.get(&format!("/v1/sessions/{id}/costs")).await;
        assert_eq!(costs["requests"][0]["usage"]["input_tokens"], 100, "{costs}");
    }
    // The measures of the first call alone were written: under the server's own provider, and as a whole.
    for query in ["", "&provider=deepgram"] {
        let latency = plane.get(&format!("/v1/latency?window=1h{query}")).await;
        let activity = plane.get(&format!("/v1/activity?window=24h{query}")).await;
        assert_eq!(latency["stages"]["response"]["count"], 1, "{query}");
        assert_eq!(
            (&activity["totals"]["calls"], &activity["totals"]["turns"]),
            (&json!(1), &json!(1)),
            "{query}"
        );
    }
    let costs = plane.get("/v1/costs?window=24h&group_by=provider").await;
    assert_eq!(
        (&costs["breakdown"][0]["key"], &costs["breakdown"][0]["cost_nano_usd"]),
        (&json!("mine"), &json!(2_500))
    );
    let budget = plane.get("/v1/budget").await;
    assert_eq!(budget["monthly_limit_nano_usd"], 1_000_000, "{budget}");
    assert_eq!(
        plane.sql("select sum(cost_nano) from app.costs_month").await,
        "5000",
        "the month that runs was reckoned anew"
    );
    let greetings = plane.get("/v1/greetings").await;
    assert_eq!(
        (&greetings["data"][0]["wordings"], &greetings["data"][0]["enabled"]),
        (&json!(["Hello from Acme."]), &json!(true))
    );
    assert_eq!(plane.get("/v1/prices").await["data"][0]["price_nano_usd"], 20);
    assert_eq!(plane.get("/v1/agents/sales/versions").await["data"][0]["number"], 1);
    let measured = plane.get("/v1/greeting-measures").await;
    assert_eq!(measured["total"]["measured"], 1, "{measured}");
}
