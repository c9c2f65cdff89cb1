//! The ordinary course of a call.

use domain::{EndReason, Mark, SessionEvent};
use media_core::LegEvent;
use tokio::time::Instant;

use crate::caller::Caller;
use crate::sim::{GREETING, Setup, Sim, ms, plain, wait};

/// Promise 32: outbound greetings that never reach the callee.
#[tokio::test(start_paused = true)]
async fn the_greeting_is_heard_whole_once_media_flows_and_not_before() {
    let sim = Sim::start(Setup { inactive: true, ..Setup::default() }).await;
    wait(3_000).await;
    assert_eq!(sim.caller.heard(), "");
    let active = Instant::now();
    sim.caller.event(LegEvent::Active).await;
    assert_eq!(sim.agent_turn(1).await, (GREETING.to_owned(), false));
    assert_eq!(sim.caller.heard(), GREETING);
    let first = sim.caller.first_sound_after(active).expect("spoke");
    assert!(first - active < ms(200), "began after {:?}", first - active);
}

/// Promises 1 and 59: parts that do not add up to what the caller feels.
#[tokio::test(start_paused = true)]
async fn the_parts_of_a_timeline_add_up_to_the_silence_the_caller_measured() {
    let sim = Sim::start(plain()).await;
    wait(500).await;
    for n in 0..5_usize {
        sim.caller.say("what are your opening hours").await;
        let (text, _) = sim.agent_turn(n + 1).await;
        assert_eq!(text, "You said what are your opening hours indeed.");
        let timeline = sim.timelines().pop().expect("finished");
        let parts = timeline.latencies().expect("spoken and answered");
        let sum = parts.endpointing + parts.thinking + parts.sentence + parts.synthesis + parts.playout;
        assert_eq!(sum, parts.response);
        let (spoke_from, spoke_to) = {
            let state = sim.caller.state.lock().expect("not poisoned");
            (state.spoke_from.expect("spoke"), state.spoke_to.expect("spoke"))
        };
        let answered = sim.caller.first_sound_after(spoke_to).expect("answered");
        let felt = answered - spoke_to;
        let measured = timeline.at(Mark::AgentStarted).expect("started");
        assert!((sim.started + measured).max(answered) - (sim.started + measured).min(answered) <= ms(20));
        // The detector judges stretches of 32 ms, packets carry 20.
        assert!(felt.abs_diff(parts.response) <= ms(60), "felt {felt:?}, reported {:?}", parts.response);
        assert!(felt < ms(520), "endpointing 200, thinking 80, synthesis 50, recognition hidden: {parts:?}");
        assert!(spoke_to > spoke_from);
        wait(1_000).await;
    }
}

/// Promise 33: first caller words missing from recognition.
#[tokio::test(start_paused = true)]
async fn words_spoken_over_the_greeting_are_heard_and_answered() {
    let sim = Sim::start(Setup::default()).await;
    wait(900).await;
    sim.caller.say("I need an appointment for Monday").await;
    sim.until(5_000, |e| matches!(e, SessionEvent::CallerTurn { .. })).await;
    assert_eq!(sim.caller_turns(), ["I need an appointment for Monday"]);
    let (greeting, interrupted) = sim.agent_turn(1).await;
    assert!(interrupted && GREETING.starts_with(&greeting) && greeting != GREETING, "{greeting:?}");
    assert_eq!(sim.agent_turn(2).await.0, "You said I need an appointment for Monday indeed.");
}

/// Ten seconds at once, which is what transports keep; the recogniser opens meanwhile.
#[tokio::test(start_paused = true)]
async fn what_was_said_before_the_call_is_answered_however_long_ago_and_whatever_comes_first() {
    for quiet_ms in [500, 8_000] {
        for active_first in [true, false] {
            let sim = Sim::start(Setup { inactive: true, ..plain() }).await;
            sim.caller.state.lock().expect("not poisoned").mute = true;
            let earlier = Caller::earlier("what are your opening hours", quiet_ms);
            let events = if active_first { [LegEvent::Active, earlier] } else { [earlier, LegEvent::Active] };
            for event in events {
                sim.caller.event(event).await;
            }
            let (text, _) = sim.agent_turn(1).await;
            assert_eq!(
                text, "You said what are your opening hours indeed.",
                "{quiet_ms} ms, active first: {active_first}"
            );
            assert_eq!(sim.caller_turns(), ["what are your opening hours"]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn hanging_up_ends_the_session_with_what_was_heard() {
    let sim = Sim::start(Setup::default()).await;
    wait(1_200).await;
    sim.caller.event(LegEvent::Closed).await;
    assert_eq!(sim.ended().await, EndReason::CallerLeft);
    let (text, interrupted) = sim.agent_turn(1).await;
    assert!(interrupted && !text.is_empty() && GREETING.starts_with(&text), "{text:?}");
    assert_eq!(sim.directory.counts().taken, 0);
}
