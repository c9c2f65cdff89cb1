//! What handlers read from a request, with our errors in place of the library's.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::body::BodyDataStream;
use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Request};
use axum::http::{HeaderMap, header, request::Parts};
use control_api::problem::{self, FieldError};
use futures::StreamExt as _;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Shared;
use crate::Server;
use crate::app::access::Client;
use crate::app::ctx::{Ctx, Expected};
use crate::app::definition;
use crate::app::origin;
use crate::error::{Error, is_way};
use crate::middleware::ORGANIZATION;

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
    /// `Accept-Language`.
    pub(crate) accepts: Option<String>,
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
        let accepts = text(header::ACCEPT_LANGUAGE).map(str::to_owned);
        let named = text(ORGANIZATION).and_then(|org| org.parse().ok());
        Ok(Self {
            client: Client { origin, host, credential, peer, named, member: None, unknown: None },
            bearer,
            peer,
            secure,
            accepts,
        })
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

/// A JSON body of the control plane: what is not known of it is refused, with its place.
pub(crate) struct Body<T>(pub(crate) T);

/// Of those: a definition may have 400 KiB.
const BODY_LIMIT: usize = 512 * 1024;

impl<T: DeserializeOwned> FromRequest<std::sync::Arc<Server>> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &std::sync::Arc<Server>) -> Result<Self, Error> {
        let bytes = whole(request).await?;
        let value: Value = serde_json::from_slice(if bytes.is_empty() { b"{}" } else { &bytes })
            .map_err(|error| Error::new(&problem::BODY_INVALID, format!("the body is not JSON: {error}")))?;
        if !value.is_object() {
            return Err(unfit(String::new(), "invalid", NO_OBJECT.to_owned()));
        }
        if let Some(pointer) = without_text(&value) {
            return Err(unfit(pointer, "invalid", "a text must not have the character U+0000".to_owned()));
        }
        serde_path_to_error::deserialize(value).map(Self).map_err(|error| {
            let said = error.inner().to_string();
            let (mut pointer, code) = (pointer_of(error.path()), code_of(&said));
            // The library names the object where a field is missing: the field helps more.
            if code == "missing"
                && let Some(field) = said.split('`').nth(1)
            {
                pointer = format!("{pointer}/{field}");
            }
            unfit(pointer, code, said)
        })
    }
}

/// The library would take the fields from a list, too, by their order.
const NO_OBJECT: &str = "the body must be a JSON object";

/// The whole body of a request to the control plane.
pub(crate) async fn whole(request: Request) -> Result<bytes::Bytes, Error> {
    body(request, BODY_LIMIT).await
}

fn unfit(pointer: String, code: &str, said: String) -> Error {
    let detail = if pointer.is_empty() { said.clone() } else { format!("{pointer}: {said}") };
    let errors = vec![FieldError { pointer, code: code.to_owned(), detail: said }];
    Error { errors, ..Error::new(&problem::BODY_UNFIT, detail) }
}

fn code_of(said: &str) -> &'static str {
    if said.starts_with("unknown field") {
        "unknown"
    } else if said.starts_with("missing field") {
        "missing"
    } else {
        "invalid"
    }
}

fn pointer_of(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => definition::step(&mut pointer, key),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

/// Where a text has U+0000, which no database takes.
fn without_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => text.contains('\0').then(String::new),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, item)| without_text(item).map(|rest| format!("/{index}{rest}"))),
        Value::Object(fields) => fields.iter().find_map(|(key, item)| {
            let mut pointer = String::new();
            definition::step(&mut pointer, key);
            if key.contains('\0') { Some(pointer) } else { without_text(item).map(|rest| pointer + &rest) }
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// `If-Match`: the revision that a change was made from.
pub(crate) struct IfMatch(pub(crate) Expected);

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else { return Ok(Self(Expected::Anything)) };
        let text = value.to_str().unwrap_or_default().trim();
        if text == "*" {
            return Ok(Self(Expected::Present));
        }
        let digits = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
        let number = digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()));
        number.map(|number| Self(Expected::Revision(number))).ok_or_else(|| {
            let detail = "`If-Match` must be the ETag of the resource, such as \"3\", or *";
            Error::new(&problem::PARAMETER_INVALID, detail)
        })
    }
}

impl utoipa::IntoParams for IfMatch {
    fn into_params(
        _: impl Fn() -> Option<utoipa::openapi::path::ParameterIn>,
    ) -> Vec<utoipa::openapi::path::Parameter> {
        use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
        use utoipa::openapi::schema::{ObjectBuilder, Type};
        let schema = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^(\"?[0-9]{1,9}\"?|\\*)$"));
        vec![
            ParameterBuilder::new()
                .name("if-match")
                .parameter_in(ParameterIn::Header)
                .description(Some("The ETag of the resource that the change was made from, or `*`"))
                .schema(Some(schema))
                .build(),
        ]
    }
}

/// Put there by `middleware::principal`, before any handler of the control plane.
impl<S: Sync> FromRequestParts<S> for Ctx {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        parts.extensions.get::<Self>().cloned().ok_or_else(nobody)
    }
}

pub(crate) fn nobody() -> Error {
    Error::new(
        &problem::CREDENTIAL_REQUIRED,
        "send `Authorization: Bearer` with an API key of your organization",
    )
}

impl<T: DeserializeOwned> FromRequest<std::sync::Arc<Server>> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, server: &std::sync::Arc<Server>) -> Result<Self, Error> {
        let bytes = body(request, server.options.body_limit_bytes).await?;
        let invalid = |error: serde_json::Error| {
            Error::new(&problem::BODY_INVALID, format!("the body is not the JSON expected here: {error}"))
        };
        let bytes = if bytes.is_empty() { b"{}" } else { &bytes[..] };
        if !bytes.trim_ascii_start().starts_with(b"{") {
            return Err(Error::new(&problem::BODY_INVALID, NO_OBJECT));
        }
        serde_json::from_slice(bytes).map(Self).map_err(invalid)
    }
}

/// A file as text.
pub(crate) struct Text(pub(crate) String);

impl FromRequest<std::sync::Arc<Server>> for Text {
    type Rejection = Error;

    async fn from_request(request: Request, _: &std::sync::Arc<Server>) -> Result<Self, Error> {
        let bytes = whole(request).await?;
        let text = String::from_utf8(bytes.into());
        text.map(Self).map_err(|_| Error::new(&problem::BODY_INVALID, "the file must be text in UTF-8"))
    }
}

/// A body as it came: for signatures, which are of its bytes.
pub(crate) struct Raw(pub(crate) bytes::Bytes);

impl FromRequest<std::sync::Arc<Server>> for Raw {
    type Rejection = Error;

    async fn from_request(request: Request, server: &std::sync::Arc<Server>) -> Result<Self, Error> {
        body(request, server.options.body_limit_bytes).await.map(Self)
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
        if parts.uri.query().is_some_and(|query| query.contains("%00")) {
            let detail = "a parameter must not have the character U+0000";
            return Err(Error::new(&problem::PARAMETER_INVALID, detail));
        }
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

/// The agent a client means, in the order: what it named here, what it named there, that of the hostname, the default. Who has a key, or
/// is the operator and says for whom, means the agents of that organization, and so does who has a token that was made for one of
/// them. After `access::recognise`.
pub(crate) fn agent(
    server: &Shared,
    visitor: &Visitor,
    named: [Option<String>; 2],
    token: Option<&str>,
) -> String {
    let host = visitor.client.host.rsplit_once(':').map_or(visitor.client.host.as_str(), |(host, _)| host);
    let name = named.into_iter().flatten().find(|name| !name.is_empty());
    if name.is_none()
        && let Some(channel) = server.ports.calls.of_host(host)
    {
        return channel;
    }
    let name = name.unwrap_or_else(|| server.options.default_agent.clone());
    if name.contains('/') || is_way(&name) {
        return name;
    }
    let home = server.store.opened().ok().map(|opened| opened.organization);
    if let Some(org) = visitor.client.acts_in(server).filter(|org| Some(*org) != home) {
        return format!("{org}/{name}");
    }
    let of_token = token.and_then(|token| server.tokens.agent_of(token));
    of_token.filter(|of| of.split_once('/').is_some_and(|(_, plain)| plain == name)).unwrap_or(name)
}
