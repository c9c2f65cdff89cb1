//! `/v1/live`: calls under way, and what can be done in them; `/live`: their sound.

use axum::Json as Answered;
use axum::response::Response;
use control_api::live::{Ending, Listening, LiveCalls, Whisper, Whispered};
use control_api::paths;
use serde::Deserialize;

use super::answer::Whole;
use super::documented::{InCall, Read, SayInCall};
use super::extract::{Body, Path, Query};
use super::socket::{Upgrade, upgrading};
use super::{Answer, Shared};
use crate::app::ctx::Ctx;
use crate::app::live as app;

/// Calls of the organization under way: those of this server as they stand now, and those of other servers on the same database as they are on record.
#[utoipa::path(get, path = paths::LIVE, operation_id = "list_live_calls", tag = "live",
    responses((status = 200, description = "All of them", body = LiveCalls), Read))]
pub(crate) async fn list(server: Shared, ctx: Ctx) -> Answer<Answered<LiveCalls>> {
    Ok(Answered(app::list(&ctx, &server).await))
}

/// Asks to hear a call that is under way: both legs, as they sound. Who asked is in the audit log.
#[utoipa::path(post, path = paths::SESSION_LISTEN, operation_id = "listen_to_call", tag = "live", params(("id" = String, Path, description = "Its id")),
    responses((status = 201, description = "Where to hear it", body = Listening), InCall))]
pub(crate) async fn listen(server: Shared, ctx: Ctx, Path(id): Path<String>) -> Answer<Whole<Listening>> {
    Ok(Whole(app::listen(&ctx, &server, &id).await?))
}

/// Tells the agent of a call under way what to do in its next reply, or has it say something word for word. The caller hears nothing of the former.
#[utoipa::path(post, path = paths::SESSION_WHISPER, operation_id = "whisper_in_call", tag = "live", request_body = Whisper,
    params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The agent was told", body = Whispered), SayInCall))]
pub(crate) async fn whisper(
    server: Shared,
    ctx: Ctx,
    Path(id): Path<String>,
    Body(whisper): Body<Whisper>,
) -> Answer<Whole<Whispered>> {
    Ok(Whole(app::whisper(&ctx, &server, &id, whisper).await?))
}

/// Ends a call under way: the agent says goodbye, in place of what it is saying.
#[utoipa::path(post, path = paths::SESSION_END, operation_id = "end_call", tag = "live", params(("id" = String, Path, description = "Its id")),
    responses((status = 202, description = "It ends", body = Ending), InCall))]
pub(crate) async fn end(server: Shared, ctx: Ctx, Path(id): Path<String>) -> Answer<Whole<Ending>> {
    Ok(Whole(app::end(&ctx, &server, &id).await?))
}

#[derive(Deserialize)]
pub(crate) struct Hearing {
    #[serde(default)]
    token: String,
}

pub(crate) async fn hear(
    server: Shared,
    Query(hearing): Query<Hearing>,
    upgrade: Upgrade,
) -> Answer<Response> {
    let accept = app::hear(&server, &hearing.token)?;
    // Whoever listens says nothing.
    Ok(upgrading(upgrade, 1_024)?.on_upgrade(accept))
}
