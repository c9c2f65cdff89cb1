//! Liveness, readiness, metrics.

use axum::Json as Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use control_api::health::{Health, Readiness};

use super::extract::Visitor;
use super::{Answer, Shared};
use crate::app::access;

/// The process answers; nothing else is said.
pub(crate) async fn live() -> Body<Health> {
    Body(Health { status: "ok".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() })
}

/// 503 with the checks that failed, where no call could be placed.
pub(crate) async fn ready(server: Shared) -> (StatusCode, Body<Readiness>) {
    let readiness = server.ports.health.readiness();
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Body(readiness))
}

pub(crate) async fn metrics(server: Shared, visitor: Visitor) -> Answer<Response> {
    access::may_read(&server, &visitor.client)?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], server.ports.metrics.render())
        .into_response())
}
