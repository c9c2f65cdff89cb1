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
/// A lease of which it is not known whether it was given is deleted for so long: the database may give it when the deletion is through.
const STRAYS: Duration = Duration::from_secs(10);

/// A call, and which of its holders in turn is meant.
type Fenced = (SessionId, i32);

#[derive(Debug, Default)]
pub(super) struct Book {
    held: BTreeMap<SessionId, Held>,
    /// Calls that are over, until the database was asked to delete them at this moment or later.
    done: BTreeMap<SessionId, (i32, Option<Instant>)>,
    /// The database did not answer when it was last asked.
    away: bool,
}

#[derive(Debug)]
struct Held {
    fence: i32,
    until: Instant,
    /// Its time is over, and the database could not be asked: whether somebody else has it is not known.
    open: bool,
}

/// What time did to leases that were not renewed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Expired {
    /// Others may have had them for as long as they like.
    pub(super) lost: Vec<SessionId>,
    /// The database is away: they are held on to, and nobody enters a room on their account.
    pub(super) open: Vec<SessionId>,
}

impl Book {
    /// A lease that the database was asked for at `asked`, and gave.
    pub(super) fn hold(&mut self, session: SessionId, fence: i32, asked: Instant) {
        self.away = false;
        self.held.insert(session, Held { fence, until: asked + LASTS - AHEAD, open: false });
    }

    /// The call is over. A lease that was lost before is somebody else's.
    pub(super) fn done(&mut self, session: SessionId, fence: i32) {
        if self.held.get(&session).is_some_and(|held| held.fence == fence) {
            self.held.remove(&session);
            self.done.insert(session, (fence, None));
        }
    }

    /// A lease for which the database was asked, and which it may yet give: nobody has the call.
    pub(super) fn stray(&mut self, session: SessionId, now: Instant) {
        self.done.insert(session, (0, Some(now + STRAYS)));
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
        (held, self.done.iter().map(|(session, (fence, _))| (*session, *fence)).collect())
    }

    /// The database was asked at `asked` for these, and has kept `kept`. Gives those that are lost.
    pub(super) fn renewed(
        &mut self,
        asked: Instant,
        held: &[(SessionId, i32)],
        kept: &[SessionId],
    ) -> Vec<SessionId> {
        self.away = false;
        let mut lost = Vec::new();
        for (session, fence) in held {
            let Some(ours) = self.held.get_mut(session).filter(|ours| ours.fence == *fence) else { continue };
            if kept.contains(session) {
                ours.until = ours.until.max(asked + LASTS - AHEAD);
                ours.open = false;
            } else {
                self.held.remove(session);
                lost.push(*session);
            }
        }
        lost
    }

    /// The database was asked at `asked` to delete these, and has.
    pub(super) fn deleted(&mut self, asked: Instant, done: &[(SessionId, i32)]) {
        for (session, fence) in done {
            let is_gone = |(of, until): &(i32, Option<Instant>)| {
                of == fence && until.is_none_or(|until| asked >= until)
            };
            if self.done.get(session).is_some_and(is_gone) {
                self.done.remove(session);
            }
        }
    }

    /// The database could not be asked.
    pub(super) const fn unanswered(&mut self) {
        self.away = true;
    }

    /// Those whose time is over without having been renewed. Where the database answers they are lost, whether or not somebody takes them:
    /// it was this server that was late. Where it is away for this one it is most likely away for all, who then cannot take anything.
    pub(super) fn expire(&mut self, now: Instant) -> Expired {
        let over = |held: &Held| now >= held.until && !held.open;
        let ids = self.held.iter().filter(|(_, held)| over(held)).map(|(session, _)| *session).collect();
        if self.away {
            self.held.values_mut().filter(|held| over(held)).for_each(|held| held.open = true);
            return Expired { open: ids, lost: Vec::new() };
        }
        self.held.retain(|_, held| !over(held));
        Expired { lost: ids, open: Vec::new() }
    }

    /// When `expire` has something to do next.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.held.values().filter(|held| !held.open).map(|held| held.until).min()
    }

    /// Whether it is known to be ours.
    pub(super) fn is_certain(&self, session: SessionId) -> bool {
        self.held.get(&session).is_some_and(|held| !held.open)
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
        assert_eq!(book.expire(now + LASTS), Expired::default());
        assert_eq!(book.expire(asked + LASTS).lost, [first.0]);
        assert_eq!((book.due(), book.deadline()), ((vec![], vec![]), None));
    }

    #[test]
    fn an_answer_that_comes_late_neither_shortens_a_lease_nor_revives_one() {
        let (mut book, [first, second], now) = two();
        let late = now + BEAT;
        book.renewed(late + BEAT, &[first], &[first.0]);
        book.renewed(late, &[first, second], &[first.0, second.0]);
        assert_eq!(book.expire(late + LASTS).lost, [second.0]);
        book.renewed(late + BEAT, &[first, second], &[first.0, second.0]);
        assert_eq!(book.due().0, [first]);
    }

    #[test]
    fn a_call_that_is_over_is_deleted_until_the_database_has_done_so() {
        let (mut book, [first, second], now) = two();
        book.done(first.0, first.1);
        book.done(second.0, 2);
        assert_eq!(book.due(), (vec![second], vec![first]), "another's lease is not ours to delete");
        book.deleted(now, &[first]);
        assert_eq!(book.due(), (vec![second], vec![]));
        book.forget(second.0, second.1);
        assert_eq!((book.due(), book.expire(now + LASTS)), ((vec![], vec![]), Expired::default()));
    }

    #[test]
    fn a_lease_that_may_have_been_given_late_is_deleted_for_a_while_and_never_renewed() {
        let (mut book, now) = (Book::default(), Instant::now());
        let stray = (SessionId::generate(), 0);
        book.stray(stray.0, now);
        for asked in [now, now + LASTS] {
            assert_eq!((book.due(), book.deadline()), ((vec![], vec![stray]), None));
            book.deleted(asked, &[stray]);
        }
        book.deleted(now + STRAYS, &[stray]);
        assert_eq!(book.due(), (vec![], vec![]));
    }

    #[test]
    fn nobody_holds_what_another_may_take() {
        let (mut book, held, now) = two();
        // The database counts from a later moment than the one at which it was asked.
        assert_eq!(book.expire(now + LASTS - Duration::from_millis(1)).lost.len(), held.len());
    }

    #[test]
    fn while_the_database_is_away_calls_are_held_on_to_and_what_was_taken_is_lost_when_it_is_back() {
        let (mut book, [first, second], now) = two();
        book.unanswered();
        let expired = book.expire(now + LASTS);
        assert_eq!((expired.open.len(), expired.lost.len()), (2, 0));
        assert!(!book.is_certain(first.0));
        assert_eq!((book.deadline(), book.expire(now + LASTS * 9)), (None, Expired::default()), "said once");
        assert_eq!(book.due().0, [first, second], "both are asked for again");
        let back = now + LASTS * 10;
        assert_eq!(book.renewed(back, &[first, second], &[first.0]), [second.0]);
        assert!(book.is_certain(first.0));
        assert_eq!(book.expire(back + LASTS).lost, [first.0], "the database answers: this server is late");
    }
}
