//! What the agent says although no word of the caller asked for it: why a transfer came to nothing, what an operator has it say.

use domain::{SessionEvent, TurnId};
use media_turn::{Floor, Input};
use serde_json::json;
use tokio::time::Instant;

use crate::ports::NotTransferred;
use crate::session::Session;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Unasked {
    NotTransferred(NotTransferred),
    /// Word for word.
    Prompted(String),
}

impl Session {
    /// In place of what the agent is saying. A caller who speaks finishes first; one who has lost the connection is told when they are back.
    pub(crate) fn say_unasked(&mut self, what: Unasked, now: Instant) {
        // Two texts before the first could sound are one.
        let waits = self.unasked.take().or(self.prompted.take().map(|(_, text)| Unasked::Prompted(text)));
        self.end_turn_of_agent(now);
        self.unasked = Some(match (waits, what) {
            (Some(Unasked::Prompted(before)), Unasked::Prompted(text)) => {
                Unasked::Prompted(format!("{before} {text}"))
            }
            (_, what) => what,
        });
        self.feed(Input::Speak);
    }

    /// The caller took the floor before any of the turn sounded: what somebody wants said comes after them.
    pub(crate) fn said_in_vain(&mut self, turn: TurnId) {
        let Some((_, text)) = self.prompted.take_if(|(of, _)| *of == turn) else { return };
        // Given up with nobody speaking, its voice is dead.
        if self.floor.floor() != Floor::Listening {
            self.unasked.get_or_insert(Unasked::Prompted(text));
            self.feed(Input::Speak);
        }
    }

    pub(crate) fn end_turn_of_agent(&mut self, now: Instant) {
        if let Some(turn) = self.reply.as_ref().map(|reply| reply.turn) {
            self.conclude_reply(true, now);
            self.feed(Input::AgentDone(turn));
        }
    }

    /// As this turn.
    pub(crate) fn explain(&mut self, turn: TurnId, now: Instant) {
        let Some(what) = self.unasked.take() else { return self.feed(Input::AgentDone(turn)) };
        let stream = match what {
            Unasked::NotTransferred(why) => self.dialogue.not_transferred(turn, &why),
            Unasked::Prompted(text) => {
                let stream = self.dialogue.prompted(turn, &text);
                self.prompted = Some((turn, text));
                stream
            }
        };
        self.speak(turn, stream, None, now);
    }

    pub(crate) fn explain_late(&mut self) {
        if self.unasked.is_some() {
            self.feed(Input::Speak);
        }
    }

    /// A word in the agent's ear; whether it is heeded in its next reply.
    pub(crate) fn whisper(&mut self, text: &str) -> bool {
        let heeded = !self.is_bridged() && self.dialogue.whisper(text);
        self.emit(SessionEvent::Noted {
            name: "whisper".to_owned(),
            value: json!({ "text": text, "heeded": heeded }),
        });
        heeded
    }

    /// Said word for word, in place of what the agent is saying, and after a caller who speaks.
    pub(crate) fn prompt(&mut self, text: String, now: Instant) {
        self.emit(SessionEvent::Noted { name: "prompted".to_owned(), value: json!({ "text": text }) });
        if self.is_bridged() || self.ending.leaving {
            return;
        }
        self.say_unasked(Unasked::Prompted(text), now);
    }
}
