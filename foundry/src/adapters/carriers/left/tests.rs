use std::collections::BTreeSet;

use domain::ProviderAccountId;
use tokio::task::JoinHandle;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// The database of several servers, with the meaning of `carrier_call`'s statements, and their carrier.
#[derive(Clone)]
struct World {
    account: ProviderAccountId,
    rows: Arc<Mutex<Rows>>,
}

#[derive(Default)]
struct Rows {
    of: BTreeMap<Call, Row>,
    away: bool,
    hung_up_on: Vec<String>,
    /// For the carrier to end a call.
    slowness: Duration,
}

#[derive(Clone, Copy)]
struct Row {
    org: OrgId,
    server: ServerId,
    abandoned: bool,
    attempts: i32,
    expires: Instant,
}

/// As one server sees it.
struct Seen {
    world: World,
    server: ServerId,
}

/// One server's keeper.
struct Server {
    record: Record,
    org: OrgId,
    account: ProviderAccountId,
    runs: JoinHandle<()>,
    _tasks: Tasks,
}

impl World {
    fn new() -> Self {
        Self { account: ProviderAccountId::generate(), rows: Arc::default() }
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().expect("no panic")
    }

    fn call(&self, call: &str) -> Call {
        Call { account: self.account, call: call.to_owned() }
    }

    fn on_record(&self) -> BTreeSet<String> {
        self.rows().of.keys().map(|call| call.call.clone()).collect()
    }

    /// A server that died had it.
    fn was_of(&self, server: ServerId, call: &str, lasts: Duration) {
        let (org, expires) = (OrgId::generate(), Instant::now() + lasts);
        self.rows().of.insert(self.call(call), Row { org, server, abandoned: false, attempts: 0, expires });
    }

    fn starts(&self, server: ServerId) -> Server {
        let record = Record::default();
        let keeper = Keeper::of(Seen { world: self.clone(), server }, record.clone());
        let tasks = Tasks::new();
        let runs = tasks.spawn_graceful(KEEP, keeper.run(tasks.token()));
        Server { record, org: OrgId::generate(), account: self.account, runs, _tasks: tasks }
    }
}

impl Server {
    fn ours(&self, call: &str) -> Entry {
        self.record.ours(self.org, &(self.account, call.to_owned()))
    }
}

impl Seen {
    fn answer<T: Send + 'static>(
        &self,
        answer: impl FnOnce(&mut Rows) -> T,
    ) -> BoxFuture<'static, Result<T, Error>> {
        let mut rows = self.world.rows();
        let answer = if rows.away {
            Err(Error::Setup("the database is away".to_owned()))
        } else {
            Ok(answer(&mut rows))
        };
        futures::future::ready(answer).boxed()
    }

    fn hold(&self, rows: &mut Rows, held: &[(OrgId, Call)]) {
        for (org, call) in held {
            let expires = Instant::now() + LASTS;
            let new = Row { org: *org, server: self.server, abandoned: false, attempts: 0, expires };
            let row = rows.of.entry(call.clone()).or_insert(new);
            if row.server == self.server && !row.abandoned {
                row.expires = expires;
            }
        }
    }
}

impl Shelf for Seen {
    fn abandon(&self) -> BoxFuture<'_, Result<u64, Error>> {
        self.answer(|rows| {
            let mut left = 0;
            for row in rows.of.values_mut().filter(|row| row.server == self.server) {
                (row.abandoned, row.expires, left) = (true, Instant::now(), left + 1);
            }
            left
        })
    }

    fn renew(&self, held: Vec<(OrgId, Call)>) -> BoxFuture<'_, Result<(), Error>> {
        self.answer(|rows| {
            self.hold(rows, &held);
            let ours = |call: &Call| held.iter().any(|(_, held)| held == call);
            rows.of.retain(|call, row| row.server != self.server || row.abandoned || ours(call));
        })
    }

    fn write<'a>(&'a self, changes: &'a Changes) -> BoxFuture<'a, Result<(), Error>> {
        self.answer(|rows| {
            rows.of.retain(|call, _| !changes.over.contains(call));
            self.hold(rows, &changes.held);
            self.hold(rows, &changes.not_ended);
            for (_, call) in &changes.not_ended {
                if let Some(row) = rows.of.get_mut(call) {
                    (row.abandoned, row.expires) = (true, Instant::now() + LASTS);
                }
            }
        })
    }

    fn take(&self, silent: bool, limit: usize) -> BoxFuture<'_, Result<Vec<Abandoned>, Error>> {
        self.answer(|rows| {
            let now = Instant::now();
            let late = rows.of.iter_mut().filter(|(_, row)| row.expires <= now && (row.abandoned || silent));
            let taken = late.take(limit).map(|(call, row)| {
                (row.server, row.abandoned, row.expires) = (self.server, true, now + LASTS);
                row.attempts += 1;
                Abandoned { org: row.org, call: call.clone(), attempts: row.attempts }
            });
            taken.collect()
        })
    }

    fn end(&self, left: Abandoned) -> BoxFuture<'_, Result<(), Error>> {
        let slowness = self.world.rows().slowness;
        async move {
            if !slowness.is_zero() {
                tokio::time::sleep(slowness).await;
            }
            self.world.rows().hung_up_on.push(left.call.call.clone());
            self.answer(|rows| rows.of.remove(&left.call)).await.map(drop)
        }
        .boxed()
    }
}

/// Until what was changed is written.
async fn settled() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_database_ends_no_call_of_a_server_that_lives() {
    let world = World::new();
    let first = world.starts(ServerId::generate());
    tokio::time::sleep(SECOND * 5).await;
    let second = world.starts(ServerId::generate());
    let (_ours, _theirs) = (first.ours("ours"), second.ours("theirs"));
    tokio::time::sleep(SECOND * 60).await;
    assert_eq!(world.on_record().len(), 2);
    world.rows().away = true;
    tokio::time::sleep(LASTS * 2).await;
    world.rows().away = false;
    // It begins to look in the same moment, before either of them has come by.
    let former = ServerId::generate();
    world.was_of(former, "former", LASTS);
    let third = world.starts(former);
    tokio::time::sleep(SECOND).await;
    assert_eq!(world.rows().hung_up_on, ["former"], "what it had in its life before, at once");
    tokio::time::sleep(SECOND * 120).await;
    assert_eq!(world.rows().hung_up_on, ["former"], "all have come by again");
    assert_eq!(world.on_record().len(), 2);
    // A server that dies is told from one that could not be heard.
    second.runs.abort();
    tokio::time::sleep(LASTS + BEAT + SECOND).await;
    assert_eq!(world.rows().hung_up_on, ["former", "theirs"]);
    assert!(!first.runs.is_finished() && !third.runs.is_finished());
}

#[tokio::test(start_paused = true)]
async fn what_ends_while_the_database_is_away_is_found_out() {
    let world = World::new();
    let server = world.starts(ServerId::generate());
    let calls: Vec<Entry> = (0..3_000).map(|number| server.ours(&format!("CA{number}"))).collect();
    settled().await;
    assert_eq!(world.on_record().len(), 3_000);
    world.rows().away = true;
    let last = calls.into_iter().next_back().expect("many");
    let begun = server.ours("begun");
    drop(server.ours("begun and over"));
    tokio::time::sleep(BEAT).await;
    world.rows().away = false;
    tokio::time::sleep(BEAT).await;
    assert_eq!(world.on_record(), BTreeSet::from(["CA2999".to_owned(), "begun".to_owned()]));
    drop((last, begun));
    settled().await;
    assert_eq!(world.on_record(), BTreeSet::new());
    // A row that nobody here knows of, however it came to be, is not renewed for ever.
    let id = ServerId::generate();
    let other = world.starts(id);
    settled().await;
    world.was_of(id, "forgotten", LASTS);
    tokio::time::sleep(BEAT).await;
    assert_eq!(world.on_record(), BTreeSet::new());
    assert_eq!(world.rows().hung_up_on, [""; 0]);
    drop(other);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_is_with_somebody_else_is_not_hung_up_on_when_the_server_dies() {
    let (world, id) = (World::new(), ServerId::generate());
    let server = world.starts(id);
    let calls = ["with us", "away", "back"].map(|call| server.ours(call));
    let [_with_us, away, back] = &calls;
    away.let_go();
    back.let_go();
    settled().await;
    assert_eq!(world.on_record(), BTreeSet::from(["with us".to_owned()]));
    back.hold();
    back.hold();
    settled().await;
    assert_eq!(world.on_record(), BTreeSet::from(["with us".to_owned(), "back".to_owned()]));
    server.runs.abort();
    let _anew = world.starts(id);
    settled().await;
    let ended: BTreeSet<String> = world.rows().hung_up_on.iter().cloned().collect();
    assert_eq!(ended, BTreeSet::from(["back".to_owned(), "with us".to_owned()]));
    assert_eq!(world.on_record(), BTreeSet::new());
}

#[tokio::test(start_paused = true)]
async fn all_that_a_server_left_is_ended_without_a_pause_and_what_runs_is_renewed_meanwhile() {
    let world = World::new();
    let gone = ServerId::generate();
    let server = world.starts(ServerId::generate());
    let _runs = server.ours("runs");
    tokio::time::sleep(BEAT * 2).await;
    for number in 0..50 {
        world.was_of(gone, &format!("CA{number}"), Duration::ZERO);
    }
    world.rows().slowness = SECOND;
    let begun = Instant::now();
    while world.rows().hung_up_on.is_empty() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(begun.elapsed() <= BEAT + SECOND * 2);
    tokio::time::sleep(SECOND * 4).await;
    assert_eq!(world.rows().hung_up_on.len(), 50, "sixteen at a time");
    // A carrier that does not answer holds up nothing that lives.
    for number in 0..50 {
        world.was_of(gone, &format!("CA{number}"), Duration::ZERO);
    }
    world.rows().slowness = LASTS * 3;
    tokio::time::sleep(LASTS * 2).await;
    let expires = world.rows().of[&world.call("runs")].expires;
    assert!(expires >= Instant::now() + LASTS - BEAT);
    assert_eq!(world.rows().hung_up_on.len(), 50);
}

#[tokio::test(start_paused = true)]
async fn what_the_carrier_does_not_end_is_tried_again() {
    let world = World::new();
    let server = world.starts(ServerId::generate());
    server.ours("refused").not_ended();
    tokio::time::sleep(LASTS - SECOND).await;
    assert_eq!(world.on_record(), BTreeSet::from(["refused".to_owned()]));
    assert_eq!(world.rows().hung_up_on, [""; 0], "it was, a moment ago");
    tokio::time::sleep(BEAT + SECOND * 2).await;
    assert_eq!((world.on_record(), world.rows().hung_up_on.len()), (BTreeSet::new(), 1));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stops_keeps_its_calls_on_record_until_they_are_over() {
    let (world, tasks, stopping) = (World::new(), Tasks::new(), CancellationToken::new());
    let record = Record::default();
    let keeper = Keeper::of(Seen { world: world.clone(), server: ServerId::generate() }, record.clone());
    let mut runs = tasks.spawn_graceful(KEEP, keeper.run(stopping.clone()));
    let call = record.ours(OrgId::generate(), &(world.account, "CA1".to_owned()));
    settled().await;
    stopping.cancel();
    assert!(tokio::time::timeout(SECOND * 5, &mut runs).await.is_err(), "it is still to be ended");
    assert_eq!(world.on_record().len(), 1);
    drop(call);
    runs.await.expect("no panic");
    assert_eq!(world.on_record(), BTreeSet::new());
}
