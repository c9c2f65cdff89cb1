use testkit::postgres;

use super::*;
use crate::{Access, Db};

#[test]
fn every_value_of_a_filter_is_bound_and_none_is_written_into_the_statement() {
    let text = || Some("x'; drop table app.sessions".to_owned());
    let filter = Filter {
        agent_name: text(),
        transport: text(),
        direction: Some(Direction::Outbound),
        end_reason: text(),
        outcome: text(),
        words: text(),
        environment: Some(EnvironmentId::generate()),
        from: Some(FAR),
        to: Some(FAR),
        slower_than_ms: Some(1.0),
        problems: true,
        poor_audio: true,
    };
    let query = listing("select ", OrgId::generate(), &filter, Page { after: None, limit: 10 });
    let sql = query.sql();
    assert!(!sql.as_str().contains("drop table"), "{}", sql.as_str());
}

/// Enough rows that the planner prefers an index where it can have one.
const CALLS: u32 = 30_000;

#[expect(clippy::disallowed_methods, reason = "the client blocks, and the test waits for its end")]
async fn filled() -> (Db, OrgId) {
    let url = tokio::task::spawn_blocking(postgres::empty).await.expect("a database");
    let db = Db::open(&Access::url(&url).expect("a URL")).await.expect("migrated");
    let (org, other) = (OrgId::generate(), OrgId::generate());
    tokio::task::spawn_blocking(move || {
        for (id, name) in [(org.as_uuid(), "one"), (other.as_uuid(), "two")] {
            let _made = postgres::sql(&url, &format!("insert into app.orgs (id, name, title) values ('{id}', '{name}', '{name}')"));
            let _made = postgres::sql(&url, &format!(
                "insert into app.sessions (id, org_id, agent_name, version, transport, provider, server_id, started_at, last_event_at, ended_at, end_reason, words, summary, direction)
                 select gen_random_uuid(), '{id}', 'agent-' || n % 7, 1, 'webrtc', 'local', '{id}', now() - n * interval '1 minute', now(), now(),
                        'caller_left', to_tsvector('simple', 'hello word' || n % 900), 's', case when n % 50 = 0 then 'outbound' else 'inbound' end
                 from generate_series(1, {CALLS}) n"
            ));
        }
        let _analyzed = postgres::sql(&url, "vacuum analyze app.sessions");
    })
    .await
    .expect("filled");
    (db, org)
}

/// A list of a million calls must not be sorted or read through: the plans say so, whatever the machine.
#[tokio::test]
async fn lists_and_searches_take_their_rows_from_an_index() {
    let (db, org) = filled().await;
    let named = |name: &str| Some(name.to_owned());
    let later = Page { after: Some(Place { at: Timestamp::now(), id: Uuid::max() }), limit: 51 };
    for (filter, index) in [
        (Filter::default(), "sessions_newest"),
        (Filter { agent_name: named("agent-3"), ..Filter::default() }, "sessions_by_agent"),
        (Filter { transport: named("webrtc"), ..Filter::default() }, "sessions_newest"),
        (Filter { direction: Some(Direction::Outbound), ..Filter::default() }, "sessions_outbound"),
    ] {
        for page in [Page { after: None, limit: 51 }, later] {
            let mut tx = db.org_tx(org).await.expect("begun");
            let mut query = listing("explain select ", org, &filter, page);
            let lines: Vec<String> =
                query.build_query_scalar().fetch_all(tx.connection()).await.expect("a plan");
            let plan = lines.join("\n");
            assert!(
                plan.contains(index) && !plan.contains("Seq Scan") && !plan.contains("Sort"),
                "{filter:?}\n{plan}"
            );
        }
    }
    // Inside the function that searches, where explain does not look: as many rows are found as there are.
    let mut tx = db.org_tx(org).await.expect("begun");
    let found =
        list(&mut tx, &Filter { words: named("word77"), ..Filter::default() }, later).await.expect("found");
    assert_eq!(found.len(), (CALLS / 900) as usize + usize::from(CALLS % 900 >= 77));
    assert!(found.windows(2).all(|pair| pair[0].started_at >= pair[1].started_at));
}

/// A word that every call has is found among the newest, one that few have by the words' index: neither is looked for in all rows. The
/// database counts what a transaction reads.
#[tokio::test]
async fn a_search_reads_about_as_many_calls_as_it_finds_however_many_have_the_word() {
    let (db, org) = filled().await;
    for words in ["hello", "word77", "hello word77", "nobody said this"] {
        for after in [None, Some(Place { at: Timestamp::now(), id: Uuid::max() })] {
            let mut tx = db.org_tx(org).await.expect("begun");
            let filter = Filter { words: Some(words.to_owned()), ..Filter::default() };
            list(&mut tx, &filter, Page { after, limit: 51 }).await.expect("found");
            let read = "select concat_ws(' ', seq_scan, coalesce(idx_tup_fetch, 0)) from pg_stat_xact_user_tables where relid = 'app.sessions'::regclass";
            let read: String = sqlx::query_scalar(read).fetch_one(tx.connection()).await.expect("counted");
            let (scans, rows) = read.split_once(' ').expect("two numbers");
            let rows: u32 = rows.parse().expect("a number");
            assert!(scans == "0" && rows < 500, "{words}: {scans} scans of the table, {rows} rows");
        }
    }
}
