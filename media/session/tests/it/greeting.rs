//! What is said of how a greeting was heard.

use std::time::Duration;

use domain::SessionEvent;
use media_core::LegEvent;
use tokio::time::Instant;

use crate::sim::{GREETING, Setup, Sim, ms, plain, rendered, wait};

struct Greeted {
    first_audible: Option<Duration>,
    clipped: bool,
    talked_over: bool,
}

async fn greeted(sim: &Sim) -> Greeted {
    sim.until(30_000, |event| matches!(event, SessionEvent::Greeted { .. })).await;
    let mut all = sim.events().into_iter().filter_map(|event| match event {
        SessionEvent::Greeted { first_audible, clipped, talked_over, .. } => {
            Some(Greeted { first_audible, clipped, talked_over })
        }
        _ => None,
    });
    let found = all.next().expect("it was awaited");
    assert!(all.next().is_none(), "there is one greeting in a session");
    found
}

#[tokio::test(start_paused = true)]
async fn a_greeting_that_is_heard_whole_says_how_soon() {
    let sim = Sim::start(Setup { inactive: true, ..Setup::default() }).await;
    wait(3_000).await;
    let active = Instant::now();
    sim.caller.event(LegEvent::Active).await;
    let found = greeted(&sim).await;
    let felt = sim.caller.first_sound_after(active).expect("spoke") - active;
    let told = found.first_audible.expect("it sounded");
    assert!(told.abs_diff(felt) <= ms(40), "told {told:?}, felt {felt:?}");
    assert!(!found.clipped && !found.talked_over);
}

#[tokio::test(start_paused = true)]
async fn a_greeting_that_was_rendered_ahead_waits_for_no_voice() {
    let sim = Sim::start(Setup { clips: rendered(GREETING), ..Setup::default() }).await;
    let found = greeted(&sim).await;
    assert!(found.first_audible.is_some_and(|after| after <= ms(40)), "{:?}", found.first_audible);
    assert_eq!(sim.agent_turn(1).await, (GREETING.to_owned(), false));
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_talks_over_the_greeting_is_told_apart_from_one_who_listens() {
    let sim = Sim::start(Setup::default()).await;
    wait(900).await;
    sim.caller.say("I need an appointment for Monday").await;
    let found = greeted(&sim).await;
    assert!(found.talked_over && !found.clipped && found.first_audible.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_greeting_during_which_the_connection_was_gone_is_clipped() {
    let sim = Sim::start(Setup::default()).await;
    wait(900).await;
    sim.caller.event(LegEvent::Lost).await;
    wait(500).await;
    sim.caller.event(LegEvent::Active).await;
    let found = greeted(&sim).await;
    assert!(found.clipped && !found.talked_over);
}

#[tokio::test(start_paused = true)]
async fn of_an_agent_that_lets_the_caller_speak_first_nothing_is_said() {
    let sim = Sim::start(plain()).await;
    wait(500).await;
    sim.caller.say("what are your opening hours").await;
    sim.agent_turn(1).await;
    assert!(!sim.saw(|event| matches!(event, SessionEvent::Greeted { .. })));
}
