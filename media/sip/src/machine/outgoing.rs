//! Calls of ours, until they are answered: from the INVITE over ringing to 200, a no, or our CANCEL.

use std::time::{Duration, Instant};

use super::{End, Machine, Output, Refresher, Request, Session, State};
use crate::outgoing::Outcome;
use crate::sdp::{self, Agreed, Description, Direction, Local};

/// RFC 3261 section 9.1: whoever answers a CANCEL with nothing is waited for no longer (64 times T1).
const CANCELLED: Duration = Duration::from_secs(32);

impl Machine {
    pub(super) fn dial(&mut self, local: Local, until: Instant) {
        if self.state != State::New {
            return;
        }
        self.outgoing = true;
        let sdp = sdp::offer(&local, Direction::SendRecv);
        self.local = Some(local);
        self.state = State::Dialling { until, heard: false };
        self.out.push(Output::Send(Request::Invite { sdp }));
    }

    /// The INVITE before is nobody's any more: what was known and done of it counts no longer.
    pub(super) fn asked(&mut self) {
        match &mut self.state {
            State::Dialling { heard, .. } => *heard = false,
            State::Cancelling { sent, .. } => *sent = false,
            _ => {}
        }
    }

    pub(super) fn progressed(&mut self, status: u16, sdp: Option<String>, now: Instant) {
        match &mut self.state {
            State::Dialling { heard, .. } => *heard = true,
            State::Cancelling { sent, .. } => {
                if !std::mem::replace(sent, true) {
                    self.out.push(Output::Send(Request::Cancel));
                }
                return;
            }
            _ => return,
        }
        // What cannot be read now is said again with the answer, and is judged then.
        let early = sdp.and_then(|sdp| self.read(&sdp).ok());
        let heard = early.is_some();
        if let Some(agreed) = early {
            self.media(agreed, now);
        }
        if heard || status == 180 {
            self.out.push(Output::Ringing { early: heard });
        }
    }

    pub(super) fn answered(&mut self, sdp: Option<String>, expires: Option<(u32, Refresher)>, now: Instant) {
        match self.state {
            State::Dialling { .. } => {}
            // It crossed our CANCEL.
            State::Cancelling { outcome, .. } => return self.bye(None, End::Unanswered(outcome)),
            _ => return,
        }
        let agreed = match sdp {
            Some(sdp) => self.read(&sdp).ok(),
            // Said with a provisional answer already (RFC 3262 section 5).
            None => self.agreed.clone(),
        };
        let Some(agreed) = agreed else {
            return self.bye(Some((488, "no usable answer")), End::Unanswered(Outcome::of(488, true)));
        };
        self.session = expires.map(|(expires_s, refresher)| Session { expires_s, refresher, refreshed: now });
        self.state = State::Confirmed { since: now, active: false };
        self.media(agreed, now);
        // What was heard until now were tones and announcements of the network.
        self.heard = None;
        self.out.push(Output::Answered);
    }

    pub(super) fn declined(&mut self, status: u16) {
        let outcome = match self.state {
            State::Dialling { heard, .. } => Outcome::of(status, heard),
            State::Cancelling { outcome, .. } => outcome,
            _ => return,
        };
        self.end(End::Unanswered(outcome));
    }

    /// It rang for as long as it may.
    pub(super) fn unanswered(&mut self, now: Instant) {
        let State::Dialling { heard, .. } = self.state else { return };
        self.cancel(if heard { Outcome::NO_ANSWER } else { Outcome::UNREACHABLE }, now);
    }

    pub(super) fn cancel(&mut self, outcome: Outcome, now: Instant) {
        let State::Dialling { heard, .. } = self.state else { return };
        if heard {
            self.out.push(Output::Send(Request::Cancel));
        }
        self.out.push(Output::Unanswered(outcome));
        self.state = State::Cancelling { until: now + CANCELLED, sent: heard, outcome };
    }

    pub(super) fn give_up(&mut self) {
        if let State::Cancelling { outcome, .. } = self.state {
            self.end(End::Unanswered(outcome));
        }
    }

    fn read(&self, sdp: &str) -> Result<Agreed, sdp::Error> {
        let local = self.local.as_ref().ok_or(sdp::Error::NoAudio)?;
        sdp::answered(&Description::parse(sdp)?, local)
    }
}
