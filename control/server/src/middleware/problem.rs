//! Writes the body of an error, now that the request's id is at hand: problem+json, or a page for a browser that opened
//! the address.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use control_api::problem;

use super::RequestId;
use crate::assets;
use crate::error::Error;
use crate::metrics::REFUSED;

pub(crate) async fn write(request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().map_or_else(String::new, |id| id.0.clone());
    let wants_page = assets::wants_page(request.headers());
    let mut response = next.run(request).await;
    let Some(error) = response.extensions_mut().remove::<Error>() else { return response };
    count(&error);
    let mut problem = error.definition.problem(error.detail, id);
    (problem.errors, problem.current) = (error.errors, error.current);
    let page = if wants_page { assets::problem_page(&problem) } else { None };
    let (kind, body) = match page {
        Some(page) => ("text/html; charset=utf-8", page.into_bytes()),
        None => {
            let body = serde_json::to_vec(&problem).expect("strings, numbers and booleans serialise");
            (problem::CONTENT_TYPE, body)
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.append(header::VARY, HeaderValue::from_static("accept"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.remove(header::CONTENT_LENGTH);
    if problem.status == 401 {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(wait) = error.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
    }
    *response.body_mut() = Body::from(body);
    response
}

pub(crate) fn count(error: &Error) {
    let code = error.definition.code();
    tracing::info!(code = code.0, detail = error.detail, "refused");
    metrics::counter!(REFUSED, "code" => code.0).increment(1);
}
