//! A call of ours: whom to call and by which trunk, how it comes along, and why it was not answered.

use std::time::Duration;

use domain::{Pii, SipFailure};
use tokio::sync::mpsc;

use crate::invitation::Peer;

/// Longer than any number or name that is dialled.
const LONGEST: usize = 64;
/// Longer than any SIP address somebody is sent to.
const LONGEST_ADDRESS: usize = 200;

/// Whom to call.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Name of a trunk of the options.
    pub trunk: String,
    /// A number such as `+4930123456`, or a name that the trunk knows.
    pub number: Pii<String>,
    /// Whom the callee sees, where it is not the trunk's own.
    pub caller: Option<Pii<String>>,
    /// How long it may ring.
    pub ring: Duration,
}

/// A call that was begun. Dropping it before it is answered cancels it.
#[derive(Debug)]
pub struct Dialling {
    pub(crate) progress: mpsc::Receiver<Progress>,
}

#[derive(Debug)]
pub enum Progress {
    /// The callee's phone rings. `early`: tones or announcements of the network can be heard; they are no part of the call.
    Ringing { early: bool },
    /// Media flows once the peer says `Active`: when the callee can be heard.
    Answered(Peer),
    /// Nobody took the call; nothing follows.
    Ended(Outcome),
}

/// Why a call was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    pub why: Unanswered,
    /// What the other side said; 0 where it said nothing.
    pub status: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    Busy,
    /// The callee does not want the call.
    Declined,
    /// It rang for as long as it may, or nobody is there now.
    NoAnswer,
    /// There is no such number.
    UnknownNumber,
    /// The trunk does not let us call: no password, a wrong one, or no right.
    Forbidden,
    /// Offer and answer did not come together.
    Unspeakable,
    /// Nothing came back, or no connection could be made.
    Unreachable,
    /// The trunk's certificate is not to be trusted as its own.
    Untrusted,
    /// By us.
    Cancelled,
    /// Whatever else the trunk said; `status` has it.
    Failed,
}

impl Unanswered {
    /// What the status of a final answer means.
    #[must_use]
    pub const fn of(status: u16) -> Self {
        Outcome::of(status, true).why
    }

    /// As metrics and interfaces name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Declined => "declined",
            Self::NoAnswer => "no_answer",
            Self::UnknownNumber => "unknown_number",
            Self::Forbidden => "forbidden",
            Self::Unspeakable => "unspeakable",
            Self::Unreachable => "unreachable",
            Self::Untrusted => "untrusted",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }
}

impl Outcome {
    pub(crate) const CANCELLED: Self = Self { why: Unanswered::Cancelled, status: 0 };
    pub(crate) const NO_ANSWER: Self = Self { why: Unanswered::NoAnswer, status: 0 };
    pub(crate) const UNREACHABLE: Self = Self { why: Unanswered::Unreachable, status: 0 };
    pub(crate) const UNTRUSTED: Self = Self { why: Unanswered::Untrusted, status: 0 };

    /// Of a final answer. `heard`: something came before it, so that a time-out is nobody's silence but the callee's.
    pub(crate) const fn of(status: u16, heard: bool) -> Self {
        if status == 408 && !heard {
            return Self::UNREACHABLE;
        }
        let why = match SipFailure::of(status) {
            SipFailure::Busy => Unanswered::Busy,
            SipFailure::Declined => Unanswered::Declined,
            SipFailure::NoAnswer => Unanswered::NoAnswer,
            SipFailure::UnknownNumber => Unanswered::UnknownNumber,
            SipFailure::Forbidden => Unanswered::Forbidden,
            SipFailure::Unspeakable => Unanswered::Unspeakable,
            SipFailure::Failed => Unanswered::Failed,
        };
        Self { why, status }
    }
}

/// Why a call was not even begun.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    #[error("no trunk is called {0:?}: it has to be one of [[sip.trunks]]")]
    UnknownTrunk(String),
    #[error("that cannot be dialled: up to {LONGEST} digits, letters and any of + - . _ * # are")]
    NotDialable,
    #[error("there is no room for another call now")]
    Busy,
}

impl Outgoing {
    /// Whether number and caller may stand in an address as they are.
    pub(crate) fn is_dialable(&self) -> bool {
        let caller = self.caller.as_ref().is_none_or(|caller| dialable(&caller.0));
        caller && dialable(&self.number.0)
    }
}

impl Dialling {
    /// What happens next; `None` after the end. Cancel-safe.
    pub async fn next(&mut self) -> Option<Progress> {
        self.progress.recv().await
    }

    /// Waits for the answer.
    ///
    /// # Errors
    /// Why there was none.
    pub async fn answered(mut self) -> Result<Peer, Outcome> {
        loop {
            match self.next().await {
                Some(Progress::Answered(peer)) => return Ok(peer),
                Some(Progress::Ended(outcome)) => return Err(outcome),
                Some(Progress::Ringing { .. }) => {}
                None => return Err(Outcome::CANCELLED),
            }
        }
    }
}

pub(crate) fn dialable(text: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._*#".contains(&byte);
    !text.is_empty() && text.len() <= LONGEST && text.bytes().all(fine)
}

/// A plain SIP address, `sip:user@host` or with a port and parameters; nothing that could end a header it stands in.
pub(crate) fn address(text: &str) -> Option<rsipstack::sip::Uri> {
    let rest = text.strip_prefix("sip:").or_else(|| text.strip_prefix("sips:"))?;
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._*#@:;=".contains(&byte);
    let (user, host) = rest.split_once('@')?;
    if text.len() > LONGEST_ADDRESS || user.is_empty() || host.is_empty() || !rest.bytes().all(fine) {
        return None;
    }
    rsipstack::sip::Uri::try_from(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_address_stands_in_a_header() {
        assert!(address("sip:anna@example.com").is_some());
        assert!(address("sip:+4930@10.0.0.1:5070;transport=tcp").is_some());
        for bad in [
            "anna@example.com",
            "sip:@example.com",
            "sip:anna@",
            "sip:a@b>\r\nX: y",
            "sip:a@b?Replaces=c",
            "tel:+49",
        ] {
            assert!(address(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn what_a_trunk_says_is_told_in_words_that_can_be_acted_on() {
        let why = |status| Outcome::of(status, true).why;
        assert_eq!(why(486), Unanswered::Busy);
        assert_eq!(why(603), Unanswered::Declined);
        assert_eq!(why(480), Unanswered::NoAnswer);
        assert_eq!(why(404), Unanswered::UnknownNumber);
        assert_eq!(why(407), Unanswered::Forbidden);
        assert_eq!(why(488), Unanswered::Unspeakable);
        assert_eq!(why(302), Unanswered::Failed);
        assert_eq!(Outcome::of(503, false), Outcome { why: Unanswered::Failed, status: 503 });
        assert_eq!(Outcome::of(408, false), Outcome::UNREACHABLE, "nothing came back at all");
        assert_eq!(why(408), Unanswered::NoAnswer);
    }

    #[test]
    fn only_what_is_safe_in_an_address_is_dialled() {
        for fine in ["+4930123456", "front-desk", "*21#", "0.1_2"] {
            assert!(dialable(fine), "{fine}");
        }
        for wrong in ["", "a b", "1@evil", "1;x=y", "1>\r\nX: y", &"1".repeat(65)] {
            assert!(!dialable(wrong), "{wrong:?}");
        }
    }
}
