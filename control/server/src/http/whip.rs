//! WHIP (RFC 9725): `POST` an offer, `PATCH` candidates, `DELETE` to hang up; and WHEP for callers who send and receive apart.
//!
//! WHIP is for senders alone. An offer whose audio flows both ways is a whole call here; one that only sends waits until its client asks,
//! at the address in the answer's `Link`, for the agent's voice.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use control_api::{paths, problem};

use super::extract::{Path, Raw, Visitor};
use super::offer::{Named, admit, within};
use super::{Answer, Shared};
use crate::Server;
use crate::app::offer::{Flow, flow};
use crate::app::{access, ice, sdp_fragment};
use crate::error::{Error, NO_AUDIO};
use crate::ports::{self, Offer};

const SDP: &str = "application/sdp";
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";
/// Of the one ICE session that a peer has here: it is not restarted.
const ETAG: &str = "\"1\"";
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");
const SESSION_ID: HeaderName = HeaderName::from_static("x-session-id");
/// Its client has no other way back than the connection itself.
const RESUME_WITHIN: Duration = Duration::from_secs(10);

/// A body of the media type that the path is for.
fn body(headers: &HeaderMap, Raw(bytes): Raw, wanted: &str) -> Result<String, Error> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = given.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case(wanted) {
        let detail = format!("send `Content-Type: {wanted}`, not {given:?}");
        return Err(Error::new(&problem::MEDIA_TYPE_UNKNOWN, detail));
    }
    String::from_utf8(bytes.to_vec()).map_err(|_| Error::new(&problem::BODY_INVALID, "the body is no UTF-8"))
}

pub(crate) async fn call(
    server: Shared,
    mut visitor: Visitor,
    Path(agent): Path<String>,
    headers: HeaderMap,
    offered: Raw,
) -> Answer<Response> {
    let sdp = body(&headers, offered, SDP)?;
    let flow = flow(&sdp)?;
    if !matches!(flow, Flow::Both | Flow::Sends) {
        return Err(Error::new(&problem::OFFER_WITHOUT_AUDIO, NO_AUDIO));
    }
    access::recognise(&server, &mut visitor.client).await;
    let mut call = admit(&server, &visitor, Named { agent: Some(agent), ..Named::default() })?;
    call.resume_within = RESUME_WITHIN;
    let session = call.session.to_string();
    server.ports.calls.prepare(&call.agent).await?;
    let offer = Offer { call, sdp };
    let calls = &server.ports.calls;
    let (answer, voice) = if flow == Flow::Both {
        (within(&server, calls.offer(offer)).await?, None)
    } else {
        let answer = within(&server, calls.offer_half(offer)).await?;
        let voice = paths::WHEP.replace("{peer}", &answer.peer);
        (answer, Some(format!("<{voice}>; rel=\"whep\"")))
    };
    let mut response = created(&server, answer, voice);
    response.headers_mut().insert(SESSION_ID, value(&session));
    Ok(response)
}

pub(crate) async fn listen(
    server: Shared,
    Path(peer): Path<String>,
    headers: HeaderMap,
    offered: Raw,
) -> Answer<Response> {
    let sdp = body(&headers, offered, SDP)?;
    if flow(&sdp)? != Flow::Receives {
        let detail = "the offer needs an audio line that only receives (m=audio, recvonly)";
        return Err(Error::new(&problem::OFFER_WITHOUT_AUDIO, detail));
    }
    let answer = within(&server, server.ports.calls.listen(&peer, sdp)).await?;
    Ok(created(&server, answer, None))
}

fn created(server: &Server, answer: ports::Answer, voice: Option<String>) -> Response {
    let mut response = (StatusCode::CREATED, answer.sdp).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(SDP));
    headers.insert(header::LOCATION, value(&paths::WHIP_PEER.replace("{peer}", &answer.peer)));
    headers.insert(header::ETAG, HeaderValue::from_static(ETAG));
    headers.insert(ACCEPT_PATCH, HeaderValue::from_static(FRAGMENT));
    let servers = server.options.ice_for_caller(server.ports.clock.now());
    for link in voice.into_iter().chain(ice::links(&servers)) {
        headers.append(header::LINK, value(&link));
    }
    response
}

/// Ours, or of the configuration: what cannot stand in a header is left out.
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}

/// The peer's id, known to its own client only, says whose it is.
pub(crate) async fn candidates(
    server: Shared,
    Path(peer): Path<String>,
    headers: HeaderMap,
    trickled: Raw,
) -> Answer<StatusCode> {
    let fragment = body(&headers, trickled, FRAGMENT)?;
    match headers.get(header::IF_MATCH).map(HeaderValue::as_bytes) {
        None => {}
        Some(b"*") => {
            let detail = "ICE is not restarted here: DELETE this peer and POST a new offer";
            return Err(Error::new(&problem::BODY_UNFIT, detail));
        }
        Some(given) if given == ETAG.as_bytes() => {}
        Some(_) => {
            let detail = "`If-Match` must be the ETag of the answer";
            return Err(Error::new(&problem::PRECONDITION_FAILED, detail));
        }
    }
    let candidates = sdp_fragment::candidates(&fragment);
    within(&server, server.ports.calls.candidates(&peer, candidates)).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn leave(server: Shared, Path(peer): Path<String>) -> Answer<StatusCode> {
    within(&server, server.ports.calls.leave(&peer)).await?;
    Ok(StatusCode::OK)
}
