//! Calls at random, by a seed: whatever happens, nobody is left in silence and the memory is what was heard.

use domain::SessionEvent;
use media_core::LegEvent;
use providers_fake::Fault;

use crate::caller::Caller;
use crate::net::{Net, Rng};
use crate::sim::{APOLOGY, Setup, Sim, ms, wait};

const CALLS: u64 = 40;
const DEEDS: usize = 14;

#[derive(Debug)]
enum Deed {
    Say(&'static str),
    Cough,
    Murmur,
    Type,
    Press,
    Lose,
    Wait,
    BreakVoice,
    BreakEar,
}

fn deed(rng: &mut Rng) -> Deed {
    match rng.next() % 16 {
        0..=4 => Deed::Say("what are your opening hours on Mondays?"),
        5 | 6 => Deed::Say("no wait that is not what I meant"),
        7 => Deed::Cough,
        8 | 9 => Deed::Murmur,
        10 => Deed::Type,
        11 => Deed::Press,
        12 => Deed::Lose,
        13 => Deed::BreakVoice,
        14 => Deed::BreakEar,
        _ => Deed::Wait,
    }
}

async fn perform(sim: &mut Sim, deed: &Deed, rng: &mut Rng) {
    match deed {
        Deed::Say(text) => sim.caller.say(text).await,
        Deed::Cough => drop(sim.caller.cough(120 + rng.next() % 200)),
        Deed::Murmur => sim.caller.say("mhm").await,
        Deed::Type => drop(sim.handle.text("do you have parking".to_owned()).await),
        Deed::Press => drop(sim.handle.dtmf('5'.try_into().expect("a key")).await),
        Deed::Lose => {
            sim.caller.event(LegEvent::Lost).await;
            wait(rng.next() % 3_000).await;
            let (caller, leg) = Caller::connect(&sim.tasks, Net::default(), rng.next());
            sim.handle.attach(leg).await.expect("alive");
            caller.event(LegEvent::Active).await;
            sim.caller = caller;
        }
        Deed::Wait => wait(4_000).await,
        Deed::BreakVoice => sim.tts.push(fault(rng)),
        Deed::BreakEar => sim.stt.push(fault(rng)),
    }
}

fn fault(rng: &mut Rng) -> Fault {
    match rng.next() % 5 {
        0 => Fault::Mute,
        1 => Fault::Garbage,
        2 => Fault::CloseAfter { after_ms: 700 },
        3 => Fault::Stall { after_ms: 500, for_ms: 900 },
        _ => Fault::Unreachable,
    }
}

/// Liveness: whenever the caller has spoken and nobody is speaking, an answer is on its way.
#[tokio::test(start_paused = true)]
async fn whatever_happened_before_a_question_is_answered() {
    for seed in 1..=CALLS {
        let mut rng = Rng::new(seed);
        let mut setup = Setup { seed, ..Setup::default() };
        setup.options.turn.speculation.enabled = seed % 2 == 0;
        setup.options.waits.failures = 50;
        let mut sim = Sim::start(setup).await;
        let mut deeds = Vec::new();
        for _ in 0..DEEDS {
            let next = deed(&mut rng);
            perform(&mut sim, &next, &mut rng).await;
            deeds.push(next);
            wait(rng.next() % 2_500).await;
        }
        // The line comes to rest, whoever had the floor; then a plain question.
        while sim.handle.status().agent != domain::AgentState::Listening {
            wait(100).await;
        }
        wait(300).await;
        let asked = tokio::time::Instant::now();
        sim.caller.say("one last question for you please?").await;
        wait(7_000).await;
        let answer = sim.caller.first_sound_after(asked + ms(1_500));
        assert!(answer.is_some(), "seed {seed}: silence after {deeds:?}\n{:#?}", sim.events());
        memory_is_what_was_said(&sim, seed);
        parts_add_up(&sim, seed);
    }
}

/// Every turn the dialogue remembers was reported the same, and no turn twice.
fn memory_is_what_was_said(sim: &Sim, seed: u64) {
    let remembered = sim.dialogue.remembered();
    let spoken: Vec<_> = remembered.iter().filter(|(text, _)| !text.is_empty()).cloned().collect();
    let reported: Vec<_> = sim.agent_turns().into_iter().filter(|(text, _)| !text.is_empty()).collect();
    assert_eq!(spoken, reported, "seed {seed}");
    let said: Vec<String> = sim
        .events()
        .into_iter()
        .filter_map(|event| match event {
            SessionEvent::AgentSaying { text, .. } => Some(text),
            _ => None,
        })
        .collect();
    let said = said.join(" ");
    for (text, _) in &spoken {
        let known = said.contains(text.trim_end_matches(APOLOGY).trim()) || text.starts_with(APOLOGY);
        assert!(known, "seed {seed}: {text:?} was remembered and never said");
    }
}

fn parts_add_up(sim: &Sim, seed: u64) {
    for timeline in sim.timelines() {
        let Some(parts) = timeline.latencies() else { continue };
        let sum = parts.endpointing + parts.thinking + parts.sentence + parts.synthesis + parts.playout;
        assert_eq!(sum, parts.response, "seed {seed}");
        assert!(parts.response < std::time::Duration::from_secs(60), "seed {seed}: {timeline:?}");
    }
}
