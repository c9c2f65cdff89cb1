//! What a call's requests and responses have in common: tags, routes, counts. Builds the messages, and sends none.

use std::net::{IpAddr, SocketAddr};

use rsipstack::sip::headers::{ContentType, MinSE, RecordRoute, Route};
use rsipstack::sip::prelude::{HeadersExt, ToTypedHeader};
use rsipstack::sip::{
    CallId, Contact, Header, Method, Request as SipRequest, Response, SessionExpires, StatusCode, Supported,
    Uri,
};
use rsipstack::transaction::Transaction;
use rsipstack::transaction::endpoint::EndpointInnerRef;
use rsipstack::transaction::key::{TransactionKey, TransactionRole};
use rsipstack::transport::{SipAddr, SipConnection};

use crate::machine::{LEAST_INTERVAL_S, Refresher, Request, Timer};

/// Methods that are understood, as every response says.
pub(crate) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO";

pub(crate) struct Dialog {
    endpoint: EndpointInnerRef,
    connection: SipConnection,
    source: SocketAddr,
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
    sent: u32,
    received: u32,
}

/// What an incoming request says that the machine wants to know.
pub(crate) fn timer(request: &SipRequest) -> Timer {
    let supported = lists(request, "Supported", "timer") || lists(request, "Require", "timer");
    let said = request.session_expires_header().map(|header| header.value().to_owned()).unwrap_or_default();
    let mut parts = said.split(';').map(str::trim);
    let expires_s = parts.next().and_then(|seconds| seconds.parse().ok());
    let refresher = parts.find_map(|part| match part.strip_prefix("refresher=")? {
        "uac" => Some(Refresher::Them),
        "uas" => Some(Refresher::Us),
        _ => None,
    });
    Timer { supported, expires_s, refresher }
}

pub(crate) fn allows(request: &SipRequest, method: &str) -> bool {
    request.headers.iter().any(|header| {
        header.name() == "Allow"
            && header.value().split(',').any(|item| item.trim().eq_ignore_ascii_case(method))
    })
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

/// Where the request came from, as the stack saw it.
pub(crate) fn source(request: &SipRequest, connection: Option<&SipConnection>) -> Option<SocketAddr> {
    let remote = connection.and_then(SipConnection::get_remote_addr);
    if let Some(address) = remote.and_then(|address| address.get_socketaddr().ok()) {
        return Some(address);
    }
    SipConnection::get_destination(&request.clone().into()).ok()
}

impl Dialog {
    /// Of an INVITE that begins a call. `None` where it lacks what every INVITE has to have.
    pub(crate) fn of(
        invite: &SipRequest,
        endpoint: EndpointInnerRef,
        connection: SipConnection,
        source: SocketAddr,
        own: SocketAddr,
    ) -> Option<Self> {
        let remote = invite.from_header().ok()?.typed().ok()?;
        remote.tag()?;
        let tag = format!("{:016x}", rand::random::<u64>());
        let local = invite.to_header().ok()?.typed().ok()?.with_tag(tag.as_str().into());
        let target = invite.contact_header().ok()?.typed().ok()?.uri;
        let record_routes: Vec<RecordRoute> = invite.record_route_headers().into_iter().cloned().collect();
        let routes = record_routes.iter().map(|route| Route::new(route.value())).collect();
        let transport = match connection.transport() {
            rsipstack::sip::Transport::Udp => "",
            rsipstack::sip::Transport::Tls => ";transport=tls",
            _ => ";transport=tcp",
        };
        Some(Self {
            endpoint,
            connection,
            source,
            call_id: invite.call_id_header().ok()?.clone(),
            tag,
            remote,
            local,
            routes,
            record_routes,
            target,
            contact: format!("<sip:{own}{transport}>"),
            sent: rand::random::<u16>().into(),
            received: invite.cseq_header().ok()?.seq().ok()?,
        })
    }

    pub(crate) fn tag(&self) -> &str {
        &self.tag
    }

    /// Whether a request of theirs comes in its turn. Of an offer, its Contact is where they are reached from now on.
    pub(crate) fn take(&mut self, request: &SipRequest) -> bool {
        let Some(sequence) = request.cseq_header().ok().and_then(|header| header.seq().ok()) else {
            return false;
        };
        if sequence <= self.received {
            return false;
        }
        self.received = sequence;
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
        let mut response = self.endpoint.make_response(request, StatusCode::from(status), body);
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
            headers.push(Header::Supported(Supported::new("timer")));
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
        self.sent += 1;
        let (method, more, sdp) = match request {
            Request::Bye { reason } => {
                let reason = reason.map(|(cause, text)| {
                    Header::Other("Reason".to_owned(), format!(r#"SIP;cause={cause};text="{text}""#))
                });
                (Method::Bye, reason.into_iter().collect(), None)
            }
            Request::Update { expires_s } => (Method::Update, self.refresh(*expires_s), None),
            Request::Reinvite { expires_s, sdp } => (Method::Invite, self.refresh(*expires_s), Some(sdp)),
        };
        let via = self.endpoint.get_via(Some(self.connection.get_addr().clone()), None)?;
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
            self.endpoint.make_request(method, self.target.clone(), via, from, to, self.sent, call_id);
        message.headers.extend(self.routes.iter().cloned().map(Header::Route).collect());
        message.headers.extend(more);
        if let Some(sdp) = sdp {
            message.body = sdp.clone().into_bytes();
            message.headers.push(Header::ContentType(ContentType::new("application/sdp")));
        }
        let key = TransactionKey::from_request(&message, TransactionRole::Client)?;
        let connection = Some(self.connection.clone());
        let mut transaction = Transaction::new_client(key, message, self.endpoint.clone(), connection);
        if !self.connection.is_reliable() {
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
        let seen = SipAddr { r#type: Some(rsipstack::sip::Transport::Udp), addr: self.source.into() };
        let first = self.routes.first().and_then(|route| route.typed().ok()).map(|route| route.uri);
        let uri = first.as_ref().unwrap_or(&self.target);
        let Ok(address) = SipAddr::try_from(uri) else { return seen };
        match address.get_socketaddr() {
            Ok(named) if !hidden(named.ip()) || hidden(self.source.ip()) => {
                SipAddr { r#type: Some(rsipstack::sip::Transport::Udp), addr: named.into() }
            }
            _ => seen,
        }
    }
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
