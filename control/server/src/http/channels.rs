//! `/v1/channels`.

use axum::Json as Answered;
use control_api::channel::{Channel, ChannelChange, NewChannel};
use control_api::{List, Paging, paths};

use super::answer::{Gone, Whole};
use super::documented::{Change, Find, MakeChannel, Read, Remove};
use super::extract::{Body, IfMatch, Path, Query};
use super::{Answer, Shared};
use crate::app::channels as app;
use crate::app::ctx::Ctx;

/// Newest first.
#[utoipa::path(get, path = paths::CHANNELS, operation_id = "list_channels", tag = "channels", params(Paging),
    responses((status = 200, description = "One page", body = List<Channel>), Read))]
pub(crate) async fn list(
    server: Shared,
    ctx: Ctx,
    Query(paging): Query<Paging>,
) -> Answer<Answered<List<Channel>>> {
    Ok(Answered(app::list(&ctx, &server, &paging).await?))
}

#[utoipa::path(post, path = paths::CHANNELS, operation_id = "create_channel", tag = "channels", request_body = NewChannel,
    params(("idempotency-key" = Option<String>, Header, description = "Done once, however often it is sent: kept for 24 h", min_length = 1, max_length = 255)),
    responses((status = 201, description = "Made", body = Channel, headers(("etag" = String, description = "The revision"))), MakeChannel))]
pub(crate) async fn create(server: Shared, ctx: Ctx, Body(new): Body<NewChannel>) -> Answer<Whole<Channel>> {
    Ok(Whole(app::create(&ctx, &server, new).await?))
}

#[utoipa::path(get, path = paths::CHANNEL, operation_id = "get_channel", tag = "channels", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "As it is", body = Channel, headers(("etag" = String, description = "The revision"))), Find))]
pub(crate) async fn one(server: Shared, ctx: Ctx, Path(id): Path<String>) -> Answer<Whole<Channel>> {
    Ok(Whole(app::one(&ctx, &server, &id).await?))
}

#[utoipa::path(patch, path = paths::CHANNEL, operation_id = "update_channel", tag = "channels", request_body = ChannelChange,
    params(("id" = String, Path, description = "Its id"), IfMatch),
    responses((status = 200, description = "As it is now", body = Channel, headers(("etag" = String, description = "The revision"))), Change))]
pub(crate) async fn change(
    server: Shared,
    ctx: Ctx,
    Path(id): Path<String>,
    IfMatch(expected): IfMatch,
    Body(wanted): Body<ChannelChange>,
) -> Answer<Whole<Channel>> {
    Ok(Whole(app::change(&ctx, &server, &id, expected, wanted).await?))
}

/// No call comes in by it any more.
#[utoipa::path(delete, path = paths::CHANNEL, operation_id = "delete_channel", tag = "channels",
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
