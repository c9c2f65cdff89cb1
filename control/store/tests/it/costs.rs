//! Requests to vendors, on their way to the tables: each once, charged by the prices in force, with the sums of their hours.

use control_store::pricing::{Price, Tier, Unit, Usage};
use control_store::{Db, Entry, Outcome, ProviderRequest, budget, cost, journal, price, writer};
use domain::{OrgId, PriceId, ProviderRequestId, SessionId};
use jiff::Timestamp;
use runtime::Tasks;

use crate::ingest::org;
use crate::support::{database, sql};

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

const WHOLE: (&str, &str) = ("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z");

pub(crate) fn spoken(org: OrgId, minute: i64, characters: u64) -> ProviderRequest {
    ProviderRequest {
        id: ProviderRequestId::generate(),
        org,
        session: Some(SessionId::generate()),
        turn: Some(1),
        at: at("2026-11-26T10:00:00Z") + jiff::SignedDuration::from_mins(minute),
        agent: None,
        agent_name: "front-desk".to_owned(),
        environment: None,
        ability: "tts".to_owned(),
        provider: "voices".to_owned(),
        vendor: "own".to_owned(),
        model: "v-1".to_owned(),
        region: "eu".to_owned(),
        why: "first".to_owned(),
        outcome: Outcome::Completed,
        error_code: None,
        connect_us: None,
        first_us: Some(90_000),
        took_us: Some(400_000),
        usage: Usage { characters, ..Usage::default() },
    }
}

async fn put(db: &Db, entries: &[ProviderRequest]) {
    let (folder, tasks) = (tempfile::tempdir().expect("a folder"), Tasks::new());
    let recorder =
        writer::start(folder.path(), journal::Options::default(), db.clone(), &tasks).expect("writable");
    entries.iter().for_each(|request| recorder.put(Entry::Request(Box::new(request.clone()))));
    tasks.shutdown().await;
}

async fn priced(db: &Db, org: OrgId, tiers: Vec<Tier>) {
    let own = Price {
        vendor: "own".to_owned(),
        model: "v*".to_owned(),
        unit: Unit::Character,
        price_nano_usd: 1_000,
        per: 1,
        valid_from: at("2026-01-01T00:00:00Z"),
        tiers,
        note: String::new(),
    };
    let mut tx = db.org_tx(org).await.expect("a transaction");
    price::create(&mut tx, PriceId::generate(), &own).await.expect("made");
    tx.commit().await.expect("kept");
}

async fn total(db: &Db, org: OrgId) -> cost::Sums {
    let mut tx = db.org_tx(org).await.expect("a transaction");
    let range = (at(WHOLE.0), at(WHOLE.1));
    let parts = cost::breakdown(&mut tx, range, cost::Group::Ability).await.expect("read");
    let [(_, sums)] = parts[..] else { unreachable!("one ability, not {parts:?}") };
    sums
}

#[tokio::test]
async fn what_is_written_again_is_charged_once_and_the_rows_come_to_the_sums() {
    let (db, url) = database().await;
    let org = org(&url).await;
    priced(&db, org, Vec::new()).await;
    let mut requests: Vec<_> = (0..100).map(|n| spoken(org, n, 10)).collect();
    requests[7].vendor = "nobody".to_owned();
    requests[8].outcome = Outcome::Failed;
    requests[9].usage.estimated = true;
    put(&db, &requests).await;
    put(&db, &requests[50..]).await;
    put(&db, &[requests.clone(), requests.clone()].concat()).await;
    let sums = total(&db, org).await;
    assert_eq!((sums.requests, sums.failures, sums.unpriced, sums.estimated), (100, 1, 1, 1));
    assert_eq!((sums.cost_nano, sums.characters), (99 * 10_000, 1_000));
    let rows =
        "select sum(cost_nano) || ' ' || count(*) || ' ' || count(cost_nano) from app.provider_requests";
    assert_eq!(sql(&url, rows).await, "990000 100 99");
    assert_eq!(sql(&url, "select count(distinct at) from app.costs_hour").await, "2");
    let mut tx = db.org_tx(org).await.expect("a transaction");
    let missing = cost::missing(&mut tx, (at(WHOLE.0), at(WHOLE.1)), 10).await.expect("read");
    assert_eq!(
        (missing[0].vendor.as_str(), missing[0].unit.as_str(), missing[0].requests),
        ("nobody", "character", 1)
    );
}

#[tokio::test]
async fn requests_move_each_other_through_the_tiers_of_their_month() {
    let (db, url) = database().await;
    let org = org(&url).await;
    priced(&db, org, vec![Tier { from: 100, price_nano_usd: 10 }]).await;
    // 60 and 40 of 80 at the first price, in whatever batches they come; the next month begins anew.
    put(&db, &[spoken(org, 0, 60)]).await;
    put(&db, &[spoken(org, 2, 50), spoken(org, 1, 80)]).await;
    put(&db, &[spoken(org, 10 * 24 * 60, 30)]).await;
    let sums = total(&db, org).await;
    assert_eq!(sums.cost_nano, 100 * 1_000 + 90 * 10);
    assert_eq!(
        sql(&url, "select sum(cost_nano) from app.costs_hour where at >= '2026-12-01'").await,
        "30000"
    );
}

#[tokio::test]
async fn who_has_spent_the_months_limit_and_wants_to_be_stopped_is_found() {
    let (db, url) = database().await;
    let (ours, theirs) = (org(&url).await, org(&url).await);
    for org in [ours, theirs] {
        priced(&db, org, Vec::new()).await;
        put(&db, &[spoken(org, 0, 10)]).await;
        let mut tx = db.org_tx(org).await.expect("a transaction");
        let limit = budget::Budget {
            monthly_limit_nano: Some(10_000),
            hard_stop: org == ours,
            ..budget::Budget::default()
        };
        assert!(budget::put(&mut tx, &limit).await.expect("set"));
        assert!(!budget::put(&mut tx, &limit).await.expect("set"), "it has another revision by now");
        assert_eq!(budget::spent(&mut tx, at("2026-11-30T00:00:00Z")).await.expect("read"), 10_000);
        tx.commit().await.expect("kept");
    }
    for (now, wanted) in [("2026-11-30T00:00:00Z", vec![ours]), ("2026-12-01T00:00:00Z", vec![])] {
        let mut tx = db.system_tx(control_store::Reason::Spending).await.expect("a transaction");
        let limited = budget::limited(&mut tx, at(now)).await.expect("read");
        assert_eq!(limited.len(), 2, "{now}");
        let stopped: Vec<OrgId> = limited.iter().filter(|one| one.is_stopped()).map(|one| one.org).collect();
        assert_eq!(stopped, wanted, "{now}");
    }
}

#[tokio::test]
async fn what_is_told_once_is_told_again_when_it_happens_long_after_it_was_put_aside() {
    use control_store::alert::{self, Kind, Raised};
    let (db, url) = database().await;
    let org = org(&url).await;
    let told = |when: &str| Raised {
        org,
        kind: Kind::PriceUnknown,
        subject: "own/v-1/character".to_owned(),
        facts: serde_json::json!({"vendor": "own", "model": "v-1", "unit": "character"}),
        at: at(when),
    };
    let raise = async |when: &str| {
        let mut tx = db.system_tx(control_store::Reason::Spending).await.expect("a transaction");
        let fresh = alert::raise(&mut tx, &told(when)).await.expect("raised");
        tx.commit().await.expect("kept");
        fresh
    };
    let page = control_store::Page { after: None, limit: 10 };
    let open = async || {
        let mut tx = db.org_tx(org).await.expect("a transaction");
        alert::open(&mut tx, page).await.expect("read")
    };
    assert!(raise("2026-11-26T10:00:00Z").await);
    assert!(!raise("2026-11-26T11:00:00Z").await);
    let [one] = &open().await[..] else { unreachable!("one alert") };
    assert_eq!(one.last_at, at("2026-11-26T11:00:00Z"));
    let told_others = sql(&url, "select string_agg(topic, ' ') from app.outbox").await;
    assert_eq!(told_others, "price.unknown", "others are told once");

    let mut tx = db.org_tx(org).await.expect("a transaction");
    alert::priced(&mut tx, "own", "w*", Unit::Character).await.expect("done");
    alert::priced(&mut tx, "own", "v*", Unit::Request).await.expect("done");
    tx.commit().await.expect("kept");
    assert_eq!(open().await.len(), 1, "the price of something else settles nothing");
    let mut tx = db.org_tx(org).await.expect("a transaction");
    alert::priced(&mut tx, "own", "v*", Unit::Character).await.expect("done");
    tx.commit().await.expect("kept");
    assert!(open().await.is_empty());
    sql(&url, "update app.alerts set closed_at = '2026-11-26T12:00:00Z'").await;
    raise("2026-11-27T11:00:00Z").await;
    assert!(open().await.is_empty(), "within a day it stays aside");
    raise("2026-11-27T13:00:00Z").await;
    assert_eq!(open().await.len(), 1);
}

#[tokio::test]
async fn old_requests_go_and_their_sums_stay() {
    let (db, url) = database().await;
    let org = org(&url).await;
    priced(&db, org, Vec::new()).await;
    put(&db, &[spoken(org, 0, 10), spoken(org, 60, 20), spoken(org, 120, 30)]).await;
    let forget = async |most| {
        let mut tx = db.system_tx(control_store::Reason::Retention).await.expect("a transaction");
        let gone = cost::forget(&mut tx, at("2026-11-26T11:30:00Z"), most).await.expect("done");
        tx.commit().await.expect("kept");
        gone
    };
    assert_eq!((forget(1).await, forget(10).await, forget(10).await), (1, 1, 0));
    assert_eq!(sql(&url, "select sum(characters) from app.provider_requests").await, "30");
    assert_eq!(total(&db, org).await.cost_nano, 60_000);
    assert_eq!(sql(&url, "select sum(cost_nano) from app.costs_month").await, "60000");
}
