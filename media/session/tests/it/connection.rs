//! Bad networks, lost and changed connections.

use std::time::Duration;

use bytes::Bytes;
use domain::{EndReason, SessionEvent, TurnId};
use media_core::{Codec, Delivery, LegEvent, Packet};
use media_session::{Directory, Resumed};

use crate::caller::Caller;
use crate::dialogue::{Told, say};
use crate::net::Net;
use crate::sim::{GREETING, Setup, Sim, ms, plain, wait};

const STORY: &str =
    "Our opening hours are nine to five on weekdays. On Saturdays we open at ten and close at two.";

/// 10 % loss, 60 ms of jitter, reordering, duplicates: the caller is still understood and answered.
#[tokio::test(start_paused = true)]
async fn a_bad_network_does_not_keep_the_caller_from_being_answered() {
    for seed in 1..=5 {
        let net = Net { loss: 0.1, jitter: ms(60), delay: ms(40), duplicate: 0.05 };
        let sim = Sim::start(Setup { seed, net, ..plain() }).await;
        wait(500).await;
        for n in 1..=4 {
            sim.caller.say("what are your opening hours please").await;
            sim.agent_turn(n).await;
            wait(1_500).await;
        }
        let turns = sim.caller_turns();
        assert_eq!(turns.len(), 4, "seed {seed}: {turns:?}");
        let words: usize = turns.iter().map(|t| t.split(' ').count()).sum();
        assert!(words >= 20, "seed {seed}: most of 24 words survive: {turns:?}");
    }
}

/// Promise 47: a connection that resumes to an agent that never speaks again.
#[tokio::test(start_paused = true)]
async fn a_lost_connection_that_comes_back_goes_on_in_mid_sentence() {
    let mut setup = plain();
    setup.replies = vec![vec![say(STORY)]];
    let sim = Sim::listening(setup, "when are you open", 2_500).await;
    sim.caller.event(LegEvent::Lost).await;
    wait(8_000).await;
    assert!(sim.saw(|e| matches!(e, SessionEvent::Detached)));
    assert!(!sim.handle.status().connected);
    let (again, leg) = Caller::connect(&sim.tasks, Net::default(), 9);
    sim.handle.attach(leg).await.expect("alive");
    again.event(LegEvent::Active).await;
    assert_eq!(sim.agent_turn(1).await, (STORY.to_owned(), false));
    assert!(sim.saw(|e| matches!(e, SessionEvent::Reattached { gap, after_crash: false, .. } if *gap >= Duration::from_secs(8))));
    let whole = format!("{} {}", sim.caller.heard(), again.heard());
    let (whole, story): (Vec<_>, Vec<_>) = (whole.split(' ').collect(), STORY.split(' ').collect());
    // The word in which it broke may sound on both sides of the gap.
    let mut once = whole.clone();
    once.dedup();
    assert_eq!(once, story, "nothing repeated, nothing lost");
    again.say("and on Sundays").await;
    assert_eq!(sim.agent_turn(2).await.0, "You said and on Sundays indeed.");
    assert!(sim.caller.state.lock().expect("not poisoned").closed.is_some(), "the lost leg was hung up");
    let detached = sim.events().iter().filter(|e| matches!(e, SessionEvent::Detached)).count();
    assert_eq!(detached, 1, "lost and replaced, it was gone once");
    let greeted = sim.dialogue.told().iter().filter(|t| matches!(t, Told::Greet(_))).count();
    assert_eq!(greeted, 1, "the same conversation");
}

/// The server died, and another takes the call up: its turns go on where they were, and observers see a return and no second beginning.
#[tokio::test(start_paused = true)]
async fn a_call_taken_up_by_another_server_goes_on_with_its_turns() {
    let resumed = Some(Resumed { turn: TurnId(7), gap: ms(4_000), greeted: true });
    let sim = Sim::start(Setup { resumed, ..Setup::default() }).await;
    assert_eq!(sim.agent_turn(1).await.0, GREETING);
    assert!(!sim.saw(|e| matches!(e, SessionEvent::Greeted { .. })), "it was greeted there");
    sim.caller.say("and on Sundays").await;
    sim.agent_turn(2).await;
    let back = |e: &SessionEvent| matches!(e, SessionEvent::Reattached { gap, transport, after_crash: true } if *gap == ms(4_000) && !transport.is_empty());
    assert!(sim.saw(back));
    assert!(!sim.saw(|e| matches!(e, SessionEvent::Started)));
    let turns: Vec<u32> = sim
        .events()
        .iter()
        .filter_map(|e| if let SessionEvent::AgentTurn { turn, .. } = e { Some(turn.0) } else { None })
        .collect();
    assert_eq!(turns, [7, 8]);
}

/// The server died before its caller had heard anything.
#[tokio::test(start_paused = true)]
async fn a_caller_who_was_greeted_by_no_session_before_is_greeted_by_this_one() {
    let resumed = Some(Resumed { turn: TurnId(1), gap: ms(4_000), greeted: false });
    let sim = Sim::start(Setup { resumed, ..Setup::default() }).await;
    assert_eq!(sim.agent_turn(1).await.0, GREETING);
    assert!(sim.saw(|e| matches!(e, SessionEvent::Greeted { .. })));
}

/// As after a change of network: the transport sets up a new connection in the place of the one that broke.
#[tokio::test(start_paused = true)]
async fn a_lost_connection_that_comes_back_on_the_same_leg_goes_on() {
    let mut setup = Setup { announces_ready: true, ..plain() };
    setup.replies = vec![vec![say(STORY)]];
    let sim = Sim::start(setup).await;
    sim.caller.event(LegEvent::Message("ready".to_owned())).await;
    wait(300).await;
    sim.caller.say("when are you open").await;
    sim.until(3_000, |e| matches!(e, SessionEvent::AgentSaying { .. })).await;
    wait(2_000).await;
    for _ in 0..2 {
        sim.caller.event(LegEvent::Lost).await;
    }
    wait(8_000).await;
    assert!(!sim.handle.status().connected);
    assert_eq!(sim.caller.state.lock().expect("not poisoned").closed, None, "its transport was hung up");
    sim.caller.event(LegEvent::Active).await;
    wait(100).await;
    assert!(sim.handle.status().connected);
    assert_eq!(sim.agent_turn(1).await, (STORY.to_owned(), false));
    sim.caller.say("and on Sundays").await;
    assert_eq!(sim.agent_turn(2).await.0, "You said and on Sundays indeed.");
    let gaps = sim.events().into_iter().filter_map(|event| match event {
        SessionEvent::Detached => Some(None),
        SessionEvent::Reattached { gap, .. } => Some(Some(gap.as_secs())),
        _ => None,
    });
    assert_eq!(gaps.collect::<Vec<_>>(), [None, Some(8)]);
    let started = sim.events().iter().filter(|e| matches!(e, SessionEvent::Started)).count();
    assert_eq!(started, 1, "the same conversation");
}

/// A transport that waited in vain, or never does, closes its channel some time after the loss.
#[tokio::test(start_paused = true)]
async fn a_lost_leg_whose_transport_gives_up_is_detached_once_and_another_may_come() {
    let tasks = runtime::tasks::Tasks::new();
    let sim = Sim::start(Setup::default()).await;
    wait(500).await;
    let (moved, leg) = Caller::connect(&tasks, Net::default(), 2);
    sim.handle.attach(leg).await.expect("alive");
    moved.event(LegEvent::Active).await;
    wait(500).await;
    let detached = || sim.events().iter().filter(|e| matches!(e, SessionEvent::Detached)).count();
    let before = detached();
    moved.event(LegEvent::Lost).await;
    wait(5_000).await;
    tasks.shutdown().await;
    drop(moved);
    wait(5_000).await;
    assert_eq!((detached() - before, sim.handle.status().ended), (1, None));
    let (again, leg) = Caller::connect(&sim.tasks, Net::default(), 9);
    sim.handle.attach(leg).await.expect("alive");
    again.event(LegEvent::Active).await;
    assert_eq!(sim.agent_turn(1).await, (GREETING.to_owned(), false));
    assert_eq!(detached() - before, 1);
}

/// One timeline for ever: a peer that sees numbers jump back drops what comes.
#[tokio::test(start_paused = true)]
async fn packets_go_on_counting_over_a_change_of_leg() {
    let sim = Sim::start(Setup::default()).await;
    wait(1_000).await;
    let (again, leg) = Caller::connect(&sim.tasks, Net::default(), 9);
    sim.handle.attach(leg).await.expect("alive");
    again.event(LegEvent::Active).await;
    sim.agent_turn(1).await;
    let before =
        sim.caller.state.lock().expect("not poisoned").received.last().expect("spoke").packet.clone();
    let after = again.state.lock().expect("not poisoned").received.first().expect("goes on").packet.clone();
    assert_eq!(after.sequence, before.sequence.wrapping_add(1));
    let step = after.timestamp.wrapping_sub(before.timestamp);
    assert!((320..16_000).contains(&step), "{step}");
    assert!(sim.caller.state.lock().expect("not poisoned").closed.is_some(), "the old leg was hung up");
}

#[tokio::test(start_paused = true)]
async fn a_leg_of_another_codec_takes_over() {
    let sim = Sim::start(Setup::default()).await;
    wait(1_000).await;
    let (again, mut leg) = Caller::connect(&sim.tasks, Net::default(), 9);
    leg.codec = Codec::Pcmu;
    sim.handle.attach(leg).await.expect("alive");
    again.event(LegEvent::Active).await;
    assert_eq!(sim.agent_turn(1).await, (GREETING.to_owned(), false));
    let state = again.state.lock().expect("not poisoned");
    let packet = &state.received.first().expect("goes on").packet;
    assert_eq!((packet.codec, packet.payload.len()), (Codec::Pcmu, 160));
}

/// Somebody listens behind a gateway that sends comfort noise for silence, or presses keys alone.
#[tokio::test(start_paused = true)]
async fn a_caller_of_whom_packets_without_sound_come_is_there() {
    let sim = Sim::start(Setup { net: Net { loss: 1.0, ..Net::default() }, ..plain() }).await;
    wait(1_000).await;
    assert!(!sim.handle.status().heard, "all that was sent is lost");
    let at = tokio::time::Instant::now().into_std();
    let (codec, payload) = (Codec::Pcmu, Bytes::new());
    let packet = Packet { codec, sequence: 1, timestamp: 160, marker: false, payload, at };
    sim.caller.event(LegEvent::Packet(packet)).await;
    wait(40).await;
    assert!(sim.handle.status().heard);
}

/// Promise 24: a peer that stops without goodbye keeps everything for ever.
#[tokio::test(start_paused = true)]
async fn a_caller_who_vanishes_is_waited_for_and_then_let_go() {
    let directory = Directory::new(1);
    let sim = Sim::start_in(&directory, runtime::tasks::Tasks::new(), Setup::default()).await;
    wait(1_000).await;
    sim.caller.event(LegEvent::Lost).await;
    wait(29_000).await;
    assert_eq!(sim.handle.status().ended, None);
    assert_eq!(sim.ended().await, EndReason::ConnectionLost);
    wait(10).await;
    assert_eq!(directory.counts().taken, 0);
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_is_dropped_is_a_lost_connection() {
    let tasks = runtime::tasks::Tasks::new();
    let sim = Sim::start_in(&Directory::new(1), tasks.child(), Setup::default()).await;
    wait(500).await;
    let (_, mut leg) = Caller::connect(&tasks.child(), Net::default(), 2);
    leg.transport = "gone"; // its tasks ended with their owner
    sim.handle.attach(leg).await.expect("alive");
    sim.until(500, |e| matches!(e, SessionEvent::Detached)).await;
    assert_eq!(sim.ended().await, EndReason::ConnectionLost);
}

/// The widget says when it can play: not a word before.
#[tokio::test(start_paused = true)]
async fn a_client_that_announces_itself_is_greeted_when_it_is_ready() {
    let sim = Sim::start(Setup { announces_ready: true, ..Setup::default() }).await;
    wait(1_000).await;
    assert_eq!(sim.caller.heard(), "");
    sim.caller.event(LegEvent::Message("ready".to_owned())).await;
    sim.agent_turn(1).await;
    assert_eq!(sim.caller.heard(), GREETING);
    let messages = sim.caller.state.lock().expect("not poisoned").messages.clone();
    assert_eq!(messages[0], "welcome");
    assert_eq!(messages[1], "saying Hello this is the front desk.");
}

/// Promise 33: the first words come before the client has said that it is ready, over a socket that is held up.
#[tokio::test(start_paused = true)]
async fn first_words_over_a_socket_that_is_held_up_are_not_cut_apart() {
    let sim = Sim::start(Setup { announces_ready: true, delivery: Delivery::Stream, ..plain() }).await;
    wait(200).await;
    let length = sim.caller.begin("I need an appointment for Monday");
    wait(450).await;
    sim.caller.hold_up(260);
    tokio::time::sleep(length - ms(500)).await;
    sim.caller.event(LegEvent::Message("ready".to_owned())).await;
    sim.until(3_000, |e| matches!(e, SessionEvent::CallerTurn { .. })).await;
    assert_eq!(sim.caller_turns(), ["I need an appointment for Monday"]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_forgets_to_announce_itself_is_greeted_all_the_same() {
    let sim = Sim::start(Setup { announces_ready: true, ..Setup::default() }).await;
    let first = sim.agent_turn(1).await;
    assert_eq!(first.0, GREETING);
    let heard = sim.caller.first_sound_after(sim.started).expect("greeted");
    assert!((ms(2_000)..ms(2_300)).contains(&(heard - sim.started)), "{:?}", heard - sim.started);
}

/// Promise 36: a line without any packet from the caller.
#[tokio::test(start_paused = true)]
async fn a_caller_who_sends_no_packet_at_all_is_greeted_and_asked() {
    let sim = Sim::start(Setup::default()).await;
    sim.caller.state.lock().expect("not poisoned").mute = true;
    sim.agent_turn(1).await;
    assert_eq!(sim.agent_turn(2).await.0, "Are you still there?");
}

/// A thousand silent sockets: a place is not kept for a connection that carries nothing.
#[tokio::test(start_paused = true)]
async fn a_connection_that_never_carries_media_gives_its_place_back() {
    for lost_too in [false, true] {
        let sim = Sim::start(Setup { inactive: true, ..Setup::default() }).await;
        if lost_too {
            wait(15_000).await;
            sim.caller.event(LegEvent::Lost).await;
        }
        assert_eq!(sim.ended().await, EndReason::ConnectionLost);
        assert!(sim.started.elapsed() <= Duration::from_secs(31), "{:?}", sim.started.elapsed());
        wait(10).await;
        assert_eq!(sim.directory.counts().taken, 0);
    }
}

/// Sockets that are closed, or refused, before a word: the line is free again at once, nearly.
#[tokio::test(start_paused = true)]
async fn a_transport_that_is_gone_before_it_carried_media_gives_its_place_back_soon() {
    let tasks = runtime::tasks::Tasks::new();
    let sim = Sim::start_in(
        &Directory::new(1),
        tasks.child(),
        Setup { inactive: true, announces_ready: true, ..Setup::default() },
    )
    .await;
    wait(500).await;
    let (_, leg) = Caller::connect(&tasks.child(), Net::default(), 2);
    sim.handle.attach(leg).await.expect("alive");
    assert_eq!(sim.ended().await, EndReason::ConnectionLost);
    assert!(sim.started.elapsed() <= Duration::from_secs(4), "{:?}", sim.started.elapsed());
}

/// The path of a browser: Opus both ways, with the losses of a network.
#[tokio::test(start_paused = true)]
async fn words_survive_opus_both_ways() {
    let net = Net { loss: 0.02, jitter: ms(25), delay: ms(30), ..Net::default() };
    let sim = Sim::start(Setup { codec: Codec::Opus, net, ..Setup::default() }).await;
    assert_eq!(sim.agent_turn(1).await, (GREETING.to_owned(), false));
    wait(800).await;
    sim.caller.say("when do you open on Mondays?").await;
    let (text, _) = sim.agent_turn(2).await;
    let (greeting, answer) = (GREETING.split(' ').count(), text.split(' ').count());
    let heard = sim.caller.heard();
    assert!(heard.split(' ').count().abs_diff(greeting + answer) <= 2, "{heard:?}");
    assert!(text.contains("open on"), "{text:?}");
}
