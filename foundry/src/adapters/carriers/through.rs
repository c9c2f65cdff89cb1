//! Callers of carriers who are put through by the carrier: their leg stays while their audio is away, and goes on where nobody takes them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ::carriers::{Dial, Unanswered, telnyx, twilio};
use control_api::provider_account::Vendor;
use control_server::ports::Account;
use domain::{EndReason, ProviderAccountId, Transfer};
use futures::FutureExt;
use futures::future::BoxFuture;
use media_core::{Codec, Delivery, LegCommand, LegEvent};
use media_session::{Handle, Leg, NotTransferred, Refer};
use media_socket::Peer;
use runtime::{Kind, Tasks};
use tokio::sync::{mpsc, oneshot};

use super::{Line, api, key, twilio_credentials};

const LEG: Kind = Kind::new("carriers.leg");
/// As a socket's own. When full the socket waits, and the session.
const EVENTS: usize = 128;
const COMMANDS: usize = 64;
/// A call has fewer turns than there is room for.
const TURNS: usize = 8;
/// What stands before the call that a person is called for, in the state that Telnyx gives back.
const FOR: &str = "for ";

/// A call, by its account and the carrier's name of it.
pub(crate) type Name = (ProviderAccountId, String);

/// Calls that run. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Calls(Arc<Mutex<HashMap<Name, Running>>>);

struct Running {
    agent: String,
    turns: mpsc::Sender<Turn>,
    /// Whoever waits for somebody to take the caller.
    trying: Option<oneshot::Sender<Result<(), Unanswered>>>,
    /// Nobody does, which is told when the caller's audio is back.
    failed: Option<Unanswered>,
    elsewhere: bool,
}

/// What becomes of a leg.
enum Turn {
    /// Its stream may end: it is not over with that.
    Away,
    /// It is, from now on.
    Here,
    Back(Peer),
    Gone,
}

impl Calls {
    fn lock(&self) -> MutexGuard<'_, HashMap<Name, Running>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session has ended. Whether its caller is elsewhere, where the carrier is to leave them.
    fn over(&self, name: &Name) -> bool {
        self.lock().remove(name).is_some_and(|running| running.elsewhere)
    }

    fn tried(&self, name: &Name) -> Option<oneshot::Receiver<Result<(), Unanswered>>> {
        let mut calls = self.lock();
        let running = calls.get_mut(name)?;
        let (trying, outcome) = oneshot::channel();
        running.trying = Some(trying);
        let _gone = running.turns.try_send(Turn::Away);
        Some(outcome)
    }

    fn not_begun(&self, name: &Name) {
        if let Some(running) = self.lock().get_mut(name) {
            running.trying = None;
            let _gone = running.turns.try_send(Turn::Here);
        }
    }

    /// Somebody has taken the caller.
    pub(super) fn taken(&self, name: &Name) {
        let mut calls = self.lock();
        let Some(running) = calls.get_mut(name) else { return };
        running.elsewhere = true;
        let told = running.trying.take().is_some_and(|trying| trying.send(Ok(())).is_ok());
        if !told {
            // The session has stopped waiting for it, and its caller has left it.
            let _gone = running.turns.try_send(Turn::Gone);
        }
    }

    /// Nobody has, and the caller's audio is still here.
    pub(super) fn not_taken(&self, name: &Name, why: Unanswered) {
        if let Some(running) = self.lock().get_mut(name).filter(|running| !running.elsewhere)
            && let Some(trying) = running.trying.take()
        {
            let _gone = running.turns.try_send(Turn::Here);
            let _late = trying.send(Err(why));
        }
    }

    /// The caller has hung up while nobody had taken them yet.
    pub(super) fn left(&self, name: &Name) {
        if let Some(running) = self.lock().get_mut(name).filter(|running| !running.elsewhere) {
            let _gone = running.turns.try_send(Turn::Gone);
        }
    }

    /// The carrier asks what to do with a caller whose audio left us. With whom they go on here; `None`: nothing is left to be said.
    pub(super) fn returns(&self, name: &Name, why: Unanswered) -> Option<String> {
        if why == Unanswered::Over {
            self.taken(name);
            return None;
        }
        let mut calls = self.lock();
        let running = calls.get_mut(name).filter(|running| !running.elsewhere)?;
        running.failed = Some(why);
        Some(running.agent.clone())
    }

    /// Whether the call has a session here.
    pub(crate) fn runs(&self, name: &Name) -> bool {
        self.lock().contains_key(name)
    }

    /// A stream of a call that waits for one; of another call it is given back.
    pub(crate) fn back(&self, name: &Name, peer: Peer) -> Result<(), Peer> {
        let mut calls = self.lock();
        let Some((running, why)) =
            calls.get_mut(name).and_then(|running| running.failed.take().map(|why| (running, why)))
        else {
            return Err(peer);
        };
        let _gone = running.turns.try_send(Turn::Back(peer));
        if let Some(trying) = running.trying.take() {
            let _late = trying.send(Err(why));
        }
        Ok(())
    }
}

/// Ends a call at its carrier once its session is over. A caller who has left is left, and one who is with somebody else stays there.
pub(crate) async fn let_go(
    calls: &Calls,
    line: &Line,
    account: &Account,
    name: &Name,
    session: Option<&Handle>,
) -> Option<EndReason> {
    let reason = match session {
        Some(session) => session.ended().await,
        None => None,
    };
    if !calls.over(name) && reason != Some(EndReason::CallerLeft) {
        line.hang_up(account, &name.1).await;
    }
    reason
}

/// Where a person is called by Telnyx, whose call it is for.
pub(super) fn called_for(state: &str) -> Option<&str> {
    state.strip_prefix(FOR)
}

/// What a carrier's call is carried by, and put through.
pub(crate) struct Way {
    pub(crate) calls: Calls,
    pub(crate) line: Line,
    pub(crate) account: Account,
    /// The carrier's name of the call.
    pub(crate) call: String,
    /// Where the carrier says what becomes of it.
    pub(crate) webhook: String,
    /// What people see whom the caller is put through to; empty: what the carrier shows them.
    pub(crate) from: String,
    pub(crate) agent: String,
}

impl Way {
    pub(crate) fn name(&self) -> Name {
        (self.account.id, self.call.clone())
    }

    /// The leg of a call that has just begun.
    pub(crate) fn leg(self, peer: Peer, codec: Codec, tasks: &Tasks) -> Leg {
        let transport = peer.framing;
        let (events, receiver) = mpsc::channel(EVENTS);
        let (sender, commands) = mpsc::channel(COMMANDS);
        let (turns, turning) = mpsc::channel(TURNS);
        let agent = self.agent.clone();
        let running = Running { agent, turns, trying: None, failed: None, elsewhere: false };
        self.calls.lock().insert(self.name(), running);
        tasks.spawn_graceful(LEG, carry(peer, events, commands, turning));
        let refer = Some(Arc::new(self) as Arc<dyn Refer>);
        Leg { transport, delivery: Delivery::Stream, codec, events: receiver, commands: sender, refer }
    }
}

async fn carry(
    peer: Peer,
    events: mpsc::Sender<LegEvent>,
    mut commands: mpsc::Receiver<LegCommand>,
    mut turns: mpsc::Receiver<Turn>,
) {
    let (mut peer, mut away) = (Some(peer), false);
    loop {
        tokio::select! {
            // What was decided counts before what follows from it: a stream that ends since its call is elsewhere.
            biased;
            Some(turn) = turns.recv() => match turn {
                Turn::Away => away = true,
                Turn::Here if peer.is_none() => {
                    // Its caller hung up while somebody else was called.
                    let _gone = events.send(LegEvent::Closed).await;
                    return;
                }
                Turn::Here => away = false,
                Turn::Back(next) => {
                    away = false;
                    peer = Some(next);
                }
                Turn::Gone => {
                    let _gone = events.send(LegEvent::Closed).await;
                    return;
                }
            },
            event = heard(&mut peer) => match event {
                Some(LegEvent::Closed | LegEvent::Lost) | None if away => peer = None,
                Some(event) => {
                    if events.send(event).await.is_err() {
                        return;
                    }
                }
                None => return,
            },
            command = commands.recv() => match (command, &peer) {
                (Some(command), Some(peer)) => {
                    // A stream that ended says so itself.
                    let _gone = peer.commands.send(command).await;
                }
                (Some(_), None) => {}
                (None, _) => return,
            },
        }
    }
}

/// Cancel-safe.
async fn heard(peer: &mut Option<Peer>) -> Option<LegEvent> {
    match peer {
        Some(peer) => peer.events.recv().await,
        None => std::future::pending().await,
    }
}

impl Refer for Way {
    fn refer(&self, transfer: &Transfer) -> BoxFuture<'static, Result<(), NotTransferred>> {
        let (calls, line, name, account) =
            (self.calls.clone(), self.line.clone(), self.name(), self.account.clone());
        let (webhook, from, transfer) = (self.webhook.clone(), self.from.clone(), transfer.clone());
        async move {
            let over = || NotTransferred::failed("the call is over");
            if webhook.is_empty() {
                return Err(NotTransferred::unsupported("this stream was not announced by its carrier"));
            }
            let outcome = calls.tried(&name).ok_or_else(over)?;
            let dial = Dial { to: &transfer.to, from: &from, webhook: &webhook, ring_s: transfer.ring_s };
            if let Err(reason) = send(&line, &account, &name.1, dial).await {
                calls.not_begun(&name);
                return Err(NotTransferred::failed(&format!("the carrier took no transfer: {reason}")));
            }
            outcome.await.map_err(|_gone| over())?.map_err(|why| {
                let message = format!("the person was not reached: {}", why.name());
                match why {
                    Unanswered::Declined => NotTransferred::refused(&message),
                    Unanswered::Failed => NotTransferred::failed(&message),
                    _ => NotTransferred::unanswered(&message),
                }
            })
        }
        .boxed()
    }
}

async fn send(line: &Line, account: &Account, call: &str, dial: Dial<'_>) -> Result<(), String> {
    let (command, gone): (_, fn(u16, &str) -> bool) = match account.vendor {
        Vendor::Telnyx => {
            let (api, key, state) = (api(account, telnyx::API), key(account)?, format!("{FOR}{call}"));
            // Of each try its own: the carrier does nothing for one that it knows.
            let id = format!("{:032x}", rand::random::<u128>());
            (telnyx::transfer(api, key, call, dial, &state, &id), |_, _| false)
        }
        _ => {
            let credentials = twilio_credentials(account)?;
            (twilio::transfer(api(account, twilio::API), credentials, call, dial), |_, _| false)
        }
    };
    line.send(&command, gone).await.map_err(|fault| fault.reason)
}
