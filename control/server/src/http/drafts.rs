//! `/v1/agents/{id}/draft`, and what becomes of it.

use control_api::agents::{Draft, DraftChange, Publish, Published};
use control_api::paths;

use super::answer::Whole;
use super::documented::{ChangeDraft, Find, PublishDraft};
use super::extract::{Body, IfMatch, Path};
use super::{Answer, Shared};
use crate::app::ctx::Ctx;
use crate::app::drafts as app;

/// With all that is wrong with it.
#[utoipa::path(get, path = paths::AGENT_DRAFT, operation_id = "get_draft", tag = "agents", params(("id" = String, Path, description = "Id or name of the agent")),
    responses((status = 200, description = "As it is", body = Draft, headers(("etag" = String, description = "The revision"))), Find))]
pub(crate) async fn one(server: Shared, ctx: Ctx, Path(id): Path<String>) -> Answer<Whole<Draft>> {
    Ok(Whole(app::one(&ctx, &server, &id).await?))
}

/// Saved even with problems. Needs `If-Match`: of two who edit, the second is told what the first made of it.
#[utoipa::path(put, path = paths::AGENT_DRAFT, operation_id = "save_draft", tag = "agents", request_body = DraftChange,
    params(("id" = String, Path, description = "Id or name of the agent"), IfMatch),
    responses((status = 200, description = "As it is now", body = Draft, headers(("etag" = String, description = "The revision"))), ChangeDraft))]
pub(crate) async fn save(
    server: Shared,
    ctx: Ctx,
    Path(id): Path<String>,
    IfMatch(expected): IfMatch,
    Body(wanted): Body<DraftChange>,
) -> Answer<Whole<Draft>> {
    Ok(Whole(app::save(&ctx, &server, &id, expected, wanted).await?))
}

/// The draft becomes a version that never changes, and the environment serves it from now on. Needs `If-Match` with the draft's
/// revision. A draft that says what a version says already makes no other. Routes that begin at a node which it lacks are named in the answer.
#[utoipa::path(post, path = paths::AGENT_PUBLISH, operation_id = "publish_draft", tag = "agents", request_body = Publish,
    params(("id" = String, Path, description = "Id or name of the agent"), IfMatch, ("idempotency-key" = Option<String>, Header, description = "Done once, however often it is sent: kept for 24 h", min_length = 1, max_length = 255)),
    responses((status = 201, description = "The new version", body = Published),
        (status = 200, description = "The version that says the same", body = Published), PublishDraft))]
pub(crate) async fn publish(
    server: Shared,
    ctx: Ctx,
    Path(id): Path<String>,
    IfMatch(expected): IfMatch,
    Body(wanted): Body<Publish>,
) -> Answer<Whole<Published>> {
    Ok(Whole(app::publish(&ctx, &server, &id, expected, wanted).await?))
}

/// The version becomes the draft. Needs `If-Match` with the draft's revision.
#[utoipa::path(post, path = paths::AGENT_RESTORE, operation_id = "restore_version", tag = "agents",
    params(("id" = String, Path, description = "Id or name of the agent"), ("number" = i32, Path, description = "Number of the version", minimum = 1), IfMatch, ("idempotency-key" = Option<String>, Header, description = "Done once, however often it is sent: kept for 24 h", min_length = 1, max_length = 255)),
    responses((status = 200, description = "The draft", body = Draft, headers(("etag" = String, description = "The revision"))), PublishDraft))]
pub(crate) async fn restore(
    server: Shared,
    ctx: Ctx,
    Path((id, number)): Path<(String, i32)>,
    IfMatch(expected): IfMatch,
) -> Answer<Whole<Draft>> {
    Ok(Whole(app::restore(&ctx, &server, &id, number, expected).await?))
}
