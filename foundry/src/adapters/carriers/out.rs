//! Calls that this server has a carrier make: what the carrier says of them, and their audio, finds whoever waits for it here. Of calls that
//! another server has made nothing is known.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ::carriers::{Dial, Unanswered, telnyx, twilio};
use control_api::provider_account::Vendor;
use control_server::ports::Account;
use domain::{ProviderAccountId, ServerId};
use media_core::Codec;
use media_socket::Peer;
use tokio::sync::{Notify, mpsc};

use super::through::Name;
use super::{COMMAND_WITHIN, Line, api, key, twilio_credentials};

/// A call has fewer steps than there is room for.
const STEPS: usize = 8;
/// Calls that were answered or are over, of which carriers say something afterwards.
const PAST: usize = 256;
/// What stands before the server's name in the state that Telnyx gives back.
const BY: &str = "by ";

/// How a carrier's refusal is understood, and the answer in which it names a call.
type Refused = fn(u16, &str) -> Unanswered;
type Named = fn(&str) -> Option<String>;

/// Calls that were asked for and have no audio yet. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Made(Arc<Shared>);

#[derive(Default)]
struct Shared {
    book: Mutex<Book>,
    /// A carrier has said how it names a call, or that it makes none.
    named: Notify,
}

#[derive(Default)]
struct Book {
    waiting: HashMap<Name, Waiting>,
    /// Requests to a carrier that have no answer yet.
    asking: HashMap<ProviderAccountId, usize>,
    past: VecDeque<Name>,
}

struct Waiting {
    agent: String,
    steps: mpsc::Sender<Step>,
    rings: bool,
}

/// What becomes of a call until somebody speaks.
pub(crate) enum Step {
    Rings,
    /// Somebody has answered, and their audio is here.
    Audio(Peer, Codec),
    Ended(Unanswered),
}

/// Whose call a carrier speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Whose {
    /// Ours, and this agent is to speak.
    Ours(String),
    /// It was ours: its audio is here, or it is over.
    Past,
    Others,
}

/// A call that a carrier makes. Dropping it leaves the call to whoever has its audio.
pub(crate) struct Dialling {
    pub(crate) name: Name,
    made: Made,
    steps: mpsc::Receiver<Step>,
}

/// Whom to call, and who speaks.
pub(crate) struct Wanted<'a> {
    pub(crate) dial: Dial<'a>,
    pub(crate) agent: &'a str,
    pub(crate) server: ServerId,
}

impl Made {
    fn lock(&self) -> MutexGuard<'_, Book> {
        self.0.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the carrier make a call.
    ///
    /// # Errors
    /// Why it does not.
    pub(crate) async fn dial(
        &self,
        line: &Line,
        account: &Account,
        wanted: &Wanted<'_>,
    ) -> Result<Dialling, Unanswered> {
        let asking = self.ask(account.id);
        let call = line.dial(account, wanted).await?;
        let dialling = self.wait_for((account.id, call), wanted.agent);
        // Only now, or what the carrier has said of the call already would be nobody's.
        drop(asking);
        Ok(dialling)
    }

    fn wait_for(&self, name: Name, agent: &str) -> Dialling {
        let (sender, steps) = mpsc::channel(STEPS);
        let waiting = Waiting { agent: agent.to_owned(), steps: sender, rings: false };
        self.lock().waiting.insert(name.clone(), waiting);
        Dialling { name, made: self.clone(), steps }
    }

    /// As after `dial`.
    #[cfg(test)]
    pub(crate) fn expects(&self, call: &str) -> Dialling {
        self.wait_for((ProviderAccountId::generate(), call.to_owned()), "front-desk")
    }

    fn ask(&self, account: ProviderAccountId) -> Asking {
        *self.lock().asking.entry(account).or_default() += 1;
        Asking { made: self.clone(), account }
    }

    /// Whose call this is. A carrier may speak of a call before it has said how it names it: that is waited for, as long as it may take.
    pub(super) async fn whose(&self, name: &Name) -> Whose {
        let known = async {
            loop {
                let named = self.0.named.notified();
                tokio::pin!(named);
                // From here on nothing is missed.
                named.as_mut().enable();
                if let Some(whose) = self.known(name) {
                    return whose;
                }
                named.await;
            }
        };
        tokio::time::timeout(COMMAND_WITHIN, known).await.unwrap_or(Whose::Others)
    }

    /// `None`: that is not known yet.
    fn known(&self, name: &Name) -> Option<Whose> {
        let book = self.lock();
        match book.waiting.get(name) {
            Some(waiting) => Some(Whose::Ours(waiting.agent.clone())),
            None if book.past.contains(name) => Some(Whose::Past),
            None => (!book.asking.contains_key(&name.0)).then_some(Whose::Others),
        }
    }

    pub(crate) fn rings(&self, name: &Name) {
        if let Some(waiting) = self.lock().waiting.get_mut(name).filter(|waiting| !waiting.rings) {
            waiting.rings = true;
            let _gone = waiting.steps.try_send(Step::Rings);
        }
    }

    pub(super) fn ended(&self, name: &Name, why: Unanswered) {
        if let Some(waiting) = self.lock().pass(name) {
            let _gone = waiting.steps.try_send(Step::Ended(why));
        }
    }

    /// The stream of a call that was waited for; of a call that we have not made it is given back. A second one of the same call is closed.
    pub(crate) fn arrives(&self, name: &Name, peer: Peer, codec: Codec) -> Result<(), Peer> {
        let mut book = self.lock();
        let Some(waiting) = book.pass(name) else {
            return if book.past.contains(name) { Ok(()) } else { Err(peer) };
        };
        // Dropped where nobody waits any more, which closes the stream.
        let _gone = waiting.steps.try_send(Step::Audio(peer, codec));
        Ok(())
    }
}

impl Book {
    /// It is not waited for any more.
    fn pass(&mut self, name: &Name) -> Option<Waiting> {
        let waiting = self.waiting.remove(name)?;
        if self.past.len() == PAST {
            self.past.pop_front();
        }
        self.past.push_back(name.clone());
        Some(waiting)
    }
}

impl Dialling {
    /// What happens next; `None` after the end. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Step> {
        self.steps.recv().await
    }
}

impl Drop for Dialling {
    fn drop(&mut self) {
        self.made.lock().pass(&self.name);
    }
}

/// A request to a carrier that has no answer yet.
struct Asking {
    made: Made,
    account: ProviderAccountId,
}

impl Drop for Asking {
    fn drop(&mut self) {
        let mut book = self.made.lock();
        if let Some(asking) = book.asking.get_mut(&self.account) {
            *asking -= 1;
            if *asking == 0 {
                book.asking.remove(&self.account);
            }
        }
        drop(book);
        self.made.0.named.notify_waiters();
    }
}

/// The server that made a call, by the state that Telnyx gives back.
pub(super) fn made_by(state: &str) -> Option<&str> {
    state.strip_prefix(BY)
}

/// What an account lacks to make calls, for people. `None`: nothing.
pub(crate) fn lacks(account: &Account) -> Option<&'static str> {
    match account.vendor {
        _ if account.key.is_none() => Some("its key"),
        Vendor::Telnyx if account.options.connection_id.is_none() => {
            Some("its `connection_id`, the Voice API application of its numbers")
        }
        Vendor::Twilio if account.options.account_sid.is_none() => Some("its `account_sid`"),
        _ => None,
    }
}

impl Line {
    /// The carrier's name of the call.
    async fn dial(&self, account: &Account, wanted: &Wanted<'_>) -> Result<String, Unanswered> {
        let Wanted { dial, server, .. } = wanted;
        let Ok(key) = key(account) else { return Err(Unanswered::Forbidden) };
        let (command, refused, dialled): (_, Refused, Named) = match account.vendor {
            Vendor::Telnyx => {
                let connection = account.options.connection_id.as_deref().unwrap_or_default();
                let (api, id) = (api(account, telnyx::API), format!("{:032x}", rand::random::<u128>()));
                let state = format!("{BY}{server}");
                let command = telnyx::dial(api, key, connection, *dial, &state, &id);
                (command, telnyx::refused, telnyx::dialled)
            }
            _ => {
                let Ok(credentials) = twilio_credentials(account) else {
                    return Err(Unanswered::Forbidden);
                };
                let command = twilio::dial(api(account, twilio::API), credentials, *dial);
                (command, twilio::refused, twilio::dialled)
            }
        };
        let mut why = Unanswered::Failed;
        let answer = match self.ask(&command, |status, body| why = refused(status, body)).await {
            Ok(answer) => answer,
            Err(fault) => {
                tracing::warn!(account = account.name, reason = fault.reason, "a carrier makes no call");
                return Err(why);
            }
        };
        dialled(&answer).ok_or_else(|| {
            tracing::warn!(account = account.name, "a carrier did not say how it names a call");
            Unanswered::Failed
        })
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn name(call: &str, account: ProviderAccountId) -> Name {
        (account, call.to_owned())
    }

    #[tokio::test]
    async fn what_a_carrier_says_before_it_names_a_call_waits_for_the_name() {
        let (made, account) = (Made::default(), ProviderAccountId::generate());
        let call = name("CA1", account);
        assert_eq!(made.whose(&call).await, Whose::Others, "nothing was asked for");
        let asking = made.ask(account);
        let asked = made.clone();
        let mut early = Box::pin(async move { asked.whose(&name("CA1", account)).await });
        assert!(early.as_mut().now_or_never().is_none(), "it may be ours");
        assert_eq!(made.whose(&name("CA1", ProviderAccountId::generate())).await, Whose::Others);
        let dialling = made.wait_for(call.clone(), "front-desk");
        drop(asking);
        assert_eq!(early.await, Whose::Ours("front-desk".to_owned()));
        drop(dialling);
        assert_eq!(made.whose(&call).await, Whose::Past);
        assert_eq!(made.whose(&name("CA2", account)).await, Whose::Others);
    }

    #[tokio::test]
    async fn a_call_rings_once_and_ends_once() {
        let (made, account) = (Made::default(), ProviderAccountId::generate());
        let call = name("v3:a", account);
        let mut dialling = made.wait_for(call.clone(), "front-desk");
        made.rings(&call);
        made.rings(&call);
        made.ended(&call, Unanswered::Busy);
        made.ended(&call, Unanswered::Over);
        assert!(matches!(dialling.next().await, Some(Step::Rings)));
        assert!(matches!(dialling.next().await, Some(Step::Ended(Unanswered::Busy))));
        assert!(dialling.next().await.is_none());
    }

    #[test]
    fn only_so_many_calls_are_remembered() {
        let (made, account) = (Made::default(), ProviderAccountId::generate());
        for number in 0..PAST + 10 {
            drop(made.wait_for(name(&number.to_string(), account), "front-desk"));
        }
        assert_eq!(made.lock().past.len(), PAST);
        assert!(made.lock().waiting.is_empty());
    }
}
