//! Callers of carriers who are put through by the carrier: their leg stays while their audio is away, and goes on where nobody takes them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
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
/// As long as carriers let any call be. A call of ours is bound closer, for as long as its agent has it.
const LONGEST_S: u32 = 14_400;

/// A call, by its account and the carrier's name of it.
pub(crate) type Name = (ProviderAccountId, String);

/// Calls that run. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Calls(Arc<Mutex<HashMap<Name, Running>>>);

struct Running {
    agent: String,
    turns: mpsc::Sender<Turn>,
    /// The number of the last try.
    tries: u32,
    /// Whoever waits for somebody to take the caller.
    trying: Option<oneshot::Sender<Result<(), Unanswered>>>,
    /// Nobody does, which is told when the caller's audio is back.
    failed: Option<Unanswered>,
    elsewhere: bool,
}

/// The name of a call whose session is about to begin. Dropping it gives the name back.
pub(crate) struct Reserved {
    calls: Calls,
    name: Name,
    /// Taken by the leg.
    turning: Option<mpsc::Receiver<Turn>>,
}

/// Somebody is called for the caller. Dropping it leaves the caller with the agent, where nothing has become of it.
struct Try {
    calls: Calls,
    name: Name,
    number: u32,
}

/// What becomes of a leg.
#[derive(Debug)]
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

    /// The call's name, unless a session has it.
    pub(crate) fn reserve(&self, name: &Name, agent: &str) -> Option<Reserved> {
        let (turns, turning) = mpsc::channel(TURNS);
        let running = Running {
            agent: agent.to_owned(),
            turns,
            tries: 0,
            trying: None,
            failed: None,
            elsewhere: false,
        };
        match self.lock().entry(name.clone()) {
            Entry::Occupied(_) => return None,
            Entry::Vacant(vacant) => vacant.insert(running),
        };
        Some(Reserved { calls: self.clone(), name: name.clone(), turning: Some(turning) })
    }

    fn tried(&self, name: &Name) -> Option<(Try, oneshot::Receiver<Result<(), Unanswered>>)> {
        let mut calls = self.lock();
        let running = calls.get_mut(name)?;
        let (trying, outcome) = oneshot::channel();
        running.trying = Some(trying);
        running.tries += 1;
        let _gone = running.turns.try_send(Turn::Away);
        Some((Try { calls: self.clone(), name: name.clone(), number: running.tries }, outcome))
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

    /// Nobody has at this try, and the caller's audio is still here.
    pub(super) fn not_taken(&self, name: &Name, number: u32, why: Unanswered) {
        let is_tried = |running: &&mut Running| !running.elsewhere && running.tries == number;
        if let Some(running) = self.lock().get_mut(name).filter(is_tried)
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

impl Drop for Reserved {
    fn drop(&mut self) {
        if self.turning.is_some() {
            self.calls.over(&self.name);
        }
    }
}

impl Drop for Try {
    fn drop(&mut self) {
        if let Some(running) = self.calls.lock().get_mut(&self.name)
            && running.tries == self.number
            && running.trying.take().is_some()
        {
            let _gone = running.turns.try_send(Turn::Here);
        }
    }
}

/// Ends a call at its carrier once its session is over; a caller who is with somebody else stays there. Of one who seems to have left, too: the
/// carrier knows whether they have, and a call in which nobody is would be paid for.
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
    if !calls.over(name) {
        line.hang_up(account, &name.1).await;
    }
    reason
}

/// Where a person is called by Telnyx: whose call it is for, and at which try.
pub(super) fn called_for(state: &str) -> Option<(u32, &str)> {
    let (number, call) = state.strip_prefix(FOR)?.split_once(' ')?;
    Some((number.parse().ok()?, call))
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
    pub(crate) fn leg(self, mut reserved: Reserved, peer: Peer, codec: Codec, tasks: &Tasks) -> Leg {
        let transport = peer.framing;
        let (events, receiver) = mpsc::channel(EVENTS);
        let (sender, commands) = mpsc::channel(COMMANDS);
        if let Some(turning) = reserved.turning.take() {
            tasks.spawn_graceful(LEG, carry(peer, events, commands, turning));
        }
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
    // How a stream ended while the caller was away.
    let mut ended = LegEvent::Lost;
    loop {
        tokio::select! {
            // What was decided counts before what follows from it: a stream that ends since its call is elsewhere.
            biased;
            Some(turn) = turns.recv() => match turn {
                Turn::Away => away = true,
                Turn::Here if peer.is_none() => {
                    // Its caller hung up while somebody else was called, or was lost.
                    let _gone = events.send(ended).await;
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
                Some(event @ (LegEvent::Closed | LegEvent::Lost)) if away => {
                    ended = event;
                    peer = None;
                }
                None if away => {
                    ended = LegEvent::Lost;
                    peer = None;
                }
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
            // Kept until something becomes of it, or until the session waits no longer.
            let (tried, outcome) = calls.tried(&name).ok_or_else(over)?;
            // A call of ours has its `from`.
            let limit_s = (!from.is_empty()).then_some(LONGEST_S);
            let ring_s = transfer.ring_s;
            let dial = Dial { to: &transfer.to, from: &from, webhook: &webhook, ring_s, limit_s };
            send(&line, &account, &name.1, tried.number, dial).await.map_err(|reason| {
                NotTransferred::failed(&format!("the carrier took no transfer: {reason}"))
            })?;
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

async fn send(line: &Line, account: &Account, call: &str, number: u32, dial: Dial<'_>) -> Result<(), String> {
    let (command, gone): (_, fn(u16, &str) -> bool) = match account.vendor {
        Vendor::Telnyx => {
            let state = format!("{FOR}{number} {call}");
            let (api, key) = (api(account, telnyx::API), key(account)?);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A leg that is carried, as its session and its socket see it.
    struct Carried {
        calls: Calls,
        name: Name,
        socket: mpsc::Sender<LegEvent>,
        session: mpsc::Receiver<LegEvent>,
        _commands: mpsc::Sender<LegCommand>,
        _told: mpsc::Receiver<LegCommand>,
    }

    fn peer() -> (Peer, mpsc::Sender<LegEvent>, mpsc::Receiver<LegCommand>) {
        let (socket, events) = mpsc::channel(EVENTS);
        let (commands, told) = mpsc::channel(COMMANDS);
        (Peer { framing: "telnyx", codec: Codec::Pcmu, events, commands }, socket, told)
    }

    fn carried(tasks: &Tasks) -> Carried {
        let (calls, name) = (Calls::default(), (ProviderAccountId::generate(), "v3:abc".to_owned()));
        let mut reserved = calls.reserve(&name, "front-desk").expect("nobody has it");
        let turning = reserved.turning.take().expect("nothing took it");
        let (peer, socket, told) = peer();
        let (events, session) = mpsc::channel(EVENTS);
        let (sender, commands) = mpsc::channel(COMMANDS);
        tasks.spawn(LEG, carry(peer, events, commands, turning));
        Carried { calls, name, socket, session, _commands: sender, _told: told }
    }

    #[tokio::test]
    async fn a_stream_that_ended_while_the_caller_was_away_ended_as_it_did() {
        for how in [LegEvent::Lost, LegEvent::Closed] {
            let tasks = Tasks::new();
            let mut leg = carried(&tasks);
            let (tried, _outcome) = leg.calls.tried(&leg.name).expect("it runs");
            leg.socket.send(how.clone()).await.expect("it is carried");
            leg.socket.closed().await;
            assert!(leg.session.try_recv().is_err(), "the caller is away");
            leg.calls.not_taken(&leg.name, tried.number, Unanswered::Busy);
            assert_eq!(leg.session.recv().await, Some(how));
            assert_eq!(leg.session.recv().await, None);
        }
    }

    #[tokio::test]
    async fn a_caller_whom_the_session_waits_for_no_longer_is_with_the_agent() {
        let tasks = Tasks::new();
        let mut leg = carried(&tasks);
        let (tried, outcome) = leg.calls.tried(&leg.name).expect("it runs");
        drop((tried, outcome));
        assert!(leg.calls.lock()[&leg.name].trying.is_none());
        leg.socket.send(LegEvent::Active).await.expect("it is carried");
        assert_eq!(leg.session.recv().await, Some(LegEvent::Active));
        leg.socket.send(LegEvent::Closed).await.expect("it is carried");
        assert_eq!(leg.session.recv().await, Some(LegEvent::Closed), "they are not away any more");
    }

    #[tokio::test]
    async fn what_comes_late_of_one_try_is_not_said_of_the_next() {
        let tasks = Tasks::new();
        let leg = carried(&tasks);
        let (first, _late) = leg.calls.tried(&leg.name).expect("it runs");
        let number = first.number;
        drop(first);
        let (second, mut outcome) = leg.calls.tried(&leg.name).expect("it runs");
        leg.calls.not_taken(&leg.name, number, Unanswered::NoAnswer);
        assert!(outcome.try_recv().is_err(), "somebody is still called");
        leg.calls.not_taken(&leg.name, second.number, Unanswered::Busy);
        assert_eq!(outcome.await, Ok(Err(Unanswered::Busy)));
    }

    #[tokio::test]
    async fn a_caller_who_was_taken_is_elsewhere_when_the_session_has_given_up() {
        let tasks = Tasks::new();
        let mut leg = carried(&tasks);
        drop(leg.calls.tried(&leg.name).expect("it runs"));
        leg.calls.taken(&leg.name);
        assert_eq!(leg.session.recv().await, Some(LegEvent::Closed));
        assert!(leg.calls.over(&leg.name), "they are left where they are");
    }

    #[test]
    fn a_call_has_one_session() {
        let (calls, name) = (Calls::default(), (ProviderAccountId::generate(), "CA1".to_owned()));
        let reserved = calls.reserve(&name, "front-desk").expect("nobody has it");
        assert!(calls.reserve(&name, "front-desk").is_none());
        drop(reserved);
        assert!(calls.reserve(&name, "front-desk").is_some(), "it was given back");
    }

    #[test]
    fn whom_a_person_is_called_for_comes_back_with_the_try() {
        assert_eq!(called_for("for 2 v3:abc"), Some((2, "v3:abc")));
        for other in ["v3:abc", "by srv_1", "for v3:abc", "for x v3:abc"] {
            assert_eq!(called_for(other), None, "{other}");
        }
    }
}
