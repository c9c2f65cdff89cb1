//! Which pages elsewhere may read our answers. Preflights are answered here and reach no handler.

use std::time::Duration;

use axum::http::{Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::request_id;
use crate::Options;

const PREFLIGHT_KEPT: Duration = Duration::from_secs(3600);

/// The origins that may embed the widget.
pub(crate) fn allowed(options: &Options) -> CorsLayer {
    let options = options.clone();
    layer(AllowOrigin::predicate(move |origin, _| origin.to_str().is_ok_and(|origin| options.allows(origin))))
}

/// Every origin: for answers that are worth nothing to a page that may not have them.
pub(crate) fn anyone() -> CorsLayer {
    layer(AllowOrigin::mirror_request())
}

fn layer(origins: AllowOrigin) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers([header::CONTENT_TYPE, header::AUTHORIZATION, header::IF_MATCH, request_id::HEADER])
        .expose_headers([
            request_id::HEADER,
            header::RETRY_AFTER,
            header::LOCATION,
            header::LINK,
            header::ETAG,
        ])
        .max_age(PREFLIGHT_KEPT)
}
