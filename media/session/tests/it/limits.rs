//! What must not grow, leak, or stop the others.

use std::time::Duration;

use domain::{EndReason, SessionEvent};
use media_core::LegEvent;
use media_session::Directory;
use providers_fake::Fault;
use runtime::tasks::Tasks;
use tokio::time::Instant;

use crate::dialogue::say;
use crate::net::{Net, Rng};
use crate::sim::{Setup, Sim, ms, plain, wait};

fn live(kind: &str) -> usize {
    runtime::tasks::live().get(kind).copied().unwrap_or(0)
}

/// Promises 19 to 24: what is left of a call after it ended, however it ended.
#[tokio::test(start_paused = true)]
async fn five_hundred_calls_leave_nothing_behind_though_a_third_end_badly() {
    let directory = Directory::new(40);
    let mut rng = Rng::new(11);
    let mut ends = Vec::new();
    for batch in 0..25_u64 {
        let mut sims = Vec::new();
        for n in 0..20 {
            let mut setup = Setup { seed: batch * 20 + n, ..Setup::default() };
            setup.options.reattach_s = 2;
            setup.tts.always = if rng.unit() < 0.1 { Fault::Hang } else { Fault::None };
            sims.push(Sim::start_in(&directory, Tasks::new(), setup).await);
        }
        for (n, sim) in sims.iter().enumerate() {
            wait(rng.next() % 200).await;
            match n % 6 {
                0 | 1 => assert!(sim.caller.event(LegEvent::Closed).await),
                2 => assert!(sim.caller.event(LegEvent::Lost).await),
                3 | 4 => sim.handle.end(EndReason::AgentEnded).await.expect("alive"),
                _ => sim.tasks.cancel(),
            }
        }
        wait(3_000).await;
        for sim in &sims {
            ends.push(sim.handle.status().ended.expect("ended and said why"));
        }
    }
    assert_eq!(ends.len(), 500);
    assert!(ends.contains(&EndReason::ConnectionLost) && ends.contains(&EndReason::CallerLeft));
    assert_eq!(directory.counts().taken, 0);
    // Other tests run in the same process, on their own runtimes, with at most a few sessions each: so this test
    // counts its own.
    assert!(directory.handles().is_empty());
}

/// Dropping the owner is the end of everything it owns.
#[tokio::test(start_paused = true)]
async fn the_end_of_the_owner_ends_its_sessions() {
    let directory = Directory::new(1);
    let sim = Sim::start_in(&directory, Tasks::new(), Setup::default()).await;
    wait(500).await;
    let handle = sim.handle.clone();
    sim.tasks.shutdown().await;
    assert_eq!(sim.tasks.len(), 0);
    assert_eq!(handle.status().ended, Some(EndReason::ServerStopping));
    assert_eq!(directory.counts().taken, 0);
}

/// Promise 56: a stop that drops live calls.
#[tokio::test(start_paused = true)]
async fn a_draining_server_lets_calls_finish_and_tells_the_rest_goodbye() {
    let directory = Directory::new(3);
    let short = Sim::start_in(&directory, Tasks::new(), Setup::default()).await;
    let long = Sim::start_in(&directory, Tasks::new(), Setup::default()).await;
    wait(1_000).await;
    let begun = Instant::now();
    let (drained, ()) =
        tokio::join!(directory.drain(Duration::from_secs(10), Duration::from_secs(5)), async {
            wait(2_000).await;
            assert!(directory.reserve().is_err(), "no new calls");
            short.caller.event(LegEvent::Closed).await;
        });
    assert!(!drained);
    assert!(begun.elapsed() < Duration::from_secs(13), "{:?}", begun.elapsed());
    assert_eq!(short.ended().await, EndReason::CallerLeft);
    assert_eq!(long.ended().await, EndReason::ServerStopping);
    assert!(long.caller.heard().ends_with("Goodbye then."), "{:?}", long.caller.heard());
    assert_eq!(directory.counts().taken, 0);
}

/// Promise 8: output that piles up, and answers that come later and later.
#[tokio::test(start_paused = true)]
async fn a_call_of_ten_minutes_answers_as_fast_at_its_end_as_at_its_beginning() {
    let net = Net { jitter: ms(20), delay: ms(30), ..Net::default() };
    let sim = Sim::start(Setup { net, ..plain() }).await;
    wait(500).await;
    let mut responses = Vec::new();
    let mut n = 0;
    while sim.started.elapsed() < Duration::from_secs(600) {
        n += 1;
        sim.caller.say("tell me something about it").await;
        sim.agent_turn(n).await;
        let spoke_to = sim.caller.state.lock().expect("not poisoned").spoke_to.expect("spoke");
        responses.push(sim.caller.first_sound_after(spoke_to).expect("answered") - spoke_to);
        wait(1_500).await;
    }
    let (first, last) = (responses[1], *responses.last().expect("many"));
    assert!(last <= first + ms(60), "{first:?} grew to {last:?} over {n} turns");
    assert!(responses.iter().all(|r| *r < ms(700)), "{:?}", responses.iter().max());
    assert_eq!(sim.timelines().len(), n);
}

/// A client that does not read costs its own audio, not our memory, and nobody waits for it.
#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_stops_nobody() {
    let tasks = Tasks::new();
    let sim = Sim::start(plain()).await;
    let (_events, leg_events) = tokio::sync::mpsc::channel(8);
    let (commands, full) = tokio::sync::mpsc::channel(8);
    let leg = media_session::Leg {
        transport: "deaf",
        delivery: media_core::Delivery::Datagrams,
        codec: media_core::Codec::Pcmu,
        events: leg_events,
        commands,
        refer: None,
        keypad: None,
    };
    sim.handle.attach(leg).await.expect("alive");
    _events.send(LegEvent::Active).await.expect("taken");
    for n in 1..=3 {
        sim.handle.text(format!("question {n}")).await.expect("alive");
        assert_eq!(sim.agent_turn(n).await.0, format!("You said question {n} indeed."));
    }
    assert_eq!(full.len(), 8);
    drop(tasks);
}

/// A client that floods its connection with packets and messages delays neither its own deadlines nor commands.
#[tokio::test(start_paused = true)]
async fn a_flood_of_packets_does_not_keep_a_call_from_its_deadlines() {
    let sim = Sim::start(Setup::default()).await;
    let flood = sim.caller.clone();
    let sent = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&sent);
    sim.tasks.spawn(runtime::tasks::Kind::new("test.flood"), async move {
        while flood.event(LegEvent::Message("nonsense".to_owned())).await {
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    });
    wait(3_000).await;
    assert!(sim.handle.text("hello".to_owned()).await.is_ok());
    sim.until(100, |e| matches!(e, SessionEvent::CallerTurn { .. })).await;
    let sent = sent.load(std::sync::atomic::Ordering::Relaxed);
    assert!(sent < 64 * 200 + 2_000, "{sent} messages in 3 s");
    sim.handle.end(EndReason::AgentEnded).await.expect("alive");
    assert_eq!(sim.ended().await, EndReason::AgentEnded);
}

/// Text comes faster than it can be spoken: no more audio is made ahead than is needed.
#[tokio::test(start_paused = true)]
async fn a_very_long_reply_is_not_rendered_ahead_of_its_hearing() {
    let mut setup = plain();
    setup.tts.speed = 1_000.0;
    let story = "This is a sentence of ordinary length that somebody has to listen to. ".repeat(60);
    setup.replies = vec![vec![say(&story)]];
    let sim = Sim::listening(setup, "tell me a story", 5_000).await;
    sim.caller.say("stop stop that is enough now").await;
    let (text, interrupted) = sim.agent_turn(1).await;
    assert!(interrupted && text.len() < 200, "{text:?}");
}

/// Promise 59 and replay: the log holds every input, and the same inputs decide the same.
#[tokio::test(start_paused = true)]
async fn the_flight_log_of_a_call_replays_to_the_same_decisions() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let flight: Box<dyn std::io::Write + Send> = Box::new(file.reopen().expect("opens"));
    let sim = Sim::start(Setup { flight: Some(flight), ..Setup::default() }).await;
    wait(1_000).await;
    sim.caller.say("mhm").await;
    sim.agent_turn(1).await;
    sim.caller.say("what are your opening hours").await;
    wait(2_500).await;
    sim.caller.say("no stop I want something else").await;
    sim.agent_turn(3).await;
    sim.caller.event(LegEvent::Closed).await;
    sim.ended().await;
    wait(2_500).await;
    let log = std::fs::read(file.path()).expect("written");
    let reader = || media_flight::Reader::new(log.as_slice()).expect("a header");
    let options = reader().header().options.clone();
    let before = media_flight::replay::recorded(reader()).expect("every line can be read");
    let after = media_flight::replay(reader(), options).expect("every line can be read");
    assert!(before.len() > 20, "{before:#?}");
    let differences = media_flight::diff(&before, &after);
    assert!(differences.is_empty(), "{differences:#?}");
    let ended = |r: &Result<media_flight::Record, _>| {
        matches!(r, Ok(media_flight::Record::Event(_, SessionEvent::Ended { .. })))
    };
    assert!(reader().any(|r| ended(&r)), "the log has its end");
}

#[tokio::test(start_paused = true)]
async fn sessions_are_counted_as_tasks_while_they_live() {
    let sim = Sim::start(Setup::default()).await;
    wait(100).await;
    assert!(live("session") >= 1);
    assert_eq!(sim.directory.get(sim.handle.id()).map(|h| h.id()), Some(sim.handle.id()));
    assert!(sim.directory.reserve().is_err(), "the only slot is taken");
}
