//! What a handler answers when it cannot do what it was asked. The body is written by `middleware::problem`, which knows
//! the request's id.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use control_api::problem::{self, Definition};

use crate::ports::{LogError, Refusal};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", .definition.code())]
pub(crate) struct Error {
    pub(crate) definition: &'static Definition,
    pub(crate) detail: String,
    pub(crate) retry_after: Option<Duration>,
}

impl Error {
    pub(crate) fn new(definition: &'static Definition, detail: impl Into<String>) -> Self {
        Self { definition, detail: detail.into(), retry_after: None }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status =
            axum::http::StatusCode::from_u16(self.definition.status).expect("the table holds valid statuses");
        let mut response = status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let said = refusal.to_string();
        match refusal {
            Refusal::AgentUnknown { .. } => {
                Self::new(&problem::AGENT_UNKNOWN, format!("{said}; GET /v1/agents lists those there are"))
            }
            Refusal::OfferInvalid { .. } => Self::new(&problem::OFFER_INVALID, said),
            Refusal::OfferWithoutAudio => Self::new(&problem::OFFER_WITHOUT_AUDIO, NO_AUDIO),
            Refusal::Full { retry_after } => Self {
                retry_after: Some(retry_after),
                ..Self::new(&problem::SERVER_FULL, "every line is busy; try again in a moment")
            },
            Refusal::Connecting { retry_after } => Self {
                retry_after: Some(retry_after),
                ..Self::new(
                    &problem::TOO_MANY_CONNECTING,
                    "too many calls from this address have not connected yet; try again in a moment",
                )
            },
            Refusal::Draining => Self {
                retry_after: Some(Duration::from_secs(5)),
                ..Self::new(&problem::SERVER_DRAINING, "this server is about to stop; try again in a moment")
            },
            Refusal::SessionUnknown => Self::new(
                &problem::SESSION_UNKNOWN,
                "the call has ended or waited too long for its caller; start a new one",
            ),
            Refusal::Failed { .. } => Self::new(&problem::INTERNAL, said),
        }
    }
}

pub(crate) const NO_AUDIO: &str = "the offer needs an audio line that sends and receives (m=audio, sendrecv)";

impl From<LogError> for Error {
    fn from(error: LogError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "call log unreadable");
        Self::new(
            &problem::LOG_UNREADABLE,
            "the log lies in the data directory but could not be read; the server's log says why",
        )
    }
}
