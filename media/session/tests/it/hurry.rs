//! An agent whose callers wait too long: what its calls do about it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::SessionEvent;
use media_session::Hurry;
use serde_json::{Value, json};

use crate::dialogue::{Step, say};
use crate::sim::{Setup, Sim, ms, plain};

const QUESTION: &str = "what are your opening hours";

/// Does everything there is, and says so.
#[derive(Clone, Default)]
struct InAHurry(Arc<Mutex<Vec<Duration>>>);

impl Hurry for InAHurry {
    fn measured(&mut self, response: Duration) -> Vec<Value> {
        self.0.lock().expect("no panic").push(response);
        vec![json!({"decision": "began", "reaction": "opener"})]
    }

    fn shortens(&self) -> bool {
        true
    }

    fn opener(&mut self) -> Option<String> {
        Some("Let me see.".to_owned())
    }
}

fn hurried(reply: Vec<Step>) -> (Setup, InAHurry) {
    let hurry = InAHurry::default();
    let mut setup = plain();
    setup.options.turn.speculation.enabled = false;
    setup.replies = vec![reply];
    setup.hurry = Some(Box::new(hurry.clone()));
    (setup, hurry)
}

fn said(sim: &Sim) -> Vec<String> {
    let saying = sim.events().into_iter().filter_map(|event| match event {
        SessionEvent::AgentSaying { text, .. } => Some(text),
        _ => None,
    });
    saying.collect()
}

#[tokio::test(start_paused = true)]
async fn a_word_sounds_while_the_answer_is_thought_of_and_the_answer_follows_it() {
    let (setup, hurry) = hurried(vec![Step::Think(1_500), say("We open at nine.")]);
    let sim = Sim::start(setup).await;
    crate::sim::wait(300).await;
    sim.caller.say(QUESTION).await;
    let asked = tokio::time::Instant::now();
    assert_eq!(sim.agent_turn(1).await, ("Let me see. We open at nine.".to_owned(), false));
    assert_eq!(said(&sim), ["Let me see.", "We open at nine."]);
    let first = sim.caller.first_sound_after(asked).expect("heard");
    assert!(first - asked < ms(600), "{:?}", first - asked);
    let measured = hurry.0.lock().expect("no panic").clone();
    assert!(matches!(measured[..], [response] if response < ms(600)), "{measured:?}");
    assert!(sim.saw(|event| matches!(event, SessionEvent::Noted { name, value }
        if name == "latency_reaction" && value["reaction"] == "opener")));
}

#[tokio::test(start_paused = true)]
async fn a_long_first_sentence_is_begun_with_its_first_clause() {
    let (setup, _) =
        hurried(vec![say("Well yes certainly, we are open from nine to five on every weekday.")]);
    let sim = Sim::start(setup).await;
    crate::sim::wait(300).await;
    sim.caller.say(QUESTION).await;
    sim.agent_turn(1).await;
    let said = said(&sim);
    assert_eq!(said[1..], ["Well yes certainly,", "we are open from nine to five on every weekday."]);
}
