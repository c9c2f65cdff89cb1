//! What the agent says although no word of the caller asked for it: why a transfer came to nothing, what an operator has it say.

use domain::{SessionEvent, TurnId};
use media_turn::Input;
use serde_json::json;
use tokio::time::Instant;

use crate::ports::NotTransferred;
use crate::session::Session;

pub(crate) enum Unasked {
    NotTransferred(NotTransferred),
    /// Word for word.
    Prompted(String),
}

impl Session {
    /// In place of what the agent is saying. A caller who has lost the connection is told when they are back.
    pub(crate) fn say_unasked(&mut self, what: Unasked, now: Instant) {
        self.end_turn_of_agent(now);
        self.unasked = Some(what);
        self.feed(Input::Speak);
    }

    pub(crate) fn end_turn_of_agent(&mut self, now: Instant) {
        if let Some(turn) = self.reply.as_ref().map(|reply| reply.turn) {
            self.conclude_reply(true, now);
            self.feed(Input::AgentDone(turn));
        }
    }

    /// As this turn.
    pub(crate) fn explain(&mut self, turn: TurnId, now: Instant) {
        let Some(what) = self.unasked.take() else { return };
        let stream = match what {
            Unasked::NotTransferred(why) => self.dialogue.not_transferred(turn, &why),
            Unasked::Prompted(text) => self.dialogue.prompted(turn, &text),
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

    /// Said word for word, in place of what the agent is saying.
    pub(crate) fn prompt(&mut self, text: String, now: Instant) {
        self.emit(SessionEvent::Noted { name: "prompted".to_owned(), value: json!({ "text": text }) });
        if self.is_bridged() || self.ending.leaving {
            return;
        }
        self.say_unasked(Unasked::Prompted(text), now);
    }
}
