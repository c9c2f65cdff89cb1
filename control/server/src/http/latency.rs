//! `/v1/latency` and `/v1/activity`.

use axum::Json as Answered;
use control_api::latency::{Activity, Latency, WindowQuery};
use control_api::paths;

use super::documented::Read;
use super::extract::Query;
use super::{Answer, Shared};
use crate::app::ctx::Ctx;
use crate::app::latency as app;

/// How quickly callers were answered.
#[utoipa::path(get, path = paths::LATENCY, operation_id = "get_latency", tag = "sessions", params(WindowQuery),
    responses((status = 200, description = "By stage", body = Latency), Read))]
pub(crate) async fn latency(
    server: Shared,
    ctx: Ctx,
    Query(query): Query<WindowQuery>,
) -> Answer<Answered<Latency>> {
    Ok(Answered(app::latency(&ctx, &server, &query).await?))
}

/// What calls did.
#[utoipa::path(get, path = paths::ACTIVITY, operation_id = "get_activity", tag = "sessions", params(WindowQuery),
    responses((status = 200, description = "Point by point, and in sum", body = Activity), Read))]
pub(crate) async fn activity(
    server: Shared,
    ctx: Ctx,
    Query(query): Query<WindowQuery>,
) -> Answer<Answered<Activity>> {
    Ok(Answered(app::activity(&ctx, &server, &query).await?))
}
