//! `GET /v1/widget/agents`.

use axum::Json as Answered;
use control_api::agent::Agents;
use control_api::paths;

use super::documented::Public;
use super::{Answer, Shared};

/// Whom a page may offer to call. Names and titles are what it shows before anyone may call: no permission is asked.
#[utoipa::path(get, path = paths::WIDGET_AGENTS, operation_id = "list_callable_agents", tag = "widget", security(()),
    responses((status = 200, description = "Agents that can be called", body = Agents), Public))]
pub(crate) async fn agents(server: Shared) -> Answer<Answered<Agents>> {
    Ok(Answered(Agents { data: server.ports.calls.agents(), default: server.options.default_agent.clone() }))
}
