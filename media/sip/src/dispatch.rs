//! Gives each request that comes to its call, and answers those that belong to none.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Header, Method, Request as SipRequest, SipMessage, StatusCode, WwwAuthenticate};
use rsipstack::transaction::{Transaction, TransactionReceiver};
use runtime::Kind;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::Instant;

use crate::auth::{Gate, Verdict};
use crate::call::{self, Answer, First, Shared, Told};
use crate::dialog::{self, ALLOW, Dialog, Way};
use crate::door::{port, reachable};
use crate::limits::{Limits, network};
use crate::machine::RequestId;
use crate::manners;
use crate::metrics::REFUSED;
use crate::replaces::Replaces;
use crate::server::{CALL, TOLD};
use crate::table::{Calls, Entry, Listed};

/// A request that nobody answers is given up: RFC 3261's longest ringing, and its longest wait for anything else.
const INVITE_LIFE: Duration = Duration::from_secs(240);
const REQUEST_LIFE: Duration = Duration::from_secs(40);

const TRANSACTION: Kind = Kind::new("sip.transaction");

/// What decides about a request that comes.
pub(crate) struct Dispatcher {
    pub(crate) shared: Arc<Shared>,
    pub(crate) calls: Calls,
    pub(crate) gate: Gate,
    pub(crate) limits: Limits,
    pub(crate) address: SocketAddr,
    pub(crate) began: Instant,
    pub(crate) requests: u32,
}

impl Dispatcher {
    pub(crate) async fn run(mut self, mut incoming: TransactionReceiver) {
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
        let run = Box::pin(call::run(Arc::clone(&self.shared), dialog, first, tell.clone(), told));
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

fn allow() -> Header {
    Header::Other("Allow".to_owned(), ALLOW.to_owned())
}

fn refused(why: &'static str) {
    metrics::counter!(REFUSED, "why" => why).increment(1);
}
