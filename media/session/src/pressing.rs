//! Keys that the agent presses on the caller's line, once everything that it said before was heard.
//!
//! They need no turn: who is pressed at is a machine, and what it says meanwhile is heard as ever. The dialogue is told at once how it
//! went, and goes on with that when nobody speaks, or when the other side has said something.

use std::time::Duration;

use domain::{Keys, SessionEvent};
use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use media_turn::{Floor, Input};
use serde_json::json;
use tokio::time::Instant;

use crate::ports::NotPressed;
use crate::session::Session;
use crate::transfer::Handing;

/// Beyond the keys themselves: what a transport needs to say that they are out.
const SETTLES: Duration = Duration::from_secs(10);
/// What is pressed at has so long to say something, before it is asked whether it is there.
const ANSWERS: Duration = Duration::from_secs(5);
/// The name of what observers are told.
const NOTED: &str = "keys";

impl Session {
    /// Everything that was to be said before was said.
    pub(crate) fn begin_pressing(&mut self, keys: &Keys, now: Instant) {
        self.dialogue.pressing();
        let keypad = self.connection.leg.as_ref().and_then(|leg| leg.keypad.clone());
        let outcome: BoxFuture<'static, Result<(), NotPressed>> = match keypad {
            Some(keypad) => keypad.press(keys),
            None => ready(Err(NotPressed::unsupported(
                "the caller's connection takes no keys: only telephones by SIP, by Telnyx and in LiveKit rooms do",
            )))
            .boxed(),
        };
        self.note_keys(json!({ "state": "begun", "keys": keys.to_string() }));
        let length = keys.length() + SETTLES;
        self.handing = Some(Handing::Pressing { outcome, by: now + length });
        // Nobody asks a machine whether it is there.
        self.feed(Input::Hold(length + ANSWERS));
    }

    /// How it went. The call goes on in any case.
    pub(crate) fn pressed(&mut self, result: Result<(), NotPressed>) {
        self.handing = None;
        match &result {
            Ok(()) => self.note_keys(json!({ "state": "done" })),
            Err(error) => {
                self.note_keys(json!({ "state": "failed", "code": error.code(), "message": error.message() }))
            }
        }
        self.dialogue.pressed(result.as_ref().copied());
        if self.ending.leaving || self.ending.closing.is_some() {
            return;
        }
        self.unasked.wants_to_go_on();
        self.feed(Input::Hold(ANSWERS));
        self.go_on_from_keys();
    }

    /// Once nobody has the word; asked with every tick. An answer to the other side that comes before goes on from them itself, and is not cut off.
    pub(crate) fn go_on_from_keys(&mut self) {
        if self.unasked.is_to_go_on() && self.floor.floor() == Floor::Listening {
            self.feed(Input::Speak);
        }
    }

    fn note_keys(&mut self, value: serde_json::Value) {
        self.emit(SessionEvent::Noted { name: NOTED.to_owned(), value });
    }
}
