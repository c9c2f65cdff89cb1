//! What calls leave behind, on its way to the tables.

use std::collections::BTreeMap;
use std::time::Duration;

use control_store::entry::Speculation;
use control_store::opposite::{Direction, Opposite};
use control_store::pricing::Usage;
use control_store::{
    Access, Db, Entry, Happened, Histogram, Opened, Outcome, Page, ProviderRequest, Recorder, journal,
    session, writer,
};
use domain::quality::Arrived;
use domain::{DeadAir, EndReason, Mark, OrgId, ServerId, SessionEvent, SessionId, TurnId, TurnTimeline};
use runtime::Tasks;
use testkit::postgres::Cluster;

use crate::costs::spoken;
use crate::support::{apart, database, sql};

pub(crate) async fn org(url: &str) -> OrgId {
    let org = OrgId::generate();
    let name = org.as_uuid().simple();
    sql(url, &format!("insert into app.orgs (id, name, title) values ('{}', 'o{name}', 'T')", org.as_uuid()))
        .await;
    org
}

pub(crate) fn opened(org: OrgId) -> Opened {
    Opened {
        session: SessionId::generate(),
        org,
        agent: None,
        agent_name: "front-desk".to_owned(),
        version: 3,
        environment: None,
        channel: None,
        transport: "webrtc".to_owned(),
        server: ServerId::generate(),
        started_at: "2026-11-26T10:00:30Z".parse().expect("a time"),
        greeting: None,
        opposite: None,
        drill: None,
    }
}

fn timeline(turn: u32, response_ms: u64) -> SessionEvent {
    let mut timeline = TurnTimeline::new(TurnId(turn));
    timeline.mark(Mark::SpeechEnded, Duration::from_millis(1000));
    timeline.mark(Mark::Committed, Duration::from_millis(1000 + response_ms / 2));
    timeline.mark(Mark::AgentStarted, Duration::from_millis(1000 + response_ms));
    SessionEvent::TurnFinished { timeline }
}

/// A whole call with as many turns.
pub(crate) fn call(opened: &Opened, responses_ms: &[u64]) -> Vec<Entry> {
    let mut events = vec![SessionEvent::Started];
    for (turn, response) in (1..).zip(responses_ms) {
        events.push(SessionEvent::CallerTurn {
            turn: TurnId(turn),
            text: format!("question {turn}"),
            typed: false,
        });
        events.push(timeline(turn, *response));
    }
    events.push(SessionEvent::DeadAir {
        turn: None,
        cause: DeadAir::Thinking,
        length: Duration::from_millis(2500),
    });
    events.push(SessionEvent::Ended { reason: EndReason::CallerLeft });
    let happened = events.into_iter().zip(0..).map(|(event, sequence)| {
        Entry::Event(Happened {
            session: opened.session,
            sequence,
            at_us: i64::from(sequence) * 100_000,
            event,
            joined: Vec::new(),
            speculation: Speculation::default(),
        })
    });
    std::iter::once(Entry::Opened(opened.clone())).chain(happened).collect()
}

struct Writing {
    recorder: Recorder,
    tasks: Tasks,
    folder: tempfile::TempDir,
}

fn writing(db: &Db) -> Writing {
    writing_with(db, journal::Options::default())
}

fn writing_with(db: &Db, options: journal::Options) -> Writing {
    let (folder, tasks) = (tempfile::tempdir().expect("a folder"), Tasks::new());
    let recorder = writer::start(folder.path(), options, db.clone(), &tasks).expect("writable");
    Writing { recorder, tasks, folder }
}

impl Writing {
    fn put(&self, entries: &[Entry]) {
        entries.iter().for_each(|entry| self.recorder.put(entry.clone()));
    }

    /// Ends as a server that is told to stop.
    async fn end(self) -> tempfile::TempDir {
        self.tasks.shutdown().await;
        self.folder
    }
}

const CALL: &str = "select agent_name, version, turns, round(response_median_ms), round(response_max_ms), round(dead_air_ms), end_reason, first_words, last_sequence, ended_at is not null from app.sessions";

#[tokio::test]
async fn a_call_is_written_once_however_often_its_entries_come() {
    let (db, url) = database().await;
    let opened = opened(org(&url).await);
    let entries = call(&opened, &[300, 400, 900]);
    let first = writing(&db);
    first.put(&entries);
    first.put(&entries[2..5]);
    first.end().await;
    // As after a crash between the commit and the removal of the segment.
    let again = writing(&db);
    again.put(&entries);
    again.end().await;
    assert_eq!(sql(&url, CALL).await, "front-desk|3|3|400|900|2500|caller_left|question 1|8|t");
    assert_eq!(sql(&url, "select count(*), max(sequence) from app.session_events").await, "9|8");
    assert_eq!(sql(&url, "select count(*) from app.turns where response_us is not null").await, "3");
    for table in ["minute", "hour"] {
        let counts = format!("select name, label, value from app.counts_{table} order by 1, 2");
        assert_eq!(
            sql(&url, &counts).await,
            "calls||1\ndead_air_ms|thinking|2500\nended|caller_left|1\nturns||3",
            "{table}"
        );
        let hist = format!(
            "select stage, count from app.latency_hist_{table} where stage in ('response', 'endpointing') order by 1"
        );
        assert_eq!(sql(&url, &hist).await, "endpointing|3\nresponse|3", "{table}");
    }
    assert_eq!(
        sql(
            &url,
            "select count(*) from app.sessions where words @@ websearch_to_tsquery('simple', 'question')"
        )
        .await,
        "1"
    );
}

#[tokio::test]
async fn how_the_audio_fared_is_kept_with_turns_and_the_call_and_found_by() {
    let (db, url) = database().await;
    let org = org(&url).await;
    let quality = |turn: Option<u32>, lost, at_us, sequence, session| {
        let mut quality = domain::Quality::new("webrtc", domain::Encoding::Opus);
        let network =
            Arrived { expected: 200, lost, jitter: Duration::from_millis(12), ..Arrived::default() };
        quality.inbound.network = Some(network);
        quality.judge();
        let event = SessionEvent::Quality { turn: turn.map(domain::TurnId), quality: Box::new(quality) };
        let (joined, speculation) = (Vec::new(), Speculation::default());
        Entry::Event(Happened { session, sequence, at_us, event, joined, speculation })
    };
    let (bad, good) = (opened(org), opened(org));
    let writing = writing(&db);
    for (opened, lost) in [(&bad, 40), (&good, 0)] {
        let entries = call(opened, &[300, 400]);
        let next = entries.len() as i32;
        writing.put(&entries);
        writing.put(&[
            quality(Some(1), 0, 5_000_000, next, opened.session),
            quality(Some(2), lost, 6_000_000, next + 1, opened.session),
            quality(None, lost / 2, 7_000_000, next + 2, opened.session),
        ]);
    }
    writing.end().await;
    let of = |opened: &Opened, what: &str, table: &str, key: &str| {
        format!("select {what} from app.{table} where {key} = '{}' order by 1", opened.session.as_uuid())
    };
    let turns = "turn, round(loss_in::numeric, 2), loss_out is null, jitter_in_us, mos_in > 3.6, poor_audio";
    let found = sql(&url, &of(&bad, turns, "turns", "session_id")).await;
    assert_eq!(found, "1|0.00|t|12000|t|f\n2|0.20|t|12000|f|t");
    let whole = "poor_audio, lowest_mos < 3.0";
    assert_eq!(sql(&url, &of(&bad, whole, "sessions", "id")).await, "t|t");
    assert_eq!(sql(&url, &of(&good, whole, "sessions", "id")).await, "f|f");
    let mut tx = db.org_tx(org).await.expect("a transaction");
    let filter = session::Filter { poor_audio: true, ..session::Filter::default() };
    let page = Page { after: None, limit: 10 };
    let poor = session::list(&mut tx, &filter, page).await.expect("listed");
    assert_eq!(poor.iter().map(|call| call.id).collect::<Vec<_>>(), [bad.session]);
}

#[tokio::test]
async fn who_called_whom_is_on_record_and_of_calls_without_it_nothing_is() {
    let (db, url) = database().await;
    let org = org(&url).await;
    let of = |direction, party| Opened { opposite: Some(Opposite::new(direction, party)), ..opened(org) };
    let out = of(Direction::Outbound, Some("+49301234"));
    let came = of(Direction::Inbound, None);
    // As servers of before wrote it.
    let mut before = serde_json::to_value(opened(org)).expect("written");
    before.as_object_mut().expect("an object").remove("opposite");
    let before: Opened = serde_json::from_value(before).expect("read");
    let writing = writing(&db);
    for opened in [&out, &came, &before] {
        writing.put(&call(opened, &[300]));
    }
    writing.end().await;
    let mut tx = db.org_tx(org).await.expect("a transaction");
    for opened in [&out, &came, &before] {
        let found = session::find(&mut tx, opened.session).await.expect("read").expect("it is there");
        assert_eq!(found.opposite, opened.opposite);
    }
    for (direction, call) in [(Direction::Outbound, &out), (Direction::Inbound, &came)] {
        let filter = session::Filter { direction: Some(direction), ..session::Filter::default() };
        let page = Page { after: None, limit: 10 };
        let found = session::list(&mut tx, &filter, page).await.expect("listed");
        assert_eq!(found.iter().map(|call| call.id).collect::<Vec<_>>(), [call.session]);
    }
}

#[tokio::test]
async fn percentiles_are_right_with_two_servers_that_write_at_once() {
    let (db, url) = database().await;
    let org = org(&url).await;
    let other = Db::open(&Access::url(&url).expect("a URL")).await.expect("opened");
    let (a, b) = (writing(&db), writing(&other));
    let mut exact: Vec<u64> = Vec::new();
    for n in 0..60 {
        let responses: Vec<u64> = (0..20).map(|_| fastrand::u64(80..4000)).collect();
        exact.extend(&responses);
        let server = if n % 2 == 0 { &a } else { &b };
        server.put(&call(&opened(org), &responses));
    }
    a.end().await;
    b.end().await;
    exact.sort_unstable();
    for table in ["minute", "hour"] {
        let stored = sql(
            &url,
            &format!("select encode(buckets, 'hex') from app.latency_hist_{table} where stage = 'response'"),
        )
        .await;
        let mut sum = Histogram::default();
        for line in stored.lines() {
            sum.merge(&Histogram::from_bytes(&hex::decode(line).expect("hex")).expect("a histogram"));
        }
        assert_eq!(sum.count(), 1200);
        for share in [0.5, 0.95, 0.99] {
            let truth = exact[(1200.0 * share) as usize - 1] * 1000;
            let estimate = sum.percentile(share).expect("values");
            assert!(
                estimate.abs_diff(truth) as f64 <= truth as f64 * 0.02,
                "p{share}: {estimate} for {truth}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_wait_on_disk_while_the_database_is_away_and_are_written_once_when_it_is_back() {
    let cluster = apart(Cluster::start).await;
    let url = cluster.create(None);
    let name = url.split('?').next().and_then(|url| url.rsplit('/').next()).expect("a name").to_owned();
    let db = Db::open(&Access::url(&url).expect("a URL")).await.expect("migrated");
    let org = OrgId::generate();
    let _made = cluster.sql(
        &name,
        &format!("insert into app.orgs (id, name, title) values ('{}', 'o', 'T')", org.as_uuid()),
    );
    let writing = writing(&db);
    let calls: Vec<Vec<Entry>> = (0..30).map(|_| call(&opened(org), &[200, 300])).collect();
    writing.put(&calls[0]);
    writing.recorder.written().await;
    tokio::task::block_in_place(|| cluster.kill());
    for call in &calls[1..] {
        writing.put(call);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let behind = async {
        while !writing.recorder.state().behind {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), behind).await.expect("the writer notices");
    tokio::task::block_in_place(|| cluster.resume());
    tokio::time::timeout(Duration::from_secs(30), writing.recorder.written()).await.expect("caught up");
    writing.end().await;
    db.close().await;
    let counted = cluster.sql(&name, "select (select count(*) from app.sessions where ended_at is not null), (select count(*) from app.session_events), (select sum(count) from app.latency_hist_hour where stage = 'response'), (select value from app.counts_hour where name = 'calls')");
    assert_eq!(counted, "30|210|60|30");
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_journals_bound_events_are_lost_and_calls_still_begin_and_end_on_record() {
    const LIMIT: u64 = 100_000;
    let cluster = apart(Cluster::start).await;
    let url = cluster.create(None);
    let name = url.split('?').next().and_then(|url| url.rsplit('/').next()).expect("a name").to_owned();
    let db = Db::open(&Access::url(&url).expect("a URL")).await.expect("migrated");
    let org = OrgId::generate();
    let _made = cluster.sql(
        &name,
        &format!("insert into app.orgs (id, name, title) values ('{}', 'o', 'T')", org.as_uuid()),
    );
    let writing = writing_with(&db, journal::Options { segment_bytes: 10_000, limit_bytes: LIMIT });
    tokio::task::block_in_place(|| cluster.kill());
    let on_disk = || -> u64 {
        let files = std::fs::read_dir(writing.folder.path()).expect("a folder");
        files.filter_map(|file| file.ok()?.metadata().ok()).map(|file| file.len()).sum()
    };
    let mut calls = 0;
    let filling = async {
        // Only what has a reserve comes to lie above nine tenths.
        while on_disk() <= LIMIT / 10 * 9 {
            writing.put(&call(&opened(org), &[200, 300]));
            calls += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), filling).await.expect("the journal fills");
    assert!(on_disk() <= LIMIT, "{} bytes", on_disk());
    tokio::task::block_in_place(|| cluster.resume());
    tokio::time::timeout(Duration::from_secs(60), writing.recorder.written()).await.expect("caught up");
    let after = opened(org);
    writing.put(&call(&after, &[250]));
    writing.end().await;
    db.close().await;
    let counted =
        cluster.sql(&name, "select count(*), count(*) filter (where ended_at is null) from app.sessions");
    assert_eq!(counted, format!("{}|0", calls + 1), "every call began and ended");
    let events =
        cluster.sql(&name, "select count(*) from app.session_events").parse::<u64>().expect("a number");
    assert!(events < calls * 7, "{events} events of {calls} calls: some were lost");
    let whole =
        format!("select count(*) from app.session_events where session_id = '{}'", after.session.as_uuid());
    assert_eq!(cluster.sql(&name, &whole), "5", "there is room again");
}

#[tokio::test]
async fn what_a_killed_server_left_in_its_journal_is_written_by_the_next() {
    let (db, url) = database().await;
    let opened = opened(org(&url).await);
    let entries = call(&opened, &[250]);
    let folder = tempfile::tempdir().expect("a folder");
    let lines: Vec<u8> = entries
        .iter()
        .flat_map(|entry| [serde_json::to_vec(entry).expect("JSON"), b"\n".to_vec()].concat())
        .collect();
    std::fs::write(folder.path().join("000000000007.jsonl"), &lines[..lines.len() - 5]).expect("written");
    let tasks = Tasks::new();
    let recorder = writer::start(folder.path(), journal::Options::default(), db, &tasks).expect("writable");
    recorder.written().await;
    // The line that the crash cut off is the end of the call.
    assert_eq!(sql(&url, "select turns, ended_at is null from app.sessions").await, "1|t");
    tasks.shutdown().await;
}

#[tokio::test]
async fn a_text_with_a_nul_is_kept_with_a_sign_in_its_place() {
    let (db, url) = database().await;
    let opened = opened(org(&url).await);
    let writing = writing(&db);
    let mut entries = call(&opened, &[200]);
    let event = SessionEvent::CallerTurn { turn: TurnId(9), text: "a\0b".to_owned(), typed: true };
    let (session, joined, speculation) = (opened.session, Vec::new(), Speculation::default());
    entries.push(Entry::Event(Happened { session, sequence: 99, at_us: 1, event, joined, speculation }));
    writing.put(&entries);
    writing.end().await;
    let kept = sql(&url, "select event ->> 'text' from app.session_events where sequence = 99").await;
    assert_eq!(kept, "a\u{fffd}b");
}

#[tokio::test]
async fn one_calls_impossible_event_keeps_no_others() {
    let (db, url) = database().await;
    let org = org(&url).await;
    let (good, bad) = (opened(org), opened(org));
    let writing = writing(&db);
    // Longer than what an index takes, and of no pattern that could be compressed.
    let name: String = std::iter::repeat_with(fastrand::alphanumeric).take(20_000).collect();
    let broken = call(&Opened { agent_name: name, ..bad }, &[200]);
    writing.put(&broken);
    writing.put(&call(&good, &[200]));
    writing.end().await;
    let counts: BTreeMap<String, String> = sql(&url, "select id, (select count(*) from app.session_events e where e.session_id = s.id) from app.sessions s")
        .await
        .lines()
        .filter_map(|line| line.split_once('|').map(|(id, count)| (id.to_owned(), count.to_owned())))
        .collect();
    assert_eq!(counts.get(&good.session.as_uuid().to_string()).map(String::as_str), Some("5"));
}

/// Of a call, with so many tokens in and out.
fn thought(opened: &Opened, provider: &str, (input_tokens, output_tokens): (u64, u64)) -> ProviderRequest {
    ProviderRequest {
        session: Some(opened.session),
        ability: "llm".to_owned(),
        provider: provider.to_owned(),
        usage: Usage { input_tokens, output_tokens, ..Usage::default() },
        ..spoken(opened.org, 0, 0)
    }
}

fn asked(requests: &[ProviderRequest]) -> Vec<Entry> {
    requests.iter().map(|request| Entry::Request(Box::new(request.clone()))).collect()
}

const TOKENS: &str = "select agent_name, version, transport, provider, name, sum(value) from app.counts_hour where name like 'tokens%' group by 1, 2, 3, 4, 5 order by 4, 5";

#[tokio::test]
async fn tokens_count_once_for_each_request_with_the_dimensions_of_its_call() {
    let (db, url) = database().await;
    let org = org(&url).await;
    let opened = opened(org);
    let mut requests = vec![
        thought(&opened, "one", (100, 10)),
        thought(&opened, "two", (1_000, 0)),
        // A voice that counts in tokens is none of a language model.
        ProviderRequest { ability: "tts".to_owned(), ..thought(&opened, "one", (5, 5)) },
        // A trial of an account, and a call whose beginning was lost.
        ProviderRequest { session: None, ..thought(&opened, "one", (7, 7)) },
        ProviderRequest { session: Some(SessionId::generate()), ..thought(&opened, "one", (9, 9)) },
    ];
    requests[1].outcome = Outcome::Cancelled;
    requests[1].usage.estimated = true;
    let entries = [call(&opened, &[300]), asked(&requests)].concat();
    let first = writing(&db);
    first.put(&entries);
    first.end().await;
    // Two servers at once, one of which writes again what it had written before it crashed.
    let more: Vec<_> = (0..40).map(|_| thought(&opened, "one", (1, 1))).collect();
    let (left, right) = (writing(&db), writing(&db));
    left.put(&[asked(&more[..30]), entries].concat());
    right.put(&asked(&more[10..]));
    tokio::join!(left.end(), right.end());
    let counted = [
        "front-desk|3|webrtc||tokens_in|1140",
        "front-desk|3|webrtc||tokens_out|50",
        "front-desk|3|webrtc|one|tokens_in|140",
        "front-desk|3|webrtc|one|tokens_out|50",
        "front-desk|3|webrtc|two|tokens_in|1000",
        "front-desk|3|webrtc|two|tokens_out|0",
    ];
    assert_eq!(sql(&url, TOKENS).await.lines().collect::<Vec<_>>(), counted);
    let minutes = TOKENS.replace("counts_hour", "counts_minute");
    assert_eq!(sql(&url, &minutes).await.lines().collect::<Vec<_>>(), counted);
}

#[tokio::test]
async fn a_call_names_those_who_served_it_and_old_rows_the_servers_own() {
    let (db, url) = database().await;
    let opened = opened(org(&url).await);
    let mut entries = call(&opened, &[300, 400]);
    for (place, names) in [(2, ["ears", "voice"].as_slice()), (4, &["voice", "mind"])] {
        let Entry::Event(happened) = &mut entries[place] else { unreachable!("an event") };
        happened.joined = names.iter().map(|name| (*name).to_owned()).collect();
    }
    for part in [&entries[..3], &entries[3..], &entries] {
        let writing = writing(&db);
        writing.put(part);
        writing.end().await;
    }
    let former = "insert into app.sessions (id, org_id, agent_name, version, transport, provider, server_id, started_at, last_event_at)
         select gen_random_uuid(), org_id, agent_name, version, transport, 'deepgram', server_id, started_at - interval '1 day', last_event_at from app.sessions";
    sql(&url, former).await;
    let mut tx = db.org_tx(opened.org).await.expect("a transaction");
    let page = Page { after: None, limit: 10 };
    let found = session::list(&mut tx, &session::Filter::default(), page).await.expect("read");
    let providers: Vec<_> = found.iter().map(|call| call.providers.join(" ")).collect();
    assert_eq!(providers, ["ears voice mind", "deepgram"]);
    let calls = "select provider, whole, value from app.counts_hour where name = 'calls' order by 1";
    assert_eq!(sql(&url, calls).await, "|t|1\nears|f|1\nmind|f|1\nvoice|f|1");
}
