//! Which leases this server holds, and until when. Without I/O.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::SessionId;
use tokio::time::Instant;

/// So long does a lease last from its renewal: a server that dies is missed so late.
pub(super) const LASTS: Duration = Duration::from_millis(1_500);
/// Between two renewals.
pub(super) const BEAT: Duration = Duration::from_millis(400);
/// A holder gives up so long before its time, as it knows it, is over: for leaving the room, and for clocks that run unevenly.
const AHEAD: Duration = Duration::from_millis(100);

/// A call, and which of its holders in turn is meant.
type Fenced = (SessionId, i32);

#[derive(Debug, Default)]
pub(super) struct Book {
    held: BTreeMap<SessionId, Held>,
    /// Calls that are over, until the database knows.
    done: BTreeMap<SessionId, i32>,
}

#[derive(Debug)]
struct Held {
    fence: i32,
    until: Instant,
}

impl Book {
    /// A lease that the database was asked for at `asked`, and gave.
    pub(super) fn hold(&mut self, session: SessionId, fence: i32, asked: Instant) {
        self.held.insert(session, Held { fence, until: asked + LASTS - AHEAD });
    }

    /// The call is over. A lease that was lost before is somebody else's.
    pub(super) fn done(&mut self, session: SessionId, fence: i32) {
        if self.held.get(&session).is_some_and(|held| held.fence == fence) {
            self.held.remove(&session);
            self.done.insert(session, fence);
        }
    }

    /// Others may have it when it runs out.
    pub(super) fn forget(&mut self, session: SessionId, fence: i32) {
        if self.held.get(&session).is_some_and(|held| held.fence == fence) {
            self.held.remove(&session);
        }
    }

    /// What the database is to be asked for: leases to renew, and those to delete.
    pub(super) fn due(&self) -> (Vec<Fenced>, Vec<Fenced>) {
        let held = self.held.iter().map(|(session, held)| (*session, held.fence)).collect();
        (held, self.done.iter().map(|(session, fence)| (*session, *fence)).collect())
    }

    /// The database was asked at `asked` for these, and has kept `kept`. Gives those that are lost.
    pub(super) fn renewed(
        &mut self,
        asked: Instant,
        held: &[(SessionId, i32)],
        kept: &[SessionId],
    ) -> Vec<SessionId> {
        let mut lost = Vec::new();
        for (session, fence) in held {
            let Some(ours) = self.held.get_mut(session).filter(|ours| ours.fence == *fence) else { continue };
            if kept.contains(session) {
                ours.until = ours.until.max(asked + LASTS - AHEAD);
            } else {
                self.held.remove(session);
                lost.push(*session);
            }
        }
        lost
    }

    /// The database has deleted these.
    pub(super) fn deleted(&mut self, done: &[(SessionId, i32)]) {
        for (session, fence) in done {
            if self.done.get(session) == Some(fence) {
                self.done.remove(session);
            }
        }
    }

    /// Those whose time is over without having been renewed. They are lost, whether or not somebody takes them.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<SessionId> {
        let over = |held: &Held| now >= held.until;
        let lost: Vec<_> =
            self.held.iter().filter(|(_, held)| over(held)).map(|(session, _)| *session).collect();
        self.held.retain(|_, held| !over(held));
        lost
    }

    /// When `expire` has something to do next.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.held.values().map(|held| held.until).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> (Book, [(SessionId, i32); 2], Instant) {
        let (mut book, now) = (Book::default(), Instant::now());
        let held = [(SessionId::generate(), 0), (SessionId::generate(), 3)];
        for (session, fence) in held {
            book.hold(session, fence, now);
        }
        (book, held, now)
    }

    #[test]
    fn what_is_renewed_lasts_from_when_it_was_asked_for_and_what_is_not_is_lost() {
        let (mut book, [first, second], now) = two();
        assert_eq!(book.due(), (vec![first, second], vec![]));
        let asked = now + BEAT;
        assert_eq!(book.renewed(asked, &[first, second], &[first.0]), [second.0]);
        assert_eq!(book.deadline(), Some(asked + LASTS - AHEAD));
        assert_eq!(book.expire(now + LASTS), [first.0; 0]);
        assert_eq!(book.expire(asked + LASTS), [first.0]);
        assert_eq!((book.due(), book.deadline()), ((vec![], vec![]), None));
    }

    #[test]
    fn an_answer_that_comes_late_neither_shortens_a_lease_nor_revives_one() {
        let (mut book, [first, second], now) = two();
        let late = now + BEAT;
        book.renewed(late + BEAT, &[first], &[first.0]);
        book.renewed(late, &[first, second], &[first.0, second.0]);
        assert_eq!(book.expire(late + LASTS), [second.0]);
        book.renewed(late + BEAT, &[first, second], &[first.0, second.0]);
        assert_eq!(book.due().0, [first]);
    }

    #[test]
    fn a_call_that_is_over_is_deleted_until_the_database_has_done_so() {
        let (mut book, [first, second], now) = two();
        book.done(first.0, first.1);
        book.done(second.0, 2);
        assert_eq!(book.due(), (vec![second], vec![first]), "another's lease is not ours to delete");
        book.deleted(&[first]);
        assert_eq!(book.due(), (vec![second], vec![]));
        book.forget(second.0, second.1);
        assert_eq!((book.due(), book.expire(now + LASTS)), ((vec![], vec![]), vec![]));
    }

    #[test]
    fn nobody_holds_what_another_may_take() {
        let (mut book, held, now) = two();
        // The database counts from a later moment than the one at which it was asked.
        assert_eq!(book.expire(now + LASTS - Duration::from_millis(1)).len(), held.len());
    }
}
