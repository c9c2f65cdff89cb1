//! What a handler answers when it cannot do what it was asked. The body is written by `middleware::problem`, which knows
//! the request's id.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use control_api::problem::{self, Definition, FieldError};
use serde_json::Value;

use crate::ports::{LogError, RecordingError, Refusal};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", .definition.code())]
pub(crate) struct Error {
    pub(crate) definition: &'static Definition,
    pub(crate) detail: String,
    pub(crate) retry_after: Option<Duration>,
    /// Field by field, where a body is not as it should be.
    pub(crate) errors: Vec<FieldError>,
    /// The resource as it is, where the client took it to be otherwise.
    pub(crate) current: Option<Value>,
}

impl Error {
    pub(crate) fn new(definition: &'static Definition, detail: impl Into<String>) -> Self {
        Self { definition, detail: detail.into(), retry_after: None, errors: Vec::new(), current: None }
    }

    /// A fault of ours, whose cause stands in the log alone.
    pub(crate) fn fault(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error, "request failed");
        Self::new(&problem::INTERNAL, "the server failed; its log says why, by the request's id")
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
            Refusal::AgentUnknown { agent } => agent_unknown(&agent),
            Refusal::AgentUnfit { .. } => Self::new(&problem::AGENT_INVALID, said),
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
            Refusal::BudgetSpent => Self::new(
                &problem::BUDGET_SPENT,
                "no new calls are taken in this month: its budget is spent; whoever runs the agent can raise it",
            ),
            Refusal::SessionUnknown => Self::new(
                &problem::SESSION_UNKNOWN,
                "the call has ended or waited too long for its caller; start a new one",
            ),
            Refusal::Failed { .. } => Self::new(&problem::INTERNAL, said),
        }
    }
}

/// Leads to where the agents are listed that whoever named it can reach: an organization's own, by its key, or the server's.
pub(crate) fn agent_unknown(agent: &str) -> Error {
    let detail = match agent.split_once('/') {
        Some((org, name)) => format!(
            "the organization {org} has no agent {name:?} that takes calls; GET /v1/agents with its API key lists its agents, and what each environment serves of them"
        ),
        None if is_way(agent) => format!(
            "no channel or route has the id {agent:?} and leads to an agent that is served; GET /v1/channels and GET /v1/routes list those of a key's organization"
        ),
        None => format!("no agent is called {agent:?}; GET /v1/widget/agents lists those there are"),
    };
    Error::new(&problem::AGENT_UNKNOWN, detail)
}

/// A channel or route: its id says whose it is.
pub(crate) fn is_way(name: &str) -> bool {
    name.parse::<domain::ChannelId>().is_ok() || name.parse::<domain::RouteId>().is_ok()
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

impl From<RecordingError> for Error {
    fn from(error: RecordingError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "recording unreadable");
        Self::new(
            &problem::RECORDING_UNREADABLE,
            "the recording lies in the data directory but could not be read; the server's log says why",
        )
    }
}

impl From<control_store::Error> for Error {
    fn from(error: control_store::Error) -> Self {
        use control_store::Error as Store;
        match &error {
            Store::Unavailable(_) => {
                tracing::error!(error = &error as &dyn std::error::Error, "database");
                Self {
                    retry_after: Some(Duration::from_secs(1)),
                    ..Self::new(
                        &problem::STORE_UNAVAILABLE,
                        "the database does not answer; try again in a moment",
                    )
                }
            }
            Store::Conflict { constraint } if constraint == "idempotency_keys_claim" => Self::new(
                &problem::IDEMPOTENCY_KEY_IN_USE,
                "another request took this key over; nothing was done, try again",
            ),
            Store::Conflict { .. } => {
                Self::new(&problem::CONFLICT, "there is one already that has what must be unique")
            }
            Store::Reference { .. } => {
                Self::new(&problem::REFERENCE_UNKNOWN, "the body refers to something that is not there")
            }
            Store::Value { constraint } => {
                Self::new(&problem::BODY_UNFIT, format!("a value is not allowed ({constraint})"))
            }
            _ => Self::fault(&error),
        }
    }
}
