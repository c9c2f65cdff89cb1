//! One span and two metrics for each request. The route's pattern names it, never the path: ids would make endless labels.

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::RequestId;
use crate::metrics::{DURATION_SECONDS, REQUESTS};

pub(crate) async fn observe(request: Request, next: Next) -> Response {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unknown".to_owned(), |path| path.as_str().to_owned());
    let id = request.extensions().get::<RequestId>().map_or("", |id| &id.0);
    let method = method_label(request.method());
    let span = tracing::info_span!("http", request_id = id, method, route);
    let began = Instant::now();
    async {
        let response = next.run(request).await;
        let status = response.status().as_u16();
        metrics::counter!(REQUESTS, "route" => route.clone(), "method" => method, "status" => status.to_string()).increment(1);
        metrics::histogram!(DURATION_SECONDS, "route" => route).record(began.elapsed());
        tracing::debug!(status, "answered");
        response
    }
    .instrument(span)
    .await
}

/// A closed set, whatever a client invents.
fn method_label(method: &axum::http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
