//! What is said to a person who is asked to take a call, and what their answer means. Pure: words in, words out.
//!
//! Only a plain yes takes a call: an answering machine says much, and nobody is connected with one.

use std::future::ready;

use domain::{EndReason, Transfer, TurnId};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use media_session::{Dialogue, Said};

/// Longer answers are no answers.
const WORDS: usize = 6;
/// So often the question is asked again.
const AGAIN: u32 = 2;

const YES: [&str; 14] = [
    "yes",
    "yeah",
    "yep",
    "sure",
    "okay",
    "ok",
    "ja",
    "gladly",
    "go ahead",
    "put them through",
    "put him through",
    "put her through",
    "connect me",
    "i take it",
];
const NO: [&str; 11] = [
    "no",
    "nope",
    "nein",
    "not now",
    "can't",
    "cannot",
    "don't",
    "busy",
    "later",
    "not available",
    "not today",
];

pub(super) struct Briefing {
    told: String,
    ask: String,
    again: u32,
}

impl Briefing {
    pub(super) fn new(transfer: &Transfer) -> Self {
        let told = format!("{} {}", transfer.briefing, transfer.ask);
        Self { told, ask: transfer.ask.clone(), again: 0 }
    }
}

/// Whether somebody takes the call; `None` where that is not clear.
fn takes(answer: &str) -> Option<bool> {
    let plain: String =
        answer.to_lowercase().chars().map(|c| if c == '\u{2019}' { '\'' } else { c }).collect();
    let words: Vec<&str> =
        plain.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| !word.is_empty()).collect();
    if words.iter().all(|word| word.chars().all(|c| c.is_ascii_digit())) {
        return match words.concat().chars().last()? {
            '1' => Some(true),
            '2' => Some(false),
            _ => None,
        };
    }
    let spoken = format!(" {} ", words.join(" "));
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| spoken.contains(&format!(" {phrase} ")));
    match (words.len() <= WORDS, says(&NO), says(&YES)) {
        (true, true, _) => Some(false),
        (true, false, true) => Some(true),
        _ => None,
    }
}

fn say(text: &str) -> BoxStream<'static, Said> {
    stream::once(ready(Said::Text(text.to_owned()))).boxed()
}

impl Dialogue for Briefing {
    fn greet(&mut self, _turn: TurnId) -> BoxStream<'static, Said> {
        say(&self.told)
    }

    fn speculate(&mut self, _turn: TurnId, _caller: &str) -> BoxStream<'static, Said> {
        stream::empty().boxed()
    }

    fn commit(&mut self, _turn: TurnId, caller: &str) -> BoxStream<'static, Said> {
        let end = |reason| stream::once(ready(Said::End(reason))).boxed();
        match takes(caller) {
            Some(true) => end(EndReason::Transferred),
            Some(false) => end(EndReason::AgentEnded),
            None if self.again == AGAIN => end(EndReason::AgentEnded),
            None => {
                self.again += 1;
                say(if self.again == 1 { &self.told } else { &self.ask })
            }
        }
    }

    fn nudge(&mut self, _turn: TurnId, _count: u32) -> BoxStream<'static, Said> {
        say(&self.ask)
    }

    fn farewell(&mut self, _turn: TurnId, _reason: EndReason) -> BoxStream<'static, Said> {
        stream::empty().boxed()
    }

    fn discard(&mut self, _turn: TurnId) {}

    fn heard(&mut self, _turn: TurnId, _text: &str, _interrupted: bool) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_yes_or_the_key_takes_a_call() {
        for yes in ["Yes.", "yeah, go ahead", "Okay", "Sure, put them through.", "1", "1 1", "Ja"] {
            assert_eq!(takes(yes), Some(true), "{yes}");
        }
        for no in ["No.", "no, not now", "I'm busy", "2", "I can\u{2019}t", "Later, okay?", "1 2"] {
            assert_eq!(takes(no), Some(false), "{no}");
        }
        let machine =
            "You have reached the office. Yes, we are closed now, please leave a message after the tone";
        for unclear in ["Hello?", "Miller, good morning", machine, "", "5", "What is it about?"] {
            assert_eq!(takes(unclear), None, "{unclear}");
        }
    }
}
