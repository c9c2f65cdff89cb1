//! Leases on conversations in rooms: this server's are renewed as long as it lives; those of one that died run out and are taken.
//!
//! Two servers never have a conversation at once, nor has one agent two in one room: whoever brings it has the lease before it enters. A holder that was late to renew gives it up before the database lets another have it. One
//! that cannot ask the database goes on in its room, where there is but one of an identity: whoever takes over takes that place, and the
//! holder, who must not enter again before it knows better, is sent away. What it writes of the call after that is not taken. And a server
//! takes nothing before it has seen the database for as long as every holder needs to find it again.

mod book;

use std::collections::HashMap;
use std::time::Duration;

use control_store::lease::{self, Claim, New, Taken};
use control_store::{Db, Fence, Reason};
use domain::{OrgId, ServerId, SessionId};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use media_livekit::Door;
use runtime::{Kind, Tasks};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use book::{BEAT, Book, Expired, LASTS};

const KEEP: Kind = Kind::vital("leases.keep");

/// What calls ask the keeper for. When full they wait: it takes one in microseconds.
const ASKS: usize = 256;
/// An answer that takes longer is not waited for; the same is asked again.
const ANSWER_WITHIN: Duration = Duration::from_millis(1_000);
/// Renewals are not waited for as long: two of them fit into a lease.
const RENEWED_WITHIN: Duration = Duration::from_millis(700);
/// Who looks for callers to whom nobody came does not wait longer to hear whether somebody did.
const KNOWN_WITHIN: Duration = Duration::from_millis(300);
/// The lease of a call that is over is deleted within this, at the next renewal. LiveKit waits 3 s for an answer to an offer.
const GONE_WITHIN: Duration = Duration::from_millis(1_000);
/// With whom an agent speaks is put on record this often, until the database takes it.
const MET_EVERY: Duration = Duration::from_secs(1);
/// Whoever waits for that asks this often.
const ASKED_EVERY: Duration = Duration::from_millis(200);
/// For the last word to the database, when the server ends.
const LAST_WORD: Duration = Duration::from_secs(2);

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Leases {
    db: Db,
    server: ServerId,
    /// The address of the server of rooms.
    host: String,
    asks: mpsc::Sender<Ask>,
}

/// A room that a call is to be in.
pub(crate) struct Where<'a> {
    pub(crate) agent: &'a str,
    pub(crate) room: &'a str,
    pub(crate) identity: &'a str,
    pub(crate) metadata: &'a str,
}

/// The right to have a conversation. Dropping it gives it up, and the lease is deleted.
pub(crate) struct Tenure {
    session: SessionId,
    number: i32,
    /// What is put through it is written only while the conversation is ours.
    pub(crate) fence: Fence,
    /// Cancelled when the conversation is no longer ours: whoever speaks in it falls silent at once.
    pub(crate) lost: CancellationToken,
    /// Shut while it is not known whether it is.
    pub(crate) door: Door,
    over: How,
    asks: mpsc::Sender<Ask>,
}

/// What comes of asking for the right to have a call that is to begin.
pub(crate) enum Held {
    Ours(Tenure),
    /// The agent is in the room with somebody, by this server or another.
    Theirs,
    /// Somebody brings the agent, or its server died: whether it comes, or comes back, shows a little later.
    Open,
    /// The database gives none now: the call can be had all the same, and cannot be taken over.
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Done,
    Forget,
}

/// To have a conversation, as its keeper holds it.
struct Right {
    number: i32,
    fence: Fence,
    lost: CancellationToken,
    door: Door,
}

enum Ask {
    Hold {
        session: SessionId,
        asked: Instant,
        right: Right,
    },
    Over {
        session: SessionId,
        number: i32,
        how: How,
    },
    /// Whether the database has given this one is not known. Nobody has it.
    Stray {
        session: SessionId,
    },
}

/// How asking for a lease ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Ours,
    Theirs,
    Open,
    Unknown,
}

/// After the next answer, where `None` is none at all. Gives nothing where it is to be asked again; `last` is what was said before.
const fn outcome(last: &mut Option<Claim>, answer: Option<Claim>, late: bool) -> Option<Outcome> {
    let silent = answer.is_none();
    if !silent {
        *last = answer;
    }
    match last {
        None => Some(Outcome::Unknown),
        Some(Claim::Ours) => Some(Outcome::Ours),
        Some(_) if !silent && !late => None,
        Some(Claim::Held) => Some(Outcome::Theirs),
        Some(Claim::Coming | Claim::Open) => Some(Outcome::Open),
    }
}

impl Leases {
    /// Keeps leases from now on until `tasks` ends; those that are left are deleted then.
    pub(crate) fn start(db: Db, server: ServerId, host: String, tasks: &Tasks) -> Self {
        let (asks, asked) = mpsc::channel(ASKS);
        let keeper = Keeper { db: db.clone(), book: Book::default(), rights: HashMap::new() };
        tasks.spawn_graceful(KEEP, keeper.run(asked, tasks.token()));
        Self { db, server, host, asks }
    }

    /// A lease on a call that is to begin. One of a call that ends in this moment is waited for, and so is whether who comes arrives.
    pub(crate) async fn hold(&self, session: SessionId, org: OrgId, at: Where<'_>) -> Held {
        let until = Instant::now() + GONE_WITHIN;
        let Where { agent, room, identity, metadata } = at;
        let (server, host) = (self.server, self.host.as_str());
        let new = New { session, org, server, agent, host, room, identity, metadata };
        let mut last = None;
        loop {
            let asked = Instant::now();
            let answer = match tokio::time::timeout(ANSWER_WITHIN, self.claim(new)).await {
                Ok(Ok(claim)) => Some(claim),
                Ok(Err(error)) => {
                    tracing::warn!(%session, %error, "no lease was had for a call");
                    None
                }
                Err(_elapsed) => {
                    tracing::warn!(%session, "the database is too slow for a call's lease");
                    None
                }
            };
            if answer.is_none() {
                // It may have been given all the same: nobody would renew it, and another server would take it over.
                let _ends = self.asks.send(Ask::Stray { session }).await;
            }
            match outcome(&mut last, answer, asked >= until) {
                None => tokio::time::sleep(ASKED_EVERY).await,
                Some(Outcome::Ours) => return Held::Ours(self.tenure(session, 0, asked).await),
                Some(Outcome::Theirs) => return Held::Theirs,
                Some(Outcome::Open) => return Held::Open,
                Some(Outcome::Unknown) => {
                    tracing::warn!(%session, "this call has no lease: no other server can go on with it");
                    return Held::Unknown;
                }
            }
        }
    }

    async fn claim(&self, new: New<'_>) -> Result<Claim, control_store::Error> {
        let mut tx = self.db.system_tx(Reason::Leases).await?;
        let claim = lease::hold(&mut tx, new, LASTS).await?;
        tx.commit().await.map(|()| claim)
    }

    /// Whether some server has this agent in this room, with somebody. Where the database does not say it nobody is known to be there.
    pub(crate) async fn is_met(&self, agent: &str, room: &str) -> bool {
        let asking = async {
            let mut tx = self.db.system_tx(Reason::Leases).await?;
            let met = lease::met(&mut tx, &self.host, room, agent).await?;
            tx.commit().await.map(|()| met == Some(true))
        };
        match tokio::time::timeout(KNOWN_WITHIN, asking).await {
            Ok(Ok(met)) => met,
            Ok(Err(error)) => {
                tracing::debug!(%error, "who is in a room is not known");
                false
            }
            Err(_elapsed) => false,
        }
    }

    /// From now on it is with this caller.
    pub(crate) async fn meet(&self, tenure: &Tenure, caller: &str) {
        let meeting = async || {
            let mut tx = self.db.system_tx(Reason::Leases).await?;
            lease::meet(&mut tx, tenure.session, tenure.number, caller).await?;
            tx.commit().await
        };
        // Whoever takes over without it takes the first who is in the room, and who asks for the agent is not told that it is there.
        while let Err::<(), control_store::Error>(error) = meeting().await {
            tracing::debug!(%error, "with whom the agent speaks is not on record yet");
            tokio::time::sleep(MET_EVERY).await;
        }
    }

    /// How many calls wait for a server.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn late(&self) -> Result<usize, control_store::Error> {
        let mut tx = self.db.system_tx(Reason::Leases).await?;
        let late = lease::late(&mut tx, &self.host).await?;
        tx.commit().await?;
        Ok(late)
    }

    /// Takes over at most so many calls of servers that died.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn take(&self, limit: usize) -> Result<Vec<(Taken, Tenure)>, control_store::Error> {
        let asked = Instant::now();
        let mut tx = self.db.system_tx(Reason::Leases).await?;
        let taken = lease::take(&mut tx, self.server, &self.host, limit, LASTS).await?;
        tx.commit().await?;
        let mut ours = Vec::with_capacity(taken.len());
        for one in taken {
            let tenure = self.tenure(one.session, one.fence, asked).await;
            ours.push((one, tenure));
        }
        Ok(ours)
    }

    async fn tenure(&self, session: SessionId, number: i32, asked: Instant) -> Tenure {
        let (fence, lost, door) = (Fence::new(number), CancellationToken::new(), Door::default());
        let right = Right { number, fence: fence.clone(), lost: lost.clone(), door: door.clone() };
        let ask = Ask::Hold { session, asked, right };
        if self.asks.send(ask).await.is_err() {
            // The server ends.
            lost.cancel();
        }
        Tenure { session, number, fence, lost, door, over: How::Done, asks: self.asks.clone() }
    }
}

impl Tenure {
    /// How often the conversation was taken over.
    pub(crate) fn number(&self) -> i32 {
        self.number
    }

    /// Leaves the conversation to whoever takes it when the lease runs out.
    pub(crate) fn leave_to_others(mut self) {
        self.over = How::Forget;
    }
}

impl Drop for Tenure {
    fn drop(&mut self) {
        let ask = Ask::Over { session: self.session, number: self.number, how: self.over };
        // A keeper that is so far behind loses the lease by time; whoever takes it finds that the call has ended.
        let _behind = self.asks.try_send(ask);
    }
}

struct Keeper {
    db: Db,
    book: Book,
    rights: HashMap<SessionId, Right>,
}

/// What the database said to one question.
struct Answer {
    asked: Instant,
    held: Vec<(SessionId, i32)>,
    done: Vec<(SessionId, i32)>,
    kept: Vec<SessionId>,
}

impl Keeper {
    async fn run(mut self, mut asks: mpsc::Receiver<Ask>, stop: CancellationToken) {
        let mut next = Instant::now();
        let mut asking: Option<BoxFuture<'static, Result<Answer, String>>> = None;
        loop {
            let Expired { lost, open } = self.book.expire(Instant::now());
            self.lose(&lost, "it could not be renewed in time");
            self.shut(&open);
            let deadline = self.book.deadline();
            tokio::select! {
                () = stop.cancelled() => break,
                Some(ask) = asks.recv() => {
                    if matches!(ask, Ask::Stray { .. }) {
                        // Before it runs out.
                        next = Instant::now();
                    }
                    self.take(ask);
                }
                answer = async { asking.as_mut().expect("polled only where there is one").await }, if asking.is_some() => {
                    asking = None;
                    self.answered(answer);
                }
                () = tokio::time::sleep_until(next), if asking.is_none() => {
                    next = Instant::now() + BEAT;
                    asking = self.ask();
                }
                () = async { tokio::time::sleep_until(deadline.unwrap_or(next)).await }, if deadline.is_some() => {}
            }
        }
        asks.close();
        while let Some(ask) = asks.recv().await {
            self.take(ask);
        }
        self.end().await;
    }

    fn take(&mut self, ask: Ask) {
        match ask {
            Ask::Stray { session } => self.book.stray(session, Instant::now()),
            Ask::Hold { session, asked, right } => {
                self.book.hold(session, right.number, asked);
                self.rights.insert(session, right);
            }
            Ask::Over { session, number, how } => {
                if self.rights.get(&session).is_some_and(|ours| ours.number == number) {
                    self.rights.remove(&session);
                }
                match how {
                    How::Done => self.book.done(session, number),
                    How::Forget => self.book.forget(session, number),
                }
            }
        }
    }

    fn ask(&self) -> Option<BoxFuture<'static, Result<Answer, String>>> {
        let (held, done) = self.book.due();
        if held.is_empty() && done.is_empty() {
            return None;
        }
        let (db, asked) = (self.db.clone(), Instant::now());
        let asking = async move {
            let renewing = async {
                let mut tx = db.system_tx(Reason::Leases).await?;
                let kept = lease::renew(&mut tx, &held, LASTS).await?;
                lease::release(&mut tx, &done).await?;
                tx.commit().await.map(|()| kept)
            };
            let answer: Result<_, control_store::Error> = tokio::time::timeout(RENEWED_WITHIN, renewing)
                .await
                .map_err(|_elapsed| "no answer in time".to_owned())?;
            let kept = answer.map_err(|error| error.to_string())?;
            Ok(Answer { asked, held, done, kept })
        };
        Some(asking.boxed())
    }

    fn answered(&mut self, answer: Result<Answer, String>) {
        match answer {
            Ok(Answer { asked, held, done, kept }) => {
                let lost = self.book.renewed(asked, &held, &kept);
                self.book.deleted(asked, &done);
                self.lose(&lost, "another server has taken it");
                for (session, right) in &self.rights {
                    if right.door.is_shut() && self.book.is_certain(*session) {
                        tracing::info!(%session, "the database is back, and the call is still this server's");
                        right.door.shut(false);
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, "leases could not be renewed");
                self.book.unanswered();
            }
        }
    }

    fn lose(&mut self, lost: &[SessionId], why: &str) {
        for session in lost {
            if let Some(Right { fence, lost, .. }) = self.rights.remove(session) {
                tracing::warn!(%session, why, "this server gives a call up");
                // First nothing more of it is kept, then it ends.
                fence.fall();
                lost.cancel();
            }
        }
    }

    /// Whether these are still ours is not known: nobody enters a room anew on their account.
    fn shut(&self, open: &[SessionId]) {
        for (session, right) in open.iter().filter_map(|session| Some((session, self.rights.get(session)?))) {
            tracing::warn!(%session, "the database is away for longer than a lease lasts: the call goes on where it is");
            right.door.shut(true);
        }
    }

    /// What is left of calls that ended with the server.
    async fn end(self) {
        let (held, done) = self.book.due();
        let all = [held, done].concat();
        if all.is_empty() {
            return;
        }
        let ending = async {
            let mut tx = self.db.system_tx(Reason::Leases).await?;
            lease::release(&mut tx, &all).await?;
            tx.commit().await
        };
        match tokio::time::timeout(LAST_WORD, ending).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "leases of calls that have ended stay until they run out")
            }
            Err(_elapsed) => tracing::warn!("leases of calls that have ended stay until they run out"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_of_a_lease_is_not_forgotten_when_the_database_falls_silent() {
        use Claim::{Coming, Held, Open, Ours};
        let asked = |answers: &[Option<Claim>], late: bool| {
            let mut last = None;
            let (end, before) = answers.split_last().expect("an answer");
            for answer in before {
                assert_eq!(outcome(&mut last, *answer, false), None, "it is asked again: {answers:?}");
            }
            outcome(&mut last, *end, late)
        };
        for (answers, ends) in [
            (&[None][..], Outcome::Unknown),
            (&[Some(Ours)], Outcome::Ours),
            (&[Some(Held), None], Outcome::Theirs),
            (&[Some(Coming), Some(Held), None], Outcome::Theirs),
            (&[Some(Held), Some(Open), None], Outcome::Open),
            (&[Some(Coming), None], Outcome::Open),
            (&[Some(Open), Some(Ours)], Outcome::Ours),
        ] {
            assert_eq!(asked(answers, false), Some(ends), "{answers:?}");
        }
        for (last, ends) in [(Held, Outcome::Theirs), (Coming, Outcome::Open), (Open, Outcome::Open)] {
            assert_eq!(asked(&[Some(last)], false), None);
            assert_eq!(asked(&[Some(last)], true), Some(ends), "{last:?} for as long as it is asked");
        }
    }
}
