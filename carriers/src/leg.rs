//! One call at a carrier, from its first ring to its end: what the carrier says of it and what our side wants go in, requests to the carrier and
//! words to whoever waits come out. All that is known of a call's way is known here.
//!
//! No sockets and no clock: whoever has them feeds one input with the time, takes every output, and feeds `Timeout` when the deadline has come.
//! Audio passes this by; only its coming and going is told.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::{End, Unanswered};

/// Beyond the time that a phone may ring: what the carrier needs to begin the call, to say how it went, and to bring the audio.
pub const SETTLES: Duration = Duration::from_secs(20);
/// Before it rings a call may wait in the carrier's own queue.
pub const QUEUED: Duration = Duration::from_secs(120);
/// Beyond the time that the phone of somebody may ring whom a caller is put through to. Twilio adds 5 s of its own. Whoever waits for the
/// outcome waits for longer, so that a caller who has to be fetched is back by then.
pub const SILENT: Duration = Duration::from_secs(12);
/// From the request to bring a caller's audio back until it is here.
pub const RETURNS: Duration = Duration::from_secs(20);

/// What becomes of a caller's audio while the carrier calls somebody for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audio {
    /// It ends, and comes anew when nobody takes them: Twilio.
    Leaves,
    /// It goes on until somebody does: Telnyx.
    Stays,
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    Closed,
    /// It broke, which says nothing of the call.
    Lost,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The carrier says that a phone of ours rings.
    Rings,
    /// Somebody has answered a call of ours: what are they to hear?
    Asks,
    /// Somebody has taken the caller, at this try.
    Taken { number: u32 },
    /// Nobody has, at this try.
    NotTaken { number: u32, why: Unanswered },
    /// The try is over: what is to be done with the caller?
    Back { number: u32, why: Unanswered },
    /// The caller is fetched from this try: what are they to hear?
    Fetched { number: u32 },
    /// The caller has hung up while somebody was called for them.
    Left,
    /// The call is over.
    Ended(End),
    /// A stream of the call is there.
    Opens,
    /// That which was joined last has ended.
    Stops(How),
    /// Our side wants somebody called for the caller, whose phone may ring for so long.
    Transfer { ring: Duration },
    /// Whoever waited for the outcome of this try does so no longer.
    GivesUp { number: u32 },
    /// The carrier did not do what it was asked. `gone`: since the call is over; `unsure`: or it did, and its answer was lost.
    Refused { what: Request, gone: bool, unsure: bool },
    /// Nobody here has anything more to do with the call.
    HangUp,
    /// The deadline has come.
    Timeout,
}

/// What the carrier is to be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// To call somebody for the caller, at this try.
    Transfer { number: u32 },
    /// To end this try and to ask what the caller is to hear.
    Fetch { number: u32 },
    /// Whatever else it was asked for does not matter any more.
    HangUp,
}

/// What a carrier is told that asked something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// To bring the call's audio.
    Stream,
    /// To end the call.
    Goodbye,
    Nothing,
}

/// Why nobody was heard in a call that we made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unheard {
    Ended(End),
    /// The carrier said nothing in time.
    Late,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    Ask(Request),
    /// It is known to be done: where its answer is late it is not asked for again.
    Done(Request),
    /// Of the carrier's question that was just put in.
    Answer(Answer),
    /// The stream that was just put in carries the call from now on.
    Join,
    /// It is closed.
    Decline,
    Rings,
    NotReached(Unheard),
    /// Of the last try.
    Outcome(Result<(), Unanswered>),
    /// Nobody is called for the caller, who is not here: the transfer that was just put in is no try.
    NotTried,
    /// The caller is no longer here.
    Closes(How),
}

/// Why a leg wakes up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Nobody has answered.
    Unanswered,
    /// Nothing is heard of a try.
    Silent,
    /// A caller's audio should be back.
    Returns,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// We made it, and nobody is heard yet.
    Calling {
        rings: bool,
        ring: Duration,
    },
    Here,
    /// Somebody is called for the caller. `ended`: how their stream did meanwhile; `waits`: somebody wants to know what becomes of it.
    Away {
        ended: Option<How>,
        waits: bool,
    },
    /// Nobody took them, and their audio is on its way. `told`: the carrier, to bring it.
    Returning {
        why: Unanswered,
        waits: bool,
        told: bool,
    },
    /// The caller is with somebody else, where the carrier is to leave them.
    Elsewhere,
    /// The caller is gone, or seems to be: our side is told, and has the call ended.
    Left,
    Over,
}

#[derive(Debug)]
pub struct Leg {
    audio: Audio,
    phase: Phase,
    /// The number of the last try.
    tries: u32,
    /// The last try was ended by us, and what the carrier asks then is still to come: it ends a stream that came before.
    fetching: bool,
    deadline: Option<(Instant, Why)>,
    outputs: VecDeque<Output>,
}

impl Leg {
    /// Of a call that came in, and whose audio is here.
    #[must_use]
    pub const fn came(audio: Audio) -> Self {
        Self {
            audio,
            phase: Phase::Here,
            tries: 0,
            fetching: false,
            deadline: None,
            outputs: VecDeque::new(),
        }
    }

    /// Of a call that the carrier was just asked to make, and whose phone may ring for so long.
    #[must_use]
    pub fn made(audio: Audio, ring: Duration, now: Instant) -> Self {
        let phase = Phase::Calling { rings: false, ring };
        let deadline = Some((now + QUEUED + ring + SETTLES, Why::Unanswered));
        Self { phase, deadline, ..Self::came(audio) }
    }

    /// When `Timeout` is due, and what for.
    #[must_use]
    pub const fn deadline(&self) -> Option<(Instant, Why)> {
        self.deadline
    }

    /// Whether nothing more comes of it.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// Whether the carrier has the call for somebody else.
    #[must_use]
    pub fn is_elsewhere(&self) -> bool {
        self.phase == Phase::Elsewhere
    }

    /// Whether it is ours to end: nobody else has the caller, or is called for them.
    #[must_use]
    pub const fn is_ours(&self) -> bool {
        matches!(self.phase, Phase::Calling { .. } | Phase::Here | Phase::Returning { .. } | Phase::Left)
    }

    /// What is to be done next, in order.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub fn handle(&mut self, input: Input, now: Instant) {
        match input {
            Input::Rings => self.rings(now),
            Input::Asks => {
                let calling = matches!(self.phase, Phase::Calling { .. });
                self.says(Output::Answer(if calling { Answer::Stream } else { Answer::Goodbye }));
            }
            Input::Taken { number } => self.taken(number),
            Input::NotTaken { number, why } => self.not_taken(number, why, now),
            Input::Back { number, why: Unanswered::Over } => {
                self.taken(number);
                self.says(Output::Answer(Answer::Goodbye));
            }
            Input::Back { number, why } => self.back(number, why, now),
            Input::Fetched { number } => self.fetched(number, now),
            Input::Left | Input::Ended(_) if self.has_caller() => self.closes(How::Closed),
            Input::Left => {}
            Input::Ended(end) => match self.phase {
                Phase::Calling { .. } => {
                    self.says(Output::NotReached(Unheard::Ended(end)));
                    self.becomes(Phase::Over, None);
                }
                Phase::Elsewhere => self.becomes(Phase::Over, None),
                _ => {}
            },
            Input::Opens => self.opens(),
            Input::Stops(how) => self.stops(how, now),
            Input::Transfer { ring } => self.transfer(ring, now),
            Input::GivesUp { number } if number == self.tries => self.gives_up(now),
            Input::GivesUp { .. } => {}
            Input::Refused { what, gone, unsure } => self.refused(what, gone, unsure, now),
            Input::HangUp => match self.phase {
                Phase::Elsewhere | Phase::Over => self.becomes(Phase::Over, None),
                _ => {
                    self.says(Output::Ask(Request::HangUp));
                    self.becomes(Phase::Over, None);
                }
            },
            Input::Timeout => self.timeout(now),
        }
    }

    fn says(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    fn becomes(&mut self, phase: Phase, deadline: Option<(Instant, Why)>) {
        self.phase = phase;
        self.deadline = deadline;
    }

    /// With the agent, or on a way that leads back to them.
    const fn has_caller(&self) -> bool {
        matches!(self.phase, Phase::Here | Phase::Away { .. } | Phase::Returning { .. })
    }

    fn rings(&mut self, now: Instant) {
        if let Phase::Calling { rings: false, ring } = self.phase {
            self.says(Output::Rings);
            self.becomes(Phase::Calling { rings: true, ring }, Some((now + ring + SETTLES, Why::Unanswered)));
        }
    }

    fn transfer(&mut self, ring: Duration, now: Instant) {
        if self.phase != Phase::Here {
            return self.says(Output::NotTried);
        }
        self.tries += 1;
        self.fetching = false;
        self.says(Output::Ask(Request::Transfer { number: self.tries }));
        self.becomes(Phase::Away { ended: None, waits: true }, Some((now + ring + SILENT, Why::Silent)));
    }

    fn taken(&mut self, number: u32) {
        let is_true = match self.audio {
            // What comes of a try that was ended since comes too late: nobody is called any more.
            Audio::Leaves => matches!(self.phase, Phase::Away { .. }) && number == self.tries,
            // Whoever answers has the caller, whichever try it was and whether anybody still waits for it.
            Audio::Stays => self.has_caller() && (1..=self.tries).contains(&number),
        };
        if !is_true {
            return;
        }
        let waits =
            matches!(self.phase, Phase::Away { waits: true, .. } | Phase::Returning { waits: true, .. });
        self.says(if waits { Output::Outcome(Ok(())) } else { Output::Closes(How::Closed) });
        self.becomes(Phase::Elsewhere, None);
    }

    fn not_taken(&mut self, number: u32, why: Unanswered, now: Instant) {
        if number != self.tries {
            return;
        }
        let (ended, waits) = match self.phase {
            Phase::Away { ended, waits } => (ended, waits),
            // It was told to bring their audio, and could not yet.
            Phase::Returning { .. } => return self.says(Output::Answer(Answer::Stream)),
            _ => return,
        };
        match ended {
            None => self.stays(Err(why), waits),
            // The carrier ended the stream, and not since the caller has left.
            Some(How::Closed) if why != Unanswered::Cancelled => {
                self.says(Output::Answer(Answer::Stream));
                self.returning(why, waits, true, now);
            }
            Some(how) => self.closes(how),
        }
    }

    fn back(&mut self, number: u32, why: Unanswered, now: Instant) {
        let answer = match self.phase {
            Phase::Away { waits, .. } if number == self.tries => {
                self.returning(why, waits, true, now);
                Answer::Stream
            }
            Phase::Returning { why, waits, .. } if number == self.tries => {
                self.phase = Phase::Returning { why, waits, told: true };
                Answer::Stream
            }
            // The request was not heard to be taken, and was.
            Phase::Here if number == self.tries && !self.fetching => {
                self.returning(why, false, true, now);
                Answer::Stream
            }
            Phase::Elsewhere | Phase::Left | Phase::Over => Answer::Goodbye,
            _ => Answer::Nothing,
        };
        self.says(Output::Answer(answer));
    }

    fn fetched(&mut self, number: u32, now: Instant) {
        if self.fetching && number == self.tries {
            self.fetching = false;
            self.says(Output::Done(Request::Fetch { number }));
        }
        let answer = match self.phase {
            _ if number != self.tries && self.has_caller() => Answer::Nothing,
            Phase::Returning { why, waits, .. } => {
                self.returning(why, waits, true, now);
                Answer::Stream
            }
            // A stream that came by the try's own end is ended by this.
            Phase::Here => {
                self.returning(Unanswered::NoAnswer, false, true, now);
                Answer::Stream
            }
            Phase::Away { .. } => Answer::Nothing,
            _ => Answer::Goodbye,
        };
        self.says(Output::Answer(answer));
    }

    fn opens(&mut self) {
        match self.phase {
            Phase::Calling { .. } => {
                self.says(Output::Join);
                self.becomes(Phase::Here, None);
            }
            Phase::Returning { why, waits, .. } => {
                self.says(Output::Join);
                self.stays(Err(why), waits);
            }
            // The one that was there was ended by the same request.
            Phase::Here if self.fetching => self.says(Output::Join),
            _ => self.says(Output::Decline),
        }
    }

    fn stops(&mut self, how: How, now: Instant) {
        match self.phase {
            Phase::Here if self.fetching => self.returning(Unanswered::NoAnswer, false, false, now),
            Phase::Here => self.closes(how),
            Phase::Away { waits, .. } => self.phase = Phase::Away { ended: Some(how), waits },
            _ => {}
        }
    }

    fn gives_up(&mut self, now: Instant) {
        match self.phase {
            Phase::Away { ended, waits: true } => {
                self.phase = Phase::Away { ended, waits: false };
                self.silent(now);
            }
            Phase::Returning { why, waits: true, told } => {
                self.phase = Phase::Returning { why, waits: false, told };
            }
            _ => {}
        }
    }

    fn timeout(&mut self, now: Instant) {
        match self.deadline {
            Some((at, why)) if at <= now => match why {
                Why::Unanswered => {
                    self.says(Output::NotReached(Unheard::Late));
                    self.says(Output::Ask(Request::HangUp));
                    self.becomes(Phase::Over, None);
                }
                Why::Silent => self.silent(now),
                Why::Returns => self.closes(How::Lost),
            },
            _ => {}
        }
    }

    /// Nothing more is waited for of a try.
    fn silent(&mut self, now: Instant) {
        let Phase::Away { ended, waits } = self.phase else { return };
        match (self.audio, ended) {
            (Audio::Leaves, _) => self.fetch(Unanswered::NoAnswer, waits, now),
            (Audio::Stays, None) => self.stays(Err(Unanswered::NoAnswer), waits),
            (Audio::Stays, Some(how)) => self.closes(how),
        }
    }

    fn refused(&mut self, what: Request, gone: bool, unsure: bool, now: Instant) {
        match (what, self.phase) {
            (Request::Transfer { number }, Phase::Away { ended, waits }) if number == self.tries => {
                match (self.audio, ended) {
                    _ if gone => self.closes(How::Closed),
                    // Only the carrier knows where the caller is.
                    (Audio::Leaves, Some(_)) => self.fetch(Unanswered::Failed, waits, now),
                    (Audio::Leaves, None) if unsure => self.fetch(Unanswered::Failed, waits, now),
                    (Audio::Stays, Some(how)) => self.closes(how),
                    (_, None) => self.stays(Err(Unanswered::Failed), waits),
                }
            }
            // Once it is done, whatever its answer says is of no account.
            (Request::Fetch { number }, phase) if number == self.tries && self.fetching => {
                self.fetching = false;
                match phase {
                    Phase::Returning { .. } if gone => self.closes(How::Closed),
                    // The try ended by itself, and their audio comes all the same.
                    Phase::Returning { told: true, .. } => {}
                    Phase::Returning { .. } => self.closes(How::Lost),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn fetch(&mut self, why: Unanswered, waits: bool, now: Instant) {
        self.fetching = true;
        self.says(Output::Ask(Request::Fetch { number: self.tries }));
        self.returning(why, waits, false, now);
    }

    fn returning(&mut self, why: Unanswered, waits: bool, told: bool, now: Instant) {
        self.becomes(Phase::Returning { why, waits, told }, Some((now + RETURNS, Why::Returns)));
    }

    /// The caller is with the agent.
    fn stays(&mut self, outcome: Result<(), Unanswered>, waits: bool) {
        if waits {
            self.says(Output::Outcome(outcome));
        }
        self.becomes(Phase::Here, None);
    }

    fn closes(&mut self, how: How) {
        self.says(Output::Closes(how));
        self.becomes(Phase::Left, None);
    }
}

#[cfg(test)]
mod tests;
