//! Calls at carriers whose server is gone are ended by one that is not.

use std::time::Duration;

use control_store::carrier_call::{self, Abandoned, Call};
use control_store::{Db, Reason};
use domain::{OrgId, ProviderAccountId, ServerId};

use crate::ingest::org;
use crate::support::{database, sql};

const LONG: Duration = Duration::from_secs(600);
const OVER: Duration = Duration::ZERO;

/// An account of a new organization's.
async fn account(url: &str) -> (OrgId, ProviderAccountId) {
    let (org, account) = (org(url).await, ProviderAccountId::generate());
    let row = format!("('{}', '{}', 'main', 'twilio')", account.as_uuid(), org.as_uuid());
    sql(
        url,
        &format!("insert into app.provider_accounts (id, org_id, name, vendor) values {row} returning 1"),
    )
    .await;
    (org, account)
}

fn call(account: ProviderAccountId, name: &str) -> Call {
    Call { account, call: name.to_owned() }
}

async fn hold(db: &Db, org: OrgId, call: &Call, server: ServerId, lasts: Duration) {
    let mut tx = db.system_tx(Reason::Outbound).await.expect("a transaction");
    carrier_call::hold(&mut tx, &[(org, call.clone())], server, lasts).await.expect("answered");
    tx.commit().await.expect("committed");
}

async fn take(db: &Db, server: ServerId, limit: i64, lasts: Duration) -> Vec<Abandoned> {
    let mut tx = db.system_tx(Reason::Outbound).await.expect("a transaction");
    let taken = carrier_call::take(&mut tx, server, true, limit, lasts).await.expect("answered");
    tx.commit().await.expect("committed");
    taken
}

#[tokio::test]
async fn calls_of_a_server_that_is_gone_are_ended_by_one_other_alone() {
    let (db, url) = database().await;
    let (org, account) = account(&url).await;
    let (dead, alive) = (ServerId::generate(), ServerId::generate());
    let (first, second) = (call(account, "CA1"), call(account, "CA2"));
    hold(&db, org, &first, dead, OVER).await;
    hold(&db, org, &second, alive, OVER).await;
    hold(&db, org, &second, alive, LONG).await;
    let (ours, theirs) = tokio::join!(take(&db, alive, 9, OVER), take(&db, alive, 9, LONG));
    let taken = [ours, theirs].concat();
    assert_eq!(taken.first(), Some(&Abandoned { org, call: first.clone(), attempts: 1 }));
    assert!(taken.iter().all(|one| one.call == first), "its own are renewed: {taken:?}");
    // One that is to be ended is not kept by its server's renewing it.
    let mut tx = db.system_tx(Reason::Outbound).await.expect("a transaction");
    carrier_call::give_up(&mut tx, &first, OVER).await.expect("answered");
    carrier_call::hold(&mut tx, &[(org, first.clone())], alive, LONG).await.expect("answered");
    tx.commit().await.expect("committed");
    let again = take(&db, dead, 9, LONG).await;
    assert_eq!(again.len(), 1);
    assert!(again[0].attempts > 1, "{again:?}");
    let mut tx = db.system_tx(Reason::Outbound).await.expect("a transaction");
    carrier_call::release(&mut tx, &first).await.expect("answered");
    tx.commit().await.expect("committed");
    assert_eq!(sql(&url, "select count(*) from app.carrier_calls").await, "1");
}

#[tokio::test]
async fn a_server_that_starts_anew_finds_what_it_had() {
    let (db, url) = database().await;
    let (org, account) = account(&url).await;
    let (server, other) = (ServerId::generate(), ServerId::generate());
    hold(&db, org, &call(account, "CA1"), server, LONG).await;
    hold(&db, org, &call(account, "CA2"), other, LONG).await;
    hold(&db, OrgId::generate(), &call(account, "CA3"), server, LONG).await;
    assert_eq!(take(&db, server, 9, LONG).await, [], "all of them are held");
    let mut tx = db.system_tx(Reason::Outbound).await.expect("a transaction");
    assert_eq!(carrier_call::abandon(&mut tx, server).await.expect("answered"), 1);
    tx.commit().await.expect("committed");
    let taken = take(&db, server, 9, LONG).await;
    assert_eq!(taken, [Abandoned { org, call: call(account, "CA1"), attempts: 1 }]);
}

#[tokio::test]
async fn a_server_has_those_on_record_that_it_names() {
    let (db, url) = database().await;
    let (org, account) = account(&url).await;
    let (server, other) = (ServerId::generate(), ServerId::generate());
    let [kept, forgotten, theirs, left] = ["CA1", "CA2", "CA3", "CA4"].map(|name| call(account, name));
    for (call, server) in [(&kept, server), (&forgotten, server), (&theirs, other), (&left, server)] {
        hold(&db, org, call, server, LONG).await;
    }
    let mut tx = db.system_tx(Reason::Outbound).await.expect("a transaction");
    carrier_call::give_up(&mut tx, &left, LONG).await.expect("answered");
    let ours = [(org, kept.clone())];
    assert_eq!(carrier_call::hold_no_others(&mut tx, &ours, server).await.expect("answered"), 1);
    tx.commit().await.expect("committed");
    let names = "select string_agg(call, ' ' order by call) from app.carrier_calls";
    assert_eq!(sql(&url, names).await, "CA1 CA3 CA4", "what is to be ended stays as well");
    let mut tx = db.system_tx(Reason::Outbound).await.expect("a transaction");
    assert_eq!(carrier_call::hold_no_others(&mut tx, &[], server).await.expect("answered"), 1);
    tx.commit().await.expect("committed");
    assert_eq!(sql(&url, names).await, "CA3 CA4");
}

#[tokio::test]
async fn what_is_known_to_be_abandoned_is_taken_before_what_was_not_heard_of() {
    let (db, url) = database().await;
    let (org, account) = account(&url).await;
    let (server, silent) = (ServerId::generate(), ServerId::generate());
    let [left, unheard] = ["CA1", "CA2"].map(|name| call(account, name));
    hold(&db, org, &left, server, LONG).await;
    hold(&db, org, &unheard, silent, OVER).await;
    let mut tx = db.system_tx(Reason::Outbound).await.expect("a transaction");
    carrier_call::abandon(&mut tx, server).await.expect("answered");
    let taken = carrier_call::take(&mut tx, server, false, 9, LONG).await.expect("answered");
    assert_eq!(taken.iter().map(|one| &one.call).collect::<Vec<_>>(), [&left]);
    let taken = carrier_call::take(&mut tx, server, true, 9, LONG).await.expect("answered");
    assert_eq!(taken.iter().map(|one| &one.call).collect::<Vec<_>>(), [&unheard]);
    tx.commit().await.expect("committed");
}
