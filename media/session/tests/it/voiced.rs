//! A dialogue that hears and speaks itself: the floor, the memory and the deadlines stay the session's.

use domain::{AudioFrame, MediaTime, SessionEvent, TurnId, Voiced};
use media_core::LegEvent;
use media_session::Said;
use providers_fake::Lexicon;

use crate::dialogue::{Step, Told, say};
use crate::sim::{APOLOGY, Setup, Sim, ms, plain, wait};

const STORY: &str =
    "Our opening hours are nine to five on weekdays. On Saturdays we open at ten and close at two.";
const RATE_HZ: u32 = 24_000;

fn words(text: &str) -> Step {
    Step::Say(Said::Voiced(Voiced::Words(text.to_owned())))
}

fn end() -> Step {
    Step::Say(Said::Voiced(Voiced::End))
}

/// The sound of the text in pieces of 100 ms, faster than it sounds.
fn sound(text: &str) -> Vec<Step> {
    let (samples, _) = Lexicon::shared().speak(text, RATE_HZ, 60);
    let piece = |samples: &[i16]| {
        let frame = AudioFrame { samples: samples.to_vec(), rate_hz: RATE_HZ, at: MediaTime::ZERO };
        [Step::Think(10), Step::Say(Said::Voiced(Voiced::Audio(frame)))]
    };
    samples.chunks(RATE_HZ as usize / 10).flat_map(piece).collect()
}

/// Words ahead of their sound, as models give them.
fn speaks(text: &str) -> Vec<Step> {
    let words = text.split_inclusive(' ').map(words);
    [vec![Step::Think(80)], words.collect(), sound(text), vec![end()]].concat()
}

fn hearing(replies: Vec<Vec<Step>>) -> Setup {
    Setup { replies, hears: true, ..plain() }
}

fn voice_heard(sim: &Sim, turn: u32) -> Option<MediaTime> {
    sim.dialogue.told().into_iter().rev().find_map(|told| match told {
        Told::VoiceHeard(of, heard) if of == TurnId(turn) => Some(heard),
        _ => None,
    })
}

fn sayings(sim: &Sim) -> Vec<String> {
    let events = sim.events().into_iter();
    events
        .filter_map(|event| match event {
            SessionEvent::AgentSaying { text, .. } => Some(text),
            _ => None,
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn what_it_says_itself_is_heard_told_and_remembered_as_a_synthesised_reply_is() {
    let sim = Sim::listening(hearing(vec![speaks(STORY)]), "when are you open", 0).await;
    assert_eq!(sim.agent_turn(1).await, (STORY.to_owned(), false));
    assert_eq!(sim.caller.heard(), STORY);
    let sentences = media_session::sentence::cut(STORY);
    assert_eq!(sayings(&sim), sentences, "sentence by sentence, before they sound");
    assert_eq!(sim.dialogue.remembered()[1], (STORY.to_owned(), false));
    let (samples, _) = Lexicon::shared().speak(STORY, RATE_HZ, 60);
    let all = MediaTime::from_samples(samples.len() as u64, RATE_HZ);
    assert_eq!(voice_heard(&sim, 1), Some(all));
    sim.until(1_000, |e| matches!(e, SessionEvent::TurnFinished { .. })).await;
    assert_eq!(sim.tts.opened(), 0, "nobody else was asked to speak");
}

#[tokio::test(start_paused = true)]
async fn an_interruption_tells_it_how_much_of_its_voice_was_heard() {
    for offset in [900_u64, 2_200, 3_500] {
        let sim = Sim::listening(hearing(vec![speaks(STORY)]), "when are you open", offset).await;
        sim.caller.say("stop that is enough please thank you").await;
        let (text, interrupted) = sim.agent_turn(1).await;
        assert!(interrupted && STORY.starts_with(&text), "{text:?}");
        let heard = voice_heard(&sim, 1).expect("told").as_millis();
        let sounded = sim.caller.heard();
        let sounded = sounded.split(" You said").next().unwrap_or_default().to_owned();
        let (remembered, sounding) = (text.split_whitespace().count(), sounded.split_whitespace().count());
        assert!(remembered.abs_diff(sounding) <= 2, "at {offset}: {text:?} / {sounded:?}");
        assert!(heard.abs_diff(sounded.chars().count() as u64 * 60) < 400, "{heard} ms of {sounded:?}");
        sim.agent_turn(2).await;
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_given_the_callers_voice_and_not_the_silence_around_it() {
    let sim = Sim::start(hearing(vec![speaks("We open at nine."), speaks("We close at five.")])).await;
    wait(5_000).await;
    sim.caller.say("when are you open").await;
    sim.agent_turn(1).await;
    wait(6_000).await;
    sim.caller.say("and when do you close").await;
    sim.agent_turn(2).await;
    let ears = sim.dialogue.0.lock().expect("not poisoned").ears.clone();
    for (ears, spoken) in ears.iter().zip([17 * 50, 21 * 50]) {
        let given = ears.as_millis();
        assert!((spoken..spoken + 1_300).contains(&given), "{given} ms for {spoken} ms of voice");
    }
}

#[tokio::test(start_paused = true)]
async fn a_typed_turn_is_said_to_be_one() {
    let sim = Sim::start(hearing(vec![speaks("We open at nine.")])).await;
    wait(300).await;
    sim.caller.event(LegEvent::Message("text when are you open".to_owned())).await;
    sim.agent_turn(1).await;
    let told = sim.dialogue.told();
    let typed = told.iter().position(|told| matches!(told, Told::Typed(_))).expect("typed");
    assert!(matches!(&told[typed + 1], Told::Commit(_, text) if text == "when are you open"), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn its_voice_and_the_synthesis_take_turns_in_the_order_of_what_is_said() {
    let reply = [
        vec![Step::Think(50), say("One moment")],
        speaks("We open at nine."),
        vec![say("Thank you for waiting.")],
    ];
    let sim = Sim::listening(hearing(vec![reply.concat()]), "when are you open", 0).await;
    let all = "One moment We open at nine. Thank you for waiting.";
    assert_eq!(sim.agent_turn(1).await, (all.to_owned(), false));
    assert_eq!(sim.caller.heard(), all);
}

#[tokio::test(start_paused = true)]
async fn a_voice_that_breaks_off_is_remembered_as_far_as_it_sounded_and_the_talk_goes_on() {
    let half = &sound(STORY)[..40]; // 2 s of it
    let reply = [vec![words(STORY)], half.to_vec(), vec![say(" Sorry, I lost my line.")]].concat();
    let sim = Sim::listening(hearing(vec![reply]), "when are you open", 0).await;
    let (text, interrupted) = sim.agent_turn(1).await;
    assert!(!interrupted && text.ends_with("Sorry, I lost my line."), "{text}");
    let said = text.trim_end_matches("Sorry, I lost my line.").trim();
    assert!(STORY.starts_with(said) && (28..40).contains(&said.len()), "2 s are 33 characters: {said:?}");
    assert!(sayings(&sim).contains(&"Sorry, I lost my line.".to_owned()));
    assert!(sim.caller.heard().ends_with("Sorry, I lost my line."));
}

#[tokio::test(start_paused = true)]
async fn a_voice_that_stops_in_the_middle_is_followed_by_the_apology_and_never_by_silence() {
    let half = &sound(STORY)[..20]; // 1 s of it
    let reply = [vec![words(STORY)], half.to_vec(), vec![Step::Hang]].concat();
    let sim = Sim::listening(hearing(vec![reply]), "when are you open", 0).await;
    let begun = tokio::time::Instant::now();
    let (text, _) = sim.agent_turn(1).await;
    assert!(text.ends_with(APOLOGY), "{text}");
    let length = ms(APOLOGY.len() as u64 * 60 + 1_000 + 1_300 + 500);
    assert!(begun.elapsed() < length, "{:?}", begun.elapsed());
    sim.caller.say("hello").await;
    sim.agent_turn(2).await;
}
