//! The task of one registration: asks when its machine says so, and takes it back in the end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rsipstack::sip::prelude::{HeadersExt, ToTypedHeader};
use rsipstack::sip::{CallId, Contact, Expires, Header, Method, Response, Uri};
use rsipstack::transaction::Transaction;
use rsipstack::transaction::endpoint::EndpointInnerRef;
use rsipstack::transaction::key::{TransactionKey, TransactionRole};
use rsipstack::transport::stream::StreamConnection as _;
use rsipstack::transport::{SipAddr, SipConnection};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::asking::{carried, lost};
use crate::call::Shared;
use crate::dial::{credential, named, reach};
use crate::dialog::Way;
use crate::door::{port, reachable};
use crate::metrics::{REGISTERED, REGISTRATIONS};
use crate::registration::{Answer, Machine, Registration};
use crate::tls::Unreached;
use crate::trunk::Trunk;

/// How often a connection over TCP says that it is there (RFC 5626 section 4.4.1); one over TLS does so itself, and hears whether it is answered.
const PING: Duration = Duration::from_secs(25);
/// So long a ping may wait for room in its connection.
const TAKEN: Duration = Duration::from_secs(1);
/// For taking it back, once the server stops.
const GOODBYE: Duration = Duration::from_millis(800);

pub(crate) struct Register {
    pub(crate) shared: Arc<Shared>,
    pub(crate) endpoint: EndpointInnerRef,
    /// Where we listen.
    pub(crate) address: SocketAddr,
    pub(crate) trunk: Trunk,
    pub(crate) state: watch::Sender<Registration>,
    /// One for all requests of a registration (RFC 3261 section 10.2.4).
    pub(crate) call_id: String,
    pub(crate) sent: AtomicU32,
}

impl Register {
    pub(crate) async fn run(self) {
        let token = self.shared.tasks.token();
        let mut machine = Machine::new(self.trunk.register_s, Instant::now().into_std());
        // By which the trunk's calls come.
        let mut flow: Option<SipConnection> = None;
        loop {
            let ended = flow.as_ref().and_then(SipConnection::cancel_token);
            tokio::select! {
                () = token.cancelled() => break,
                () = lost(ended) => {
                    flow = None;
                    machine.lost(Instant::now().into_std(), rand::random());
                    tracing::info!(trunk = self.trunk.name, "the connection to a trunk is gone, and another is made");
                    continue;
                }
                () = tokio::time::sleep(PING), if matches!(flow, Some(SipConnection::Tcp(_))) => {
                    if let Some(SipConnection::Tcp(tcp)) = &flow {
                        // Where nobody takes it the connection ends, which is seen.
                        let _gone = tokio::time::timeout(TAKEN, tcp.send_raw(b"\r\n\r\n")).await;
                    }
                    if machine.due() > Instant::now().into_std() {
                        continue;
                    }
                }
                () = tokio::time::sleep_until(machine.due().into()) => {}
            }
            let (answer, by) = tokio::select! {
                () = token.cancelled() => break,
                answer = self.ask(machine.wanted_s()) => answer,
            };
            flow = by.filter(SipConnection::is_reliable);
            machine.answered(answer, Instant::now().into_std(), rand::random());
            self.tell(machine.state());
        }
        if matches!(machine.state(), Registration::Registered { .. }) {
            let _late = tokio::time::timeout(GOODBYE, self.ask(0)).await;
        }
        self.tell(Registration::Ended);
    }

    fn tell(&self, state: Registration) {
        let before = self.state.send_replace(state.clone());
        let trunk = self.trunk.name.clone();
        let registered = matches!(state, Registration::Registered { .. });
        metrics::gauge!(REGISTERED, "trunk" => trunk.clone()).set(if registered { 1.0 } else { 0.0 });
        let result = match &state {
            Registration::Registered { .. } => "registered",
            Registration::Failed { .. } => "failed",
            Registration::Asking | Registration::Ended => return,
        };
        metrics::counter!(REGISTRATIONS, "trunk" => trunk.clone(), "result" => result).increment(1);
        match (before, state) {
            (Registration::Registered { .. }, Registration::Registered { .. }) => {}
            (_, Registration::Failed { status, why: None, again }) => {
                tracing::warn!(trunk, status, again_s = again.as_secs(), "a trunk does not let us register");
            }
            (_, Registration::Failed { why: Some(why), again, .. }) => {
                tracing::warn!(trunk, %why, again_s = again.as_secs(), "a trunk could not be asked to register us");
            }
            _ => tracing::info!(trunk, "registered with a trunk"),
        }
    }

    /// The answer, and the connection that it came by.
    async fn ask(&self, expires_s: u32) -> (Answer, Option<SipConnection>) {
        let (transaction, own) = match self.request(expires_s).await {
            Ok(request) => request,
            Err(why @ Unreached::Untrusted { .. }) => {
                let code = why.failure().code.0;
                tracing::warn!(trunk = self.trunk.name, code, %why, "a trunk is not registered with");
                return (Answer::Unreached(why.to_string().into()), None);
            }
            Err(why) => return (Answer::Unreached(why.to_string().into()), None),
        };
        let by = transaction.connection.clone();
        match carried(transaction, credential(&self.trunk), &self.sent, None).await {
            Some(response) => (read(&response, &own, expires_s), by),
            None => (Answer::Nothing, None),
        }
    }

    /// A REGISTER, and the Contact in it.
    async fn request(&self, expires_s: u32) -> Result<(Transaction, Uri), Unreached> {
        let (connection, source) = reach(&self.shared, &self.endpoint, &self.trunk).await?;
        let bind = self.address.ip();
        let advertised = self.shared.options.advertise.unwrap_or_else(|| reachable(bind, source));
        let own = SocketAddr::new(advertised, port(&connection, self.address, self.shared.tls_address));
        let way = Way { endpoint: Arc::clone(&self.endpoint), connection, source, own };
        self.built(&way, expires_s).map_err(|error| Unreached::Unreachable(error.to_string()))
    }

    fn built(&self, way: &Way, expires_s: u32) -> rsipstack::Result<(Transaction, Uri)> {
        let user = self.trunk.user.as_deref().unwrap_or_default();
        let registrar = self.trunk.uri()?;
        let mut us = named(&self.trunk, user)?;
        us.params.clear();
        let tag = format!("{:016x}", rand::random::<u64>());
        let from = rsipstack::sip::typed::From { display_name: None, uri: us.clone(), params: Vec::new() };
        let to = rsipstack::sip::typed::To { display_name: None, uri: us, params: Vec::new() };
        let contact = Contact::new(way.contact(Some(user), "sip"));
        let own = contact.typed()?.uri;
        let sequence = self.sent.fetch_add(1, Ordering::Relaxed) + 1;
        let mut message = way.endpoint.make_request(
            Method::Register,
            registrar,
            way.via()?,
            from.with_tag(tag.as_str().into()),
            to,
            sequence,
            Some(CallId::new(self.call_id.clone())),
        );
        message.headers.push(Header::Contact(contact));
        message.headers.push(Header::Expires(Expires::new(expires_s.to_string())));
        let key = TransactionKey::from_request(&message, TransactionRole::Client)?;
        let connection = Some(way.connection.clone());
        let mut transaction = Transaction::new_client(key, message, Arc::clone(&way.endpoint), connection);
        if !way.connection.is_reliable() {
            transaction.destination = Some(SipAddr::new(self.trunk.transport.of_stack(), way.source.into()));
        }
        Ok((transaction, own))
    }
}

fn read(response: &Response, own: &Uri, asked_s: u32) -> Answer {
    let status = response.status_code.code();
    let seconds = |name: &str| {
        let value = response.header_value(name)?;
        // "120 (in maintenance)" and "3600;duration=60" are allowed.
        value.split([' ', ';', '(']).next()?.trim().parse::<u32>().ok()
    };
    match status {
        200..=299 => {
            Answer::Granted { expires_s: granted(response, own).or(seconds("Expires")).unwrap_or(asked_s) }
        }
        423 => Answer::TooBrief { least_s: seconds("Min-Expires").unwrap_or_default() },
        _ => {
            let after = seconds("Retry-After").map(|seconds| Duration::from_secs(seconds.into()));
            Answer::Refused { status, after }
        }
    }
}

/// What the registrar says of our Contact among all that it has.
fn granted(response: &Response, own: &Uri) -> Option<u32> {
    let listed = response.headers.iter().filter_map(|header| match header {
        Header::Contact(contact) => rsipstack::sip::typed::Contact::parse_header_list(contact.value()).ok(),
        _ => None,
    });
    listed
        .flatten()
        .find(|contact| contact.uri.user() == own.user() && contact.uri.host_with_port == own.host_with_port)?
        .expires()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: &str, more: &str) -> Answer {
        let text = format!(
            "SIP/2.0 {status}\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\n\
             Call-ID: x\r\nCSeq: 1 REGISTER\r\n{more}Content-Length: 0\r\n\r\n"
        );
        let response = Response::try_from(text.as_str()).expect("a response");
        read(&response, &Uri::try_from("sip:anna@192.0.2.1:5060").expect("a URI"), 600)
    }

    #[test]
    fn how_long_a_registration_lasts_is_the_registrars_to_say() {
        let granted = |more| answer("200 OK", more);
        let others =
            "Contact: <sip:anna@192.0.2.9:5060>;expires=10, <sip:anna@192.0.2.1:5060>;expires=120\r\n";
        assert_eq!(granted(others), Answer::Granted { expires_s: 120 });
        assert_eq!(
            granted("Contact: <sip:anna@192.0.2.1:5060>\r\nExpires: 90\r\n"),
            Answer::Granted { expires_s: 90 }
        );
        assert_eq!(granted(""), Answer::Granted { expires_s: 600 });
    }

    #[test]
    fn a_no_is_read_with_what_it_says_about_the_next_time() {
        assert_eq!(
            answer("423 Interval Too Brief", "Min-Expires: 900\r\n"),
            Answer::TooBrief { least_s: 900 }
        );
        let after = Some(Duration::from_secs(120));
        assert_eq!(answer("503 No", "Retry-After: 120 (soon)\r\n"), Answer::Refused { status: 503, after });
        assert_eq!(answer("403 Forbidden", ""), Answer::Refused { status: 403, after: None });
    }
}
