//! Listens for SIP, and gives each request to its call. One signalling address for all calls.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Header, Method, Request as SipRequest, SipMessage, StatusCode, WwwAuthenticate};
use rsipstack::transaction::endpoint::EndpointInnerRef;
use rsipstack::transaction::{Transaction, TransactionReceiver};
use runtime::{Kind, Tasks};
use rustls::ServerConfig;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::auth::{Gate, Verdict};
use crate::call::{self, Answer, First, Shared, Told};
use crate::dial::{self, Call as Dialled};
use crate::dialog::{self, ALLOW, Dialog, Way};
use crate::door::{listen, listener, port, reachable};
use crate::error::Error;
use crate::invitation::{Invitation, Peer};
use crate::limits::{Limits, network};
use crate::machine::RequestId;
use crate::manners;
use crate::metrics::{CALLS, REFUSED};
use crate::options::Options;
use crate::outgoing::{DialError, Dialling, Outcome, Outgoing, Progress};
use crate::ports::Ports;
use crate::referral::Referral;
use crate::register::Register;
use crate::registration::Registration;
use crate::replaces::Replaces;
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
/// A request that nobody answers is given up: RFC 3261's longest ringing, and its longest wait for anything else.
const INVITE_LIFE: Duration = Duration::from_secs(240);
const REQUEST_LIFE: Duration = Duration::from_secs(40);
/// How long requests in work may take once the server is told to stop.
const GOODBYE: Duration = Duration::from_secs(1);

const ENDPOINT: Kind = Kind::new("sip.endpoint");
const DISPATCH: Kind = Kind::new("sip.dispatch");
const TRANSACTION: Kind = Kind::new("sip.transaction");
const CALL: Kind = Kind::new("sip.call");
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

pub(crate) type Calls = Arc<Mutex<HashMap<String, Entry>>>;

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) tag: String,
    pub(crate) tell: mpsc::Sender<Told>,
    /// Of a caller, as limits know it.
    pub(crate) network: Option<IpAddr>,
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
        let ways = Ways::to(&options.trunks)?;
        let secure = match (options.tls_listen, identity) {
            (Some(address), Some(identity)) => Some((listener(address).await?, identity)),
            (Some(_), None) => return Err(Error::Options("tls_listen needs a certificate".to_owned())),
            (None, _) => None,
        };
        let tls_address = secure.as_ref().and_then(|(listener, _)| listener.local_addr().ok());
        let tasks = Arc::new(tasks.child());
        // Of its own: the stack is to carry the goodbyes of calls that end because the server does.
        let stack = CancellationToken::new();
        let (endpoint, address) = listen(&options, &stack).await?;
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
        if let Some((listener, identity)) = secure {
            tls::serve(listener, identity, Arc::clone(&endpoint.inner), stack.clone(), &tasks);
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

struct Dispatcher {
    shared: Arc<Shared>,
    calls: Calls,
    gate: Gate,
    limits: Limits,
    address: SocketAddr,
    began: Instant,
    requests: u32,
}

impl Dispatcher {
    async fn run(mut self, mut incoming: TransactionReceiver) {
        while let Some(transaction) = incoming.recv().await {
            // Dropped without a word: whoever sent it sends it again, and a flood is answered with nothing.
            let Ok(permit) = Arc::clone(&self.shared.room).try_acquire_owned() else {
                refused("busy");
                continue;
            };
            self.take(transaction, permit);
        }
    }

    fn take(&mut self, transaction: Transaction, permit: OwnedSemaphorePermit) {
        let request = transaction.original.clone();
        let call_id = request.call_id_header().map(|header| header.value().to_owned());
        let tag = request.to_header().ok().and_then(|header| header.tag().ok()).flatten();
        let (Ok(call_id), Ok(_)) = (call_id, request.cseq_header()) else {
            return self.turn_away(transaction, permit, "malformed", StatusCode::BadRequest, Vec::new());
        };
        let by_tls = transaction.connection.as_ref().is_some_and(dialog::is_by_tls);
        if let Some((status, more)) = manners::unmet(&request, by_tls) {
            return self.turn_away(transaction, permit, "unmet", status, more);
        }
        let Some(tag) = tag else { return self.outside(transaction, request, &call_id, permit) };
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(tell) =
            calls.get(&call_id).filter(|entry| entry.tag == tag.value()).map(|entry| entry.tell.clone())
        else {
            drop(calls);
            let status = StatusCode::CallTransactionDoesNotExist;
            return self.turn_away(transaction, permit, "unknown_call", status, Vec::new());
        };
        drop(calls);
        self.requests += 1;
        let id = RequestId(self.requests);
        let told = Told::Request { request, answer: Answer(transaction.tu_sender.clone()), id };
        self.drive(transaction, permit, id, tell, Some(told));
    }

    /// Says no to what belongs to no call, where its address is still answered.
    fn turn_away(
        &mut self,
        transaction: Transaction,
        permit: OwnedSemaphorePermit,
        why: &'static str,
        status: StatusCode,
        more: Vec<Header>,
    ) {
        refused(why);
        let source = dialog::source(transaction.connection.as_ref());
        let trunk = self.trunk_of(&transaction);
        if source.is_none_or(|source| self.hears(source, trunk.as_deref())) {
            self.answer(transaction, permit, status, more);
        }
    }

    /// The trunk that sent this, where one is at its address.
    fn trunk_of(&self, transaction: &Transaction) -> Option<String> {
        let connection = transaction.connection.as_ref()?;
        let source = dialog::source(Some(connection))?;
        self.shared.places.at(source.ip(), dialog::is_by_tls(connection))
    }

    /// Whether what belongs to no call is answered: an address that sends too much of it is not, without a word, as all that floods.
    fn hears(&mut self, source: SocketAddr, trunk: Option<&str>) -> bool {
        let heard = trunk.is_some() || self.limits.takes(source.ip(), Instant::now().into_std());
        if !heard {
            refused("address");
        }
        heard
    }

    /// A request that belongs to no call.
    fn outside(
        &mut self,
        transaction: Transaction,
        request: SipRequest,
        call_id: &str,
        permit: OwnedSemaphorePermit,
    ) {
        let source = dialog::source(transaction.connection.as_ref());
        let Some(source) = source else {
            refused("malformed");
            return self.answer(transaction, permit, StatusCode::BadRequest, Vec::new());
        };
        let trunk = self.trunk_of(&transaction);
        if !self.hears(source, trunk.as_deref()) {
            return;
        }
        match request.method {
            Method::Invite => self.invite(transaction, request, call_id, (source, trunk), permit),
            Method::Options => {
                let accept = Header::Other("Accept".to_owned(), "application/sdp".to_owned());
                self.answer(transaction, permit, StatusCode::OK, vec![allow(), accept]);
            }
            // Whoever is in no call with us has nobody to be put through.
            Method::Refer => {
                refused("method");
                self.answer(transaction, permit, StatusCode::Decline, Vec::new());
            }
            Method::Bye | Method::Update | Method::Info | Method::PRack => {
                refused("unknown_call");
                self.answer(transaction, permit, StatusCode::CallTransactionDoesNotExist, Vec::new());
            }
            _ => {
                refused("method");
                self.answer(transaction, permit, StatusCode::MethodNotAllowed, vec![allow()]);
            }
        }
    }

    fn invite(
        &mut self,
        transaction: Transaction,
        request: SipRequest,
        call_id: &str,
        (source, trunk): (SocketAddr, Option<String>),
        permit: OwnedSemaphorePermit,
    ) {
        if trunk.is_none() && self.shared.options.takes_trunks_alone() {
            tracing::debug!(%source, "a call was refused: its address is no trunk's");
            refused("forbidden");
            return self.answer(transaction, permit, StatusCode::Forbidden, Vec::new());
        }
        let at_s = self.began.elapsed().as_secs();
        let header = request.authorization_header().map(|header| header.value().to_owned());
        match self.gate.judge(header.as_deref(), &Method::Invite, call_id, at_s) {
            // A trunk has no password of ours.
            _ if trunk.is_some() => {}
            Verdict::Welcome => {}
            Verdict::Challenge(challenge) => {
                refused("unauthorized");
                let challenge = vec![Header::WwwAuthenticate(WwwAuthenticate::new(challenge))];
                return self.answer(transaction, permit, StatusCode::Unauthorized, challenge);
            }
            Verdict::Forbidden => {
                refused("forbidden");
                return self.answer(transaction, permit, StatusCode::Forbidden, Vec::new());
            }
        }
        let Some(connection) = transaction.connection.clone() else {
            refused("malformed");
            return self.answer(transaction, permit, StatusCode::BadRequest, Vec::new());
        };
        let bind = self.address.ip();
        let advertised = self.shared.options.advertise.unwrap_or_else(|| reachable(bind, source));
        let own = SocketAddr::new(advertised, port(&connection, self.address, self.shared.tls_address));
        let way = Way { endpoint: transaction.endpoint_inner.clone(), connection, source, own };
        let Some(dialog) = Dialog::of(&request, way) else {
            refused("malformed");
            return self.answer(transaction, permit, StatusCode::BadRequest, Vec::new());
        };
        let replaces = match self.replaced(&request) {
            Ok(replaces) => replaces,
            Err(status) => {
                refused("replaces");
                return self.answer(transaction, permit, StatusCode::from(status), Vec::new());
            }
        };
        let network = trunk.is_none().then(|| network(source.ip()));
        if network.is_some_and(|network| self.is_full_of(network)) {
            refused("address");
            return self.answer(transaction, permit, StatusCode::ServiceUnavailable, Vec::new());
        }
        // The call's own: the stack does not stop before the last of them has said goodbye.
        let Ok(place) = Arc::clone(&self.shared.room).try_acquire_owned() else {
            refused("busy");
            return self.answer(transaction, permit, StatusCode::ServiceUnavailable, Vec::new());
        };
        let (tell, told) = mpsc::channel(TOLD);
        let entry = Entry { tag: dialog.tag().to_owned(), tell: tell.clone(), network };
        let Some(listed) = Listed::enter(&self.calls, call_id, entry) else {
            // The same request by two ways (RFC 3261 section 8.2.2.2).
            refused("repeated");
            return self.answer(transaction, permit, StatusCode::LoopDetected, Vec::new());
        };
        let first = First {
            request,
            answer: Answer(transaction.tu_sender.clone()),
            source,
            trunk,
            replaces,
            advertised,
            bind,
            place,
        };
        let run = call::run(Arc::clone(&self.shared), dialog, first, tell.clone(), told);
        self.shared.tasks.spawn_graceful(CALL, async move {
            let _listed = listed;
            run.await;
        });
        self.drive(transaction, permit, RequestId::FIRST, tell, None);
    }

    /// The running call that an INVITE wants to take the place of.
    fn replaced(&self, request: &SipRequest) -> Result<Option<(Replaces, mpsc::Sender<Told>)>, u16> {
        let Some(which) = Replaces::of(request)? else { return Ok(None) };
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = calls.get(&which.call_id).filter(|entry| entry.tag == which.to_tag);
        let tell = entry.map(|entry| entry.tell.clone()).ok_or(481_u16)?;
        drop(calls);
        Ok(Some((which, tell)))
    }

    /// Whether an address has all the calls that it may have.
    fn is_full_of(&self, network: IpAddr) -> bool {
        let most = self.shared.options.calls_per_address;
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        most > 0 && calls.values().filter(|entry| entry.network == Some(network)).count() >= most
    }

    fn answer(
        &self,
        transaction: Transaction,
        permit: OwnedSemaphorePermit,
        status: StatusCode,
        more: Vec<Header>,
    ) {
        let mut response = transaction.endpoint_inner.make_response(&transaction.original, status, None);
        for header in response.headers.iter_mut() {
            if let Header::To(to) = header
                && matches!(to.tag(), Ok(None))
            {
                *to = to.with_tag(format!("{:016x}", rand::random::<u64>()).as_str().into());
            }
        }
        response.headers.extend(more);
        let mut transaction = transaction;
        let stack = self.shared.stack.clone();
        // Said once and forgotten: the stack repeats it to whoever asks again, and nobody's ACK is waited for, or a flood of INVITEs would
        // hold all the room there is for half a minute.
        let work = async move {
            let _permit = permit;
            let _unsent = transaction.respond(response).await;
        };
        self.shared.tasks.spawn_graceful(TRANSACTION, async move { stack.run_until_cancelled(work).await });
    }

    /// Keeps a transaction of a call going until it ends: repetitions, timers, and for an INVITE its CANCEL and ACK.
    fn drive(
        &self,
        mut transaction: Transaction,
        permit: OwnedSemaphorePermit,
        id: RequestId,
        tell: mpsc::Sender<Told>,
        told: Option<Told>,
    ) {
        let invite = transaction.original.method == Method::Invite;
        // Whose answer something else waits for.
        let refer = (transaction.original.method == Method::Refer).then(|| tell.clone());
        let stack = self.shared.stack.clone();
        let work = async move {
            let _permit = permit;
            let life = if invite { INVITE_LIFE } else { REQUEST_LIFE };
            let _given_up = tokio::time::timeout(life, async move {
                if id == RequestId::FIRST {
                    let _unsent = transaction.send_trying().await;
                }
                if let Some(told) = told
                    && tell.send(told).await.is_err()
                {
                    // The call ended just now.
                    let _unsent = transaction.reply(StatusCode::CallTransactionDoesNotExist).await;
                }
                let mut acknowledged = false;
                while let Some(message) = transaction.receive().await {
                    let SipMessage::Request(request) = message else { continue };
                    let told = match request.method {
                        Method::Ack => {
                            acknowledged = true;
                            Told::Acknowledged { id, sdp: dialog::description(&request, &request.body) }
                        }
                        Method::Cancel => Told::Cancelled,
                        _ => continue,
                    };
                    let _over = tell.send(told).await;
                }
                if invite && !acknowledged {
                    let _over = tell.send(Told::Unacknowledged(id)).await;
                }
            })
            .await;
            // Its transaction ends with its answer, once that is with the socket.
            if let Some(tell) = refer {
                let _over = tell.send(Told::Done(id)).await;
            }
        };
        self.shared.tasks.spawn_graceful(TRANSACTION, async move { stack.run_until_cancelled(work).await });
    }
}

/// A call's place in the table, for as long as it runs.
pub(crate) struct Listed {
    calls: Calls,
    call_id: String,
}

impl Listed {
    /// `None` where a call of that name is there.
    pub(crate) fn enter(calls: &Calls, call_id: &str, entry: Entry) -> Option<Self> {
        let mut table = calls.lock().unwrap_or_else(PoisonError::into_inner);
        if table.contains_key(call_id) {
            return None;
        }
        table.insert(call_id.to_owned(), entry);
        drop(table);
        metrics::gauge!(CALLS).increment(1.0);
        Some(Self { calls: Arc::clone(calls), call_id: call_id.to_owned() })
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.call_id);
        metrics::gauge!(CALLS).decrement(1.0);
    }
}

fn allow() -> Header {
    Header::Other("Allow".to_owned(), ALLOW.to_owned())
}

fn refused(why: &'static str) {
    metrics::counter!(REFUSED, "why" => why).increment(1);
}
