//! How the store does at scale, on a Postgres of its own: `cargo run --release -p control-store --example scale`.
//!
//! A million calls in one organization and 30 days of a thousand calls an hour; then the list of calls, its filters and the latency
//! queries, each many times; then 200 turns a second through the journal for a while.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement reports to whoever runs it, reads the clock and blocks"
)]

use std::time::{Duration, Instant};

use control_store::entry::Speculation;
use control_store::latency::{self, Grain, Range};
use control_store::session::{self, Filter};
use control_store::{Access, Db, Entry, Happened, Histogram, Opened, Page, journal, writer};
use domain::{Mark, OrgId, ServerId, SessionEvent, SessionId, TurnId, TurnTimeline};
use runtime::Tasks;
use testkit::postgres;

const CALLS: u32 = 1_000_000;
const ROUNDS: usize = 200;

#[tokio::main]
async fn main() {
    let url = tokio::task::spawn_blocking(postgres::empty).await.expect("a database");
    let db = Db::open(&Access::url(&url).expect("a URL")).await.expect("migrated");
    let org = OrgId::generate();
    let other = OrgId::generate();
    println!("filling {CALLS} calls and 30 days of measures ...");
    fill(&url, org, other).await;
    lists(&db, org).await;
    charts(&db, org).await;
    turns(&db, other).await;
}

async fn sql(url: &str, statement: String) -> String {
    let url = url.to_owned();
    tokio::task::spawn_blocking(move || postgres::sql(&url, &statement)).await.expect("answered")
}

async fn fill(url: &str, org: OrgId, other: OrgId) {
    for (id, name) in [(org, "big"), (other, "small")] {
        sql(
            url,
            format!("insert into app.orgs (id, name, title) values ('{}', '{name}', '{name}')", id.as_uuid()),
        )
        .await;
    }
    let org = org.as_uuid();
    sql(url, format!(
        "insert into app.sessions (id, org_id, agent_name, version, transport, provider, server_id, started_at, last_event_at, ended_at,
             end_reason, duration_ms, turns, response_median_ms, response_max_ms, first_words, words, outcome, summary)
         select gen_random_uuid(), '{org}', 'agent-' || n % 7, 1 + n % 3, (array['webrtc', 'websocket', 'twilio'])[1 + n % 3], 'local', '{org}',
             now() - n * interval '2.6 seconds', now() - n * interval '2.6 seconds', now(), (array['caller_left', 'agent_ended', 'connection_lost'])[1 + n % 3],
             60000, 5, 400, 300 + n % 2000, 'I would like a haircut', to_tsvector('simple', 'hello haircut price word' || n % 5000), 'answered', 's'
         from generate_series(1, {CALLS}) n"
    )).await;
    let mut histogram = Histogram::default();
    for n in 0..700_u64 {
        histogram.record(150_000 + (n * 7919) % 2_000_000);
    }
    let bytes: String = histogram.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    // A thousand calls an hour of five turns, in seven series.
    for (table, step, length) in [("minute", "1 minute", "25 hours"), ("hour", "1 hour", "30 days")] {
        sql(url, format!(
            "insert into app.latency_hist_{table} (org_id, at, agent_name, version, transport, provider, stage, count, buckets)
             select '{org}', t, 'agent-' || a, 1, 'webrtc', 'local', s, 700, '\\x{bytes}'
             from generate_series(date_trunc('hour', now()) - interval '{length}', now(), interval '{step}') t, generate_series(0, 6) a,
                  unnest(array['response', 'endpointing', 'thinking', 'sentence', 'synthesis', 'playout']) s"
        )).await;
        sql(url, format!(
            "insert into app.counts_{table} (org_id, at, agent_name, version, transport, provider, name, value)
             select '{org}', t, 'agent-' || a, 1, 'webrtc', 'local', s, 700
             from generate_series(date_trunc('hour', now()) - interval '{length}', now(), interval '{step}') t, generate_series(0, 6) a,
                  unnest(array['calls', 'turns', 'interruptions', 'failures']) s"
        )).await;
    }
    sql(url, "vacuum analyze".to_owned()).await;
}

fn report(what: &str, mut took: Vec<Duration>) {
    took.sort_unstable();
    let at = |share: f64| {
        took[((took.len() as f64 * share).ceil() as usize).clamp(1, took.len()) - 1].as_secs_f64() * 1000.0
    };
    println!("{what:<58} p50 {:7.1} ms   p95 {:7.1} ms   max {:7.1} ms", at(0.5), at(0.95), at(1.0));
}

async fn lists(db: &Db, org: OrgId) {
    let named = |name: &str| Some(name.to_owned());
    let filters = [
        ("list of calls, newest", Filter::default()),
        ("list of one agent's calls", Filter { agent_name: named("agent-3"), ..Filter::default() }),
        ("list by end reason", Filter { end_reason: named("connection_lost"), ..Filter::default() }),
        ("list of slow calls", Filter { slower_than_ms: Some(2200.0), ..Filter::default() }),
        (
            "list of one agent's calls over one transport",
            Filter { agent_name: named("agent-3"), transport: named("twilio"), ..Filter::default() },
        ),
        ("search for a word of every 5000th call", Filter { words: named("word77"), ..Filter::default() }),
        ("search for a word of every call", Filter { words: named("haircut"), ..Filter::default() }),
    ];
    for (what, filter) in filters {
        let mut took = Vec::new();
        let mut page = Page { after: None, limit: 51 };
        for _ in 0..ROUNDS {
            let began = Instant::now();
            let mut tx = db.org_tx(org).await.expect("begun");
            let found = session::list(&mut tx, &filter, page).await.expect("listed");
            tx.commit().await.expect("committed");
            took.push(began.elapsed());
            page.after = found.last().map(session::Session::place);
        }
        report(what, took);
    }
}

async fn charts(db: &Db, org: OrgId) {
    let now = jiff::Timestamp::now();
    let hours = |hours: u64, grain, step: u64| Range {
        from: now - Duration::from_secs(hours * 3600),
        to: now,
        grain,
        step: Duration::from_secs(step),
    };
    for (what, range) in [
        ("latency of 1 h", hours(1, Grain::Minute, 60)),
        ("latency of 24 h", hours(24, Grain::Minute, 600)),
        ("latency of 7 d", hours(168, Grain::Hour, 3600)),
        ("latency of 30 d", hours(720, Grain::Hour, 14_400)),
    ] {
        let mut took = Vec::new();
        for _ in 0..30 {
            let began = Instant::now();
            let mut tx = db.org_tx(org).await.expect("begun");
            let stages =
                latency::latencies(&mut tx, &range, &latency::Filter::default()).await.expect("read");
            let counts = latency::counts(&mut tx, &range, &latency::Filter::default()).await.expect("read");
            tx.commit().await.expect("committed");
            assert!(stages.len() == 6 && !counts.is_empty(), "something was measured");
            took.push(began.elapsed());
        }
        report(what, took);
    }
}

/// 200 turns a second of 40 calls, as the sinks of a busy server put them.
async fn turns(db: &Db, org: OrgId) {
    const SECONDS: u32 = 20;
    let (folder, tasks) = (tempfile::tempdir().expect("a folder"), Tasks::new());
    let recorder =
        writer::start(folder.path(), journal::Options::default(), db.clone(), &tasks).expect("writable");
    let calls: Vec<SessionId> = (0..40).map(|_| open(&recorder, org)).collect();
    let began = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_millis(5));
    let mut sequence = 0;
    for turn in 0..200 * SECONDS {
        ticks.tick().await;
        let session = calls[turn as usize % calls.len()];
        for event in events(turn) {
            sequence += 1;
            recorder.put(Entry::Event(Happened {
                session,
                sequence,
                at_us: i64::from(turn) * 5000,
                event,
                joined: Vec::new(),
                speculation: Speculation::default(),
            }));
        }
    }
    let gave = began.elapsed();
    recorder.written().await;
    let behind = began.elapsed() - gave;
    println!(
        "{} turns of 20 events in {:.1} s ({:.0} turns/s), all in the database {:.2} s after the last",
        200 * SECONDS,
        gave.as_secs_f64(),
        f64::from(200 * SECONDS) / gave.as_secs_f64(),
        behind.as_secs_f64()
    );
    tasks.shutdown().await;
}

fn open(recorder: &control_store::Recorder, org: OrgId) -> SessionId {
    let session = SessionId::generate();
    recorder.put(Entry::Opened(Opened {
        session,
        org,
        agent: None,
        agent_name: "bench".to_owned(),
        version: 1,
        environment: None,
        channel: None,
        transport: "webrtc".to_owned(),
        server: ServerId::generate(),
        started_at: jiff::Timestamp::now(),
        greeting: None,
        opposite: None,
        drill: None,
    }));
    session
}

/// What one turn leaves behind.
fn events(turn: u32) -> Vec<SessionEvent> {
    let id = TurnId(turn);
    let text = || "Thank you for your words, this is a reply of an ordinary length.".to_owned();
    let mut timeline = TurnTimeline::new(id);
    timeline.mark(Mark::SpeechEnded, Duration::from_millis(100));
    timeline.mark(Mark::Committed, Duration::from_millis(300));
    timeline.mark(Mark::AgentStarted, Duration::from_millis(500));
    let mut events = vec![SessionEvent::CallerSpeaking { speaking: true }; 8];
    events.extend((0..4).map(|_| SessionEvent::Node { turn: id, node: "hours".to_owned() }));
    events.extend([
        SessionEvent::CallerTurn { turn: id, text: text(), typed: false },
        SessionEvent::AgentSaying { turn: id, text: text() },
        SessionEvent::AgentTurn { turn: id, text: text(), interrupted: false },
        SessionEvent::TurnFinished { timeline },
    ]);
    events.extend(vec![SessionEvent::CallerSpeaking { speaking: false }; 4]);
    events
}
