//! Whether a connection of ours still leads somewhere: empty lines that ask for one back (RFC 5626 section 4.4.1). Pure: bytes and `now` in.
//!
//! Nobody has to answer them who has not said that they do. Whoever has answered once is taken for dead where they do not again.

use std::time::Duration;

use tokio::time::Instant;

/// How often it is asked, so that a router between remembers the connection.
const EVERY: Duration = Duration::from_secs(25);
/// So long an answer may take.
const ANSWERED: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(super) struct Pings {
    /// When it was asked and nothing has come since.
    asked: Option<Instant>,
    answers: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Silence {
    /// Ask, and say so.
    Ask,
    /// Nobody is there any more.
    Dead,
}

impl Pings {
    /// Anything that comes shows that somebody is there.
    pub(super) fn came(&mut self, bytes: &[u8]) {
        let asked = self.asked.take().is_some();
        // One empty line answers; two are a question of theirs.
        self.answers |= asked && bytes == b"\r\n";
    }

    /// When silence means something, counted from now.
    pub(super) fn due(&self, now: Instant) -> Instant {
        match self.asked.filter(|_| self.answers) {
            Some(asked) => asked + ANSWERED,
            None => now + EVERY,
        }
    }

    /// Nothing came until then.
    pub(super) fn silent(&mut self, now: Instant) -> Silence {
        if self.asked.is_some_and(|asked| self.answers && now >= asked + ANSWERED) {
            return Silence::Dead;
        }
        self.asked = Some(now);
        Silence::Ask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_has_answered_once_is_dead_where_they_do_not_again() {
        let mut pings = Pings::default();
        let start = Instant::now();
        assert_eq!(pings.due(start), start + EVERY);
        let asked = start + EVERY;
        assert_eq!(pings.silent(asked), Silence::Ask);
        pings.came(b"\r\n");
        let again = asked + EVERY;
        assert_eq!((pings.due(asked), pings.silent(again)), (again, Silence::Ask));
        assert_eq!(pings.due(again), again + ANSWERED);
        assert_eq!(pings.silent(again + ANSWERED), Silence::Dead);
        // A message in between shows that they live.
        pings.came(b"OPTIONS sip:a@b SIP/2.0\r\n");
        assert_eq!(pings.silent(again + ANSWERED), Silence::Ask);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_never_answers_is_asked_on() {
        let mut pings = Pings::default();
        let mut now = Instant::now();
        for _ in 0..10 {
            assert_eq!(pings.due(now), now + EVERY);
            now += EVERY;
            assert_eq!(pings.silent(now), Silence::Ask);
        }
        pings.came(b"SIP/2.0 200 OK\r\n");
        assert_eq!(pings.due(now), now + EVERY, "an answer to something else promises nothing");
        assert_eq!(pings.silent(now), Silence::Ask);
        pings.came(b"\r\n\r\n");
        assert_eq!(pings.due(now), now + EVERY, "nor does their own question");
    }
}
