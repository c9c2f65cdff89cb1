//! Silence, goodbyes, typed text and keys.

use std::time::Duration;

use domain::{EndReason, SessionEvent};
use media_core::{LegEvent, Signal};
use media_session::Said;
use tokio::time::Instant;

use crate::dialogue::{Step, Told, say};
use crate::sim::{GREETING, Setup, Sim, ms, plain, wait};

/// Two nudges, then a polite end; never a dead line.
#[tokio::test(start_paused = true)]
async fn a_silent_caller_is_asked_twice_and_then_told_goodbye() {
    let sim = Sim::start(Setup::default()).await;
    assert_eq!(sim.ended().await, EndReason::CallerSilent);
    let heard = format!("{GREETING} Are you still there? Are you still there? Goodbye then.");
    assert_eq!(sim.caller.heard(), heard);
    let told = sim.dialogue.told();
    assert!(
        told.contains(&Told::Nudge(1)) && told.contains(&Told::Nudge(2)) && !told.contains(&Told::Nudge(3))
    );
}

/// Promise 39: an end that is never executed; and its reverse, a goodbye that is cut off.
#[tokio::test(start_paused = true)]
async fn the_call_ends_after_the_last_word_of_the_goodbye_was_heard() {
    let mut setup = plain();
    let goodbye = "Thank you for calling and have a wonderful day.";
    setup.replies = vec![vec![say(goodbye), Step::Say(Said::End(EndReason::AgentEnded)), say("Not this.")]];
    let sim = Sim::start(setup).await;
    wait(300).await;
    sim.caller.say("that is all goodbye").await;
    assert_eq!(sim.ended().await, EndReason::AgentEnded);
    wait(20).await;
    assert_eq!(sim.caller.heard(), goodbye);
    let closed = sim.caller.state.lock().expect("not poisoned").closed.expect("hung up");
    let after = closed - sim.caller.last_sound().expect("spoke");
    assert!((ms(300)..ms(700)).contains(&after), "what is on its way is still heard: {after:?}");
    assert!(matches!(sim.events().last(), Some(SessionEvent::Ended { reason: EndReason::AgentEnded })));
}

/// How a phone call was hung up stands in its record, too.
#[tokio::test(start_paused = true)]
async fn what_the_signalling_says_at_the_end_is_of_the_call_and_a_phone_that_stays_silent_holds_up_nothing() {
    let signal =
        |sent, what: &str| LegEvent::Signal(Signal { sent, what: what.to_owned(), text: what.to_owned() });
    let mut setup = plain();
    setup.replies = vec![vec![Step::Say(Said::End(EndReason::AgentEnded))]];
    let sim = Sim::start(setup).await;
    sim.caller.event(signal(false, "INVITE")).await;
    wait(300).await;
    sim.caller.say("goodbye").await;
    let closed = loop {
        wait(1).await;
        let closed = sim.caller.state.lock().expect("not poisoned").closed;
        if let Some(closed) = closed {
            break closed;
        }
    };
    sim.caller.event(signal(true, "BYE")).await;
    wait(100).await;
    sim.caller.event(signal(false, "200 OK")).await;
    assert_eq!(sim.ended().await, EndReason::AgentEnded);
    let waited = Instant::now() - closed;
    assert!((ms(900)..ms(1_200)).contains(&waited), "its leg is still open: {waited:?}");
    let events = sim.events();
    let told = events.iter().filter_map(|event| match event {
        SessionEvent::Noted { value, .. } => value["what"].as_str(),
        SessionEvent::Ended { .. } => Some("the end"),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), ["INVITE", "BYE", "200 OK", "the end"]);
}

#[tokio::test(start_paused = true)]
async fn an_end_without_a_word_ends_the_call() {
    let mut setup = plain();
    setup.replies = vec![vec![Step::Say(Said::End(EndReason::AgentEnded))]];
    let sim = Sim::start(setup).await;
    wait(300).await;
    sim.caller.say("goodbye").await;
    assert_eq!(sim.ended().await, EndReason::AgentEnded);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_asks_for_a_moment_gets_it() {
    let mut setup = plain();
    setup.replies = vec![vec![say("Take your time."), Step::Say(Said::Hold(Duration::from_secs(30)))]];
    let sim = Sim::start(setup).await;
    wait(300).await;
    sim.caller.say("wait a moment please").await;
    sim.agent_turn(1).await;
    let held = Instant::now();
    let nudged = sim.until(60_000, |e| matches!(e, SessionEvent::Nudged { .. })).await;
    assert!(nudged - held >= Duration::from_secs(25), "{:?}", nudged - held);
}

#[tokio::test(start_paused = true)]
async fn typed_text_is_answered_aloud_and_interrupts() {
    let sim = Sim::start(Setup::default()).await;
    wait(1_000).await;
    sim.caller.event(LegEvent::Message("text do you have parking".to_owned())).await;
    let (greeting, interrupted) = sim.agent_turn(1).await;
    assert!(interrupted && greeting != GREETING);
    assert_eq!(sim.agent_turn(2).await.0, "You said do you have parking indeed.");
    sim.handle.text("and a garden".to_owned()).await.expect("alive");
    assert_eq!(sim.agent_turn(3).await.0, "You said and a garden indeed.");
    assert!(sim.saw(|e| matches!(e, SessionEvent::CallerTurn { typed: true, .. })));
}

#[tokio::test(start_paused = true)]
async fn keys_of_the_telephone_are_one_turn() {
    let sim = Sim::start(plain()).await;
    wait(300).await;
    sim.caller.event(LegEvent::Message("key 12".to_owned())).await;
    wait(300).await;
    sim.handle.dtmf('3'.try_into().expect("a key")).await.expect("alive");
    wait(100).await;
    sim.caller.event(LegEvent::Message("key #".to_owned())).await;
    sim.agent_turn(1).await;
    let turns = sim.caller_turns();
    assert_eq!(turns.len(), 1);
    let digits: String = turns[0].chars().filter(char::is_ascii_digit).collect();
    assert_eq!(digits, "123");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_too_long_is_told_so_before_it_ends() {
    let mut setup = plain();
    setup.options.longest_call_s = 60;
    setup.options.turn.idle.after_ms = 0;
    let sim = Sim::start(setup).await;
    assert_eq!(sim.ended().await, EndReason::TooLong);
    assert_eq!(sim.caller.heard(), "Goodbye then.");
    assert!(sim.started.elapsed() < Duration::from_secs(64));
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_budget_is_spent_ends_after_the_reply_that_is_being_given() {
    let mut setup = plain();
    setup.replies = vec![vec![say("We open at nine and close at five on every day but Sunday. ")]];
    let sim = Sim::start(setup).await;
    wait(300).await;
    sim.caller.say("when do you open").await;
    sim.until(3_000, |event| matches!(event, SessionEvent::AgentSaying { .. })).await;
    sim.handle.take_leave(EndReason::BudgetSpent).await.expect("alive");
    assert_eq!(sim.ended().await, EndReason::BudgetSpent);
    assert_eq!(
        sim.caller.heard(),
        "We open at nine and close at five on every day but Sunday. Goodbye then."
    );
}

#[tokio::test(start_paused = true)]
async fn the_client_can_hang_up_by_a_message() {
    let sim = Sim::start(Setup::default()).await;
    wait(700).await;
    sim.caller.event(LegEvent::Message("bye".to_owned())).await;
    assert_eq!(sim.ended().await, EndReason::CallerLeft);
}

#[tokio::test(start_paused = true)]
async fn steps_of_the_dialogue_are_seen_by_observers_in_order() {
    let mut setup = plain();
    setup.replies = vec![vec![
        Step::Say(Said::Node("hours".to_owned())),
        say("We open at nine. "),
        Step::Say(Said::Node("more".to_owned())),
        say("Anything else?"),
    ]];
    let sim = Sim::start(setup).await;
    wait(300).await;
    sim.caller.say("when do you open").await;
    sim.agent_turn(1).await;
    let events = sim.events().into_iter();
    let seen: Vec<String> = events
        .filter_map(|event| match event {
            SessionEvent::Node { node, .. } => Some(node),
            SessionEvent::AgentSaying { text, .. } => Some(text),
            _ => None,
        })
        .collect();
    assert_eq!(seen, ["hours", "We open at nine.", "more", "Anything else?"]);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_talks_over_the_last_goodbye_does_not_keep_the_call_alive() {
    let mut setup = plain();
    setup.options.longest_call_s = 10;
    setup.options.turn.idle.after_ms = 0;
    let sim = Sim::start(setup).await;
    wait(10_200).await;
    sim.caller.say("but I have one more question for you").await;
    assert_eq!(sim.ended().await, EndReason::TooLong);
    assert!(
        sim.started.elapsed() < Duration::from_secs(15),
        "{:?} {:?}",
        sim.started.elapsed(),
        sim.events()
    );
    assert!(sim.caller.heard().ends_with("Goodbye then."));
}

/// A goodbye that the caller interrupts is no end: they have more to say.
#[tokio::test(start_paused = true)]
async fn an_interrupted_goodbye_is_no_end() {
    let mut setup = plain();
    let goodbye = "Thank you very much for calling us and have a wonderful day.";
    setup.replies = vec![vec![say(goodbye), Step::Say(Said::End(EndReason::AgentEnded))]];
    let sim = Sim::listening(setup, "that is all", 1_000).await;
    sim.caller.say("no wait one more question please").await;
    assert!(sim.agent_turn(1).await.1);
    sim.agent_turn(2).await;
    assert_eq!(sim.handle.status().ended, None);
}
