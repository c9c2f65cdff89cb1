//! Interruptions, and what is none.

use domain::SessionEvent;
use media_session::Said;
use tokio::time::Instant;

use crate::caller::RATE_HZ;
use crate::dialogue::{Step, Told, say};
use crate::sim::{GREETING, Setup, Sim, ms, plain, shipped, wait};

const STORY: &str = "Our opening hours are nine to five on weekdays. On Saturdays we open at ten and close at two. \
                     Sundays and holidays we are closed all day long.";

/// Promises 13 and 14: spoken text missing from memory, unspoken text in it.
#[tokio::test(start_paused = true)]
async fn an_interrupted_reply_is_remembered_to_the_word_that_was_heard() {
    for offset in [700_u64, 1_130, 1_900, 2_610, 3_333, 4_750, 6_010, 7_777] {
        let mut setup = plain();
        setup.replies = vec![vec![say(STORY)]];
        let sim = Sim::listening(setup, "when are you open", offset).await;
        sim.caller.say("stop that is enough please thank you").await;
        let (text, interrupted) = sim.agent_turn(1).await;
        assert!(interrupted);
        let heard = heard_before_answer(&sim);
        // The word in which the voice broke off counts when most of it was heard: either side may have it.
        let (remembered, heard_words) = (text.split_whitespace().count(), heard.split_whitespace().count());
        assert!(remembered.abs_diff(heard_words) <= 1, "at {offset}: {text:?} / {heard:?}");
        let common = remembered.min(heard_words);
        assert!(STORY.split_whitespace().take(common).eq(text.split_whitespace().take(common)));
        assert_eq!(sim.dialogue.remembered()[1], (text, true), "after the greeting");
        sim.agent_turn(2).await;
    }
}

fn heard_before_answer(sim: &Sim) -> String {
    let heard = sim.caller.heard();
    heard.split(" You said").next().unwrap_or_default().to_owned()
}

/// Promise: interruption stops audio, synthesis and thinking in one step.
#[tokio::test(start_paused = true)]
async fn an_interruption_silences_the_agent_at_once_and_hangs_up_its_work() {
    let mut setup = plain();
    setup.replies = vec![vec![say(STORY), Step::Think(60_000), say("Never spoken.")]];
    let sim = Sim::listening(setup, "when are you open", 2_000).await;
    let begun = Instant::now();
    let length = sim.caller.begin("no wait please I want something else");
    sim.until(2_000, |e| matches!(e, SessionEvent::Interrupted { .. })).await;
    let last = sim.caller.last_sound().expect("spoke");
    assert!(last - begun <= ms(300), "audible {:?} into the interruption", last - begun);
    wait(60).await;
    assert_eq!(
        sim.caller.state.lock().expect("not poisoned").clears.len(),
        1,
        "the far end drops what it buffered"
    );
    tokio::time::sleep(length).await;
    sim.agent_turn(2).await;
    wait(70_000).await;
    assert!(!sim.caller.heard().contains("Never"));
}

/// Promise 10: mute after a "mhm".
#[tokio::test(start_paused = true)]
async fn a_backchannel_does_not_cost_a_single_sample_of_the_reply() {
    let mut setup = Setup { replies: vec![vec![say(STORY)]], ..shipped() };
    setup.seed = 3;
    let sim = Sim::listening(setup, "when are you open?", 2_000).await;
    sim.caller.say("mhm").await;
    let (text, interrupted) = sim.agent_turn(1).await;
    assert_eq!((text.as_str(), interrupted), (STORY, false));
    assert!(sim.saw(|e| matches!(e, SessionEvent::Ducked { .. })), "it gave way while that was unclear");
    assert!(sim.saw(|e| matches!(e, SessionEvent::Resumed { .. })));
    assert!(!sim.saw(|e| matches!(e, SessionEvent::Interrupted { .. })));
    heard_whole(&sim);
    assert_eq!(sim.caller_turns().len(), 1);
}

/// Every word once and in order, where the pause may have split one; and not a sample of voice is missing.
fn heard_whole(sim: &Sim) {
    let heard = sim.caller.heard();
    let mut words: Vec<_> = heard.split(' ').collect();
    words.dedup();
    assert_eq!(words.join(" "), STORY);
    let reference = providers_fake::Lexicon::shared().speak(STORY, RATE_HZ, 60).0;
    let voiced =
        |track: &[i16]| track.chunks(80).filter(|c| c.iter().any(|s| s.unsigned_abs() > 104)).count();
    let (heard, reference) = (voiced(&sim.caller.track().0), voiced(&reference));
    // Chunks of 5 ms; the fade of the duck, 20 ms, sounds again at full level after it, and a resampler rings a little.
    assert!((reference..reference + 60).contains(&heard), "{heard} of {reference} pieces");
}

/// Promise 11: a cough after the question kills the pending answer.
#[tokio::test(start_paused = true)]
async fn a_cough_does_not_kill_the_answer_that_is_being_thought_of() {
    let mut setup = shipped();
    setup.replies = vec![vec![Step::Think(900), say("We open at nine.")]];
    let sim = Sim::start(setup).await;
    wait(300).await;
    sim.caller.say("when are you open?").await;
    sim.until(3_000, |e| matches!(e, SessionEvent::CallerTurn { .. })).await;
    wait(200).await;
    sim.caller.cough(180);
    let (text, interrupted) = sim.agent_turn(1).await;
    assert_eq!((text.as_str(), interrupted), ("We open at nine.", false));
    assert_eq!(sim.caller.heard(), "We open at nine.");
}

/// Promise 12: a false positive of the detector cancels the answer, then silence for ever.
#[tokio::test(start_paused = true)]
async fn a_cough_over_the_reply_is_followed_by_the_rest_of_it() {
    let mut setup = Setup { replies: vec![vec![say(STORY)]], ..shipped() };
    setup.seed = 4;
    let sim = Sim::listening(setup, "when are you open?", 1_500).await;
    sim.caller.cough(250);
    assert_eq!(sim.agent_turn(1).await, (STORY.to_owned(), false));
    heard_whole(&sim);
}

/// Promise 15: `allow_interruptions=False` that is not honoured.
#[tokio::test(start_paused = true)]
async fn what_must_not_be_interrupted_is_spoken_to_its_end() {
    let mut setup = plain();
    setup.replies = vec![vec![
        Step::Say(Said::Interruptible(false)),
        say("This call is recorded for your safety and ours."),
        Step::Say(Said::Interruptible(true)),
        say("Now tell me everything about your problem in your own words."),
    ]];
    let sim = Sim::listening(setup, "hello there", 500).await;
    sim.caller.say("stop stop stop I do not want that").await;
    sim.agent_turn(2).await;
    let heard = sim.caller.heard();
    assert!(heard.starts_with("This call is recorded for your safety and ours."), "{heard:?}");
}

/// Promise 13: order of the memory after an interruption.
#[tokio::test(start_paused = true)]
async fn the_memory_hears_of_the_cut_reply_before_the_next_turn_is_committed() {
    let mut setup = plain();
    setup.replies = vec![vec![say(STORY)]];
    let sim = Sim::listening(setup, "when are you open", 1_500).await;
    sim.caller.say("no I meant the other shop").await;
    sim.agent_turn(2).await;
    let told = sim.dialogue.told();
    let cut = told.iter().position(|t| matches!(t, Told::Heard { interrupted: true, .. })).expect("cut");
    let next = told.iter().position(|t| matches!(t, Told::Commit(_, text) if text.contains("other shop")));
    assert!(cut < next.expect("committed"), "{told:?}");
}

/// The agent says only what was not heard: a greeting that is cut does not come again.
#[tokio::test(start_paused = true)]
async fn an_interrupted_greeting_is_not_repeated() {
    let sim = Sim::start(Setup::default()).await;
    wait(1_000).await;
    sim.caller.say("yes hello I would like a table for two").await;
    sim.agent_turn(2).await;
    let hellos = sim.caller.words().iter().filter(|w| w.text == "Hello").count();
    assert_eq!(hellos, 1);
    assert!(GREETING.starts_with(&sim.agent_turns()[0].0));
}
