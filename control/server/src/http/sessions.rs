//! `/v1/sessions`: calls on record.

use axum::Json as Answered;
use axum::body::Body as Bytes;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use control_api::call::{Call, CallQuery, CallSummary, EventPage, EventQuery, TurnList};
use control_api::{List, paths};

use super::documented::{Find, FindLog, Read};
use super::extract::{Path, Query};
use super::{Answer, Shared};
use crate::app::ctx::Ctx;
use crate::app::sessions as app;

/// Newest first; running calls too.
#[utoipa::path(get, path = paths::SESSIONS, operation_id = "list_sessions", tag = "sessions", params(CallQuery),
    responses((status = 200, description = "One page", body = List<CallSummary>), Read))]
pub(crate) async fn list(
    server: Shared,
    ctx: Ctx,
    Query(query): Query<CallQuery>,
) -> Answer<Answered<List<CallSummary>>> {
    Ok(Answered(app::list(&ctx, &server, &query).await?))
}

#[utoipa::path(get, path = paths::SESSION, operation_id = "get_session", tag = "sessions", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "With transcript, turns and events", body = Call), Find))]
pub(crate) async fn one(server: Shared, ctx: Ctx, Path(id): Path<String>) -> Answer<Answered<Call>> {
    Ok(Answered(app::one(&ctx, &server, &id).await?))
}

#[utoipa::path(get, path = paths::SESSION_TURNS, operation_id = "list_turns", tag = "sessions", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "All of them", body = TurnList), Find))]
pub(crate) async fn turns(server: Shared, ctx: Ctx, Path(id): Path<String>) -> Answer<Answered<TurnList>> {
    Ok(Answered(TurnList { data: app::turns(&ctx, &server, &id).await? }))
}

/// In the order they happened.
#[utoipa::path(get, path = paths::SESSION_EVENTS, operation_id = "list_events", tag = "sessions",
    params(("id" = String, Path, description = "Its id"), EventQuery),
    responses((status = 200, description = "One page", body = EventPage), Find))]
pub(crate) async fn events(
    server: Shared,
    ctx: Ctx,
    Path(id): Path<String>,
    Query(query): Query<EventQuery>,
) -> Answer<Answered<EventPage>> {
    Ok(Answered(app::events(&ctx, &server, &id, &query).await?))
}

/// Every input and decision of the call, one JSON object a line, to replay it with. Once the call has ended, from the server that ran it.
#[utoipa::path(get, path = paths::SESSION_LOG, operation_id = "get_log", tag = "sessions", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The log", body = String, content_type = "application/x-ndjson"), FindLog))]
pub(crate) async fn log(server: Shared, ctx: Ctx, Path(id): Path<String>) -> Answer<Response> {
    let (session, log) = app::log(&ctx, &server, &id).await?;
    let mut response = Response::builder()
        .header(header::CONTENT_TYPE, "application/x-ndjson")
        .header(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{session}.jsonl\""));
    if let Some(length) = log.length {
        response = response.header(header::CONTENT_LENGTH, length);
    }
    let built = response.body(Bytes::from_stream(log.bytes));
    Ok(built
        .map_or_else(|error| crate::error::Error::fault(&error).into_response(), IntoResponse::into_response))
}
