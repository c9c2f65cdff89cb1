//! One call as a pure machine: what came by SIP and `now` go in, what to answer, send and tell come out.
//!
//! It knows offers and answers, holds, session timers (RFC 4028) and when a call is over. Transactions, routes and
//! sockets are its shell's.

use std::time::{Duration, Instant};

use crate::options::Options;
use crate::outgoing::Outcome;
use crate::sdp::{self, Agreed, Description, Direction, Local};

mod outgoing;

/// Audio is expected so soon after the ACK; after that the greeting does not wait for it.
const FIRST_AUDIO: Duration = Duration::from_millis(100);
/// RFC 4028 section 5: no interval may be shorter.
pub const LEAST_INTERVAL_S: u32 = 90;

/// Which of the other side's requests an answer belongs to. The shell numbers them; the call's first INVITE is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(pub u32);

impl RequestId {
    pub const FIRST: Self = Self(0);
}

/// Who keeps the session alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresher {
    Us,
    Them,
}

/// What an INVITE or UPDATE says of session timers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timer {
    /// `Supported: timer`.
    pub supported: bool,
    /// `Session-Expires`, in seconds.
    pub expires_s: Option<u32>,
    /// Its `refresher`: the one who asks is `Them`.
    pub refresher: Option<Refresher>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The call's INVITE, `allows_update` where the caller takes UPDATE.
    Invited {
        sdp: Option<String>,
        timer: Timer,
        allows_update: bool,
    },
    /// We call: audio comes to this address, and for so long it may ring.
    Dial {
        local: Local,
        ring: Duration,
    },
    /// Our INVITE went out anew: with what was asked for, an answer to a challenge, or by another connection.
    Asked,
    /// It was answered provisionally. `sdp` is early audio.
    Progressed {
        status: u16,
        sdp: Option<String>,
    },
    /// It was answered with 200.
    Answered {
        sdp: Option<String>,
        expires: Option<(u32, Refresher)>,
        allows_update: bool,
    },
    /// It was answered with no; 408 where nothing came.
    Declined(u16),
    /// Somebody takes the call and there is room for it: from now on it rings, and may not be refused for anything that was known before.
    Taken,
    /// It is answered; audio comes to this address.
    Accepted(Local),
    /// Nobody does.
    Refused(u16),
    Cancelled,
    Acknowledged {
        id: RequestId,
        sdp: Option<String>,
    },
    /// No ACK came for as long as the answer was repeated.
    Unacknowledged(RequestId),
    /// A re-INVITE (`invite`) or an UPDATE.
    Offered {
        id: RequestId,
        invite: bool,
        sdp: Option<String>,
        timer: Timer,
    },
    /// BYE.
    Bye,
    /// Audio of the caller arrived.
    Heard,
    /// The answer to our `Send(Update)` or `Send(Reinvite)`; 408 where none came. `sdp` is the re-INVITE's.
    Refreshed {
        status: u16,
        sdp: Option<String>,
    },
    /// The session is done with the call.
    HangUp,
    /// A deadline passed.
    Timeout,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    Respond {
        id: RequestId,
        status: u16,
        sdp: Option<String>,
        expires: Option<(u32, Refresher)>,
    },
    Send(Request),
    /// The other side's phone rings. `early`: it can be heard.
    Ringing {
        early: bool,
    },
    /// The other side took the call.
    Answered,
    /// Nobody took it in time, or we want it no more. The end follows once the other side knows.
    Unanswered(Outcome),
    /// Audio goes this way from now on.
    Media(Agreed),
    /// Both sides can hear each other.
    Active,
    /// The call is over; nothing follows.
    Ended(End),
}

/// A request of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    Invite {
        sdp: String,
    },
    Cancel,
    Bye {
        /// Of the Reason header (RFC 3326): a status and what it stands for.
        reason: Option<(u16, &'static str)>,
    },
    Update {
        expires_s: u32,
    },
    Reinvite {
        expires_s: u32,
        sdp: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The other side hung up, or cancelled before anybody answered.
    Caller,
    Us,
    /// By us.
    Refused,
    /// Whom we called did not take the call.
    Unanswered(Outcome),
    /// The caller vanished: no audio, no refresh, no ACK.
    Lost,
    /// Offer and answer did not come together.
    Media,
}

/// Why the machine wants to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    FirstAudio,
    NoAnswer,
    /// Nobody answers a CANCEL.
    GiveUp,
    Silence,
    Refresh,
    Expiry,
}

pub struct Machine {
    options: Options,
    state: State,
    local: Option<Local>,
    agreed: Option<Agreed>,
    heard: Option<Instant>,
    session: Option<Session>,
    allows_update: bool,
    /// A refresh of ours is on its way.
    refreshing: bool,
    /// A re-INVITE that was answered and waits for its ACK, with whether we offered.
    unacknowledged: Option<(RequestId, bool)>,
    /// We called.
    outgoing: bool,
    out: Vec<Output>,
}

#[derive(Debug, Clone, PartialEq)]
enum State {
    New,
    Ringing {
        offer: Option<Description>,
        timer: Timer,
    },
    /// Our INVITE is out. `heard`: something came back.
    Dialling {
        until: Instant,
        heard: bool,
    },
    /// We do not want it any more. `sent`: the other side knows; before anything came back nothing may be cancelled.
    Cancelling {
        until: Instant,
        sent: bool,
        outcome: Outcome,
    },
    /// 200 went out. `hang_up`: the session is done already, which BYE may say only after the ACK.
    Answered {
        offered: bool,
        hang_up: bool,
    },
    Confirmed {
        since: Instant,
        active: bool,
    },
    Ended,
}

#[derive(Debug, Clone, Copy)]
struct Session {
    expires_s: u32,
    refresher: Refresher,
    refreshed: Instant,
}

impl Machine {
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            options,
            state: State::New,
            local: None,
            agreed: None,
            heard: None,
            session: None,
            allows_update: false,
            refreshing: false,
            unacknowledged: None,
            outgoing: false,
            out: Vec::new(),
        }
    }

    /// What is to be done, in order.
    pub fn handle(&mut self, input: Input, now: Instant) -> Vec<Output> {
        if self.state != State::Ended {
            self.step(input, now);
        } else if let Input::Offered { id, .. } = input {
            self.respond(id, 481, None, None);
        }
        std::mem::take(&mut self.out)
    }

    /// When to come back with `Timeout`, and why.
    #[must_use]
    pub fn deadline(&self) -> Option<(Instant, Why)> {
        let (since, active) = match self.state {
            State::Confirmed { since, active } => (since, active),
            State::Dialling { until, .. } => return Some((until, Why::NoAnswer)),
            State::Cancelling { until, .. } => return Some((until, Why::GiveUp)),
            _ => return None,
        };
        // Whom we called is not spoken to before something of theirs is heard.
        let first = (!active && !self.outgoing).then_some((since + FIRST_AUDIO, Why::FirstAudio));
        let hears = self.agreed.as_ref().is_some_and(|agreed| agreed.direction.receives());
        let silent_s = Duration::from_secs(u64::from(self.options.silence_s));
        let silence = hears.then(|| (self.heard.unwrap_or(since).max(since) + silent_s, Why::Silence));
        let timer = self.session.map(|session| {
            let whole = Duration::from_secs(u64::from(session.expires_s));
            match session.refresher {
                Refresher::Us if !self.refreshing => (session.refreshed + whole / 2, Why::Refresh),
                // RFC 4028 section 10: a little before the other side gives up.
                _ => (session.refreshed + whole - (whole / 3).min(Duration::from_secs(32)), Why::Expiry),
            }
        });
        [first, silence, timer].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    /// Both sides have taken the call.
    #[must_use]
    pub const fn is_confirmed(&self) -> bool {
        matches!(self.state, State::Confirmed { .. })
    }

    #[must_use]
    pub fn is_over(&self) -> bool {
        self.state == State::Ended
    }

    /// The codec that a call begins with: what was agreed on or the offer comes to, or what every phone speaks.
    #[must_use]
    pub fn codec(&self) -> media_core::Codec {
        if let Some(agreed) = &self.agreed {
            return agreed.send.codec;
        }
        let State::Ringing { offer: Some(offer), .. } = &self.state else { return media_core::Codec::Pcmu };
        sdp::chosen(offer, &self.options.codecs()).map_or(media_core::Codec::Pcmu, |format| format.codec)
    }

    fn step(&mut self, input: Input, now: Instant) {
        match input {
            Input::Invited { sdp, timer, allows_update } => self.invited(sdp, timer, allows_update),
            Input::Dial { local, ring } => self.dial(local, now + ring),
            Input::Asked => self.asked(),
            Input::Progressed { status, sdp } => self.progressed(status, sdp, now),
            Input::Answered { sdp, expires, allows_update } => {
                self.allows_update = allows_update;
                self.answered(sdp, expires, now);
            }
            Input::Declined(status) => self.declined(status),
            Input::Taken => {
                if matches!(self.state, State::Ringing { .. }) {
                    self.respond(RequestId::FIRST, 180, None, None);
                }
            }
            Input::Accepted(local) => self.accepted(local, now),
            Input::Refused(status) => {
                if matches!(self.state, State::Ringing { .. }) {
                    self.respond(RequestId::FIRST, status, None, None);
                    self.end(End::Refused);
                }
            }
            Input::Cancelled => {
                // Once it was answered, CANCEL comes too late and has no effect (RFC 3261 section 9.2).
                if matches!(self.state, State::Ringing { .. }) {
                    self.respond(RequestId::FIRST, 487, None, None);
                    self.end(End::Caller);
                }
            }
            Input::Acknowledged { id, sdp } => self.acknowledged(id, sdp, now),
            Input::Unacknowledged(id) => {
                let ours = id == RequestId::FIRST && matches!(self.state, State::Answered { .. });
                if ours || self.unacknowledged.is_some_and(|(waiting, _)| waiting == id) {
                    self.bye(Some((408, "no ACK")), End::Lost);
                }
            }
            Input::Offered { id, invite, sdp, timer } => self.offered(id, invite, sdp, timer, now),
            // Whoever has not answered our INVITE yet does so, in whichever way.
            Input::Bye if matches!(self.state, State::Dialling { .. } | State::Cancelling { .. }) => {}
            Input::Bye => {
                if matches!(self.state, State::Ringing { .. }) {
                    self.respond(RequestId::FIRST, 487, None, None);
                }
                self.end(End::Caller);
            }
            Input::Heard => {
                self.heard = Some(now);
                self.activate();
            }
            Input::Refreshed { status, sdp } => self.refreshed(status, sdp, now),
            Input::HangUp => self.hang_up(now),
            Input::Timeout => self.timeout(now),
        }
    }

    fn invited(&mut self, sdp: Option<String>, timer: Timer, allows_update: bool) {
        if self.state != State::New {
            return;
        }
        self.allows_update = allows_update;
        if timer.expires_s.is_some_and(|expires| expires < LEAST_INTERVAL_S) {
            self.respond(RequestId::FIRST, 422, None, None);
            return self.end(End::Refused);
        }
        let offer = match sdp.as_deref().map(Description::parse).transpose() {
            Ok(offer) => offer,
            Err(_) => {
                self.respond(RequestId::FIRST, 488, None, None);
                return self.end(End::Media);
            }
        };
        let spoken = |offer: &Description| {
            let secure = offer.crypto.is_some() || !self.options.srtp_required;
            secure && sdp::chosen(offer, &self.options.codecs()).is_some()
        };
        if offer.as_ref().is_some_and(|offer| !spoken(offer)) {
            self.respond(RequestId::FIRST, 488, None, None);
            return self.end(End::Media);
        }
        self.state = State::Ringing { offer, timer };
    }

    fn accepted(&mut self, local: Local, now: Instant) {
        let State::Ringing { offer, timer } = self.state.clone() else { return };
        let (text, agreed) = match &offer {
            Some(offer) => match sdp::answer(offer, &local) {
                Ok((text, agreed)) => (text, Some(agreed)),
                Err(_) => {
                    self.respond(RequestId::FIRST, 488, None, None);
                    return self.end(End::Media);
                }
            },
            None => (sdp::offer(&local, Direction::SendRecv), None),
        };
        self.local = Some(local);
        let expires = self.agree_timer(timer, now);
        self.respond(RequestId::FIRST, 200, Some(text), expires);
        self.state = State::Answered { offered: agreed.is_none(), hang_up: false };
        if let Some(agreed) = agreed {
            self.media(agreed, now);
        }
    }

    fn acknowledged(&mut self, id: RequestId, sdp: Option<String>, now: Instant) {
        if id != RequestId::FIRST {
            let Some((_, offered)) = self.unacknowledged.take_if(|(waiting, _)| *waiting == id) else {
                return;
            };
            if offered {
                self.take_answer(sdp, now);
            }
            return;
        }
        let State::Answered { offered, hang_up } = self.state else { return };
        if hang_up {
            return self.bye(None, End::Us);
        }
        self.state = State::Confirmed { since: now, active: false };
        let heard = self.heard.is_some();
        if offered {
            self.take_answer(sdp, now);
        }
        if heard {
            self.activate();
        }
    }

    /// The answer to an offer of ours. Without one there is no call.
    fn take_answer(&mut self, sdp: Option<String>, now: Instant) {
        let read = |text: &str| {
            let local = self.local.as_ref().ok_or(sdp::Error::NoAudio)?;
            sdp::answered(&Description::parse(text)?, local)
        };
        match sdp.as_deref().map(read) {
            Some(Ok(agreed)) => self.media(agreed, now),
            _ => self.bye(Some((488, "no usable answer")), End::Media),
        }
    }

    fn offered(&mut self, id: RequestId, invite: bool, sdp: Option<String>, timer: Timer, now: Instant) {
        // Another offer is still open, theirs or ours (RFC 3261 section 14.2, RFC 3311 section 5.2).
        let early = !matches!(self.state, State::Confirmed { .. });
        let busy = early || self.unacknowledged.is_some() || (self.refreshing && !self.allows_update);
        if busy && (invite || sdp.is_some()) {
            return self.respond(id, 491, None, None);
        }
        if timer.expires_s.is_some_and(|expires| expires < LEAST_INTERVAL_S) {
            return self.respond(id, 422, None, None);
        }
        let Some(mut local) = self.local.clone() else { return self.respond(id, 491, None, None) };
        let answer = match &sdp {
            Some(text) => {
                local.version += 1;
                let answered = Description::parse(text).and_then(|offer| sdp::answer(&offer, &local));
                // The call goes on as it was (RFC 3261 section 14.2).
                let Ok((text, agreed)) = answered else { return self.respond(id, 488, None, None) };
                self.local = Some(local);
                self.media(agreed, now);
                Some(text)
            }
            None if invite => {
                local.version += 1;
                let text = sdp::offer(&local, Direction::SendRecv);
                self.local = Some(local);
                Some(text)
            }
            None => None,
        };
        let expires = self.agree_timer(timer, now);
        self.respond(id, 200, answer, expires);
        if invite {
            self.unacknowledged = Some((id, sdp.is_none()));
        }
    }

    /// What session timer we answer with. Whoever asks keeps it alive, unless they ask us to.
    fn agree_timer(&mut self, timer: Timer, now: Instant) -> Option<(u32, Refresher)> {
        let expires_s = timer.expires_s.or(timer.supported.then_some(self.options.session_expires_s));
        let asked = timer.refresher.unwrap_or(if timer.supported { Refresher::Them } else { Refresher::Us });
        let refresher = if timer.supported { asked } else { Refresher::Us };
        let session = expires_s.map(|expires_s| Session { expires_s, refresher, refreshed: now });
        self.session = session;
        session.map(|session| (session.expires_s, session.refresher))
    }

    fn refreshed(&mut self, status: u16, sdp: Option<String>, now: Instant) {
        if !std::mem::take(&mut self.refreshing) {
            return;
        }
        match status {
            200..=299 => {
                if let Some(session) = &mut self.session {
                    session.refreshed = now;
                }
                // Of a re-INVITE: whoever answers it may have moved meanwhile.
                if sdp.is_some() {
                    self.take_answer(sdp, now);
                }
            }
            // RFC 5057: these end the dialog.
            404 | 408 | 410 | 416 | 481..=485 | 489 | 501 | 502 | 604 => {
                self.bye(Some((status, "refresh failed")), End::Lost)
            }
            // 491 and the like: until the interval ends there is time to try again.
            _ => {
                if let Some(session) = &mut self.session {
                    let part = Duration::from_secs(u64::from(session.expires_s / 2));
                    // Again after a tenth of the interval, counted from now.
                    session.refreshed =
                        session.refreshed.max(now.checked_sub(part).unwrap_or(now) + part / 5);
                }
            }
        }
    }

    fn hang_up(&mut self, now: Instant) {
        match &mut self.state {
            State::Dialling { .. } => self.cancel(Outcome::CANCELLED, now),
            State::Cancelling { .. } => {}
            State::Answered { hang_up, .. } => *hang_up = true,
            State::Confirmed { .. } => self.bye(None, End::Us),
            State::Ringing { .. } => {
                self.respond(RequestId::FIRST, 480, None, None);
                self.end(End::Us);
            }
            State::New | State::Ended => self.end(End::Us),
        }
    }

    fn timeout(&mut self, now: Instant) {
        let Some((_, why)) = self.deadline().filter(|(at, _)| *at <= now) else { return };
        match why {
            Why::FirstAudio => self.activate(),
            Why::NoAnswer => self.unanswered(now),
            Why::GiveUp => self.give_up(),
            Why::Silence => self.bye(Some((408, "no audio")), End::Lost),
            Why::Expiry => self.bye(Some((408, "session expired")), End::Lost),
            Why::Refresh => {
                let (Some(session), Some(local)) = (self.session, &mut self.local) else { return };
                self.refreshing = true;
                let expires_s = session.expires_s;
                let request = if self.allows_update {
                    Request::Update { expires_s }
                } else {
                    let direction =
                        self.agreed.as_ref().map_or(Direction::SendRecv, |agreed| agreed.direction);
                    Request::Reinvite { expires_s, sdp: sdp::offer(local, direction) }
                };
                self.out.push(Output::Send(request));
            }
        }
    }

    fn activate(&mut self) {
        if let State::Confirmed { active, .. } = &mut self.state
            && !std::mem::replace(active, true)
        {
            self.out.push(Output::Active);
        }
    }

    fn media(&mut self, agreed: Agreed, now: Instant) {
        // Silence is counted anew: on hold there was none to hear.
        if let State::Confirmed { .. } = self.state {
            self.heard = Some(now);
        }
        // What was enciphered once is not offered in plain later.
        if let Some(local) = &mut self.local {
            local.secure |= agreed.keys.is_some();
        }
        self.agreed = Some(agreed.clone());
        self.out.push(Output::Media(agreed));
    }

    fn respond(
        &mut self,
        id: RequestId,
        status: u16,
        sdp: Option<String>,
        expires: Option<(u32, Refresher)>,
    ) {
        self.out.push(Output::Respond { id, status, sdp, expires });
    }

    fn bye(&mut self, reason: Option<(u16, &'static str)>, end: End) {
        self.out.push(Output::Send(Request::Bye { reason }));
        self.end(end);
    }

    fn end(&mut self, end: End) {
        self.state = State::Ended;
        self.out.push(Output::Ended(end));
    }
}

#[cfg(test)]
mod tests;
