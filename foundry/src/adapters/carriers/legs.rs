//! Which of carriers' calls run here, by the carrier's name of them. What becomes of each is its leg's own affair, which is told by its inbox.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::carriers::leg::{Answer, Input};
use domain::ProviderAccountId;
use media_core::Codec;
use media_socket::Peer;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::Instant;

use super::COMMAND_WITHIN;
use super::leg::Ask;

/// What a leg has not taken yet; carriers say little of a call, and when full they wait.
const ASKS: usize = 32;
/// So long carriers may still speak of a call that is over: their webhooks are good for 5 minutes, and are sent again for a while.
const REMEMBERED: Duration = Duration::from_secs(600);
/// As many as end in that time where more end than carriers make for anybody (27 a second); beyond, the oldest is forgotten.
const PAST_MOST: usize = 16_384;

/// A call, by its account and the carrier's name of it.
pub(crate) type Name = (ProviderAccountId, String);

/// Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Legs(Arc<Shared>);

#[derive(Default)]
struct Shared {
    book: Mutex<Book>,
    /// A carrier has said how it names a call, or that it makes none.
    named: Notify,
}

#[derive(Default)]
struct Book {
    running: HashMap<Name, Inbox>,
    /// Requests to a carrier that have no answer yet.
    asking: HashMap<ProviderAccountId, usize>,
    past: Past,
}

/// Calls that are over, of which carriers may still speak.
#[derive(Default)]
struct Past {
    order: VecDeque<(Instant, Name)>,
    names: HashSet<Name>,
}

/// The way to a leg. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Inbox {
    /// Who speaks in the call.
    pub(super) agent: Arc<str>,
    pub(super) asks: mpsc::Sender<Ask>,
}

/// Whose call a carrier speaks of.
pub(crate) enum Found {
    Runs(Inbox),
    /// It did here, and is over.
    Past,
    Unknown,
}

/// The one leg of a call. Dropping it has the call be over.
pub(crate) struct Claim {
    legs: Legs,
    pub(super) name: Name,
    pub(super) inbox: Inbox,
    pub(super) asked: mpsc::Receiver<Ask>,
}

/// A request to a carrier that has no answer yet.
pub(crate) struct Asking {
    legs: Legs,
    account: ProviderAccountId,
}

impl Legs {
    fn lock(&self) -> MutexGuard<'_, Book> {
        self.0.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The call's name, unless a leg has it.
    pub(crate) fn claim(&self, name: &Name, agent: &str) -> Option<Claim> {
        let (asks, asked) = mpsc::channel(ASKS);
        let inbox = Inbox { agent: agent.into(), asks };
        match self.lock().running.entry(name.clone()) {
            Entry::Occupied(_) => return None,
            Entry::Vacant(vacant) => vacant.insert(inbox.clone()),
        };
        Some(Claim { legs: self.clone(), name: name.clone(), inbox, asked })
    }

    pub(crate) fn find(&self, name: &Name) -> Found {
        let book = self.lock();
        match book.running.get(name) {
            Some(inbox) => Found::Runs(inbox.clone()),
            None if book.past.names.contains(name) => Found::Past,
            None => Found::Unknown,
        }
    }

    /// Until it is dropped calls of the account may be ours though nothing is known of them.
    pub(crate) fn ask(&self, account: ProviderAccountId) -> Asking {
        *self.lock().asking.entry(account).or_default() += 1;
        Asking { legs: self.clone(), account }
    }

    /// As `find`. A carrier may speak of a call before it has said how it names it: that is waited for, as long as it may take.
    pub(crate) async fn whose(&self, name: &Name) -> Found {
        let known = async {
            loop {
                let named = self.0.named.notified();
                tokio::pin!(named);
                // From here on nothing is missed.
                named.as_mut().enable();
                let asking = self.lock().asking.contains_key(&name.0);
                match self.find(name) {
                    Found::Unknown if asking => named.await,
                    found => return found,
                }
            }
        };
        tokio::time::timeout(COMMAND_WITHIN, known).await.unwrap_or(Found::Unknown)
    }

    /// The carrier's word on a call, and what it is to be told where it asks; `None`: no leg of it runs here.
    pub(crate) async fn say(&self, name: &Name, input: Input) -> Option<Answer> {
        match self.find(name) {
            Found::Runs(inbox) => inbox.say(input).await,
            Found::Past | Found::Unknown => None,
        }
    }
}

impl Inbox {
    /// `None`: it is over by now.
    pub(crate) async fn say(&self, input: Input) -> Option<Answer> {
        let (reply, answer) = oneshot::channel();
        self.asks.send(Ask::Said(input, reply)).await.ok()?;
        answer.await.ok()
    }

    /// A stream of the call; one that is not wanted is closed.
    pub(crate) async fn offer(&self, peer: Peer, codec: Codec) {
        let _over = self.asks.send(Ask::Stream(peer, codec)).await;
    }
}

impl Past {
    fn add(&mut self, name: Name, now: Instant) {
        while self.order.front().is_some_and(|(since, _)| now.duration_since(*since) > REMEMBERED)
            || self.order.len() >= PAST_MOST
        {
            let oldest = self.order.pop_front();
            oldest.map(|(_, name)| self.names.remove(&name));
        }
        if self.names.insert(name.clone()) {
            self.order.push_back((now, name));
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut book = self.legs.lock();
        book.running.remove(&self.name);
        book.past.add(self.name.clone(), Instant::now());
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let mut book = self.legs.lock();
        if let Some(asking) = book.asking.get_mut(&self.account) {
            *asking -= 1;
            if *asking == 0 {
                book.asking.remove(&self.account);
            }
        }
        drop(book);
        self.legs.0.named.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn name(call: &str, account: ProviderAccountId) -> Name {
        (account, call.to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_carrier_says_before_it_names_a_call_waits_for_the_name() {
        let (legs, account) = (Legs::default(), ProviderAccountId::generate());
        let call = name("CA1", account);
        assert!(matches!(legs.whose(&call).await, Found::Unknown), "nothing was asked for");
        let asking = legs.ask(account);
        let mut early = Box::pin(legs.whose(&call));
        assert!(early.as_mut().now_or_never().is_none(), "it may be ours");
        let elsewhere = name("CA1", ProviderAccountId::generate());
        assert!(matches!(legs.whose(&elsewhere).await, Found::Unknown));
        let claim = legs.claim(&call, "front-desk").expect("nobody has it");
        drop(asking);
        assert!(matches!(early.await, Found::Runs(inbox) if &*inbox.agent == "front-desk"));
        drop(claim);
        assert!(matches!(legs.whose(&call).await, Found::Past));
        let asking = legs.ask(account);
        let begun = Instant::now();
        assert!(matches!(legs.whose(&name("CA2", account)).await, Found::Unknown), "not for ever");
        assert_eq!(begun.elapsed(), COMMAND_WITHIN);
        drop(asking);
    }

    #[test]
    fn a_call_has_one_leg() {
        let (legs, call) = (Legs::default(), name("CA1", ProviderAccountId::generate()));
        let claim = legs.claim(&call, "front-desk").expect("nobody has it");
        assert!(legs.claim(&call, "front-desk").is_none());
        drop(claim);
        assert!(matches!(legs.find(&call), Found::Past));
    }

    #[tokio::test(start_paused = true)]
    async fn calls_are_remembered_for_as_long_as_carriers_speak_of_them() {
        let (mut past, account) = (Past::default(), ProviderAccountId::generate());
        let begun = Instant::now();
        for number in 0..1_000_u64 {
            past.add(name(&number.to_string(), account), begun + Duration::from_secs(number));
        }
        let kept = |past: &Past, number: u64| past.names.contains(&name(&number.to_string(), account));
        assert!(
            !kept(&past, 398) && kept(&past, 399) && kept(&past, 999),
            "ten minutes, however many there were"
        );
        assert_eq!((past.names.len(), past.order.len()), (601, 601));
        for number in 0..PAST_MOST + 10 {
            past.add(name(&format!("at once {number}"), account), begun + Duration::from_secs(1_000));
        }
        assert_eq!((past.names.len(), past.order.len()), (PAST_MOST, PAST_MOST), "and no more than that");
    }
}
