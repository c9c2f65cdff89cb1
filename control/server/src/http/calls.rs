//! `/v1/calls`: calls that we make.

use axum::Json as Answered;
use control_api::outbound::{CallsAsked, NewCall, OutboundCall};
use control_api::{List, paths};

use super::answer::Whole;
use super::documented::{Find, PlaceCall, Read};
use super::extract::{Body, Path, Query};
use super::{Answer, Shared};
use crate::app::calls as app;
use crate::app::ctx::Ctx;

/// Newest first; those of one campaign, or all.
#[utoipa::path(get, path = paths::CALLS, operation_id = "list_calls", tag = "calls", params(CallsAsked),
    responses((status = 200, description = "One page", body = List<OutboundCall>), Read))]
pub(crate) async fn list(
    server: Shared,
    ctx: Ctx,
    Query(asked): Query<CallsAsked>,
) -> Answer<Answered<List<OutboundCall>>> {
    Ok(Answered(app::list(&ctx, &server, &asked).await?))
}

/// Calls somebody by a trunk of the server; the agent greets once the callee is heard. The answer comes before the callee's: ask for the call
/// again to learn what became of it. With an `Idempotency-Key` nobody is called twice.
#[utoipa::path(post, path = paths::CALLS, operation_id = "place_call", tag = "calls", request_body = NewCall,
    params(("idempotency-key" = Option<String>, Header, description = "Done once, however often it is sent: kept for 24 h", min_length = 1, max_length = 255)),
    responses((status = 202, description = "It is in the queue", body = OutboundCall), PlaceCall))]
pub(crate) async fn place(server: Shared, ctx: Ctx, Body(new): Body<NewCall>) -> Answer<Whole<OutboundCall>> {
    Ok(Whole(app::place(&ctx, &server, new).await?))
}

/// What became of a call: `queued`, `dialling`, `ringing`, `answered`, or `ended` with the reason.
#[utoipa::path(get, path = paths::CALL, operation_id = "get_call", tag = "calls", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "As it is now", body = OutboundCall), Find))]
pub(crate) async fn one(server: Shared, ctx: Ctx, Path(id): Path<String>) -> Answer<Answered<OutboundCall>> {
    Ok(Answered(app::one(&ctx, &server, &id).await?))
}
