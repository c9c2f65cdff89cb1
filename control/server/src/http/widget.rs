//! `GET /v1/widget/agents`.

use axum::Json as Answered;
use control_api::agent::Agents;
use control_api::paths;

use super::documented::ListCallable;
use super::extract::Visitor;
use super::{Answer, Shared};
use crate::app::access;

/// Whom a page may offer to call: those for whom `POST /v1/widget/token` would give it a token. On a closed server strangers are refused.
#[utoipa::path(get, path = paths::WIDGET_AGENTS, operation_id = "list_callable_agents", tag = "widget",
    security((), ("operator" = []), ("operator_cookie" = [])),
    responses((status = 200, description = "Agents that can be called", body = Agents), ListCallable))]
pub(crate) async fn agents(server: Shared, mut visitor: Visitor) -> Answer<Answered<Agents>> {
    access::recognise(&server, &mut visitor.client).await;
    let data = access::callable(&server, &visitor.client, server.ports.calls.agents())?;
    Ok(Answered(Agents { data, default: server.options.default_agent.clone() }))
}
