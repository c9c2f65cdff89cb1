//! What an operator has the agent say, while the caller listens and while they speak.

use domain::SessionEvent;
use tokio::time::Instant;

use crate::dialogue::say;
use crate::sim::{Sim, plain, wait};

const WORDS: &str = "We close early today.";
const QUESTION: &str = "when are you open on the day after tomorrow";

fn said(sim: &Sim) -> usize {
    sim.agent_turns().iter().filter(|(text, _)| text == WORDS).count()
}

#[tokio::test(start_paused = true)]
async fn words_for_a_caller_who_is_speaking_are_said_when_they_have_finished() {
    let sim = Sim::start(plain()).await;
    wait(300).await;
    let began = Instant::now();
    sim.caller.begin(QUESTION);
    wait(600).await;
    sim.handle.prompt(WORDS.to_owned()).await.expect("alive");
    wait(8_000).await;
    assert_eq!(sim.caller_turns(), [QUESTION], "and it is known what they said");
    assert_eq!((said(&sim), sim.caller.heard_since(began).as_str()), (1, WORDS), "{:?}", sim.agent_turns());
    let spoke_to = sim.caller.state.lock().expect("not poisoned").spoke_to.expect("spoke");
    assert!(sim.caller.first_sound_after(began).is_some_and(|at| at > spoke_to), "over the caller");
    sim.caller.say("and tomorrow").await;
    wait(5_000).await;
    assert!(sim.caller.heard_since(began).ends_with("You said and tomorrow indeed."), "the talk goes on");
}

#[tokio::test(start_paused = true)]
async fn words_that_the_caller_speaks_into_before_they_sound_come_after_them() {
    let mut setup = plain();
    setup.tts.first_byte_ms = 900;
    let sim = Sim::start(setup).await;
    wait(300).await;
    sim.handle.prompt(WORDS.to_owned()).await.expect("alive");
    wait(200).await;
    sim.caller.say(QUESTION).await;
    wait(8_000).await;
    assert_eq!(said(&sim), 1, "{:?}", sim.agent_turns());
    assert_eq!(sim.caller_turns(), [QUESTION]);
}

#[tokio::test(start_paused = true)]
async fn words_that_are_heard_in_part_are_interrupted_as_any_others() {
    let sim = Sim::start(plain()).await;
    wait(300).await;
    let long =
        "We close early today because of the holiday. Tomorrow we are open from nine to five as always.";
    sim.handle.prompt(long.to_owned()).await.expect("alive");
    wait(2_000).await;
    sim.caller.say("stop that is enough please thank you").await;
    wait(8_000).await;
    assert!(sim.saw(|e| matches!(e, SessionEvent::Interrupted { .. })));
    let begun: Vec<_> =
        sim.agent_turns().into_iter().filter(|(text, _)| text.starts_with("We close")).collect();
    assert!(matches!(&begun[..], [(text, true)] if text != long), "{begun:?}");
}

#[tokio::test(start_paused = true)]
async fn two_texts_for_a_caller_who_is_speaking_are_both_said() {
    let sim = Sim::start(plain()).await;
    wait(300).await;
    let length = sim.caller.begin(QUESTION);
    wait(400).await;
    for text in ["We close early today.", "We open late tomorrow."] {
        sim.handle.prompt(text.to_owned()).await.expect("alive");
        wait(200).await;
    }
    tokio::time::sleep(length).await;
    wait(6_000).await;
    let turns = sim.agent_turns();
    assert!(
        turns.iter().any(|(text, _)| text == "We close early today. We open late tomorrow."),
        "{turns:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn words_for_a_caller_who_listens_come_in_place_of_the_answer_at_once() {
    let mut setup = plain();
    setup.replies =
        vec![vec![say("We are open from nine to five on every weekday and on Saturdays from ten.")]];
    let sim = Sim::listening(setup, "when are you open", 1_500).await;
    let told = Instant::now();
    sim.handle.prompt(WORDS.to_owned()).await.expect("alive");
    wait(4_000).await;
    assert!(sim.caller.heard_since(told).ends_with(WORDS), "{}", sim.caller.heard_since(told));
    assert_eq!(said(&sim), 1);
}
