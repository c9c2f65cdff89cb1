//! Google: Gemini over the Generative Language API; Google Cloud: Speech-to-Text v2 over gRPC, Text-to-Speech over REST, tokens of service accounts.

mod gemini;
mod speech;
mod texttospeech;
mod token;

use axum::Router;
use axum::http::HeaderMap;

use crate::Stage;

const VENDOR: &str = "google";
/// Of every token that is issued here.
const TOKEN_PREFIX: &str = "ya29.";

pub(crate) fn router(stage: Stage) -> Router {
    Router::new()
        .merge(gemini::router(stage.clone()))
        .merge(speech::router(stage.clone()))
        .merge(texttospeech::router(stage.clone()))
        .merge(token::router(stage))
}

/// A token that was issued here, or any API key.
fn is_authorized(headers: &HeaderMap) -> bool {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let token = header("authorization").strip_prefix("Bearer ").unwrap_or_default();
    token.starts_with(TOKEN_PREFIX) || !header("x-goog-api-key").is_empty()
}
