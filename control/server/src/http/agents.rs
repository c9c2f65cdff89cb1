//! `/v1/agents` and `/v1/templates`.

use axum::Json as Answered;
use control_api::agents::{AgentChange, ConfiguredAgent, NewAgent, Templates};
use control_api::{List, Paging, paths};

use super::answer::{Gone, Whole};
use super::documented::{Change, Find, Make, Read, Remove};
use super::extract::{Body, IfMatch, Path, Query};
use super::{Answer, Shared};
use crate::app::ctx::Ctx;
use crate::app::{agents as app, definition};

/// Newest first, archived ones among them.
#[utoipa::path(get, path = paths::AGENTS, operation_id = "list_agents", tag = "agents", params(Paging),
    responses((status = 200, description = "One page", body = List<ConfiguredAgent>), Read))]
pub(crate) async fn list(
    server: Shared,
    ctx: Ctx,
    Query(paging): Query<Paging>,
) -> Answer<Answered<List<ConfiguredAgent>>> {
    Ok(Answered(app::list(&ctx, &server, &paging).await?))
}

/// With a draft, and no version yet.
#[utoipa::path(post, path = paths::AGENTS, operation_id = "create_agent", tag = "agents", request_body = NewAgent,
    params(("idempotency-key" = Option<String>, Header, description = "Done once, however often it is sent: kept for 24 h", min_length = 1, max_length = 255)),
    responses((status = 201, description = "Made", body = ConfiguredAgent, headers(("etag" = String, description = "The revision"))), Make))]
pub(crate) async fn create(
    server: Shared,
    ctx: Ctx,
    Body(new): Body<NewAgent>,
) -> Answer<Whole<ConfiguredAgent>> {
    Ok(Whole(app::create(&ctx, &server, new).await?))
}

#[utoipa::path(get, path = paths::AGENT, operation_id = "get_agent", tag = "agents", params(("id" = String, Path, description = "Id or name of the agent")),
    responses((status = 200, description = "As it is", body = ConfiguredAgent, headers(("etag" = String, description = "The revision"))), Find))]
pub(crate) async fn one(server: Shared, ctx: Ctx, Path(id): Path<String>) -> Answer<Whole<ConfiguredAgent>> {
    Ok(Whole(app::one(&ctx, &server, &id).await?))
}

#[utoipa::path(patch, path = paths::AGENT, operation_id = "update_agent", tag = "agents", request_body = AgentChange,
    params(("id" = String, Path, description = "Id or name of the agent"), IfMatch),
    responses((status = 200, description = "As it is now", body = ConfiguredAgent, headers(("etag" = String, description = "The revision"))), Change))]
pub(crate) async fn change(
    server: Shared,
    ctx: Ctx,
    Path(id): Path<String>,
    IfMatch(expected): IfMatch,
    Body(wanted): Body<AgentChange>,
) -> Answer<Whole<ConfiguredAgent>> {
    Ok(Whole(app::change(&ctx, &server, &id, expected, wanted).await?))
}

/// Archives it: no environment serves it any more. Its versions stay, and its name stays taken.
#[utoipa::path(delete, path = paths::AGENT, operation_id = "archive_agent", tag = "agents", params(("id" = String, Path, description = "Id or name of the agent"), IfMatch),
    responses((status = 204, description = "Archived"), Remove))]
pub(crate) async fn delete(
    server: Shared,
    ctx: Ctx,
    Path(id): Path<String>,
    IfMatch(expected): IfMatch,
) -> Answer<Gone> {
    app::delete(&ctx, &server, &id, expected).await?;
    Ok(Gone)
}

/// What new agents can begin as.
#[utoipa::path(get, path = paths::TEMPLATES, operation_id = "list_templates", tag = "agents",
    responses((status = 200, description = "All of them", body = Templates), Read))]
pub(crate) async fn templates(_: Ctx) -> Answered<Templates> {
    Answered(Templates { data: definition::templates() })
}
