//! Each fault, of each kind of provider, at each moment of a turn: the caller hears the answer or the last resort, waits for no longer
//! than the hedge takes, and the conversation remembers what was heard, no more and no less.

use std::time::Duration;

use providers_api::Ability;
use providers_fake::drill::{Fault, Moment};

use super::world::{self, Call, Heard, Outage, Primaries, SORRY, TALK, hedge_deadline};
use crate::sim::{APOLOGY, ms};

/// What the hedge may cost beyond its deadline.
const BEYOND: Duration = ms(150);

#[tokio::test(start_paused = true)]
async fn recognition_that_fails_in_any_way_at_any_moment_is_not_noticed() {
    every_cell_of(Ability::Stt).await;
}

#[tokio::test(start_paused = true)]
async fn a_model_that_fails_in_any_way_at_any_moment_is_followed_by_another_or_an_apology() {
    every_cell_of(Ability::Llm).await;
}

#[tokio::test(start_paused = true)]
async fn a_voice_that_fails_in_any_way_at_any_moment_is_followed_by_another() {
    every_cell_of(Ability::Tts).await;
}

async fn every_cell_of(ability: Ability) {
    let agent = world::agent().await;
    let well = world::call(&agent, 1, &Primaries::well(), true).await;
    for (turn, (question, answer)) in well.turns.iter().zip(TALK) {
        assert_eq!((turn.words.join(" "), turn.history.join(" ")), (answer.to_owned(), answer.to_owned()));
        assert_eq!(turn.understood, question);
    }
    let mut wrong = Vec::new();
    for moment in Moment::ALL {
        for fault in Fault::ALL {
            let outage = Outage { ability, fault, moment };
            let call = world::call(&agent, 1, &Primaries::drilled(outage), true).await;
            if let Err(reason) = promised(ability, &call, &well) {
                wrong.push(format!("{moment:?} {fault:?}: {reason}\n{}", story(&call, &well)));
            }
        }
    }
    assert!(wrong.is_empty(), "{ability:?}: {}", wrong.join("\n"));
}

/// Whether the call kept what is promised of every cell.
fn promised(ability: Ability, call: &Call, well: &Call) -> Result<(), String> {
    if let Some(reason) = call.ended {
        return Err(format!("the call was lost: {reason:?}"));
    }
    let most = hedge_deadline(ability) + BEYOND;
    for ((turn, usual), (question, answer)) in call.turns.iter().zip(&well.turns).zip(TALK) {
        if turn.words.is_empty() {
            return Err(format!("nothing was heard in answer to {question:?}"));
        }
        if added(turn, usual) > most {
            return Err(format!("{:?} of silence were added, more than {most:?}", added(turn, usual)));
        }
        if turn.understood != question {
            return Err(format!("{question:?} was understood as {:?}", turn.understood));
        }
        if !remembers_what_was_heard(turn) {
            return Err(format!("the memory has not what was heard: {:?}", turn.history));
        }
        if !is_told(&turn.history, answer) {
            return Err(format!("the memory has neither the answer nor the last resort: {:?}", turn.history));
        }
    }
    Ok(())
}

/// Before the answer or within it.
fn added(turn: &Heard, usual: &Heard) -> Duration {
    turn.response.saturating_sub(usual.response).max(turn.gap.saturating_sub(usual.gap))
}

/// To the word; the one in which a voice broke off may be half a word, or be said again.
fn remembers_what_was_heard(turn: &Heard) -> bool {
    let (short, long) = if turn.words.len() < turn.history.len() {
        (&turn.words, &turn.history)
    } else {
        (&turn.history, &turn.words)
    };
    if long.len() - short.len() > 1 {
        return false;
    }
    let same = short.iter().zip(long.iter()).take_while(|(one, other)| one == other).count();
    let rest = short.iter().rev().zip(long.iter().rev()).take_while(|(one, other)| one == other).count();
    same + rest >= short.len().saturating_sub(usize::from(short.len() == long.len()))
}

/// The answer, or its beginning, or that and the last resort.
fn is_told(history: &[String], answer: &str) -> bool {
    let said = history.join(" ");
    let begun = [SORRY, APOLOGY].iter().find_map(|sorry| said.strip_suffix(sorry)).unwrap_or(&said);
    answer.starts_with(begun.trim())
}

fn story(call: &Call, well: &Call) -> String {
    let line = |(turn, usual): (&Heard, &Heard)| {
        let (heard, history) = (turn.words.join(" "), turn.history.join(" "));
        format!(
            "    {:?} understood {:?}\n      heard    {heard}\n      remembered {history}\n",
            added(turn, usual),
            turn.understood
        )
    };
    call.turns.iter().zip(&well.turns).map(line).collect()
}
