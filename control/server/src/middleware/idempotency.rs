//! A request that came with an `Idempotency-Key` is done once, however often it is sent.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use control_api::problem;
use control_store::idempotency::{self, Claim};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::Server;
use crate::app::ctx::Ctx;
use crate::error::Error;
use crate::http;

pub(crate) const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// On an answer that is a repetition.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

pub(crate) async fn once(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST || !request.headers().contains_key(KEY) {
        return next.run(request).await;
    }
    match claimed(&server, request).await {
        Ok(Asked::First { request, ctx, claim }) => {
            let response = next.run(*request).await;
            if !response.status().is_success() {
                release(&server, &ctx, claim).await;
            }
            response
        }
        Ok(Asked::Before(answer)) => replay(answer),
        Err(error) => error.into_response(),
    }
}

enum Asked {
    First { request: Box<Request>, ctx: Ctx, claim: Uuid },
    Before(idempotency::Answer),
}

async fn claimed(server: &Server, request: Request) -> Result<Asked, Error> {
    let key = request.headers().get(KEY).and_then(|key| key.to_str().ok()).map(str::to_owned);
    let key = key.filter(|key| (1..=255).contains(&key.len())).ok_or_else(|| {
        Error::new(&problem::PARAMETER_INVALID, "`Idempotency-Key` must have 1 to 255 visible characters")
    })?;
    let (parts, body) = request.into_parts();
    let mut ctx = parts.extensions.get::<Ctx>().cloned().ok_or_else(http::nobody)?;
    // With the query: a trial of a request is another request.
    let asked = parts.uri.path_and_query().map_or_else(|| parts.uri.path(), |whole| whole.as_str());
    let route = format!("{} {asked}", parts.method);
    let bytes = http::whole(Request::from_parts(parts.clone(), body)).await?;
    let hash = Sha256::digest(&bytes).into();
    let mut tx = ctx.tx(server).await?;
    let claim = idempotency::claim(&mut tx, &key, &route, &hash).await?;
    tx.commit().await?;
    match claim {
        Claim::New(claim) => {
            ctx.claim = Some(claim);
            let mut request = Request::from_parts(parts, Body::from(bytes));
            request.extensions_mut().insert(ctx.clone());
            Ok(Asked::First { request: Box::new(request), ctx, claim })
        }
        Claim::Answered(answer) => Ok(Asked::Before(answer)),
        Claim::InFlight => Err(Error {
            retry_after: Some(Duration::from_secs(1)),
            ..Error::new(
                &problem::IDEMPOTENCY_KEY_IN_USE,
                "the first request with this key is still being answered; try again in a moment",
            )
        }),
        Claim::OtherBody => Err(Error::new(
            &problem::IDEMPOTENCY_KEY_REUSED,
            "this key came with another body before; take a new key for a new request",
        )),
    }
}

/// Nothing came of it. If this fails, the claim dies of its age.
async fn release(server: &Server, ctx: &Ctx, claim: Uuid) {
    let released = async {
        let mut tx = ctx.tx(server).await?;
        idempotency::release(&mut tx, claim).await?;
        Ok::<(), Error>(tx.commit().await?)
    };
    if let Err(error) = released.await {
        tracing::warn!(%error, "an idempotency key stays claimed for a minute");
    }
}

fn replay(answer: idempotency::Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = (status, answer.body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    if let Some(etag) = answer.etag.and_then(|etag| HeaderValue::from_str(&etag).ok()) {
        headers.insert(header::ETAG, etag);
    }
    response
}
