//! Listens for SIP, and begins calls and registrations of ours. One signalling address for all calls; what comes to it is for `dispatch`.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rsipstack::transaction::endpoint::EndpointInnerRef;
use runtime::{Kind, Tasks};
use rustls::ServerConfig;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::auth::Gate;
use crate::call::Shared;
use crate::closings::Closings;
use crate::dial::{self, Call as Dialled};
use crate::dispatch::Dispatcher;
use crate::door::{listen, listener};
use crate::error::Error;
use crate::invitation::{Invitation, Peer};
use crate::limits::Limits;
use crate::options::Options;
use crate::outgoing::{DialError, Dialling, Outcome, Outgoing, Progress};
use crate::ports::Ports;
use crate::referral::Referral;
use crate::register::Register;
use crate::registration::Registration;
use crate::replaces::Replaces;
use crate::table::Calls;
use crate::tcp;
use crate::tls::{self, Ways};
use crate::trunk::{Places, Trunk};

/// Calls that ring and that nobody has looked at. When full, callers are told that we are busy.
const INVITATIONS: usize = 64;
/// What happened to a call of ours that nobody has looked at. When full, more ringing is left out; there is one answer or end.
const PROGRESS: usize = 8;
/// Wishes to be put through that nobody has looked at. When full they are declined.
const REFERRALS: usize = 16;
/// Messages that a call has not looked at. When full their transactions wait, each for itself.
pub(crate) const TOLD: usize = 32;
/// How long requests in work may take once the server is told to stop.
const GOODBYE: Duration = Duration::from_secs(1);

const ENDPOINT: Kind = Kind::new("sip.endpoint");
const DISPATCH: Kind = Kind::new("sip.dispatch");
pub(crate) const CALL: Kind = Kind::new("sip.call");
const REGISTER: Kind = Kind::new("sip.register");

/// A running SIP address. It ends with the tasks that it was bound with.
#[derive(Clone)]
pub struct Server {
    address: SocketAddr,
    calls: Calls,
    shared: Arc<Shared>,
    endpoint: EndpointInnerRef,
    registrations: Vec<(String, watch::Receiver<Registration>)>,
    /// Until somebody looks at them.
    referrals: Arc<Mutex<Option<mpsc::Receiver<Referral>>>>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Server {
    /// Listens on UDP and TCP. Calls that ring come out of the receiver.
    ///
    /// # Errors
    /// When the address cannot be listened on, or an option is wrong.
    pub async fn bind(options: Options, tasks: &Tasks) -> Result<(Self, mpsc::Receiver<Invitation>), Error> {
        Self::bind_as(options, None, tasks).await
    }

    /// Listens over TLS too, with the certificate that `identity` shows, where the options have an address for that.
    ///
    /// # Errors
    /// When an address cannot be listened on, or an option is wrong.
    pub async fn bind_as(
        options: Options,
        identity: Option<Arc<ServerConfig>>,
        tasks: &Tasks,
    ) -> Result<(Self, mpsc::Receiver<Invitation>), Error> {
        options.validate().map_err(Error::Options)?;
        let closings = Closings::default();
        let ways = Ways::to(&options.trunks, closings.paces.clone())?;
        let secure = match (options.tls_listen, identity) {
            (Some(address), Some(identity)) => Some((listener(address).await?, identity)),
            (Some(_), None) => return Err(Error::Options("tls_listen needs a certificate".to_owned())),
            (None, _) => None,
        };
        let tls_address = secure.as_ref().and_then(|(listener, _)| listener.local_addr().ok());
        let tasks = Arc::new(tasks.child());
        // Of its own: the stack is to carry the goodbyes of calls that end because the server does.
        let stack = CancellationToken::new();
        let (endpoint, plain, address) = listen(&options, closings.clone(), &stack).await?;
        let incoming = endpoint.incoming_transactions().map_err(|error| Error::Stack(error.to_string()))?;
        let (invitations, ringing) = mpsc::channel(INVITATIONS);
        let ports = Ports::new(options.rtp_first, options.rtp_last);
        let gate = Gate::new(options.users.clone(), options.realm.clone(), rand::random());
        let limits = Limits::new(options.requests_per_address);
        let room = Arc::new(Semaphore::new(options.requests));
        let calls = Calls::default();
        let places = Places::of(&options.trunks);
        let (referrals, wishes) = mpsc::channel(REFERRALS);
        let shared = Shared {
            options,
            ports,
            tasks: Arc::clone(&tasks),
            invitations,
            room: Arc::clone(&room),
            stack: stack.clone(),
            places,
            referrals,
            refers: AtomicBool::new(false),
            ways,
            closings: closings.clone(),
            tls_address,
        };
        let whole = u32::try_from(shared.options.requests).unwrap_or(u32::MAX);
        let shared = Arc::new(shared);
        let server = Self {
            address,
            calls: Arc::clone(&calls),
            registrations: register(&shared, &endpoint.inner, address),
            shared: Arc::clone(&shared),
            endpoint: Arc::clone(&endpoint.inner),
            referrals: Arc::new(Mutex::new(Some(wishes))),
        };
        let dispatcher =
            Dispatcher { shared, calls, gate, limits, address, began: Instant::now(), requests: 0 };
        let taken =
            tcp::serve(plain, address, &endpoint.inner, closings.paces.clone(), stack.clone(), &tasks).await;
        taken.map_err(|error| Error::Stack(error.to_string()))?;
        if let Some((listener, identity)) = secure {
            tls::serve(
                listener,
                identity,
                Arc::clone(&endpoint.inner),
                closings.paces,
                stack.clone(),
                &tasks,
            );
        }
        let token = tasks.token();
        tasks.spawn_graceful(ENDPOINT, async move {
            let stopped = async {
                token.cancelled().await;
                let _late = tokio::time::timeout(GOODBYE, room.acquire_many(whole)).await;
            };
            tokio::select! {
                () = endpoint.serve() => {}
                () = stopped => {}
            }
            stack.cancel();
        });
        tasks.spawn(DISPATCH, dispatcher.run(incoming));
        Ok((server, ringing))
    }

    /// Calls somebody by a trunk. The call begins at once, and ends when what is given back is dropped.
    ///
    /// # Errors
    /// Where it cannot even be begun.
    pub fn dial(&self, outgoing: Outgoing) -> Result<Dialling, DialError> {
        self.dial_replacing(outgoing, None)
    }

    /// Wishes of the other sides of calls to be put through to somebody else. Until this was called all are declined. Whoever takes the first has all.
    #[must_use]
    pub fn referrals(&self) -> Option<mpsc::Receiver<Referral>> {
        let wishes = self.referrals.lock().unwrap_or_else(PoisonError::into_inner).take();
        if wishes.is_some() {
            self.shared.refers.store(true, Ordering::Relaxed);
        }
        wishes
    }

    /// Does what the other side of a call asked for: calls that person, and tells the other side how it comes along. Whoever answers is to be gone on
    /// with in place of the call that it was asked in, which is then hung up.
    ///
    /// # Errors
    /// Why nobody answered: the call that it was asked in goes on.
    pub async fn follow(&self, referral: Referral, trunk: String, ring: Duration) -> Result<Peer, Outcome> {
        let number = referral.to.clone();
        let Some((follower, replaces)) = referral.accept().await else { return Err(Outcome::CANCELLED) };
        // Whatever comes of it (RFC 3515 section 2.4.4), and heard before anything else is said.
        follower.tell(100).await;
        let outgoing = Outgoing { trunk, number, caller: None, ring };
        let Ok(mut dialling) = self.dial_replacing(outgoing, replaces) else {
            follower.tell(503).await;
            return Err(Outcome::of(503, true));
        };
        loop {
            match dialling.next().await {
                Some(Progress::Ringing { early }) => follower.tell(if early { 183 } else { 180 }).await,
                Some(Progress::Answered(peer)) => {
                    follower.tell(200).await;
                    return Ok(peer);
                }
                Some(Progress::Ended(outcome)) => {
                    let said = (outcome.status >= 300).then_some(outcome.status);
                    follower.tell(said.unwrap_or(487)).await;
                    return Err(outcome);
                }
                None => return Err(Outcome::CANCELLED),
            }
        }
    }

    fn dial_replacing(&self, outgoing: Outgoing, replaces: Option<Replaces>) -> Result<Dialling, DialError> {
        let trunk = self.trunk_for(&outgoing)?.clone();
        let Ok(place) = Arc::clone(&self.shared.room).try_acquire_owned() else {
            return Err(DialError::Busy);
        };
        let (progress, receiver) = mpsc::channel(PROGRESS);
        let call = Dialled {
            shared: Arc::clone(&self.shared),
            calls: Arc::clone(&self.calls),
            endpoint: Arc::clone(&self.endpoint),
            address: self.address,
            trunk,
            outgoing,
            replaces,
            progress,
            place,
        };
        let stack = self.shared.stack.clone();
        self.shared
            .tasks
            .spawn_graceful(CALL, async move { stack.run_until_cancelled(Box::pin(dial::run(call))).await });
        Ok(Dialling { progress: receiver })
    }

    /// Whether `dial` would know whom to call and by which way.
    ///
    /// # Errors
    /// Why not.
    pub fn may_dial(&self, outgoing: &Outgoing) -> Result<(), DialError> {
        self.trunk_for(outgoing).map(drop)
    }

    fn trunk_for(&self, outgoing: &Outgoing) -> Result<&Trunk, DialError> {
        if !outgoing.is_dialable() {
            return Err(DialError::NotDialable);
        }
        let trunks = &self.shared.options.trunks;
        let found = trunks.iter().find(|trunk| trunk.name == outgoing.trunk);
        found.ok_or_else(|| DialError::UnknownTrunk(outgoing.trunk.clone()))
    }

    /// Whether the trunk joins those who are to be connected.
    #[must_use]
    pub fn joins(&self, trunk: &str) -> bool {
        self.shared.options.trunks.iter().any(|one| one.name == trunk && one.joins)
    }

    /// Names of the trunks, in their order.
    pub fn trunks(&self) -> impl Iterator<Item = &str> {
        self.shared.options.trunks.iter().map(|trunk| trunk.name.as_str())
    }

    /// How the trunks that we register with see us, by name.
    #[must_use]
    pub fn registrations(&self) -> &[(String, watch::Receiver<Registration>)] {
        &self.registrations
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens for SIP over TLS, where it does.
    #[must_use]
    pub fn tls_address(&self) -> Option<SocketAddr> {
        self.shared.tls_address
    }

    /// Calls now, ringing ones included.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Ports of audio in use.
    #[must_use]
    pub fn ports(&self) -> usize {
        self.shared.ports.taken()
    }
}

/// Begins to register with every trunk that is to know us.
fn register(
    shared: &Arc<Shared>,
    endpoint: &EndpointInnerRef,
    address: SocketAddr,
) -> Vec<(String, watch::Receiver<Registration>)> {
    let wanted = shared.options.trunks.iter().filter(|trunk| trunk.register_s > 0);
    let begun = wanted.map(|trunk| {
        let (state, seen) = watch::channel(Registration::Asking);
        let register = Register {
            shared: Arc::clone(shared),
            endpoint: Arc::clone(endpoint),
            address,
            trunk: trunk.clone(),
            state,
            call_id: format!("{:032x}", rand::random::<u128>()),
            sent: 0.into(),
        };
        shared.tasks.spawn_graceful(REGISTER, register.run());
        (trunk.name.clone(), seen)
    });
    begun.collect()
}
