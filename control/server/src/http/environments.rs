//! `/v1/environments`.

use axum::Json as Answered;
use control_api::environment::{Environment, EnvironmentChange, NewEnvironment};
use control_api::{List, Paging, paths};

use super::answer::{Gone, Whole};
use super::documented::{Change, Find, Make, Read, Remove};
use super::extract::{Body, IfMatch, Path, Query};
use super::{Answer, Shared};
use crate::app::ctx::Ctx;
use crate::app::environments as app;

/// Newest first.
#[utoipa::path(get, path = paths::ENVIRONMENTS, operation_id = "list_environments", tag = "environments", params(Paging),
    responses((status = 200, description = "One page", body = List<Environment>), Read))]
pub(crate) async fn list(
    server: Shared,
    ctx: Ctx,
    Query(paging): Query<Paging>,
) -> Answer<Answered<List<Environment>>> {
    Ok(Answered(app::list(&ctx, &server, &paging).await?))
}

#[utoipa::path(post, path = paths::ENVIRONMENTS, operation_id = "create_environment", tag = "environments", request_body = NewEnvironment,
    params(("idempotency-key" = Option<String>, Header, description = "Done once, however often it is sent: kept for 24 h", min_length = 1, max_length = 255)),
    responses((status = 201, description = "Made", body = Environment, headers(("etag" = String, description = "The revision"))), Make))]
pub(crate) async fn create(
    server: Shared,
    ctx: Ctx,
    Body(new): Body<NewEnvironment>,
) -> Answer<Whole<Environment>> {
    Ok(Whole(app::create(&ctx, &server, new).await?))
}

#[utoipa::path(get, path = paths::ENVIRONMENT, operation_id = "get_environment", tag = "environments", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "As it is", body = Environment, headers(("etag" = String, description = "The revision"))), Find))]
pub(crate) async fn one(server: Shared, ctx: Ctx, Path(id): Path<String>) -> Answer<Whole<Environment>> {
    Ok(Whole(app::one(&ctx, &server, &id).await?))
}

#[utoipa::path(patch, path = paths::ENVIRONMENT, operation_id = "update_environment", tag = "environments", request_body = EnvironmentChange,
    params(("id" = String, Path, description = "Its id"), IfMatch),
    responses((status = 200, description = "As it is now", body = Environment, headers(("etag" = String, description = "The revision"))), Change))]
pub(crate) async fn change(
    server: Shared,
    ctx: Ctx,
    Path(id): Path<String>,
    IfMatch(expected): IfMatch,
    Body(wanted): Body<EnvironmentChange>,
) -> Answer<Whole<Environment>> {
    Ok(Whole(app::change(&ctx, &server, &id, expected, wanted).await?))
}

/// One that anything was released to, or that a channel leads to, is refused.
#[utoipa::path(delete, path = paths::ENVIRONMENT, operation_id = "delete_environment", tag = "environments",
    params(("id" = String, Path, description = "Its id"), IfMatch),
    responses((status = 204, description = "Gone"), Remove))]
pub(crate) async fn delete(
    server: Shared,
    ctx: Ctx,
    Path(id): Path<String>,
    IfMatch(expected): IfMatch,
) -> Answer<Gone> {
    app::delete(&ctx, &server, &id, expected).await?;
    Ok(Gone)
}
