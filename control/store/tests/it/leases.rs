//! Who has a conversation, and who may write of it.

use std::time::Duration;

use control_store::lease::Claim;
use control_store::{Checkpoint, Db, Entry, Fence, Reason, journal, lease, session, writer};
use domain::{OrgId, ServerId, SessionId};
use runtime::Tasks;
use serde_json::json;

use crate::ingest::{call, opened, org};
use crate::support::{database, sql};

const LONG: Duration = Duration::from_secs(600);
const OVER: Duration = Duration::ZERO;
const HOST: &str = "wss://rooms.example.com";
const DESK: [&str; 3] = ["front-desk", HOST, "desk"];

/// Asks for a lease on a call of this agent, in this room of this host.
async fn claim(
    db: &Db,
    org: OrgId,
    server: ServerId,
    session: SessionId,
    lasts: Duration,
    [agent, host, room]: [&str; 3],
) -> Claim {
    let (identity, metadata) = ("agent-1", "vip");
    let new = lease::New { session, org, server, agent, host, room, identity, metadata };
    let mut tx = db.system_tx(Reason::Leases).await.expect("a transaction");
    let claim = lease::hold(&mut tx, new, lasts).await.expect("answered");
    tx.commit().await.expect("committed");
    claim
}

async fn hold(db: &Db, org: OrgId, server: ServerId, session: SessionId, lasts: Duration) -> bool {
    claim(db, org, server, session, lasts, DESK).await == Claim::Ours
}

async fn take(db: &Db, server: ServerId, limit: usize) -> Vec<lease::Taken> {
    let mut tx = db.system_tx(Reason::Leases).await.expect("a transaction");
    let taken = lease::take(&mut tx, server, HOST, limit, LONG).await.expect("answered");
    tx.commit().await.expect("committed");
    taken
}

async fn renew(db: &Db, held: &[(SessionId, i32)], lasts: Duration) -> Vec<SessionId> {
    let mut tx = db.system_tx(Reason::Leases).await.expect("a transaction");
    let kept = lease::renew(&mut tx, held, lasts).await.expect("answered");
    tx.commit().await.expect("committed");
    kept
}

#[tokio::test]
async fn a_lease_is_held_by_renewing_it_and_taken_by_one_alone_when_it_has_run_out() {
    let (db, url) = database().await;
    let org = org(&url).await;
    let (first, second) = (ServerId::generate(), ServerId::generate());
    let session = SessionId::generate();
    assert!(hold(&db, org, first, session, LONG).await);
    assert!(!hold(&db, org, second, session, LONG).await, "somebody has it");
    assert_eq!(take(&db, second, 9).await, []);
    assert_eq!(renew(&db, &[(session, 0)], OVER).await, [session]);

    let (ours, theirs) = tokio::join!(take(&db, second, 9), take(&db, second, 9));
    let taken = [ours, theirs].concat();
    assert_eq!(taken.len(), 1, "one of them has it");
    let found = &taken[0];
    assert_eq!((found.session, found.org, found.fence), (session, org, 1));
    assert_eq!((found.room.as_str(), found.identity.as_str()), ("desk", "agent-1"));
    assert_eq!(found.call, None, "nothing was written of it");
    assert_eq!(renew(&db, &[(session, 0)], LONG).await, [], "the first has lost it");
    assert_eq!(renew(&db, &[(session, 1)], LONG).await, [session]);

    let mut tx = db.system_tx(Reason::Leases).await.expect("a transaction");
    lease::release(&mut tx, &[(session, 0)]).await.expect("answered");
    assert_eq!(renew(&db, &[(session, 1)], LONG).await, [session], "it was not the first's to delete");
    lease::release(&mut tx, &[(session, 1)]).await.expect("answered");
    tx.commit().await.expect("committed");
    assert_eq!(sql(&url, "select count(*) from app.leases").await, "0");
}

/// How many of so many who ask for it in the same moment, each another server, get the lease.
async fn winners(db: &Db, org: OrgId, askers: usize) -> usize {
    let together = tokio::sync::Barrier::new(askers);
    let ask = async || {
        together.wait().await;
        claim(db, org, ServerId::generate(), SessionId::generate(), LONG, DESK).await
    };
    let claims = futures::future::join_all((0..askers).map(|_| ask())).await;
    let won = claims.iter().filter(|claim| **claim == Claim::Ours).count();
    let coming = claims.iter().filter(|claim| **claim == Claim::Coming).count();
    assert_eq!(won + coming, askers, "whoever has not got it is told that another has: {claims:?}");
    won
}

#[tokio::test]
async fn of_many_who_bring_one_agent_into_one_room_in_the_same_moment_one_gets_the_lease() {
    let (db, url) = database().await;
    let org = org(&url).await;
    assert_eq!(winners(&db, org, 12).await, 1);
    assert_eq!(sql(&url, "select count(*) from app.leases").await, "1");
    let ask = async |at| claim(&db, org, ServerId::generate(), SessionId::generate(), LONG, at).await;
    let [agent, host, room] = DESK;
    for other in [["sales", host, room], [agent, "wss://elsewhere", room], [agent, host, "another"]] {
        assert_eq!(ask(other).await, Claim::Ours, "{other:?} is free");
    }

    // Its holder dies: it is there for whoever takes the call over, and for nobody who brings the agent anew.
    let desk = "where room = 'desk' and agent_name = 'front-desk' and host like '%example%'";
    let ended = format!("update app.leases set expires_at = now() - interval '1 second' {desk}");
    sql(&url, &ended).await;
    assert_eq!(ask(DESK).await, Claim::Open);
    let taken = take(&db, ServerId::generate(), 9).await.remove(0);
    assert_eq!((taken.room.as_str(), taken.agent.as_str(), taken.fence), (room, agent, 1));
    assert_eq!(ask(DESK).await, Claim::Coming, "nobody knows yet whether it comes");

    // When that call is over as well the room can have the agent again.
    let mut tx = db.system_tx(Reason::Leases).await.expect("a transaction");
    assert_eq!(lease::met(&mut tx, host, room, agent).await.expect("answered"), Some(false));
    lease::meet(&mut tx, taken.session, taken.fence, "ann").await.expect("answered");
    assert_eq!(lease::met(&mut tx, host, room, agent).await.expect("answered"), Some(true));
    tx.commit().await.expect("committed");
    assert_eq!(ask(DESK).await, Claim::Held);
    let mut tx = db.system_tx(Reason::Leases).await.expect("a transaction");
    lease::release(&mut tx, &[(taken.session, taken.fence)]).await.expect("answered");
    assert_eq!(lease::met(&mut tx, host, room, agent).await.expect("answered"), None);
    tx.commit().await.expect("committed");
    assert_eq!(winners(&db, org, 12).await, 1);
}

#[tokio::test]
async fn of_leases_that_ran_out_each_taker_gets_its_share_in_its_own_rooms() {
    let (db, url) = database().await;
    let org = org(&url).await;
    let server = ServerId::generate();
    for room in ["one", "two", "three"] {
        let at = ["front-desk", HOST, room];
        assert_eq!(claim(&db, org, server, SessionId::generate(), OVER, at).await, Claim::Ours);
    }
    let mut tx = db.system_tx(Reason::Leases).await.expect("a transaction");
    assert_eq!(lease::late(&mut tx, HOST).await.expect("answered"), 3);
    assert_eq!(lease::late(&mut tx, "wss://elsewhere").await.expect("answered"), 0);
    let elsewhere = lease::take(&mut tx, server, "wss://elsewhere", 9, LONG).await.expect("answered");
    assert_eq!(elsewhere, []);
    tx.commit().await.expect("committed");
    assert_eq!((take(&db, server, 2).await.len(), take(&db, server, 2).await.len()), (2, 1));
}

#[tokio::test]
async fn what_a_server_still_writes_of_a_call_that_was_taken_over_is_not_taken() {
    let (db, url) = database().await;
    let opened = opened(org(&url).await);
    let (session, org) = (opened.session, opened.org);
    let entries = call(&opened, &[300, 400]);
    let (before, after) = entries.split_at(3);
    assert!(hold(&db, org, opened.server, session, OVER).await);
    let write = async |fence: Fence, entries: &[Entry]| {
        let (folder, tasks) = (tempfile::tempdir().expect("a folder"), Tasks::new());
        let recorder = writer::start(folder.path(), journal::Options::default(), db.clone(), &tasks);
        let recorder = recorder.expect("writable").fenced(fence);
        entries.iter().for_each(|entry| recorder.put(entry.clone()));
        tasks.shutdown().await;
    };
    let checkpoint = |state| Entry::Checkpoint(Checkpoint { session, state: json!(state) });
    write(Fence::new(0), &[before, &[checkpoint("mine")]].concat()).await;

    let survivor = ServerId::generate();
    let taken = take(&db, survivor, 1).await.remove(0);
    let found = taken.call.expect("it is on record");
    assert_eq!((found.checkpoint, found.session.last_sequence), (Some(json!("mine")), 1));

    // The rest of the dead server's journal, its end of the call among it, when it starts again.
    write(Fence::new(0), &[after, &[checkpoint("stale")]].concat()).await;
    let fallen = Fence::new(taken.fence);
    fallen.fall();
    write(fallen, &[checkpoint("lost")]).await;
    const CALL: &str =
        "select checkpoint, last_sequence, end_reason is null, fence, server_id from app.sessions";
    let expected = format!("\"mine\"|1|t|1|{}", survivor.as_uuid());
    assert_eq!(sql(&url, CALL).await, expected);
    let mut tx = db.system_tx(Reason::CloseInterrupted).await.expect("a transaction");
    for server in [opened.server, survivor] {
        let open = session::left_open(&mut tx, server).await.expect("answered");
        assert_eq!(open, [], "whoever has the lease goes on with it");
    }
    tx.commit().await.expect("committed");

    write(Fence::new(taken.fence), &[after, &[checkpoint("theirs")]].concat()).await;
    assert_eq!(sql(&url, "select end_reason, checkpoint is null from app.sessions").await, "caller_left|t");
}
