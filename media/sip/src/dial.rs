//! The task of a call of ours, until it is answered: finds the way to the trunk, asks, and hands the call over.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use rsipstack::dialog::authenticate::{AuthRetry, Credential};
use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Header, Host, Request as SipRequest, Response, SipMessage, Uri};
use rsipstack::transaction::Transaction;
use rsipstack::transaction::endpoint::EndpointInnerRef;
use rsipstack::transaction::key::{TransactionKey, TransactionRole};
use rsipstack::transport::{SipAddr, SipConnection};
use runtime::Kind;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_util::sync::CancellationToken;

use crate::asking::{again, lost};
use crate::call::{self, Handset, Line, Party, Shared, Told};
use crate::dialog::{self, Dialog, Way};
use crate::door::{USER_AGENT, port, reachable};
use crate::invitation::Peer;
use crate::machine::{Input, Request};
use crate::metrics::{DIALLED, SENT_ANEW};
use crate::outgoing::{Outcome, Outgoing, Progress};
use crate::replaces::Replaces;
use crate::server::TOLD;
use crate::table::{Calls, Entry, Listed};
use crate::tls::{Unreached, lives};
use crate::trunk::{Transport, Trunk};

/// For the trunk's name and a connection to it.
const CONNECT: Duration = Duration::from_secs(5);

/// What says that a request came by two ways (RFC 3261 section 8.2.2.2).
const MERGED: u16 = 482;

const INVITE: Kind = Kind::new("sip.invite");

/// A call that is to be made.
pub(crate) struct Call {
    pub(crate) shared: Arc<Shared>,
    pub(crate) calls: Calls,
    pub(crate) endpoint: EndpointInnerRef,
    /// Where we listen.
    pub(crate) address: SocketAddr,
    pub(crate) trunk: Trunk,
    pub(crate) outgoing: Outgoing,
    /// The call of the callee's that this one is to take the place of.
    pub(crate) replaces: Option<Replaces>,
    pub(crate) progress: mpsc::Sender<Progress>,
    pub(crate) place: OwnedSemaphorePermit,
}

/// What a call of ours has more than one that came in.
pub(crate) struct Outbound {
    progress: mpsc::Sender<Progress>,
    /// The session's end, until the callee answers.
    handset: Option<Handset>,
    pub(crate) credential: Option<Credential>,
    replaces: Option<Replaces>,
    /// The INVITE as it went out last.
    invite: Option<SipRequest>,
    /// We want it no more: a challenge is not answered now.
    cancelled: Arc<AtomicBool>,
    /// Who sent the last reliable provisional answer, and its number.
    acknowledged: Option<(String, u32)>,
    /// Whose 200 made the call.
    answered_by: Option<String>,
}

impl Outbound {
    /// Whom to tell of progress, until the callee answers.
    pub(crate) fn waiting(&self) -> Option<mpsc::Sender<Progress>> {
        self.handset.as_ref().map(|_| self.progress.clone())
    }
}

pub(crate) async fn run(call: Call) {
    let progress = call.progress.clone();
    let way = tokio::select! {
        way = reach(&call.shared, &call.endpoint, &call.trunk) => way,
        () = progress.closed() => return,
    };
    let (connection, source) = match way {
        Ok(way) => way,
        Err(why) => {
            let code = why.failure().code.0;
            tracing::warn!(trunk = call.trunk.name, code, %why, "a trunk could not be called");
            let untrusted = matches!(why, Unreached::Untrusted { .. });
            return end(&progress, if untrusted { Outcome::UNTRUSTED } else { Outcome::UNREACHABLE });
        }
    };
    let bind = call.address.ip();
    let advertised = call.shared.options.advertise.unwrap_or_else(|| reachable(bind, source));
    let own = SocketAddr::new(advertised, port(&connection, call.address, call.shared.tls_address));
    let way = Way { endpoint: Arc::clone(&call.endpoint), connection, source, own };
    let Some((callee, caller)) = names(&call.trunk, &call.outgoing, advertised) else {
        return end(&progress, Outcome::of(404, true));
    };
    let dialog = Dialog::to(callee, caller, call.trunk.user.as_deref(), way);
    let (tell, told) = mpsc::channel(TOLD);
    let entry = Entry { tag: dialog.tag().to_owned(), tell: tell.clone(), network: None };
    let Some(_listed) = Listed::enter(&call.calls, dialog.call_id(), entry) else {
        return end(&progress, Outcome::of(500, true));
    };
    let credential = credential(&call.trunk);
    let party = Party { trunk: Some(call.trunk.name.clone()), ip: source.ip() };
    let line = Line { shared: call.shared, dialog, tell, told, party, advertised, bind, place: call.place };
    let (mut talking, handset) = call::Call::new(line);
    talking.outbound = Some(Outbound {
        progress,
        handset: Some(handset),
        credential,
        replaces: call.replaces,
        invite: None,
        cancelled: Arc::default(),
        acknowledged: None,
        answered_by: None,
    });
    let secure = call.trunk.srtp || talking.shared.options.srtp_required;
    let local = match talking.listen(secure).await {
        Ok(local) => local,
        Err(status) => return end(&call.progress, Outcome::of(status, true)),
    };
    talking.feed(Input::Dial { local, ring: call.outgoing.ring }).await;
    talking.talk().await;
}

impl call::Call {
    /// Sends the call's INVITE.
    pub(crate) fn invite(&mut self, sdp: String) {
        let transaction = self.dialog.request(&Request::Invite { sdp });
        let (Ok(mut transaction), Some(outbound)) = (transaction, &mut self.outbound) else { return };
        if let Some(replaces) = &outbound.replaces {
            transaction
                .original
                .headers
                .push(Header::Replaces(rsipstack::sip::headers::Replaces::new(replaces.to_string())));
        }
        outbound.invite = Some(transaction.original.clone());
        let sent = transaction.original.to_string();
        let trunks = &self.shared.options.trunks;
        let asking = Asking {
            shared: Arc::clone(&self.shared),
            trunk: trunks.iter().find(|one| Some(&one.name) == self.party.trunk.as_ref()).cloned(),
            credential: outbound.credential.clone(),
            cancelled: Arc::clone(&outbound.cancelled),
            sent: self.dialog.sent(),
            tell: self.tell.clone(),
        };
        let stack = self.shared.stack.clone();
        let work = Box::pin(asking.run(transaction));
        self.shared.tasks.spawn_graceful(INVITE, async move { stack.run_until_cancelled(work).await });
        self.saw(true, &sent);
    }

    pub(crate) fn cancel(&mut self) {
        let Some(invite) = self.outbound.as_ref().and_then(|outbound| outbound.invite.as_ref()) else {
            return;
        };
        self.cancels(invite);
    }

    fn cancels(&self, invite: &SipRequest) {
        match self.dialog.cancel(invite) {
            Ok(transaction) => self.carry(transaction, None, None),
            Err(error) => tracing::warn!(%error, "a CANCEL could not be built"),
        }
    }

    /// The other side has the INVITE that was lost with its connection, and takes the one sent anew for a copy of it that went another way (RFC 3261
    /// section 8.2.2.2). What rings there has no way back: nobody was reached.
    pub(crate) async fn merged(&mut self, lost: &SipRequest) {
        self.cancels(lost);
        self.feed(Input::Asked).await;
        self.feed(Input::Declined(408)).await;
    }

    pub(crate) async fn asked(&mut self, invite: SipRequest) {
        self.saw(true, &invite.to_string());
        if let Some(outbound) = &mut self.outbound {
            outbound.invite = Some(invite);
        }
        self.feed(Input::Asked).await;
    }

    /// An answer to our INVITE, of any kind.
    pub(crate) async fn answered(&mut self, response: &Response) {
        let status = response.status_code.code();
        let sdp = dialog::description(response, &response.body);
        match status {
            100..=199 => {
                if status > 100 && !self.is_answered() && !self.acknowledge(response) {
                    return;
                }
                self.feed(Input::Progressed { status, sdp }).await;
            }
            200..=299 => {
                if !self.is_answer(response) {
                    return;
                }
                let allows_update = dialog::allows(response, "UPDATE");
                let expires = dialog::granted(response);
                self.feed(Input::Answered { sdp, expires, allows_update }).await;
            }
            _ => self.feed(Input::Declined(status)).await,
        }
    }

    pub(crate) fn progress(&self, progress: Progress) {
        // Ringing that nobody looks at is left out, so that the answer or the end has a place.
        if let Some(outbound) = self.outbound.as_ref().filter(|outbound| outbound.progress.capacity() > 2) {
            let _gone = outbound.progress.try_send(progress);
        }
    }

    /// The callee took the call: whoever dialled has it from now on.
    pub(crate) fn hand_over(&mut self) {
        let (key, codec) = (self.key.clone(), self.machine.codec());
        let Some(outbound) = &mut self.outbound else { return };
        let Some((events, commands, control)) = outbound.handset.take() else { return };
        metrics::counter!(DIALLED, "outcome" => "answered").increment(1);
        // Nobody waits any more: the commands say so by being closed.
        let _gone =
            outbound.progress.try_send(Progress::Answered(Peer { key, codec, events, commands, control }));
    }

    /// Tells whoever dialled that nobody took the call, where nobody did.
    pub(crate) fn unanswered(&mut self, outcome: Outcome) {
        let Some(outbound) = &mut self.outbound else { return };
        outbound.cancelled.store(true, Ordering::Relaxed);
        if outbound.handset.take().is_some() {
            end(&outbound.progress, outcome);
        }
    }

    fn is_answered(&self) -> bool {
        self.outbound.as_ref().is_some_and(|outbound| outbound.answered_by.is_some())
    }

    /// Remembers who rings, and acknowledges what has to be. Whether the answer is new.
    fn acknowledge(&mut self, response: &Response) -> bool {
        let established = self.dialog.establish(response);
        let Some(rseq) = dialog::reliable(response).filter(|_| established) else { return true };
        let tag = self.dialog.remote_tag().unwrap_or_default().to_owned();
        let Some(outbound) = &mut self.outbound else { return false };
        // RFC 3262 section 4: in order, and each once.
        let next = outbound
            .acknowledged
            .as_ref()
            .is_none_or(|(of, last)| *of != tag || last.checked_add(1) == Some(rseq));
        if !next {
            return false;
        }
        outbound.acknowledged = Some((tag, rseq));
        match self.dialog.acknowledge(response, rseq) {
            Ok(transaction) => self.carry(transaction, None, None),
            Err(error) => tracing::warn!(%error, "a PRACK could not be built"),
        }
        true
    }

    /// Whether this 200 makes the call. It may be a repetition, or of another phone that answered too, to which we say goodbye.
    fn is_answer(&mut self, response: &Response) -> bool {
        let tag = response.to_header().ok().and_then(|to| to.tag().ok().flatten());
        let Some(tag) = tag.map(|tag| tag.value().to_owned()) else { return false };
        let Some(outbound) = &mut self.outbound else { return false };
        match &outbound.answered_by {
            Some(before) if *before == tag => return false,
            Some(_) => {
                let mut other = self.dialog.clone();
                other.establish(response);
                if let Ok(transaction) = other.request(&Request::Bye { reason: None }) {
                    self.carry(transaction, None, None);
                }
                return false;
            }
            None => outbound.answered_by = Some(tag),
        }
        self.dialog.establish(response)
    }
}

/// An INVITE on its way.
struct Asking {
    shared: Arc<Shared>,
    trunk: Option<Trunk>,
    credential: Option<Credential>,
    cancelled: Arc<AtomicBool>,
    sent: Arc<AtomicU32>,
    tell: mpsc::Sender<Told>,
}

impl Asking {
    async fn run(self, mut transaction: Transaction) {
        let mut retry = AuthRetry::new();
        let mut ended = self.ended(&transaction);
        if transaction.send().await.is_err() {
            let _over = self.tell.send(Told::Unanswered).await;
            return;
        }
        // `last`: what was answered to the INVITE as it is out now.
        let (mut last, mut elsewhere, mut lost) = (0, false, None);
        loop {
            let response = match next(&mut transaction, ended.clone().filter(|_| last == 0)).await {
                Next::Response(response) => response,
                Next::Nothing => break,
                Next::Lost if std::mem::replace(&mut elsewhere, true) => break,
                Next::Lost => match self.anew(transaction).await {
                    Some((before, next)) => {
                        lost = Some(before);
                        transaction = next;
                        ended = self.ended(&transaction);
                        if transaction.send().await.is_err() {
                            break;
                        }
                        continue;
                    }
                    None => break,
                },
            };
            last = response.status_code.code();
            self.show(&transaction, &response).await;
            if !self.cancelled.load(Ordering::Relaxed)
                && let Some(next) =
                    again(&transaction, &response, self.credential.as_ref(), &mut retry, &self.sent).await
            {
                transaction = next;
                (last, lost) = (0, None);
                ended = self.ended(&transaction);
                let _over = self.tell.send(Told::Asked(transaction.original.clone())).await;
                if transaction.send().await.is_ok() {
                    continue;
                }
                break;
            }
            let told = match lost.take_if(|_| last == MERGED) {
                Some(lost) => Told::Merged(Box::new(lost)),
                None => Told::Answered(Box::new(response)),
            };
            // A call that is over needs no more answers; the stack acknowledges them.
            let _over = self.tell.send(told).await;
        }
        if last < 200 {
            let _over = self.tell.send(Told::Unanswered).await;
        }
    }

    fn ended(&self, transaction: &Transaction) -> Option<CancellationToken> {
        self.shared.closings.of(transaction.connection.as_ref()?)
    }

    /// The INVITE as it was, and by a new connection, as another request of the same call (RFC 3263 section 4.3). `None` where there is no way, or nobody
    /// wants it any more.
    async fn anew(&self, transaction: Transaction) -> Option<(SipRequest, Transaction)> {
        let trunk = self.trunk.as_ref()?;
        let (mut invite, endpoint) = (transaction.original.clone(), Arc::clone(&transaction.endpoint_inner));
        drop(transaction);
        let reached = reach(&self.shared, &endpoint, trunk).await;
        let (connection, source) = reached
            .inspect_err(|why| tracing::warn!(%why, "an INVITE of ours was lost with its connection"))
            .ok()?;
        if self.cancelled.load(Ordering::Relaxed) {
            return None;
        }
        let before = invite.clone();
        let via = endpoint.get_via(Some(connection.get_addr().clone()), None).ok()?;
        for header in invite.headers.iter_mut() {
            if let Header::Via(before) = header {
                *before = via.clone().into();
            }
        }
        let key = TransactionKey::from_request(&invite, TransactionRole::Client).ok()?;
        metrics::counter!(SENT_ANEW).increment(1);
        let _over = self.tell.send(Told::Moved(connection.clone(), source)).await;
        let _over = self.tell.send(Told::Asked(invite.clone())).await;
        Some((before, Transaction::new_client(key, invite, endpoint, Some(connection))))
    }

    /// Tells whoever looks into the call of an answer, and of what the stack said to it.
    async fn show(&self, transaction: &Transaction, response: &Response) {
        if is_made_up(response) {
            return;
        }
        let _over = self.tell.send(Told::Seen(response.to_string())).await;
        if response.status_code.code() < 200 {
            return;
        }
        // It is with the transaction for as long as that lasts; after a no it is over, and the ACK was this one.
        let made = || transaction.endpoint_inner.make_ack(&transaction.original, response).ok();
        if let Some(ack) = transaction.last_ack.clone().or_else(made) {
            let _over = self.tell.send(Told::Said(ack.to_string())).await;
        }
    }
}

/// What comes next of an INVITE.
enum Next {
    Response(Response),
    /// Its connection is gone, and nothing was heard of it.
    Lost,
    Nothing,
}

/// `ended`: its connection is. `None` over UDP, where nothing is, and once something was heard: whoever said it has the INVITE, and finds another way back
/// (RFC 3261 section 18.2.2).
async fn next(transaction: &mut Transaction, ended: Option<CancellationToken>) -> Next {
    loop {
        let message = tokio::select! {
            biased;
            message = transaction.receive() => message,
            () = lost(ended.clone()) => match transaction.last_response.clone() {
                // An answer that was being acknowledged is one.
                Some(response) => Some(SipMessage::Response(response)),
                None => return Next::Lost,
            },
        };
        match message {
            Some(SipMessage::Response(response)) => {
                let dead = transaction.connection.as_ref().is_some_and(|connection| !lives(connection));
                let unsent = ended.is_some() && dead && is_made_up(&response);
                return if unsent { Next::Lost } else { Next::Response(response) };
            }
            Some(SipMessage::Request(_)) => {}
            None => return Next::Nothing,
        }
    }
}

/// Whether nobody said that: the stack gives itself an answer where none came in time, or the connection is lost.
fn is_made_up(response: &Response) -> bool {
    let tagged = response.to_header().is_ok_and(|to| to.tag().is_ok_and(|tag| tag.is_some()));
    response.status_code.code() >= 300
        && !tagged
        && response.header_value("User-Agent").is_some_and(|by| by == USER_AGENT)
}

/// A connection to the trunk, and where that leads.
pub(crate) async fn reach(
    shared: &Shared,
    endpoint: &EndpointInnerRef,
    trunk: &Trunk,
) -> Result<(SipConnection, SocketAddr), Unreached> {
    let failed = |error: &dyn std::fmt::Display| Unreached::Unreachable(error.to_string());
    let uri = trunk.uri().map_err(|error| failed(&error))?;
    let target = SipAddr::new(trunk.transport.of_stack(), uri.host_with_port);
    let found = tokio::time::timeout(CONNECT, async {
        if trunk.transport != Transport::Tls {
            return endpoint.transport_layer.lookup(&target, None).await.map_err(|error| failed(&error));
        }
        let address = match target.addr.host {
            Host::IpAddr(_) => target.clone(),
            Host::Domain(_) => {
                let resolver = &endpoint.transport_layer.inner.domain_resolver;
                resolver.resolve(&target).await.map_err(|error| failed(&error))?
            }
        };
        let port = address.addr.port.unwrap_or_else(|| rsipstack::sip::Transport::Tls.default_port());
        let ip = IpAddr::try_from(address.addr.host).map_err(|error| failed(&error))?;
        let there = SocketAddr::new(ip, port.into());
        let connection = shared.ways.connection(trunk, there, endpoint, &shared.stack).await?;
        let there = connection.get_remote_addr().cloned().unwrap_or_else(|| there.into());
        Ok((connection, there))
    });
    let (connection, address) = found.await.unwrap_or_else(|_late| Err(failed(&"it took too long")))?;
    let address = address.get_socketaddr().map_err(|error| failed(&error))?;
    shared.places.learn(trunk, address.ip());
    Ok((connection, address))
}

/// Whom we call, and who we say we are.
fn names(trunk: &Trunk, outgoing: &Outgoing, own: IpAddr) -> Option<(Uri, Uri)> {
    let callee = named(trunk, &outgoing.number.0).ok()?;
    let shown = outgoing.caller.as_ref().map(|caller| caller.0.as_str());
    let caller = match shown.or(trunk.caller.as_deref()).or(trunk.user.as_deref()) {
        Some(caller) => named(trunk, caller).ok()?,
        // RFC 3323: who says nothing of themselves.
        None => Uri::try_from(format!("sip:anonymous@{}", bracketed(own))).ok()?,
    };
    // A transport is how to get there, and no part of a name.
    Some((callee, Uri { params: Vec::new(), ..caller }))
}

/// Somebody at the trunk.
pub(crate) fn named(trunk: &Trunk, user: &str) -> Result<Uri, rsipstack::sip::Error> {
    let auth = rsipstack::sip::uri::Auth { user: user.to_owned(), password: None };
    Ok(Uri { auth: Some(auth), ..trunk.uri()? })
}

fn bracketed(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

pub(crate) fn credential(trunk: &Trunk) -> Option<Credential> {
    let (user, password) = (trunk.user.as_ref()?, trunk.password.as_ref()?);
    Some(Credential { username: user.clone(), password: password.expose().clone(), ..Credential::default() })
}

fn end(progress: &mpsc::Sender<Progress>, outcome: Outcome) {
    metrics::counter!(DIALLED, "outcome" => outcome.why.name()).increment(1);
    let _gone = progress.try_send(Progress::Ended(outcome));
}
