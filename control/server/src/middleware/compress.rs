//! Text is sent compressed to those who take it so: the console's first load is a quarter then.

use axum::body::HttpBody;
use axum::http::{Response, header};
use tower_http::CompressionLevel;
use tower_http::compression::{CompressionLayer, Predicate};

/// Fast: it is done on the cores that carry calls.
const LEVEL: i32 = 4;
/// Shorter answers fit one packet anyway.
const LEAST_BYTES: u64 = 1_024;

/// Sound stays as it is, and is asked for in ranges; what is streamed is not held up.
#[derive(Debug, Clone, Copy)]
pub(super) struct LongText;

impl Predicate for LongText {
    fn should_compress<B: HttpBody>(&self, response: &Response<B>) -> bool {
        let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default();
        let text = matches!(
            kind,
            "text/html"
                | "text/css"
                | "text/javascript"
                | "text/markdown"
                | "text/plain"
                | "image/svg+xml"
                | "application/json"
        );
        text && response.body().size_hint().exact().is_some_and(|bytes| bytes >= LEAST_BYTES)
    }
}

pub(super) fn long_text() -> CompressionLayer<LongText> {
    CompressionLayer::new().quality(CompressionLevel::Precise(LEVEL)).compress_when(LongText)
}
