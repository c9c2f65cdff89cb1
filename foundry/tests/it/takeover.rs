//! Servers that share a database and a LiveKit server: the calls of one that dies go on on the others, and nobody speaks twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use domain::Secret;
use media_core::LegEvent;
use media_livekit::api::Command;
use media_livekit::dispatch::{Api, Dispatch};
use media_livekit::{Grant, Keys, Notice, Options, Said, Ticket, Visit, With};
use media_rtc::link::Credentials;
use runtime::Tasks;
use testkit::livekit::{KEY, LiveKit, SECRET};
use testkit::{Server, postgres, process};
use tokio::time::Instant;

use crate::{house, livekit};

/// Only to end a test that hangs.
const PATIENCE: Duration = Duration::from_secs(60);
const ROOMS: usize = 20;
/// Rooms with a caller before there is a server.
const EARLY: usize = 6;
/// Dispatches of one agent into one room that are made in the same moment, and rooms of which that is so.
const AT_ONCE: usize = 5;
const ASKING: usize = 4;

fn servers(count: usize, rooms: &LiveKit, database: &str) -> Vec<Server> {
    let settings = livekit::settings(rooms);
    let started: Vec<Server> =
        (0..count).map(|_| house::timed(&settings, &["--database-url", database])).collect();
    started.iter().for_each(livekit::registered);
    started
}

/// Somebody in a room of their own, with an agent.
struct Caller {
    visit: Visit,
    room: String,
    /// What the agent has said, as far as it is told, by segments.
    said: BTreeMap<String, String>,
}

impl Caller {
    fn enter(rooms: &LiveKit, room: String, credentials: &Arc<Credentials>, tasks: &Tasks) -> Self {
        let agents = vec![("front-desk".to_owned(), "vip".to_owned())];
        let grant = Grant { room, identity: "ann".to_owned(), agents, ..Grant::default() };
        Self::enter_as(rooms, grant, credentials, tasks)
    }

    fn enter_as(rooms: &LiveKit, grant: Grant, credentials: &Arc<Credentials>, tasks: &Tasks) -> Self {
        let token = keys().join(&grant, SystemTime::now(), Duration::from_secs(600)).expect("a token");
        let options =
            Options { with: With::Agents, listen: ([127, 0, 0, 1], 0).into(), ..Options::default() };
        let ticket = Ticket { url: rooms.url(), token };
        let visit = media_livekit::enter(ticket, credentials, options, tasks);
        Self { visit, room: grant.room, said: BTreeMap::new() }
    }

    async fn write(&self, text: &str) {
        let said = serde_json::to_string(&Said::Text { text: text.to_owned() }).expect("JSON");
        let told = self.visit.peer.commands.send(media_core::LegCommand::Message(said));
        told.await.expect("the caller is in the room");
    }

    /// Waits for what the agent says next that is `wanted`.
    async fn hears(&mut self, what: &str, wanted: impl Fn(&Notice) -> bool) {
        let found = async {
            while let Some(event) = self.visit.peer.events.recv().await {
                let LegEvent::Message(text) = event else { continue };
                let notice: Notice = serde_json::from_str(&text).expect("a notice");
                if let Notice::Agent { segment, more: text } | Notice::AgentDone { segment, heard: text } =
                    &notice
                {
                    self.said.insert(segment.clone(), text.clone());
                }
                if wanted(&notice) {
                    return true;
                }
            }
            false
        };
        let heard = tokio::time::timeout(PATIENCE, found).await;
        assert_eq!(heard, Ok(true), "{}: {what}; heard: {:?}", self.room, self.said);
    }

    async fn answered(&mut self) {
        self.hears("an answer to its end", |notice| matches!(notice, Notice::AgentDone { .. })).await;
    }

    async fn asks(&mut self, text: &str) {
        self.write(text).await;
        self.answered().await;
    }

    /// Waits until the connection that was lost is there again.
    async fn back(&mut self) {
        let mut lost = false;
        let found = async {
            while let Some(event) = self.visit.peer.events.recv().await {
                match event {
                    LegEvent::Lost => lost = true,
                    LegEvent::Active if lost => return true,
                    _ => {}
                }
            }
            false
        };
        let back = tokio::time::timeout(PATIENCE, found).await;
        assert_eq!(back, Ok(true), "{} was lost: {lost}", self.room);
    }

    /// Waits until the agent says that the call was cut off, and how long that took since `since`.
    async fn told_so(&mut self, since: Instant) -> Duration {
        let cut_off =
            |notice: &Notice| matches!(notice, Notice::Agent { more, .. } if more.contains("cut off"));
        self.hears("the agent of another server", cut_off).await;
        since.elapsed()
    }
}

fn keys() -> Keys {
    Keys { key: KEY.to_owned(), secret: Secret::new(SECRET.to_owned()) }
}

/// Asks LiveKit's server.
fn post(command: Result<Command, media_livekit::Error>) -> testkit::http::Reply {
    let asked = command.expect("a request");
    let headers =
        [("authorization", asked.authorization.expose().as_str()), ("content-type", asked.content_type)];
    let (base, path) = asked.url.split_at(asked.url.find("/twirp").expect("its path"));
    let answer = testkit::http::request(base, "POST", path, &headers, asked.body.as_bytes());
    let answer = answer.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer
}

fn sql(database: &str, statement: &str) -> String {
    postgres::sql(database, statement)
}

/// Of each room the data directory of the server that has it.
fn holders(database: &str) -> BTreeMap<String, String> {
    let rows = sql(database, "select room || ' ' || server_id from app.leases");
    rows.lines().filter_map(|row| row.split_once(' ')).map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
}

fn id(server: &Server) -> String {
    let id = std::fs::read_to_string(server.data_dir().join("server-id")).expect("it has one");
    let id: domain::ServerId = id.trim().parse().expect("an id");
    id.as_uuid().to_string()
}

/// Every call is on record with as many turns of the caller.
fn on_record(database: &str, turns: usize, calls: usize) {
    let statement =
        format!("select count(*) from app.sessions where turns = {turns} and checkpoint is not null");
    process::wait_for("the calls on record", PATIENCE, || {
        (sql(database, &statement) == calls.to_string()).then_some(())
    });
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

#[test]
fn when_one_of_three_servers_is_killed_each_of_its_calls_goes_on_on_another() {
    let _quiet = house::quiet();
    let rooms = LiveKit::start();
    let database = postgres::empty();
    let mut servers = servers(3, &rooms, &database);
    let runtime = runtime();
    let tasks = Tasks::new();
    let credentials = Arc::new(Credentials::generate());
    let mut callers: Vec<Caller> = runtime.block_on(async {
        let enter = |n| Caller::enter(&rooms, format!("desk-{n}"), &credentials, &tasks);
        let mut callers: Vec<Caller> = (0..ROOMS).map(enter).collect();
        futures::future::join_all(callers.iter_mut().map(async |caller| {
            caller.answered().await;
            caller.asks("I would like to book a haircut please").await;
            caller.asks("on Tuesday").await;
        }))
        .await;
        callers
    });
    on_record(&database, 2, ROOMS);
    let held = holders(&database);
    assert_eq!(held.len(), ROOMS, "each call has its lease: {held:?}");
    let count = |server: &Server| held.values().filter(|holder| **holder == id(server)).count();
    let most = (0..servers.len()).max_by_key(|at| count(&servers[*at])).expect("three");
    let dead = servers.swap_remove(most);
    let gone = id(&dead);
    let (mut cut, others): (Vec<Caller>, Vec<Caller>) =
        callers.drain(..).partition(|caller| held[&caller.room] == gone);
    assert!(!cut.is_empty());

    process::signal(dead.pid(), "KILL");
    let mut waits = runtime.block_on(async {
        let killed = Instant::now();
        futures::future::join_all(cut.iter_mut().map(|caller| caller.told_so(killed))).await
    });
    waits.sort_unstable();
    println!("{} calls went on after {waits:?}", waits.len());
    let held = holders(&database);
    assert_eq!(held.len(), ROOMS);
    assert!(held.values().all(|holder| *holder != gone), "{held:?}");

    runtime.block_on(async {
        futures::future::join_all(cut.iter_mut().map(async |caller| {
            caller.answered().await;
        }))
        .await;
        callers = cut.into_iter().chain(others).collect();
        futures::future::join_all(callers.iter_mut().map(async |caller| {
            caller.asks("at ten in the morning").await;
            caller.write("goodbye").await;
            caller.answered().await;
        }))
        .await;
    });
    process::wait_for("the calls' end", PATIENCE, || {
        let ended = "select count(*) from app.sessions where end_reason = 'agent_ended'";
        (sql(&database, ended) == ROOMS.to_string()).then_some(())
    });
    assert_eq!(sql(&database, "select count(*) from app.sessions"), ROOMS.to_string(), "no second call");
    process::wait_for("leases that are deleted", PATIENCE, || holders(&database).is_empty().then_some(()));
    runtime.block_on(async { tasks.shutdown().await });
}

#[test]
fn callers_who_were_there_before_any_server_are_each_answered_by_one() {
    let _quiet = house::quiet();
    let rooms = LiveKit::start();
    let (runtime, tasks) = (runtime(), Tasks::new());
    let credentials = Arc::new(Credentials::generate());
    let mut callers: Vec<Caller> = runtime.block_on(async {
        let enter = |n| Caller::enter(&rooms, format!("desk-{n}"), &credentials, &tasks);
        (0..EARLY).map(enter).collect()
    });
    // LiveKit offers each room once, and here to nobody.
    process::wait_for("rooms that nobody took", PATIENCE, || {
        let nobody = "not dispatching agent job since no worker is available";
        (rooms.log().matches(nobody).count() >= EARLY).then_some(())
    });
    let database = postgres::empty();
    let _servers = servers(2, &rooms, &database);
    runtime.block_on(async {
        futures::future::join_all(callers.iter_mut().map(async |caller| {
            caller.answered().await;
        }))
        .await;
    });
    for caller in &mut callers {
        is_answered_once(&runtime, caller);
    }
    assert_eq!(holders(&database).len(), EARLY, "one lease for each room");
    assert_eq!(sql(&database, "select count(*) from app.sessions"), EARLY.to_string(), "no second agent");
    runtime.block_on(async { tasks.shutdown().await });
}

#[test]
fn a_livekit_server_that_is_started_again_brings_no_second_agent() {
    let _quiet = house::quiet();
    let mut rooms = LiveKit::start();
    let database = postgres::empty();
    let _servers = servers(2, &rooms, &database);
    let (runtime, tasks) = (runtime(), Tasks::new());
    let mut caller = settled(&runtime, &rooms, "desk", &tasks);
    rooms.restart();
    runtime.block_on(caller.back());
    is_answered_once(&runtime, &mut caller);
    // As the caller's token does where the caller is back first and makes the room anew.
    let api = Api { url: &rooms.url(), keys: &keys() };
    post(api.ask_for(&Dispatch::of("front-desk", "desk"), SystemTime::now()));
    // As long as it takes to find a room that nobody took, and more.
    runtime.block_on(async { tokio::time::sleep(Duration::from_secs(6)).await });
    is_answered_once(&runtime, &mut caller);
    assert_eq!(sql(&database, "select count(*) from app.sessions"), "1", "the call of before went on");
    // Nor does it once the agent has left and the caller is still there.
    ends_once(&runtime, &mut caller, &database, "one call");
    runtime.block_on(async { tokio::time::sleep(Duration::from_secs(6)).await });
    assert_eq!(
        sql(&database, "select count(*) from app.sessions"),
        "1",
        "nobody is greeted after the goodbye"
    );
    runtime.block_on(async { tasks.shutdown().await });
}

#[test]
fn dispatches_of_one_agent_into_one_room_in_the_same_moment_bring_one_agent() {
    let _quiet = house::quiet();
    let rooms = LiveKit::start();
    let database = postgres::empty();
    let servers = servers(2, &rooms, &database);
    let (runtime, tasks) = (runtime(), Tasks::new());
    let credentials = Arc::new(Credentials::generate());
    let (url, keys) = (rooms.url(), keys());
    let api = Api { url: &url, keys: &keys };
    let mut callers: Vec<Caller> = runtime.block_on(async {
        let enter = |n| {
            // Whom they want is said by others.
            let grant = Grant { room: format!("desk-{n}"), identity: "ann".to_owned(), ..Grant::default() };
            Caller::enter_as(&rooms, grant, &credentials, &tasks)
        };
        (0..ASKING).map(enter).collect()
    });
    process::wait_for("callers in their rooms", PATIENCE, || {
        (rooms.log().matches("participant active").count() == ASKING).then_some(())
    });
    let together = std::sync::Barrier::new(ASKING * AT_ONCE);
    let dispatch = |caller: &Caller| {
        together.wait();
        post(api.ask_for(&Dispatch::of("front-desk", &caller.room), SystemTime::now()));
    };
    std::thread::scope(|scope| {
        for caller in &callers {
            (0..AT_ONCE).for_each(|_| drop(scope.spawn(|| dispatch(caller))));
        }
    });
    runtime.block_on(async {
        futures::future::join_all(callers.iter_mut().map(async |caller| {
            caller.answered().await;
        }))
        .await;
    });
    let one_each = || {
        let log = rooms.log();
        let came = |line: &&str| line.contains("participant active") && line.contains("\"agent-");
        let agents: Vec<&str> = log.lines().filter(came).collect();
        assert_eq!(agents.len(), ASKING, "one agent for each room: {agents:#?}");
        assert_eq!(sql(&database, "select count(*) from app.sessions"), ASKING.to_string(), "no second call");
    };
    one_each();
    // One that was refused, since the first had met nobody yet, is found by servers in as long, and brings nobody either.
    runtime.block_on(async { tokio::time::sleep(Duration::from_secs(6)).await });
    for caller in &mut callers {
        is_answered_once(&runtime, caller);
    }
    one_each();
    let left = |server: &Server| server.log().matches("a room is not entered: the agent is in it").count();
    let left: usize = servers.iter().map(left).sum();
    // One that was refused is offered to the other server as well.
    assert!(left <= ASKING * (AT_ONCE - 1), "it is said once of each that came second: {left}");
    runtime.block_on(async { tasks.shutdown().await });
}

/// One caller who has been answered once.
fn settled(runtime: &tokio::runtime::Runtime, rooms: &LiveKit, room: &str, tasks: &Tasks) -> Caller {
    runtime.block_on(async {
        let credentials = Arc::new(Credentials::generate());
        let mut caller = Caller::enter(rooms, room.to_owned(), &credentials, tasks);
        caller.answered().await;
        caller.asks("I would like to book a haircut please").await;
        caller
    })
}

fn gave_up(server: &Server, why: &str) {
    process::wait_for("a call that is given up", PATIENCE, || {
        server.log().lines().any(|line| line.contains("gives a call up") && line.contains(why)).then_some(())
    });
}

fn is_answered_once(runtime: &tokio::runtime::Runtime, caller: &mut Caller) {
    let said = caller.said.len();
    runtime.block_on(caller.asks("on Tuesday"));
    assert_eq!(caller.said.len(), said + 1, "one answer, by one agent: {:?}", caller.said);
}

/// The caller says goodbye; `other` is what the server that had the call did not do.
fn ends_once(runtime: &tokio::runtime::Runtime, caller: &mut Caller, database: &str, other: &str) {
    runtime.block_on(async {
        caller.write("goodbye").await;
        caller.answered().await;
    });
    process::wait_for("the call's end", PATIENCE, || {
        (sql(database, "select end_reason from app.sessions") == "agent_ended").then_some(())
    });
    let ends = "select count(*) from app.session_events where kind = 'ended'";
    assert_eq!(sql(database, ends), "1", "{other}");
}

#[test]
fn a_server_that_was_frozen_finds_its_call_taken_and_says_nothing_more() {
    let _quiet = house::quiet();
    let rooms = LiveKit::start();
    let database = postgres::empty();
    let servers = servers(2, &rooms, &database);
    let (runtime, tasks) = (runtime(), Tasks::new());
    let mut caller = settled(&runtime, &rooms, "desk", &tasks);
    on_record(&database, 1, 1);
    let holder = holders(&database).remove("desk").expect("it has a lease");
    let frozen = servers.iter().find(|server| id(server) == holder).expect("one of ours");
    process::signal(frozen.pid(), "STOP");
    runtime.block_on(async {
        caller.told_so(Instant::now()).await;
        caller.answered().await;
    });
    process::signal(frozen.pid(), "CONT");
    gave_up(frozen, "");
    is_answered_once(&runtime, &mut caller);
    ends_once(&runtime, &mut caller, &database, "the frozen server ended nothing");
    assert_ne!(sql(&database, "select server_id from app.sessions"), holder);
    runtime.block_on(async { tasks.shutdown().await });
}

#[test]
fn a_room_that_is_left_leaves_no_lease_behind() {
    let _quiet = house::quiet();
    let rooms = LiveKit::start();
    let database = postgres::empty();
    let mut servers = servers(1, &rooms, &database);
    let runtime = runtime();
    let tasks = Tasks::new();
    let caller = settled(&runtime, &rooms, "desk", &tasks);
    assert_eq!(holders(&database).len(), 1);
    drop(caller);
    process::wait_for("a lease that is deleted", PATIENCE, || holders(&database).is_empty().then_some(()));
    let _caller = settled(&runtime, &rooms, "another", &tasks);
    // The second time it does not wait for the call that runs.
    servers[0].terminate();
    process::wait_for("a server that stops", PATIENCE, || {
        servers[0].log().contains("stopping").then_some(())
    });
    servers[0].terminate();
    assert!(servers[0].ended(PATIENCE).is_some(), "{}", servers[0].log());
    assert!(holders(&database).is_empty());
    runtime.block_on(async { tasks.shutdown().await });
}

#[test]
fn while_the_database_is_away_for_all_calls_go_on_where_they_are_and_nobody_takes_them_when_it_is_back() {
    let _quiet = house::quiet();
    let rooms = LiveKit::start();
    // The test's own, which can go away.
    let cluster = postgres::Cluster::start();
    let database = cluster.create(None);
    let name = database.split('?').next().and_then(|url| url.rsplit('/').next()).expect("a name").to_owned();
    let sql = |statement: &str| cluster.sql(&name, statement);
    let servers = servers(2, &rooms, &database);
    let (runtime, tasks) = (runtime(), Tasks::new());
    let mut callers: Vec<Caller> =
        ["desk-1", "desk-2"].map(|room| settled(&runtime, &rooms, room, &tasks)).into();
    process::wait_for("the calls on record", PATIENCE, || {
        let calls = "select count(*) from app.sessions where turns = 1 and checkpoint is not null";
        (sql(calls) == "2").then_some(())
    });
    let leases = || sql("select count(*) from app.leases");
    assert_eq!(leases(), "2", "each call has its lease");

    cluster.kill();
    let held_on = |server: &Server| server.log().matches("the call goes on where it is").count();
    process::wait_for("leases that have run out", PATIENCE, || {
        (servers.iter().map(held_on).sum::<usize>() == 2).then_some(())
    });
    runtime.block_on(async {
        for caller in &mut callers {
            caller.asks("on Tuesday").await;
        }
    });
    cluster.resume();
    let found = |server: &Server| server.log().matches("the call is still this server's").count();
    process::wait_for("servers that find their calls theirs", PATIENCE, || {
        (servers.iter().map(found).sum::<usize>() == 2).then_some(())
    });
    runtime.block_on(async {
        for caller in &mut callers {
            caller.asks("at ten in the morning").await;
            caller.write("goodbye").await;
            caller.answered().await;
        }
    });
    process::wait_for("the calls' end", PATIENCE, || {
        let ended = "select count(*) from app.sessions where end_reason = 'agent_ended' and turns >= 3";
        (sql(ended) == "2").then_some(())
    });
    for caller in &callers {
        assert!(!caller.said.values().any(|text| text.contains("cut off")), "{:?}", caller.said);
    }
    assert!(servers.iter().all(|server| !server.log().contains("gives a call up")), "{}", servers[0].log());
    assert_eq!(sql("select max(fence) from app.sessions"), "0", "nobody took any");
    process::wait_for("leases that are deleted", PATIENCE, || (leases() == "0").then_some(()));
    runtime.block_on(async { tasks.shutdown().await });
}

/// The way of one server to the database, which can be cut: sockets that nothing comes back from any more.
struct Way {
    folder: tempfile::TempDir,
    cut: Arc<std::sync::atomic::AtomicBool>,
    tasks: tokio::runtime::Runtime,
}

impl Way {
    /// To the socket in this folder.
    #[expect(clippy::disallowed_methods, reason = "it ends with the runtime of its test")]
    fn to(folder: &std::path::Path) -> Self {
        let own = tempfile::tempdir().expect("a temporary folder can be made");
        let name = ".s.PGSQL.5432";
        let cut = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let tasks = runtime();
        let (socket, server, is_cut) = (own.path().join(name), folder.join(name), Arc::clone(&cut));
        tasks.spawn(async move {
            let listener = tokio::net::UnixListener::bind(socket).expect("a socket");
            while let Ok((client, _)) = listener.accept().await {
                let (server, is_cut) = (server.clone(), Arc::clone(&is_cut));
                tokio::spawn(async move {
                    let Ok(server) = tokio::net::UnixStream::connect(server).await else { return };
                    let (mut asks, mut hears) = client.into_split();
                    let (mut answers, mut takes) = server.into_split();
                    let there = pass(&mut asks, &mut takes, &is_cut);
                    let back = pass(&mut answers, &mut hears, &is_cut);
                    tokio::join!(there, back);
                });
            }
        });
        Self { folder: own, cut, tasks }
    }

    fn set_cut(&self, cut: bool) {
        self.cut.store(cut, std::sync::atomic::Ordering::Relaxed);
    }
}

/// What is said while the way is cut is lost, and with it the connection.
async fn pass(
    from: &mut (impl tokio::io::AsyncRead + Unpin),
    to: &mut (impl tokio::io::AsyncWrite + Unpin),
    cut: &std::sync::atomic::AtomicBool,
) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        if cut.load(std::sync::atomic::Ordering::Relaxed) || to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}

#[test]
fn a_server_that_alone_has_lost_the_database_is_sent_away_by_the_one_that_takes_its_call() {
    let _quiet = house::quiet();
    let rooms = LiveKit::start();
    let database = postgres::empty();
    let folder = database.split_once("?host=").expect("a folder").1;
    let way = Way::to(std::path::Path::new(folder));
    let its_own = database.replace(folder, way.folder.path().to_str().expect("a plain path"));
    let settings = livekit::settings(&rooms);
    let lonely = house::timed(&settings, &["--database-url", &its_own]);
    livekit::registered(&lonely);
    let (runtime, tasks) = (runtime(), Tasks::new());
    let mut caller = settled(&runtime, &rooms, "desk", &tasks);
    on_record(&database, 1, 1);
    let other = house::timed(&settings, &["--database-url", &database]);
    livekit::registered(&other);
    way.set_cut(true);
    runtime.block_on(async {
        caller.told_so(Instant::now()).await;
        caller.answered().await;
    });
    assert!(!lonely.log().contains("gives a call up"), "it cannot know: {}", lonely.log());
    is_answered_once(&runtime, &mut caller);
    way.set_cut(false);
    ends_once(&runtime, &mut caller, &database, "the one without a database ended nothing");
    assert_eq!(sql(&database, "select fence from app.sessions"), "1");
    runtime.block_on(async { tasks.shutdown().await });
    drop(way.tasks);
}
