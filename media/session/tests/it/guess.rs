//! Thinking ahead: faster when right, unheard when wrong, without effects in either case.

use domain::SessionEvent;
use media_session::Said;
use providers_fake::Fault;

use crate::dialogue::{Step, Told, say};
use crate::sim::{APOLOGY, Setup, Sim, ms, shipped, wait};

fn guessing(enabled: bool) -> Setup {
    let mut setup = shipped();
    setup.options.turn.speculation.enabled = enabled;
    setup
}

async fn response(enabled: bool, think_ms: u64) -> std::time::Duration {
    let mut setup = guessing(enabled);
    setup.replies = vec![vec![Step::Think(think_ms), say("We open at nine. Come early.")]];
    let sim = Sim::start(setup).await;
    wait(400).await;
    sim.caller.say("when do you open").await;
    assert_eq!(sim.agent_turn(1).await, ("We open at nine. Come early.".to_owned(), false));
    assert_eq!(sim.caller.heard(), "We open at nine. Come early.", "each word once");
    let commits = sim.dialogue.told().iter().filter(|t| matches!(t, Told::Commit(..))).count();
    assert_eq!(commits, 1);
    let spoke_to = sim.caller.state.lock().expect("not poisoned").spoke_to.expect("spoke");
    sim.caller.first_sound_after(spoke_to).expect("answered") - spoke_to
}

/// Promise 18: doubled tokens; and the point of it all: it is faster.
#[tokio::test(start_paused = true)]
async fn a_right_guess_is_heard_sooner_and_only_once() {
    let (without, with) = (response(false, 150).await, response(true, 150).await);
    assert!(with + ms(40) <= without, "{with:?} with a guess, {without:?} without");
}

/// Promise 45: a voice that fails while nobody waits for it yet must not make the answer a silent one.
#[tokio::test(start_paused = true)]
async fn a_guess_whose_voice_failed_is_spoken_anew() {
    for (always, heard) in [(Fault::None, "You said when do you open indeed."), (Fault::Garbage, APOLOGY)] {
        let mut setup = guessing(true);
        (setup.tts.faults, setup.tts.always) = (vec![Fault::Garbage; 2], always);
        let sim = Sim::start(setup).await;
        wait(400).await;
        sim.caller.say("when do you open").await;
        assert_eq!(sim.agent_turn(1).await, (heard.to_owned(), false));
        assert_eq!(sim.caller.heard(), heard);
    }
}

/// Promise 18: effects on a discarded guess.
#[tokio::test(start_paused = true)]
async fn a_wrong_guess_is_never_heard_and_has_no_effects() {
    let mut setup = guessing(true);
    let noted = Said::Noted { name: "booked".to_owned(), value: serde_json::json!(1) };
    setup.replies = vec![vec![say("Noted that."), Step::Say(noted)]];
    let sim = Sim::start(setup).await;
    wait(400).await;
    sim.caller.say("I would like to").await;
    wait(180).await;
    assert!(!sim.saw(|e| matches!(e, SessionEvent::Noted { .. })), "not before the commit");
    sim.caller.say("book a table for two").await;
    assert_eq!(sim.agent_turn(1).await.0, "Noted that.");
    assert_eq!(sim.caller.heard(), "Noted that.", "once");
    let booked = sim.events().iter().filter(|e| matches!(e, SessionEvent::Noted { .. })).count();
    assert_eq!(booked, 1);
    let told = sim.dialogue.told();
    let commits: Vec<_> = told.iter().filter(|t| matches!(t, Told::Commit(..))).collect();
    assert_eq!(commits.len(), 1, "{told:?}");
    assert!(matches!(commits[0], Told::Commit(_, text) if text == "I would like to book a table for two"));
}
