//! What handlers read from a request, with our errors in place of the library's.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::body::BodyDataStream;
use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Request};
use axum::http::{HeaderMap, header, request::Parts};
use control_api::problem;
use futures::StreamExt as _;
use serde::de::DeserializeOwned;

use super::Shared;
use crate::Server;
use crate::app::access::Client;
use crate::app::origin;
use crate::error::Error;

/// A body that has not arrived within this is given up.
const BODY_DEADLINE: Duration = Duration::from_secs(10);
/// Of a body that is too large, as much is read and dropped: a client that still writes when the connection closes meets
/// a reset in place of our answer.
const DISCARDED: usize = 4 << 20;
const DISCARD_DEADLINE: Duration = Duration::from_secs(1);

/// Who asks, and what they bring.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    pub(crate) client: Client,
    /// `Authorization: Bearer`.
    pub(crate) bearer: Option<String>,
    /// Where the connection comes from.
    pub(crate) peer: Option<IpAddr>,
    /// The page or client came over TLS, as far as we can tell.
    pub(crate) secure: bool,
}

pub(crate) const OPERATOR_COOKIE: &str = "foundry_operator";

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let text = |name: header::HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let origin = text(header::ORIGIN).map(origin::normal);
        // A request in absolute form has the authority in its URI.
        let host =
            text(header::HOST).or_else(|| parts.uri.authority().map(axum::http::uri::Authority::as_str));
        let secure = parts.uri.scheme_str() == Some("https")
            || parts.extensions.get::<Tls>().is_some()
            || text(header::HeaderName::from_static("x-forwarded-proto")) == Some("https");
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical());
        let bearer = text(header::AUTHORIZATION)
            .and_then(|value| value.strip_prefix("Bearer "))
            .map(|token| token.trim().to_owned());
        let credential = bearer.clone().or_else(|| cookie(&parts.headers, OPERATOR_COOKIE));
        let host = host.unwrap_or_default().to_ascii_lowercase();
        Ok(Self { client: Client { origin, host, credential }, bearer, peer, secure })
    }
}

/// Whoever terminates TLS in this process puts it into the request's extensions.
#[derive(Debug, Clone, Copy)]
pub struct Tls;

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}

/// A JSON body within the limit and the deadline, whatever its content type says.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<std::sync::Arc<Server>> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, server: &std::sync::Arc<Server>) -> Result<Self, Error> {
        let bytes = body(request, server.options.body_limit_bytes).await?;
        let invalid = |error: serde_json::Error| {
            Error::new(&problem::BODY_INVALID, format!("the body is not the JSON expected here: {error}"))
        };
        serde_json::from_slice(if bytes.is_empty() { b"{}" } else { &bytes }).map(Self).map_err(invalid)
    }
}

async fn body(request: Request, limit: usize) -> Result<bytes::Bytes, Error> {
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let mut pieces = request.into_body().into_data_stream();
    let read = if announced.is_some_and(|length| length > limit) {
        Ok(None)
    } else {
        let collected = tokio::time::timeout(BODY_DEADLINE, collect(&mut pieces, limit)).await;
        collected.unwrap_or_else(|_| Err("the body did not arrive in time".to_owned()))
    };
    match read {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => {
            let _late = tokio::time::timeout(DISCARD_DEADLINE, discard(pieces)).await;
            Err(Error::new(&problem::BODY_TOO_LARGE, format!("a request body may have {limit} bytes")))
        }
        Err(detail) => Err(Error::new(&problem::BODY_INVALID, detail)),
    }
}

/// `None`: there is more than the limit.
async fn collect(pieces: &mut BodyDataStream, limit: usize) -> Result<Option<bytes::Bytes>, String> {
    let mut bytes = bytes::BytesMut::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| format!("the body did not arrive: {error}"))?;
        if bytes.len() + piece.len() > limit {
            return Ok(None);
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(Some(bytes.freeze()))
}

async fn discard(mut pieces: BodyDataStream) {
    let mut dropped = 0;
    while let Some(Ok(piece)) = pieces.next().await {
        dropped += piece.len();
        if dropped > DISCARDED {
            return;
        }
    }
}

/// The query, with our error.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(query) => Ok(Self(query.0)),
            Err(rejection) => Err(Error::new(&problem::PARAMETER_INVALID, rejection.body_text())),
        }
    }
}

/// The parts of the path that a route names, with our error.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(path) => Ok(Self(path.0)),
            Err(rejection) => Err(Error::new(&problem::PARAMETER_INVALID, rejection.body_text())),
        }
    }
}

/// The agent a client means, in the order: what it named here, what it named there, the default.
pub(crate) fn agent(server: &Shared, named: [Option<String>; 2]) -> String {
    named
        .into_iter()
        .flatten()
        .find(|name| !name.is_empty())
        .unwrap_or_else(|| server.options.default_agent.clone())
}
