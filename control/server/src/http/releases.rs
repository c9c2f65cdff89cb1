//! `/v1/agents/{id}/aliases`, `/rollback` and `/releases`.

use axum::Json as Answered;
use control_api::agents::{AliasChange, Aliases, Moved, Release, Rollback};
use control_api::{List, Paging, paths};

use super::answer::Whole;
use super::documented::{Change, Find, RollBack};
use super::extract::{Body, IfMatch, Path, Query};
use super::{Answer, Shared};
use crate::app::aliases as app;
use crate::app::ctx::Ctx;

/// Which version each environment serves.
#[utoipa::path(get, path = paths::AGENT_ALIASES, operation_id = "list_aliases", tag = "agents", params(("id" = String, Path, description = "Id or name of the agent")),
    responses((status = 200, description = "By environment", body = Aliases), Find))]
pub(crate) async fn list(server: Shared, ctx: Ctx, Path(id): Path<String>) -> Answer<Answered<Aliases>> {
    Ok(Answered(app::list(&ctx, &server, &id).await?))
}

/// The environment serves that version from the next call on; running calls keep theirs.
#[utoipa::path(put, path = paths::AGENT_ALIAS, operation_id = "move_alias", tag = "agents", request_body = AliasChange,
    params(("id" = String, Path, description = "Id or name of the agent"), ("environment" = String, Path, description = "Name or id of the environment"), IfMatch),
    responses((status = 200, description = "As it is now", body = Moved, headers(("etag" = String, description = "The revision"))), Change))]
pub(crate) async fn put(
    server: Shared,
    ctx: Ctx,
    Path((id, environment)): Path<(String, String)>,
    IfMatch(expected): IfMatch,
    Body(wanted): Body<AliasChange>,
) -> Answer<Whole<Moved>> {
    Ok(Whole(app::put(&ctx, &server, (&id, &environment), expected, wanted).await?))
}

/// Back to the version that was served before the last release. Twice goes back two releases.
#[utoipa::path(post, path = paths::AGENT_ROLLBACK, operation_id = "roll_back", tag = "agents", request_body = Rollback,
    params(("id" = String, Path, description = "Id or name of the agent"), ("idempotency-key" = Option<String>, Header, description = "Done once, however often it is sent: kept for 24 h", min_length = 1, max_length = 255)),
    responses((status = 200, description = "As it is now", body = Moved, headers(("etag" = String, description = "The revision"))), RollBack))]
pub(crate) async fn roll_back(
    server: Shared,
    ctx: Ctx,
    Path(id): Path<String>,
    Body(wanted): Body<Rollback>,
) -> Answer<Whole<Moved>> {
    Ok(Whole(app::roll_back(&ctx, &server, &id, wanted).await?))
}

/// Every move of an alias, newest first.
#[utoipa::path(get, path = paths::AGENT_RELEASES, operation_id = "list_releases", tag = "agents", params(("id" = String, Path, description = "Id or name of the agent"), Paging),
    responses((status = 200, description = "One page", body = List<Release>), Find))]
pub(crate) async fn list_releases(
    server: Shared,
    ctx: Ctx,
    Path(id): Path<String>,
    Query(paging): Query<Paging>,
) -> Answer<Answered<List<Release>>> {
    Ok(Answered(app::releases(&ctx, &server, &id, &paging).await?))
}
