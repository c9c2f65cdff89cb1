//! When to register with a trunk, and what its answers mean (RFC 3261 section 10). Pure: answers and `now` in, deadlines out.

use std::sync::Arc;
use std::time::{Duration, Instant};

/// After a failure it is tried again so soon, twice as late each time, and at the latest after `LONGEST`.
const SHORTEST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(300);
/// Whoever is told no is no nuisance: many trunks shut those out who guess.
const DENIED: Duration = Duration::from_secs(60);
/// Longer than this no trunk may put us off.
const PUT_OFF: Duration = Duration::from_secs(3_600);
/// Who ends a connection sooner than this after it was granted may do so with the next.
const LIVES: Duration = Duration::from_secs(60);
/// How long before the end of a registration it is renewed, at most.
const EARLY: Duration = Duration::from_secs(60);

/// How a trunk sees us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registration {
    /// Not asked yet.
    Asking,
    /// Calls come here.
    Registered { expires_s: u32 },
    /// They do not. `status`: what the trunk said, 0 where it said nothing; `why`: it could not even be asked.
    Failed { status: u16, why: Option<Arc<str>>, again: Duration },
    /// Taken back, since the server stops.
    Ended,
}

/// What came of a REGISTER.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Granted {
        expires_s: u32,
    },
    /// 423: no shorter registration is kept.
    TooBrief {
        least_s: u32,
    },
    Refused {
        status: u16,
        after: Option<Duration>,
    },
    Nothing,
    /// It could not be asked.
    Unreached(Arc<str>),
}

#[derive(Debug)]
pub(crate) struct Machine {
    wanted_s: u32,
    failures: u32,
    /// How often in a row a connection was gone soon after it was granted.
    brief: u32,
    granted: Option<Instant>,
    state: Registration,
    due: Instant,
}

impl Machine {
    pub(crate) fn new(wanted_s: u32, now: Instant) -> Self {
        Self { wanted_s, failures: 0, brief: 0, granted: None, state: Registration::Asking, due: now }
    }

    pub(crate) fn state(&self) -> Registration {
        self.state.clone()
    }

    /// What to ask for.
    pub(crate) fn wanted_s(&self) -> u32 {
        self.wanted_s
    }

    /// When to ask.
    pub(crate) fn due(&self) -> Instant {
        self.due
    }

    /// `luck` of 0 to 1 spreads those who failed together.
    pub(crate) fn answered(&mut self, answer: Answer, now: Instant, luck: f64) {
        match answer {
            Answer::Granted { expires_s } if expires_s > 0 => {
                self.failures = 0;
                self.granted = Some(now);
                let whole = Duration::from_secs(expires_s.into());
                self.due = now + whole - (whole / 2).min(EARLY);
                self.state = Registration::Registered { expires_s };
            }
            Answer::TooBrief { least_s } if least_s > self.wanted_s && least_s <= 86_400 => {
                self.wanted_s = least_s;
                self.due = now;
            }
            Answer::Granted { .. } => self.failed((200, None), None, now, luck),
            Answer::TooBrief { .. } => self.failed((423, None), None, now, luck),
            Answer::Refused { status, after } => self.failed((status, None), after, now, luck),
            Answer::Nothing => self.failed((0, None), None, now, luck),
            Answer::Unreached(why) => self.failed((0, Some(why)), None, now, luck),
        }
    }

    /// The connection by which calls come is gone: another is to be made, sooner for some than for others, and later and later where
    /// none of them lasts.
    pub(crate) fn lost(&mut self, now: Instant, luck: f64) {
        if !matches!(self.state, Registration::Registered { .. }) {
            return;
        }
        let brief = self.granted.is_some_and(|granted| now < granted + LIVES);
        self.brief = if brief { self.brief + 1 } else { 0 };
        let wait = SHORTEST.saturating_mul((1 << self.brief.min(10)) - 1).min(LONGEST) + SHORTEST;
        self.due = self.due.min(now + wait.mul_f64(luck.clamp(0.0, 1.0)));
    }

    fn failed(
        &mut self,
        (status, why): (u16, Option<Arc<str>>),
        after: Option<Duration>,
        now: Instant,
        luck: f64,
    ) {
        let first = if matches!(status, 401 | 403 | 404 | 407) { DENIED } else { SHORTEST };
        let wait = first.saturating_mul(1 << self.failures.min(10)).min(LONGEST);
        self.failures += 1;
        // A quarter more or less.
        let wait = wait.mul_f64(0.75 + 0.5 * luck.clamp(0.0, 1.0));
        let again = wait.max(after.unwrap_or_default().min(PUT_OFF));
        self.due = now + again;
        self.state = Registration::Failed { status, why, again };
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests need some instant to count from")]
mod tests {
    use super::*;

    #[test]
    fn a_registration_whose_connection_is_lost_is_asked_for_anew_at_once_and_no_other() {
        let now = Instant::now();
        let mut machine = Machine::new(600, now);
        machine.answered(NO, now, 0.5);
        let due = machine.due();
        machine.lost(now, 0.0);
        assert_eq!(machine.due(), due, "it is tried again when it is tried again");
        machine.answered(Answer::Granted { expires_s: 600 }, now, 0.5);
        assert_eq!(machine.due(), now + Duration::from_secs(540));
        let gone = now + LIVES;
        machine.lost(gone, 0.5);
        assert_eq!(machine.due(), gone + Duration::from_secs(1));
        assert_eq!(
            machine.state(),
            Registration::Registered { expires_s: 600 },
            "until somebody says otherwise"
        );
    }

    const NO: Answer = Answer::Refused { status: 503, after: None };

    fn s(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn a_trunk_that_ends_every_connection_is_asked_more_and_more_seldom() {
        let mut now = Instant::now();
        let mut machine = Machine::new(3_600, now);
        let mut waits = Vec::new();
        for _ in 0..10 {
            machine.answered(Answer::Granted { expires_s: 3_600 }, now, 0.5);
            machine.lost(now, 1.0);
            waits.push(machine.due().saturating_duration_since(now).as_secs());
            now = machine.due();
        }
        assert_eq!(waits, [4, 8, 16, 32, 64, 128, 256, 302, 302, 302]);
        machine.answered(Answer::Granted { expires_s: 3_600 }, now, 0.5);
        machine.lost(now + LIVES, 1.0);
        assert_eq!(machine.due(), now + LIVES + SHORTEST, "one that lasted makes up for all");
    }

    #[test]
    fn it_is_renewed_before_it_ends() {
        let now = Instant::now();
        let mut machine = Machine::new(600, now);
        assert_eq!((machine.due(), machine.state()), (now, Registration::Asking));
        machine.answered(Answer::Granted { expires_s: 600 }, now, 0.5);
        assert_eq!(machine.due(), now + s(540));
        assert_eq!(machine.state(), Registration::Registered { expires_s: 600 });
        machine.answered(Answer::Granted { expires_s: 40 }, now, 0.5);
        assert_eq!(machine.due(), now + s(20), "half of a short one");
    }

    #[test]
    fn who_fails_tries_again_and_more_and_more_seldom() {
        let now = Instant::now();
        let mut machine = Machine::new(600, now);
        let mut waits = Vec::new();
        for _ in 0..10 {
            machine.answered(NO, now, 0.5);
            waits.push(machine.due().saturating_duration_since(now).as_secs());
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        machine.answered(Answer::Granted { expires_s: 600 }, now, 0.5);
        machine.answered(Answer::Nothing, now, 0.0);
        assert_eq!(machine.due(), now + Duration::from_millis(1_500), "from the beginning, and spread");
        assert_eq!(
            machine.state(),
            Registration::Failed { status: 0, why: None, again: Duration::from_millis(1_500) }
        );
    }

    #[test]
    fn a_wrong_password_is_not_tried_every_other_second() {
        let now = Instant::now();
        let mut machine = Machine::new(600, now);
        machine.answered(Answer::Refused { status: 403, after: None }, now, 0.5);
        assert_eq!(machine.due(), now + s(60));
        machine.answered(Answer::Refused { status: 503, after: Some(s(900)) }, now, 0.5);
        assert_eq!(machine.due(), now + s(900), "the trunk says when");
        machine.answered(Answer::Refused { status: 503, after: Some(s(900_000)) }, now, 0.5);
        assert_eq!(machine.due(), now + PUT_OFF);
    }

    #[test]
    fn a_trunk_that_wants_longer_registrations_gets_them_once() {
        let now = Instant::now();
        let mut machine = Machine::new(60, now);
        machine.answered(Answer::TooBrief { least_s: 300 }, now, 0.5);
        assert_eq!((machine.wanted_s(), machine.due()), (300, now));
        machine.answered(Answer::TooBrief { least_s: 300 }, now, 0.5);
        assert!(matches!(machine.state(), Registration::Failed { status: 423, .. }));
    }
}
