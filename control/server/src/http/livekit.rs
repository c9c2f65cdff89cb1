//! `/v1/livekit`.

use axum::Json as Answered;
use control_api::livekit::{RoomToken, RoomTokenRequest};
use control_api::paths;

use super::documented::EnterRoom;
use super::extract::Body;
use super::{Answer, Shared};
use crate::app::ctx::Ctx;
use crate::app::livekit as app;

/// A token to enter a LiveKit room with, which brings the agent along. For a web page, from its own server: who has the token may enter.
#[utoipa::path(post, path = paths::LIVEKIT_TOKEN, operation_id = "create_room_token", tag = "livekit", request_body = RoomTokenRequest,
    responses((status = 200, description = "The room, and the way into it", body = RoomToken), EnterRoom))]
pub(crate) async fn token(
    server: Shared,
    ctx: Ctx,
    Body(wanted): Body<RoomTokenRequest>,
) -> Answer<Answered<RoomToken>> {
    Ok(Answered(app::token(&ctx, &server, wanted).await?))
}
