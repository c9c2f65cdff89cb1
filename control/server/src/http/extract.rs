//! What handlers read from a request, with our errors in place of the library's.

use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Request};
use axum::http::{HeaderMap, header, request::Parts};
use control_api::problem;
use serde::de::DeserializeOwned;

use super::Shared;
use crate::Server;
use crate::app::access::Client;
use crate::error::Error;
use crate::middleware::RequestId;

/// A body that has not arrived within this is given up.
const BODY_DEADLINE: Duration = Duration::from_secs(10);

/// Who asks, and what they bring.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    pub(crate) client: Client,
    /// `Authorization: Bearer`.
    pub(crate) bearer: Option<String>,
    /// The operator's cookie.
    pub(crate) cookie: Option<String>,
    pub(crate) remote: Option<SocketAddr>,
    pub(crate) request_id: String,
    /// The page or client came over TLS, as far as we can tell.
    pub(crate) secure: bool,
}

pub(crate) const OPERATOR_COOKIE: &str = "foundry_operator";

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let text = |name: header::HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let origin = text(header::ORIGIN).map(str::to_ascii_lowercase);
        // HTTP/2 has the authority in the URI and may have no Host header.
        let host =
            text(header::HOST).or_else(|| parts.uri.authority().map(axum::http::uri::Authority::as_str));
        let secure = parts.uri.scheme_str() == Some("https")
            || parts.extensions.get::<Tls>().is_some()
            || text(header::HeaderName::from_static("x-forwarded-proto")) == Some("https");
        Ok(Self {
            client: Client { origin, host: host.unwrap_or_default().to_ascii_lowercase() },
            bearer: text(header::AUTHORIZATION)
                .and_then(|value| value.strip_prefix("Bearer "))
                .map(str::to_owned),
            cookie: cookie(&parts.headers, OPERATOR_COOKIE),
            remote: parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0),
            request_id: parts.extensions.get::<RequestId>().map_or_else(String::new, |id| id.0.clone()),
            secure,
        })
    }
}

impl Visitor {
    pub(crate) fn operator_credential(&self) -> Option<&str> {
        self.bearer.as_deref().or(self.cookie.as_deref())
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
    let too_large = || Error::new(&problem::BODY_TOO_LARGE, format!("a request body may have {limit} bytes"));
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    match tokio::time::timeout(BODY_DEADLINE, axum::body::to_bytes(request.into_body(), limit)).await {
        Err(_) => Err(Error::new(&problem::BODY_INVALID, "the body did not arrive in time")),
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_limit(&error) => Err(too_large()),
        Ok(Err(error)) => {
            Err(Error::new(&problem::BODY_INVALID, format!("the body did not arrive: {error}")))
        }
    }
}

fn is_limit(error: &axum::Error) -> bool {
    use std::error::Error as _;
    error.source().is_some_and(|source| source.to_string().contains("length limit"))
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
