//! Headers that keep a browser from doing with our answers what they are not for.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

/// The audio worklets of the widget are loaded from a `blob:` of its own text.
const POLICY: &str = "default-src 'self'; script-src 'self' blob:; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; \
    connect-src 'self' ws: wss:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";

pub(crate) async fn secure(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let is_html = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let headers = response.headers_mut();
    let mut set = |name: &'static str, value: &'static str| {
        headers.entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
    };
    set("x-content-type-options", "nosniff");
    set("referrer-policy", "same-origin");
    set("cross-origin-resource-policy", "same-origin");
    if is_html {
        set("content-security-policy", POLICY);
        set("permissions-policy", "microphone=(self), camera=(), geolocation=()");
        set("cross-origin-opener-policy", "same-origin");
    }
    response
}
