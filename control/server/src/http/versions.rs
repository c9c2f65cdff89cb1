//! `/v1/agents/{id}/versions` and `/v1/agents/{id}/compare`.

use axum::Json as Answered;
use control_api::agents::{Between, Comparison, Version};
use control_api::{List, Paging, paths};

use super::documented::Find;
use super::extract::{Path, Query};
use super::{Answer, Shared};
use crate::app::ctx::Ctx;
use crate::app::versions as app;

/// Newest first, without their definitions.
#[utoipa::path(get, path = paths::AGENT_VERSIONS, operation_id = "list_versions", tag = "agents", params(("id" = String, Path, description = "Id or name of the agent"), Paging),
    responses((status = 200, description = "One page", body = List<Version>), Find))]
pub(crate) async fn list(
    server: Shared,
    ctx: Ctx,
    Path(id): Path<String>,
    Query(paging): Query<Paging>,
) -> Answer<Answered<List<Version>>> {
    Ok(Answered(app::list(&ctx, &server, &id, &paging).await?))
}

#[utoipa::path(get, path = paths::AGENT_VERSION, operation_id = "get_version", tag = "agents", params(("id" = String, Path, description = "Id or name of the agent"), ("number" = i32, Path, description = "Number of the version", minimum = 1)),
    responses((status = 200, description = "With its definition", body = Version), Find))]
pub(crate) async fn one(
    server: Shared,
    ctx: Ctx,
    Path((id, number)): Path<(String, i32)>,
) -> Answer<Answered<Version>> {
    Ok(Answered(app::one(&ctx, &server, &id, number).await?))
}

/// What differs between two versions, or a version and the draft.
#[utoipa::path(get, path = paths::AGENT_COMPARE, operation_id = "compare_versions", tag = "agents", params(("id" = String, Path, description = "Id or name of the agent"), Between),
    responses((status = 200, description = "By JSON pointers", body = Comparison), Find))]
pub(crate) async fn compare(
    server: Shared,
    ctx: Ctx,
    Path(id): Path<String>,
    Query(between): Query<Between>,
) -> Answer<Answered<Comparison>> {
    Ok(Answered(app::compared(&ctx, &server, &id, between).await?))
}
