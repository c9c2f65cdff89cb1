//! What happens to every request, outermost first: its id, a span and metrics, the security headers, compression, the body of an
//! error.

mod compress;
pub(crate) mod cors;
mod headers;
pub(crate) mod idempotency;
mod observe;
pub(crate) mod principal;
pub(crate) mod problem;
mod request_id;

pub(crate) use principal::ORGANIZATION;
pub(crate) use request_id::RequestId;

use axum::{Router, middleware::from_fn};

pub(crate) fn around(routes: Router) -> Router {
    // The last layer is the outermost.
    routes
        .layer(from_fn(problem::write))
        .layer(compress::long_text())
        .layer(from_fn(headers::secure))
        .layer(from_fn(observe::observe))
        .layer(from_fn(request_id::identify))
}
