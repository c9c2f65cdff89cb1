//! A worker is offered a room, takes or refuses it, and is told to go.

use std::time::SystemTime;

use media_livekit::dispatch::{Api, Dispatch, Dispatches};
use media_livekit::{Ended, Grant, Load, Offer, Trust, Worker};
use runtime::tasks::Tasks;
use testkit::livekit::LiveKit;
use tokio::sync::{mpsc, watch};

use crate::support::{active, ended, heard_of, keys, options, ticket_with, visit, within};

const FREE: Load = Load { load: 0.0, free: true, draining: false };

fn worker(server: &LiveKit, tasks: &Tasks) -> (mpsc::Receiver<Offer>, watch::Sender<Load>) {
    let (load, watched) = watch::channel(FREE);
    let worker = Worker {
        url: server.url(),
        keys: keys(),
        trust: Trust::default(),
        agent: "front-desk".to_owned(),
        title: "Front desk".to_owned(),
    };
    (worker.start(watched, tasks).expect("an address"), load)
}

fn caller(room: &str, metadata: &str) -> Grant {
    Grant {
        room: room.to_owned(),
        identity: "ann".to_owned(),
        agents: vec![("front-desk".to_owned(), metadata.to_owned())],
        ..Grant::default()
    }
}

/// The room is made until the server offers it: a worker that has just registered is not known to the dispatcher at once.
async fn offered(
    server: &LiveKit,
    offers: &mut mpsc::Receiver<Offer>,
    tasks: &Tasks,
) -> (Offer, media_livekit::Visit) {
    for attempt in 0..10 {
        let caller =
            visit(ticket_with(&server.url(), caller(&format!("desk-{attempt}"), "vip")), options(), tasks);
        let offer = tokio::time::timeout(std::time::Duration::from_secs(5), offers.recv()).await;
        if let Ok(Some(offer)) = offer {
            return (offer, caller);
        }
    }
    unreachable!("no room was offered:\n{}", server.log())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_asks_for_the_agent_gets_it_and_it_hears_the_caller() {
    let server = LiveKit::start();
    let tasks = Tasks::new();
    let (mut offers, _load) = worker(&server, &tasks);
    let (offer, caller) = offered(&server, &mut offers, &tasks).await;
    assert_eq!((offer.agent.as_str(), offer.metadata.as_str()), ("front-desk", "vip"));
    assert!(offer.room.starts_with("desk-"));
    let assigned = within("an assignment", offer.accept()).await.expect("nobody else is there");
    // The caller of this test hears people alone, so that nobody ever says that the agent is heard.
    let patience = media_livekit::Options { heard_within_ms: 200, ..options() };
    let mut agent = visit(assigned.ticket.clone(), patience, &tasks);
    let begun = within("a caller", &mut agent.begun).await.expect("ann is there");
    assert_eq!(begun.caller.identity, "ann");
    active(&mut agent).await;
    let (heard, _) = heard_of(&caller, &mut agent, 0, 25).await;
    assert_eq!(heard.len(), 25);
    drop(caller.peer);
    assert!(matches!(ended(&mut agent).await, Ended::Left));
    assigned.ended(None);
    within("all tasks", tasks.shutdown()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_is_refused_is_offered_to_nobody_else_and_the_next_one_comes() {
    let server = LiveKit::start();
    let tasks = Tasks::new();
    let (mut offers, _load) = worker(&server, &tasks);
    let (first, _caller) = offered(&server, &mut offers, &tasks).await;
    let room = first.room.clone();
    drop(first);
    let (second, _other) = offered(&server, &mut offers, &tasks).await;
    // LiveKit may ask again about the first; either way there is an offer that can be taken.
    let taken = within("an assignment", second.accept()).await;
    assert!(taken.is_some(), "after {room} was refused");
    within("all tasks", tasks.shutdown()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_has_what_it_asks_for_is_done_without_anybody_coming() {
    let server = LiveKit::start();
    let tasks = Tasks::new();
    let (mut offers, _load) = worker(&server, &tasks);
    let (offer, mut caller) = offered(&server, &mut offers, &tasks).await;
    let (url, keys, room) = (server.url(), keys(), offer.room.clone());
    offer.done();
    let taken = async || {
        let asked = Api { url: &url, keys: &keys }.dispatches(&room, SystemTime::now()).expect("a request");
        let headers =
            [("authorization", asked.authorization.expose().as_str()), ("content-type", asked.content_type)];
        let (base, path) = asked.url.split_at(asked.url.find("/twirp").expect("its path"));
        let answer = testkit::http::request(base, "POST", path, &headers, asked.body.as_bytes());
        let listed = serde_json::from_value(answer.expect("an answer").json());
        let Dispatches { agent_dispatches: all } = listed.expect("dispatches");
        all.len() == 1 && all.iter().all(Dispatch::is_taken)
    };
    let settled = async {
        while !taken().await {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    within("a job that is done", settled).await;
    assert!(offers.try_recv().is_err(), "it is not offered again");
    assert!(caller.begun.try_recv().is_err(), "nobody came");
    within("all tasks", tasks.shutdown()).await;
}
