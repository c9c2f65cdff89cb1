//! Telephones in LiveKit rooms that are sent elsewhere: LiveKit's server asks the far end of the call, by its SIP bridge.

use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use axum::body::{Body, to_bytes};
use axum::http::uri::Authority;
use axum::http::{Request, Uri, header};
use domain::Transfer;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use hyper_util::rt::TokioIo;
use media_livekit::{Caller, Keys, Trust, sip};
use media_session::{NotTransferred, Refer};
use media_sip::Unanswered;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsConnector;
use tokio_util::either::Either;

use crate::adapters::transfers::not_answered;

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Of an answer, in bytes: an empty object, or why not.
const LARGEST_ANSWER: usize = 64 * 1024;

/// The room of one call, and who the caller is now.
pub(super) struct ByLiveKit {
    pub(super) trust: Trust,
    pub(super) url: String,
    pub(super) keys: Keys,
    pub(super) room: String,
    pub(super) caller: watch::Receiver<Option<Caller>>,
}

impl Refer for ByLiveKit {
    fn refer(&self, transfer: &Transfer) -> BoxFuture<'static, Result<(), NotTransferred>> {
        let caller = self.caller.borrow().clone();
        let (trust, command) = (self.trust.clone(), self.command(caller, transfer));
        async move {
            match post(&trust, command?).await {
                Ok((200..300, _)) => Ok(()),
                Ok((status, body)) => Err(not_transferred(&sip::refusal(status, &body))),
                Err(error) => Err(NotTransferred::failed(&format!("LiveKit was not reached: {error}"))),
            }
        }
        .boxed()
    }
}

impl ByLiveKit {
    fn command(&self, caller: Option<Caller>, transfer: &Transfer) -> Result<sip::Command, NotTransferred> {
        let Some(caller) = caller.filter(|caller| caller.sip) else {
            let why = "the caller is in the room without a telephone: only telephones can be sent elsewhere";
            return Err(NotTransferred::unsupported(why));
        };
        let to = sip::address(&transfer.to)
            .ok_or_else(|| NotTransferred::failed("that can be neither dialled nor addressed"))?;
        let ring = Duration::from_secs(transfer.ring_s.into());
        let wanted = sip::Transfer { room: &self.room, identity: &caller.identity, to: &to, ring };
        let command = wanted.command(&self.url, &self.keys, SystemTime::now());
        command.map_err(|error| NotTransferred::failed(&error.to_string()))
    }
}

/// One request on a connection of its own: the status of the answer, and its body. Whoever waits knows for how long.
async fn post(trust: &Trust, command: sip::Command) -> anyhow::Result<(u16, String)> {
    let url: Uri = command.url.parse()?;
    let (host, secure) = (url.host().unwrap_or_default(), url.scheme_str() == Some("https"));
    let host = host.trim_matches(['[', ']']).to_owned();
    let port = url.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let connecting = async {
        let tcp = TcpStream::connect((host.as_str(), port)).await?;
        if !secure {
            return anyhow::Ok(Either::Left(tcp));
        }
        let name = ServerName::try_from(host.clone())?;
        Ok(Either::Right(TlsConnector::from(trust.config()).connect(name, tcp).await?))
    };
    let stream =
        tokio::time::timeout(CONNECT_WITHIN, connecting).await.context("no connection in time")??;
    let request = Request::post(url.path())
        .header(header::HOST, url.authority().map(Authority::as_str).unwrap_or_default())
        .header(header::AUTHORIZATION, command.authorization.expose())
        .header(header::CONTENT_TYPE, command.content_type)
        .body(Body::from(command.body))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let answering = async move {
        let answer = sender.send_request(request).await?;
        let status = answer.status().as_u16();
        let body = to_bytes(Body::new(answer.into_body()), LARGEST_ANSWER).await?;
        anyhow::Ok((status, String::from_utf8_lossy(&body).into_owned()))
    };
    tokio::pin!(answering, connection);
    tokio::select! {
        biased;
        answered = &mut answering => answered,
        // What had come before it was closed is still to be read.
        closed = &mut connection => { closed?; answering.await }
    }
}

/// What the graph is told of a refusal.
fn not_transferred(refusal: &sip::Refusal) -> NotTransferred {
    let sip::Refusal { code, message, sip_status } = refusal;
    let message = format!("LiveKit did not send the telephone elsewhere: {code}: {message}");
    match (sip_status, code.as_str()) {
        (Some(status), _) => not_answered(Unanswered::of(*status), &format!("{message} (SIP {status})")),
        (None, "deadline_exceeded" | "canceled") => NotTransferred::unanswered(&message),
        _ => NotTransferred::failed(&message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(refusal: (&str, Option<u16>)) -> &'static str {
        let (code, sip_status) = refusal;
        let refusal = sip::Refusal { code: code.to_owned(), message: String::new(), sip_status };
        not_transferred(&refusal).code()
    }

    #[test]
    fn a_refusal_of_the_callee_is_another_thing_than_one_of_the_server() {
        assert_eq!(code(("permission_denied", Some(603))), "TRANSFER_REFUSED");
        assert_eq!(code(("unavailable", Some(486))), "TRANSFER_UNANSWERED");
        assert_eq!(code(("deadline_exceeded", None)), "TRANSFER_UNANSWERED");
        assert_eq!(code(("permission_denied", None)), "TRANSFER_FAILED");
        assert_eq!(code(("not_found", None)), "TRANSFER_FAILED");
    }
}
