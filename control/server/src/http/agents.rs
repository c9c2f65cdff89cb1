//! `GET /v1/agents`.

use axum::Json as Body;
use control_api::agent::Agents;

use super::{Answer, Shared};

/// Names and titles are what a page shows before anyone may call: no permission is asked.
pub(crate) async fn list(server: Shared) -> Answer<Body<Agents>> {
    Ok(Body(Agents { data: server.ports.calls.agents(), default: server.options.default_agent.clone() }))
}
