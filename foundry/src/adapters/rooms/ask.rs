//! LiveKit's server asked by HTTP.

use std::time::Duration;

use axum::http::header;
use media_livekit::api::{self, Command, Refusal};
use providers_api::ErrorKind;
use providers_link::http::Body;
use providers_link::{Client, Fault};

/// Why there is no good answer.
#[derive(Debug)]
pub(super) enum Unanswered {
    Refused(Refusal),
    Late,
    Unreached(Fault),
    /// The address or the secret is none.
    Unasked(media_livekit::Error),
}

impl Unanswered {
    /// What was asked about is not there, or no longer.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.code == "not_found")
    }
}

impl std::fmt::Display for Unanswered {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(Refusal { code, message, .. }) => write!(out, "LiveKit refused: {code}: {message}"),
            Self::Late => out.write_str("LiveKit did not answer in time"),
            Self::Unreached(fault) => write!(out, "LiveKit was not reached: {}", fault.reason),
            Self::Unasked(error) => write!(out, "LiveKit was not asked: {error}"),
        }
    }
}

/// The body of a good answer.
pub(super) async fn ask(client: &Client, command: Command, within: Duration) -> Result<Body, Unanswered> {
    let request = client
        .post(&command.url)
        .header(header::AUTHORIZATION, command.authorization.expose())
        .header(header::CONTENT_TYPE, command.content_type)
        .body(command.body)
        .timeout(within);
    let mut refusal = None;
    let sent = client.send(request, |answer, body| {
        let refused = refusal.insert(api::refusal(answer.status, body));
        Fault::new(ErrorKind::Rejected, &refused.code)
    });
    let sent = sent.await;
    match (sent, refusal) {
        (Ok((_, body)), _) => Ok(body),
        (Err(_), Some(refusal)) => Err(Unanswered::Refused(refusal)),
        (Err(fault), None) if fault.kind == ErrorKind::TimedOut => Err(Unanswered::Late),
        (Err(fault), None) => Err(Unanswered::Unreached(fault)),
    }
}
