//! Two participants in a room: who is heard, who leaves, and what a server that forgets everything does to them.

use media_core::LegEvent;
use media_livekit::{Ended, Grant, Keys, Options};
use runtime::tasks::Tasks;
use testkit::livekit::LiveKit;

use crate::support::{
    active, ended, heard_of, keys, number_of, options, ticket, ticket_with, until, visit, within,
};

#[tokio::test(flavor = "multi_thread")]
async fn two_participants_hear_each_other_and_the_one_who_stays_sees_the_other_leave() {
    let server = LiveKit::start();
    let tasks = Tasks::new();
    let mut ann = visit(ticket(&server.url(), "desk", "ann"), options(), &tasks);
    let attributes = [("sip.phoneNumber".to_owned(), "+15550100".to_owned())].into();
    let grant = Grant { room: "desk".to_owned(), identity: "bob".to_owned(), attributes, ..Grant::default() };
    let mut bob = visit(ticket_with(&server.url(), grant), options(), &tasks);
    let begun = within("a caller", &mut ann.begun).await.expect("bob came");
    assert_eq!((begun.room.as_str(), begun.caller.identity.as_str()), ("desk", "bob"));
    assert_eq!(begun.caller.attributes["sip.phoneNumber"], "+15550100");
    active(&mut ann).await;
    active(&mut bob).await;
    let (heard, _) = heard_of(&ann, &mut bob, 0, 25).await;
    let numbers: Vec<_> = heard.iter().map(number_of).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] > pair[0]), "in order: {numbers:?}");
    let steps = heard.windows(2).filter(|pair| pair[1].sequence == pair[0].sequence.wrapping_add(1)).count();
    assert_eq!(steps, 24, "the numbering of the wire is kept");
    let (back, _) = heard_of(&bob, &mut ann, 0, 25).await;
    assert_eq!(back.len(), 25);
    drop(bob.peer);
    assert!(matches!(within("an end", &mut bob.ended).await, Ok(Ended::Dropped)));
    until(&mut ann, |event| *event == LegEvent::Closed).await;
    assert!(matches!(ended(&mut ann).await, Ended::Left));
    within("all tasks", tasks.shutdown()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_killed_and_started_again_loses_no_conversation() {
    let mut server = LiveKit::start();
    let tasks = Tasks::new();
    let mut ann = visit(ticket(&server.url(), "desk", "ann"), options(), &tasks);
    let mut bob = visit(ticket(&server.url(), "desk", "bob"), options(), &tasks);
    active(&mut ann).await;
    active(&mut bob).await;
    let (_, said) = heard_of(&ann, &mut bob, 0, 10).await;
    server.restart();
    until(&mut bob, |event| *event == LegEvent::Lost).await;
    active(&mut bob).await;
    active(&mut ann).await;
    let (heard, _) = heard_of(&ann, &mut bob, said, 10).await;
    assert!(heard.iter().all(|packet| number_of(packet) >= said));
    within("all tasks", tasks.shutdown()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_room_is_left_in_time_and_a_wrong_key_is_said_to_be_one() {
    let server = LiveKit::start();
    let tasks = Tasks::new();
    let patience = Options { caller_within_ms: 500, ..options() };
    let mut alone = visit(ticket(&server.url(), "empty", "ann"), patience, &tasks);
    assert!(matches!(ended(&mut alone).await, Ended::Nobody));
    assert!(within("no caller", &mut alone.begun).await.is_err());
    let stranger =
        Keys { secret: domain::Secret::new("another secret of the same length".to_owned()), ..keys() };
    let grant = Grant { room: "desk".to_owned(), identity: "eve".to_owned(), ..Grant::default() };
    let token = stranger.join(&grant, std::time::SystemTime::now(), crate::support::HOUR).expect("a token");
    let wrong = media_livekit::Ticket { url: server.url(), token };
    let mut refused = visit(wrong, options(), &tasks);
    let Ended::Failed(error) = ended(&mut refused).await else { unreachable!("it was let in") };
    assert_eq!(error.failure().code.0, "LIVEKIT_REFUSED");
    within("all tasks", tasks.shutdown()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_was_lost_is_not_entered_while_somebody_else_may_have_ones_place() {
    let mut server = LiveKit::start();
    let tasks = Tasks::new();
    let guarded = options();
    let door = guarded.door.clone();
    let mut ann = visit(ticket(&server.url(), "desk", "ann"), guarded, &tasks);
    let mut bob = visit(ticket(&server.url(), "desk", "bob"), options(), &tasks);
    active(&mut ann).await;
    active(&mut bob).await;
    door.shut(true);
    server.restart();
    until(&mut ann, |event| *event == LegEvent::Lost).await;
    until(&mut bob, |event| *event == LegEvent::Lost).await;
    // Bob is back long before, and alone: nobody would hear him.
    let early = tokio::time::timeout(std::time::Duration::from_secs(4), active(&mut bob)).await;
    assert!(early.is_err(), "ann is not there");
    door.shut(false);
    active(&mut ann).await;
    active(&mut bob).await;
    within("all tasks", tasks.shutdown()).await;
}
