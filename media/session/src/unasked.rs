//! What the agent says although no word of the caller asked for it: why a transfer came to nothing, what an operator has it say.

use domain::{SessionEvent, TurnId};
use media_turn::{Floor, Input};
use serde_json::json;
use tokio::time::Instant;

use crate::ports::NotTransferred;
use crate::session::Session;

/// What waits to be said. Why a transfer failed comes first: the talk goes on from there.
#[derive(Debug, Default)]
pub(crate) struct Unasked {
    failed: Option<NotTransferred>,
    /// Keys were pressed, and the dialogue may have something to say to that.
    goes_on: bool,
    /// Word for word.
    words: Option<String>,
}

impl Unasked {
    const fn waits(&self) -> bool {
        self.failed.is_some() || self.words.is_some()
    }

    pub(crate) const fn wants_to_go_on(&mut self) {
        self.goes_on = true;
    }

    pub(crate) const fn is_to_go_on(&self) -> bool {
        self.goes_on
    }

    /// The dialogue answers the other side, and goes on with that.
    pub(crate) const fn has_gone_on(&mut self) {
        self.goes_on = false;
    }

    /// Words that were to be said before those that wait.
    fn put_before(&mut self, words: String) {
        self.words = Some(match self.words.take() {
            Some(after) => format!("{words} {after}"),
            None => words,
        });
    }
}

impl Session {
    /// The agent has the word again; the caller is told why.
    pub(crate) fn explain_failure(&mut self, why: NotTransferred, now: Instant) {
        self.give_way(now);
        self.unasked.failed = Some(why);
        self.feed(Input::Speak);
    }

    /// What the agent is saying ends here. A caller who speaks finishes first; one who has lost the connection is told when they are back.
    fn give_way(&mut self, now: Instant) {
        // Words that could not sound yet are not lost.
        if let Some((_, words)) = self.prompted.take() {
            self.unasked.put_before(words);
        }
        self.end_turn_of_agent(now);
    }

    /// The caller took the floor before any of the turn sounded: what somebody wants said comes after them.
    pub(crate) fn said_in_vain(&mut self, turn: TurnId) {
        let Some((_, words)) = self.prompted.take_if(|(of, _)| *of == turn) else { return };
        // Given up with nobody speaking, its voice is dead.
        if self.floor.floor() != Floor::Listening {
            self.unasked.put_before(words);
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
        let stream = if let Some(why) = self.unasked.failed.take() {
            self.dialogue.not_transferred(turn, &why)
        } else if std::mem::take(&mut self.unasked.goes_on) {
            self.dialogue.after_keys(turn)
        } else if let Some(words) = self.unasked.words.take() {
            let stream = self.dialogue.prompted(turn, &words);
            self.prompted = Some((turn, words));
            stream
        } else {
            return self.feed(Input::AgentDone(turn));
        };
        self.speak(turn, stream, None, now);
    }

    /// Once the agent may speak again; whether something waited for that.
    pub(crate) fn explain_late(&mut self) -> bool {
        let waits = self.unasked.waits();
        if waits {
            self.feed(Input::Speak);
        }
        waits
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

    /// Said word for word, in place of what the agent is saying, and after a caller who speaks. Whether it will be.
    pub(crate) fn prompt(&mut self, text: String, now: Instant) -> bool {
        let taken = !self.is_bridged() && !self.ending.leaving;
        let value = json!({ "text": text, "heeded": taken });
        self.emit(SessionEvent::Noted { name: "prompted".to_owned(), value });
        if !taken {
            return false;
        }
        self.give_way(now);
        // Two texts before the first could sound are one.
        let before = self.unasked.words.replace(text);
        before.into_iter().for_each(|words| self.unasked.put_before(words));
        self.feed(Input::Speak);
        true
    }
}
