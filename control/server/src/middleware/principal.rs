//! Whose request it is: an API key's, or the operator's. How many they may make is counted here, and said in every answer.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts as _, MatchedPath, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use control_api::problem;
use control_store::org;
use domain::OrgId;
use tokio::time::Instant;

use super::RequestId;
use crate::Server;
use crate::app::ctx::{Ctx, Principal, missing};
use crate::app::heavy::Full;
use crate::app::limit::{Allowance, WINDOW};
use crate::app::weight;
use crate::app::{access, keys};
use crate::error::Error;
use crate::http::Visitor;

/// Names the organization that the operator acts in.
pub(crate) const ORGANIZATION: HeaderName = HeaderName::from_static("foundry-organization");

pub(crate) async fn identify(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let Ok(visitor) = Visitor::from_request_parts(&mut parts, &()).await;
    let id = parts.extensions.get::<RequestId>().map_or_else(String::new, |id| id.0.clone());
    let (principal, org) = match principal(&server, &visitor, &parts.method, &parts.headers).await {
        Ok(found) => found,
        Err(error) => return error.into_response(),
    };
    let key = match &principal {
        Principal::Operator => None,
        Principal::Key { id, .. } => Some(*id),
    };
    let weight = weight_of(&parts);
    let allowance = server.limits.take(key, weight, Instant::now());
    let mut response = if allowance.allowed {
        parts.extensions.insert(Ctx { principal, org, request_id: id, claim: None });
        let request = Request::from_parts(parts, body);
        if weight >= weight::HEAVY {
            in_line(&server, org, request, next).await
        } else {
            next.run(request).await
        }
    } else {
        exhausted(allowance, weight).into_response()
    };
    say(allowance, response.headers_mut());
    response
}

fn weight_of(parts: &Parts) -> u32 {
    let route = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let query = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
    // What cannot be read is refused by the handler, before it asks for anything.
    weight::of(route, &query.map(|query| query.0).unwrap_or_default())
}

/// The place is held until the answer is made.
async fn in_line(server: &Server, org: OrgId, request: Request, next: Next) -> Response {
    match server.heavy.enter(org).await {
        Ok(_permit) => next.run(request).await,
        Err(Full) => {
            let detail = "your organization has as many heavy queries running and waiting as it may; ask again when some are answered";
            let error = Error {
                retry_after: Some(Duration::from_secs(2)),
                ..Error::new(&problem::TOO_MANY_QUERIES, detail)
            };
            error.into_response()
        }
    }
}

async fn principal(
    server: &Server,
    visitor: &Visitor,
    method: &axum::http::Method,
    headers: &HeaderMap,
) -> Result<(Principal, OrgId), Error> {
    let Some(credential) = &visitor.client.credential else {
        let detail =
            "send `Authorization: Bearer` with an API key of your organization, or sign in as the operator";
        return Err(Error::new(&problem::CREDENTIAL_REQUIRED, detail));
    };
    let opened = server.store.opened();
    if access::is_operator(server, &visitor.client) {
        // A browser sends the cookie whichever page asks; only our own pages may change anything with it.
        if visitor.bearer.is_none() {
            access::own_page_only(server, &visitor.client, !method.is_safe())?;
        }
        let opened = opened?;
        let org = match named(headers)? {
            None => opened.organization,
            Some(org) => {
                let mut tx = opened.db.org_tx(org).await?;
                let found = org::own(&mut tx).await?;
                tx.commit().await?;
                found
                    .ok_or_else(|| {
                        Error::new(&problem::NOT_FOUND, format!("there is no organization {org}"))
                    })?
                    .id
            }
        };
        return Ok((Principal::Operator, org));
    }
    // A browser whose session has ended asks on and on with its cookie: it guesses nothing, and is told to sign in.
    let guesses = visitor.bearer.is_some() || credential.starts_with(keys::PREFIX);
    let peer = visitor.client.peer.filter(|_| guesses);
    let owner = access::owner(server, &opened?.db, peer, credential).await?;
    if let Some(wanted) = named(headers)?
        && wanted != owner.org
    {
        return Err(missing("organization", &wanted.to_string()));
    }
    Ok((Principal::Key { id: owner.key, name: owner.name }, owner.org))
}

fn named(headers: &HeaderMap) -> Result<Option<OrgId>, Error> {
    let Some(value) = headers.get(ORGANIZATION) else { return Ok(None) };
    let text = String::from_utf8_lossy(value.as_bytes());
    text.parse()
        .map(Some)
        .map_err(|_| Error::new(&problem::NOT_FOUND, format!("there is no organization {text:?}")))
}

fn exhausted(allowance: Allowance, weight: u32) -> Error {
    let detail = format!(
        "{} requests in {WINDOW} s are allowed, this one counts as {weight}, and {} are left; it is allowed in {} s",
        allowance.limit, allowance.remaining, allowance.wait
    );
    Error {
        retry_after: Some(Duration::from_secs(u64::from(allowance.wait))),
        ..Error::new(&problem::RATE_LIMITED, detail)
    }
}

/// As the draft of the standard says it, and as clients have long read it.
fn say(allowance: Allowance, headers: &mut HeaderMap) {
    let Allowance { limit, remaining, reset, .. } = allowance;
    let said = [
        ("ratelimit-policy", format!("\"default\";q={limit};w={WINDOW}")),
        ("ratelimit", format!("\"default\";r={remaining};t={reset}")),
        ("x-ratelimit-limit", limit.to_string()),
        ("x-ratelimit-remaining", remaining.to_string()),
        ("x-ratelimit-reset", reset.to_string()),
    ];
    for (name, value) in said {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}
