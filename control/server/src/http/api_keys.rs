//! `/v1/api-keys`.

use axum::Json as Answered;
use control_api::api_key::{ApiKey, NewApiKey, Rotate};
use control_api::{List, Paging, paths};

use super::answer::{Gone, Whole};
use super::documented::{Find, Make, Read, Remove};
use super::extract::{Body, Path, Query};
use super::{Answer, Shared};
use crate::app::api_keys as app;
use crate::app::ctx::Ctx;

/// Newest first, revoked ones among them.
#[utoipa::path(get, path = paths::API_KEYS, operation_id = "list_api_keys", tag = "api-keys", params(Paging),
    responses((status = 200, description = "One page", body = List<ApiKey>), Read))]
pub(crate) async fn list(
    server: Shared,
    ctx: Ctx,
    Query(paging): Query<Paging>,
) -> Answer<Answered<List<ApiKey>>> {
    Ok(Answered(app::list(&ctx, &server, &paging).await?))
}

/// The answer has the key itself, which is shown this once.
#[utoipa::path(post, path = paths::API_KEYS, operation_id = "create_api_key", tag = "api-keys", request_body = NewApiKey,
    params(("idempotency-key" = Option<String>, Header, description = "Done once, however often it is sent: kept for 24 h", min_length = 1, max_length = 255)),
    responses((status = 201, description = "Made, with the key", body = ApiKey), Make))]
pub(crate) async fn create(server: Shared, ctx: Ctx, Body(new): Body<NewApiKey>) -> Answer<Whole<ApiKey>> {
    Ok(Whole(app::create(&ctx, &server, new).await?))
}

#[utoipa::path(get, path = paths::API_KEY, operation_id = "get_api_key", tag = "api-keys", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "As it is", body = ApiKey), Find))]
pub(crate) async fn one(server: Shared, ctx: Ctx, Path(id): Path<String>) -> Answer<Answered<ApiKey>> {
    Ok(Answered(app::one(&ctx, &server, &id).await?))
}

/// Revokes it: it is worth nothing from now on, and stays in the list.
#[utoipa::path(delete, path = paths::API_KEY, operation_id = "revoke_api_key", tag = "api-keys", params(("id" = String, Path, description = "Its id")),
    responses((status = 204, description = "Revoked"), Remove))]
pub(crate) async fn revoke(server: Shared, ctx: Ctx, Path(id): Path<String>) -> Answer<Gone> {
    app::revoke(&ctx, &server, &id).await?;
    Ok(Gone)
}

/// A new secret for the same key. The old one is good for a while, so that nobody must change it everywhere at once.
#[utoipa::path(post, path = paths::API_KEY_ROTATE, operation_id = "rotate_api_key", tag = "api-keys", request_body = Rotate,
    params(("id" = String, Path, description = "Its id"), ("idempotency-key" = Option<String>, Header, description = "Done once, however often it is sent: kept for 24 h", min_length = 1, max_length = 255)),
    responses((status = 200, description = "With the new key", body = ApiKey), Make))]
pub(crate) async fn rotate(
    server: Shared,
    ctx: Ctx,
    Path(id): Path<String>,
    Body(wanted): Body<Rotate>,
) -> Answer<Whole<ApiKey>> {
    Ok(Whole(app::rotate(&ctx, &server, &id, wanted).await?))
}
