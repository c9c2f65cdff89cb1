//! `/v1/drills`.

use axum::Json as Answered;
use control_api::drill::{Drill, DrillReport, NewDrill};
use control_api::{List, Paging, paths};

use super::answer::Whole;
use super::documented::{Find, Make, Read};
use super::extract::{Body, Path, Query};
use super::{Answer, Shared};
use crate::app::ctx::Ctx;
use crate::app::drills as app;

/// Newest first, those that are over too.
#[utoipa::path(get, path = paths::DRILLS, operation_id = "list_drills", tag = "drills", params(Paging),
    responses((status = 200, description = "One page", body = List<Drill>), Read))]
pub(crate) async fn list(
    server: Shared,
    ctx: Ctx,
    Query(paging): Query<Paging>,
) -> Answer<Answered<List<Drill>>> {
    Ok(Answered(app::list(&ctx, &server, &paging).await?))
}

/// Puts a fault on a provider for a share of the calls that begin in an environment from now on. It ends by itself; one runs in an
/// environment at a time, and none in `prod`.
#[utoipa::path(post, path = paths::DRILLS, operation_id = "start_drill", tag = "drills", request_body = NewDrill,
    params(("idempotency-key" = Option<String>, Header, description = "Done once, however often it is sent: kept for 24 h", min_length = 1, max_length = 255)),
    responses((status = 201, description = "It runs", body = Drill), Make))]
pub(crate) async fn start(server: Shared, ctx: Ctx, Body(new): Body<NewDrill>) -> Answer<Whole<Drill>> {
    Ok(Whole(app::start(&ctx, &server, new).await?))
}

/// Ends it now, in calls that run too. Of one that is over nothing changes.
#[utoipa::path(post, path = paths::DRILL_STOP, operation_id = "stop_drill", tag = "drills", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "It is over", body = Drill), Find))]
pub(crate) async fn stop(server: Shared, ctx: Ctx, Path(id): Path<String>) -> Answer<Whole<Drill>> {
    Ok(Whole(app::stop(&ctx, &server, &id).await?))
}

/// What came of it so far.
#[utoipa::path(get, path = paths::DRILL_REPORT, operation_id = "get_drill_report", tag = "drills", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "As the calls on record tell", body = DrillReport), Find))]
pub(crate) async fn report(
    server: Shared,
    ctx: Ctx,
    Path(id): Path<String>,
) -> Answer<Answered<DrillReport>> {
    Ok(Answered(app::report(&ctx, &server, &id).await?))
}
