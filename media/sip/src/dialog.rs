//! What a call's requests and responses have in common: tags, routes, counts. Builds the messages, and sends none.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rsipstack::sip::headers::{ContentType, Event, MinSE, RAck, RecordRoute, Route, SubscriptionState};
use rsipstack::sip::prelude::{HeadersExt, ToTypedHeader};
use rsipstack::sip::{
    CallId, Contact, Header, Method, Request as SipRequest, Response, Scheme, SessionExpires, StatusCode,
    Supported, Uri,
};
use rsipstack::transaction::Transaction;
use rsipstack::transaction::endpoint::EndpointInnerRef;
use rsipstack::transaction::key::{TransactionKey, TransactionRole};
use rsipstack::transport::{SipAddr, SipConnection};

use crate::machine::{LEAST_INTERVAL_S, Refresher, Request, Timer};
use crate::referral::Step;
use crate::replaces::Replaces;

/// Methods that are understood, as every response says.
pub(crate) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, NOTIFY, REFER";

/// Extensions that whoever calls us may insist on; in calls of ours 100rel is one more.
pub(crate) const SUPPORTED: [&str; 2] = ["timer", "replaces"];

/// Where the other side of a call is.
#[derive(Clone)]
pub(crate) struct Way {
    pub(crate) endpoint: EndpointInnerRef,
    pub(crate) connection: SipConnection,
    /// As we see it: where it called from, or where its name led to.
    pub(crate) source: SocketAddr,
    /// Our own address, as it sees it.
    pub(crate) own: SocketAddr,
}

/// Another call of ours, for whoever is to take its place.
#[derive(Debug, Clone)]
pub(crate) struct Other {
    pub(crate) target: Uri,
    pub(crate) dialog: Replaces,
}

#[derive(Clone)]
pub(crate) struct Dialog {
    way: Way,
    call_id: CallId,
    tag: String,
    /// Theirs and ours, as requests of ours name them.
    remote: rsipstack::sip::typed::From,
    local: rsipstack::sip::typed::To,
    /// To be travelled in this order.
    routes: Vec<Route>,
    record_routes: Vec<RecordRoute>,
    target: Uri,
    contact: String,
    /// Shared with transactions on their way, which ask again with a password.
    sent: Arc<AtomicU32>,
    received: Option<u32>,
}

/// What an incoming request says that the machine wants to know.
pub(crate) fn timer(request: &SipRequest) -> Timer {
    let supported = lists(request, "Supported", "timer") || lists(request, "Require", "timer");
    let (expires_s, refresher) = interval(request);
    let refresher = refresher.map(|caller| if caller { Refresher::Them } else { Refresher::Us });
    Timer { supported, expires_s, refresher }
}

/// The session timer that their 200 to an INVITE of ours sets.
pub(crate) fn granted(response: &Response) -> Option<(u32, Refresher)> {
    let (expires_s, refresher) = interval(response);
    let caller = refresher.unwrap_or(true);
    Some((expires_s?, if caller { Refresher::Us } else { Refresher::Them }))
}

pub(crate) fn allows(message: &impl HeadersExt, method: &str) -> bool {
    message.headers().iter().any(|header| {
        header.name() == "Allow"
            && header.value().split(',').any(|item| item.trim().eq_ignore_ascii_case(method))
    })
}

/// Of a provisional response that wants to be acknowledged (RFC 3262).
pub(crate) fn reliable(response: &Response) -> Option<u32> {
    response.header_contains_token("Require", "100rel").then(|| response.rseq_value()).flatten()
}

/// The session description in a request or response, where its body is one.
pub(crate) fn description(headers: &impl HeadersExt, body: &[u8]) -> Option<String> {
    if body.is_empty() {
        return None;
    }
    let kind = headers.header_value("Content-Type").unwrap_or_default();
    if kind.split(';').next().is_some_and(|kind| !kind.trim().eq_ignore_ascii_case("application/sdp")) {
        return None;
    }
    Some(String::from_utf8_lossy(body).into_owned())
}

/// Where a request came from, as the stack saw it: nothing that the request says of itself counts.
pub(crate) fn source(connection: Option<&SipConnection>) -> Option<SocketAddr> {
    connection.and_then(SipConnection::get_remote_addr)?.get_socketaddr().ok()
}

pub(crate) fn is_by_tls(connection: &SipConnection) -> bool {
    connection.transport() == rsipstack::sip::Transport::Tls
}

/// Whether our Contact has to be a SIPS URI (RFC 3261 section 12.1.1).
fn wants_sips(invite: &SipRequest) -> bool {
    let sips = |uri: &Uri| uri.scheme == Some(Scheme::Sips);
    let route = invite.record_route_headers().first().and_then(|route| {
        rsipstack::sip::typed::RecordRoute::parse_header_list(route.value()).ok()?.into_iter().next()
    });
    let next = match route {
        Some(route) => sips(&route.uri),
        None => {
            invite.contact_header().and_then(ToTypedHeader::typed).is_ok_and(|contact| sips(&contact.uri))
        }
    };
    sips(&invite.uri) || next
}

impl Dialog {
    /// Of an INVITE that begins a call. `None` where it lacks what every INVITE has to have.
    pub(crate) fn of(invite: &SipRequest, way: Way) -> Option<Self> {
        let remote = invite.from_header().ok()?.typed().ok()?;
        remote.tag()?;
        let tag = format!("{:016x}", rand::random::<u64>());
        let local = invite.to_header().ok()?.typed().ok()?.with_tag(tag.as_str().into());
        let target = invite.contact_header().ok()?.typed().ok()?.uri;
        let record_routes: Vec<RecordRoute> = invite.record_route_headers().into_iter().cloned().collect();
        let routes = record_routes.iter().map(|route| Route::new(route.value())).collect();
        let contact = way.contact(None, if wants_sips(invite) { "sips" } else { "sip" });
        Some(Self {
            way,
            call_id: invite.call_id_header().ok()?.clone(),
            tag,
            remote,
            local,
            routes,
            record_routes,
            target,
            contact,
            sent: first_sequence(),
            received: Some(invite.cseq_header().ok()?.seq().ok()?),
        })
    }

    /// Of an INVITE that we are about to send.
    pub(crate) fn to(callee: Uri, caller: Uri, user: Option<&str>, way: Way) -> Self {
        let tag = format!("{:016x}", rand::random::<u64>());
        let local = rsipstack::sip::typed::To { display_name: None, uri: caller, params: Vec::new() };
        let contact = way.contact(user, "sip");
        Self {
            way,
            call_id: CallId::new(format!("{:032x}", rand::random::<u128>())),
            local: local.with_tag(tag.as_str().into()),
            tag,
            remote: rsipstack::sip::typed::From {
                display_name: None,
                uri: callee.clone(),
                params: Vec::new(),
            },
            routes: Vec::new(),
            record_routes: Vec::new(),
            target: callee,
            contact,
            sent: first_sequence(),
            received: None,
        }
    }

    /// Whether nobody between us and the next server reads what is said.
    pub(crate) fn is_by_tls(&self) -> bool {
        is_by_tls(&self.way.connection)
    }

    pub(crate) fn tag(&self) -> &str {
        &self.tag
    }

    pub(crate) fn call_id(&self) -> &str {
        self.call_id.value()
    }

    pub(crate) fn sent(&self) -> Arc<AtomicU32> {
        Arc::clone(&self.sent)
    }

    /// Requests go by this connection from now on, which leads to that address.
    pub(crate) fn moved(&mut self, connection: SipConnection, source: SocketAddr) {
        (self.way.connection, self.way.source) = (connection, source);
    }

    /// Their tag, where they have one already.
    pub(crate) fn remote_tag(&self) -> Option<&str> {
        self.remote.tag().map(|tag| tag.value())
    }

    /// A response to our INVITE names who answers and how they are reached. Whether it does.
    pub(crate) fn establish(&mut self, response: &Response) -> bool {
        let Some(to) = response.to_header().ok().and_then(|to| to.typed().ok()) else { return false };
        if to.tag().is_none() {
            return false;
        }
        self.remote = rsipstack::sip::typed::From {
            display_name: to.display_name.clone(),
            uri: to.uri.clone(),
            params: to.params.clone(),
        };
        if let Ok(contact) = response.contact_header().and_then(ToTypedHeader::typed) {
            self.target = contact.uri;
        }
        // RFC 3261 section 12.1.2: the caller travels them the other way round.
        let listed = response.record_route_headers().into_iter().flat_map(|route| {
            rsipstack::sip::typed::RecordRoute::parse_header_list(route.value()).unwrap_or_default()
        });
        let mut routes: Vec<Route> =
            listed.map(|route| rsipstack::sip::typed::Route::from(route.uri).into()).collect();
        routes.reverse();
        self.routes = routes;
        true
    }

    /// PRACK for a provisional response (RFC 3262).
    ///
    /// # Errors
    /// Where the stack cannot build it.
    pub(crate) fn acknowledge(&mut self, response: &Response, rseq: u32) -> rsipstack::Result<Transaction> {
        let invite = response.cseq_header()?.seq()?;
        let rack = Header::RAck(RAck::new(format!("{rseq} {invite} INVITE")));
        self.message(Method::PRack, vec![rack], None)
    }

    /// REFER to somebody whom the other side knows by that number or name (RFC 3515).
    ///
    /// # Errors
    /// Where the stack cannot build it.
    pub(crate) fn refer(&mut self, to: &str) -> rsipstack::Result<Transaction> {
        let auth = rsipstack::sip::uri::Auth { user: to.to_owned(), password: None };
        let other = &self.remote.uri;
        let numbered = Uri { auth: Some(auth), params: Vec::new(), headers: Vec::new(), ..other.clone() };
        let whom = crate::outgoing::address(to).unwrap_or(numbered);
        self.refer_to(format!("<{whom}>"))
    }

    /// REFER to the other side of another call of ours, in the place of ours: the two of them talk on without us (RFC 3891).
    ///
    /// # Errors
    /// Where the stack cannot build it.
    pub(crate) fn join(&mut self, other: &Other) -> rsipstack::Result<Transaction> {
        self.refer_to(other.dialog.referred_to(&other.target))
    }

    /// This call, as the other side would replace it. `None` while there is no other side.
    pub(crate) fn as_other(&self) -> Option<Other> {
        let dialog = Replaces {
            call_id: self.call_id.value().to_owned(),
            to_tag: self.remote_tag()?.to_owned(),
            from_tag: self.tag.clone(),
            early_only: false,
        };
        Some(Other { target: self.target.clone(), dialog })
    }

    /// NOTIFY of how a REFER of theirs comes along.
    ///
    /// # Errors
    /// Where the stack cannot build it.
    pub(crate) fn notify(&mut self, step: &Step) -> rsipstack::Result<Transaction> {
        let more = vec![
            Header::Event(Event::new(step.event.clone())),
            Header::SubscriptionState(SubscriptionState::new(step.state)),
            Header::Contact(Contact::new(self.contact.clone())),
        ];
        self.carrying(Method::Notify, more, Some(("message/sipfrag;version=2.0", &step.body)))
    }

    fn refer_to(&mut self, whom: String) -> rsipstack::Result<Transaction> {
        let more = vec![
            Header::Other("Refer-To".to_owned(), whom),
            Header::Other("Referred-By".to_owned(), format!("<{}>", self.local.uri)),
            Header::Contact(Contact::new(self.contact.clone())),
        ];
        self.message(Method::Refer, more, None)
    }

    /// CANCEL of an INVITE of ours, as it went out last (RFC 3261 section 9.1).
    ///
    /// # Errors
    /// Where the stack cannot build it.
    pub(crate) fn cancel(&self, invite: &SipRequest) -> rsipstack::Result<Transaction> {
        let mut message = invite.clone();
        message.method = Method::Cancel;
        message.body = Vec::new();
        message.headers.retain(|header| {
            matches!(
                header,
                Header::Via(_)
                    | Header::From(_)
                    | Header::To(_)
                    | Header::CallId(_)
                    | Header::CSeq(_)
                    | Header::MaxForwards(_)
                    | Header::Route(_)
                    | Header::UserAgent(_)
            )
        });
        message.cseq_header_mut()?.mut_method(Method::Cancel)?;
        self.transaction(message)
    }

    /// Whether a request of theirs comes in its turn. Of an offer, its Contact is where they are reached from now on.
    pub(crate) fn take(&mut self, request: &SipRequest) -> bool {
        let Some(sequence) = request.cseq_header().ok().and_then(|header| header.seq().ok()) else {
            return false;
        };
        if self.received.is_some_and(|received| sequence <= received) {
            return false;
        }
        self.received = Some(sequence);
        if matches!(request.method, Method::Invite | Method::Update)
            && let Ok(contact) = request.contact_header().and_then(ToTypedHeader::typed)
        {
            self.target = contact.uri;
        }
        true
    }

    /// A response to a request of theirs.
    pub(crate) fn response(
        &self,
        request: &SipRequest,
        status: u16,
        sdp: Option<String>,
        expires: Option<(u32, Refresher)>,
    ) -> Response {
        let body = sdp.map(String::into_bytes);
        let described = body.is_some();
        let mut response = self.way.endpoint.make_response(request, StatusCode::from(status), body);
        for header in response.headers.iter_mut() {
            if let Header::To(to) = header {
                *to = to.with_tag(self.tag.as_str().into());
            }
        }
        let headers = &mut response.headers;
        if described {
            headers.push(Header::ContentType(ContentType::new("application/sdp")));
        }
        headers.push(Header::Other("Allow".to_owned(), ALLOW.to_owned()));
        if status == 422 {
            headers.push(Header::MinSE(MinSE::new(LEAST_INTERVAL_S.to_string())));
        }
        if (101..300).contains(&status) {
            headers.push(Header::Contact(Contact::new(self.contact.clone())));
            headers.push(Header::Supported(Supported::new(SUPPORTED.join(", "))));
            for route in self.record_routes.iter().filter(|_| request.method == Method::Invite) {
                headers.push(Header::RecordRoute(route.clone()));
            }
        }
        if let Some((seconds, refresher)) = expires {
            let who = if refresher == Refresher::Us { "uas" } else { "uac" };
            headers.push(Header::SessionExpires(SessionExpires::new(format!("{seconds};refresher={who}"))));
            if refresher == Refresher::Them {
                headers.push(Header::Require(rsipstack::sip::Require::new("timer")));
            }
        }
        response
    }

    /// A request of ours, ready to be sent.
    ///
    /// # Errors
    /// Where the stack cannot build it.
    pub(crate) fn request(&mut self, request: &Request) -> rsipstack::Result<Transaction> {
        let (method, more, sdp) = match request {
            Request::Invite { sdp } => {
                let allow = Header::Other("Allow".to_owned(), ALLOW.to_owned());
                let contact = Header::Contact(Contact::new(self.contact.clone()));
                let supported =
                    Header::Supported(Supported::new(format!("{}, 100rel", SUPPORTED.join(", "))));
                (Method::Invite, vec![contact, supported, allow], Some(sdp))
            }
            Request::Bye { reason } => {
                let reason = reason.map(|(cause, text)| {
                    Header::Other("Reason".to_owned(), format!(r#"SIP;cause={cause};text="{text}""#))
                });
                (Method::Bye, reason.into_iter().collect(), None)
            }
            Request::Update { expires_s } => (Method::Update, self.refresh(*expires_s), None),
            Request::Reinvite { expires_s, sdp } => (Method::Invite, self.refresh(*expires_s), Some(sdp)),
            Request::Cancel => {
                return Err(rsipstack::Error::Error("a CANCEL repeats the INVITE".to_owned()));
            }
        };
        self.message(method, more, sdp)
    }

    fn message(
        &mut self,
        method: Method,
        more: Vec<Header>,
        sdp: Option<&String>,
    ) -> rsipstack::Result<Transaction> {
        self.carrying(method, more, sdp.map(|sdp| ("application/sdp", sdp.as_str())))
    }

    fn carrying(
        &mut self,
        method: Method,
        more: Vec<Header>,
        body: Option<(&str, &str)>,
    ) -> rsipstack::Result<Transaction> {
        let sequence = self.sent.fetch_add(1, Ordering::Relaxed) + 1;
        let via = self.way.via()?;
        let from = rsipstack::sip::typed::From {
            display_name: self.local.display_name.clone(),
            uri: self.local.uri.clone(),
            params: self.local.params.clone(),
        };
        let to = rsipstack::sip::typed::To {
            display_name: self.remote.display_name.clone(),
            uri: self.remote.uri.clone(),
            params: self.remote.params.clone(),
        };
        let call_id = Some(self.call_id.clone());
        let mut message =
            self.way.endpoint.make_request(method, self.target.clone(), via, from, to, sequence, call_id);
        message.headers.extend(self.routes.iter().cloned().map(Header::Route).collect());
        message.headers.extend(more);
        if let Some((kind, body)) = body {
            message.body = body.as_bytes().to_vec();
            message.headers.push(Header::ContentType(ContentType::new(kind)));
        }
        self.transaction(message)
    }

    fn transaction(&self, message: SipRequest) -> rsipstack::Result<Transaction> {
        let key = TransactionKey::from_request(&message, TransactionRole::Client)?;
        let connection = Some(self.way.connection.clone());
        let mut transaction = Transaction::new_client(key, message, self.way.endpoint.clone(), connection);
        if !self.way.connection.is_reliable() {
            transaction.destination = Some(self.next_hop());
        }
        Ok(transaction)
    }

    fn refresh(&self, expires_s: u32) -> Vec<Header> {
        vec![
            Header::Contact(Contact::new(self.contact.clone())),
            Header::Supported(Supported::new("timer")),
            Header::SessionExpires(SessionExpires::new(format!("{expires_s};refresher=uac"))),
        ]
    }

    /// Where a datagram goes: to the first route, else to the Contact, unless that is an address which means something only
    /// behind the caller's router, or a name: then to where they called from.
    fn next_hop(&self) -> SipAddr {
        let source = self.way.source;
        let seen = SipAddr { r#type: Some(rsipstack::sip::Transport::Udp), addr: source.into() };
        let first = self.routes.first().and_then(|route| route.typed().ok()).map(|route| route.uri);
        let uri = first.as_ref().unwrap_or(&self.target);
        let Ok(address) = SipAddr::try_from(uri) else { return seen };
        match address.get_socketaddr() {
            Ok(named) if !hidden(named.ip()) || hidden(source.ip()) => {
                SipAddr { r#type: Some(rsipstack::sip::Transport::Udp), addr: named.into() }
            }
            _ => seen,
        }
    }
}

impl Way {
    /// How the other side reaches us, in angle brackets.
    pub(crate) fn contact(&self, user: Option<&str>, scheme: &str) -> String {
        let transport = match self.connection.transport() {
            // The scheme says it already (RFC 5630 section 3.1.1).
            _ if scheme == "sips" => "",
            rsipstack::sip::Transport::Udp => "",
            rsipstack::sip::Transport::Tls => ";transport=tls",
            _ => ";transport=tcp",
        };
        let user = user.map(|user| format!("{user}@")).unwrap_or_default();
        format!("<{scheme}:{user}{}{transport}>", self.own)
    }

    pub(crate) fn via(&self) -> rsipstack::Result<rsipstack::sip::typed::Via> {
        let mut address = self.connection.get_addr().clone();
        if !self.connection.is_reliable() {
            // Bound to every address of ours it names none.
            address.addr = self.own.into();
        }
        self.endpoint.get_via(Some(address), None)
    }
}

/// RFC 3261 section 8.1.1.5: any, below 2^31.
fn first_sequence() -> Arc<AtomicU32> {
    Arc::new(AtomicU32::new(rand::random::<u16>().into()))
}

/// Session-Expires: seconds, and whether the caller is to refresh.
fn interval(message: &impl HeadersExt) -> (Option<u32>, Option<bool>) {
    let said = message.session_expires_header().map(|header| header.value().to_owned()).unwrap_or_default();
    let mut parts = said.split(';').map(str::trim);
    let expires_s = parts.next().and_then(|seconds| seconds.parse().ok());
    let refresher = parts.find_map(|part| match part.strip_prefix("refresher=")? {
        "uac" => Some(true),
        "uas" => Some(false),
        _ => None,
    });
    (expires_s, refresher)
}

/// An address that others cannot reach.
fn hidden(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_unspecified() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local(),
    }
}

fn lists(request: &SipRequest, header: &str, token: &str) -> bool {
    request.header_contains_token(header, token)
}
