//! What the media streams of carriers have in common: JSON text with audio in base64, a `start` that says whose call it is, and marks
//! that come back when what went before them was played.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::Digit;
use media_core::leg::Quality;
use media_core::{Codec, LegEvent};
use serde_json::json;
use tokio::sync::oneshot;

use crate::driver::Peer;
use crate::error::Refusal;

/// A carrier's socket that is being served.
#[derive(Debug)]
pub struct Carried {
    pub peer: Peer,
    /// Comes with the stream's `start`; never where the socket ends before one.
    pub begun: oneshot::Receiver<Begun>,
}

/// What a carrier says of a call before its audio comes.
#[derive(Clone, PartialEq, Eq)]
pub struct Begun {
    /// The carrier's name of the call.
    pub call: String,
    pub codec: Codec,
    /// Numbers as the carrier writes them, where it does.
    pub from: Option<String>,
    pub to: Option<String>,
    /// What whoever set up the stream gave it along.
    pub parameters: BTreeMap<String, String>,
}

/// Who calls is nobody's business in a log.
impl fmt::Debug for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Begun").field("call", &self.call).field("codec", &self.codec).finish_non_exhaustive()
    }
}

/// Said in the client protocol, so that a session treats all callers alike: a carrier is ready once its stream starts.
pub(crate) fn ready(library: &str) -> LegEvent {
    said("client-ready", &json!({ "version": "2.2.0", "about": { "library": library } }))
}

pub(crate) fn pressed(digit: &str) -> Result<LegEvent, Refusal> {
    let key = digit.chars().next().and_then(|key| Digit::try_from(key).ok());
    let key = key.ok_or_else(|| Refusal::BadMessage(format!("{digit:.8?} is no telephone key")))?;
    Ok(said("dtmf", &json!({ "buttons": [char::from(key)] })))
}

fn said(kind: &str, data: &serde_json::Value) -> LegEvent {
    LegEvent::Message(json!({ "label": "rtvi-ai", "type": kind, "id": kind, "data": data }).to_string())
}

/// One byte a sample, of either law.
pub(crate) fn samples(payload: &str) -> Result<Vec<u8>, Refusal> {
    STANDARD.decode(payload).map_err(|error| Refusal::BadMessage(error.to_string()))
}

/// How long the far end takes to play what it was sent: one mark at a time, seldom.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    count: u64,
    last: Option<Instant>,
    waiting: bool,
}

/// So often at most.
const MARK_EVERY: Duration = Duration::from_secs(5);

impl Marks {
    /// The name of a mark to send behind audio that went out just now.
    pub(crate) fn due(&mut self, now: Instant) -> Option<String> {
        if self.last.is_some_and(|last| now < last + MARK_EVERY) {
            return None;
        }
        self.count += 1;
        self.last = Some(now);
        self.waiting = true;
        Some(self.name())
    }

    /// A mark came back: how long that took, where it measures something.
    pub(crate) fn returned(&mut self, name: &str, now: Instant) -> Vec<LegEvent> {
        let quality = |took| Quality { round_trip: Some(took), received: None };
        self.back(name, now).map(quality).map(LegEvent::Quality).into_iter().collect()
    }

    /// Since its sending; `None` for one that measures nothing.
    fn back(&mut self, name: &str, now: Instant) -> Option<Duration> {
        if !self.waiting || name != self.name() {
            return None;
        }
        self.waiting = false;
        self.last.map(|sent| now.saturating_duration_since(sent))
    }

    /// What was sent is not going to be played: its mark comes back at once.
    pub(crate) const fn cleared(&mut self) {
        self.waiting = false;
    }

    fn name(&self) -> String {
        format!("played-{}", self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_measures_what_was_played_and_not_what_was_cleared() {
        let mut marks = Marks::default();
        let begun = tokio::time::Instant::now().into_std();
        let at = |ms: u64| begun + Duration::from_millis(ms);
        let first = marks.due(at(0)).expect("the first");
        assert_eq!(marks.due(at(4_999)), None);
        assert_eq!(marks.back("of somebody else", at(100)), None);
        assert_eq!(marks.back(&first, at(180)), Some(Duration::from_millis(180)));
        assert_eq!(marks.back(&first, at(190)), None, "twice");
        let second = marks.due(at(5_000)).expect("the second");
        marks.cleared();
        assert_eq!(marks.back(&second, at(5_010)), None);
    }
}
