//! `/v1/costs`, `/v1/sessions/{id}/costs` and `/v1/budget`.

use axum::Json as Answered;
use control_api::cost::{Budget, BudgetSetting, CallCosts, CostQuery, Costs};
use control_api::paths;

use super::answer::Whole;
use super::documented::{ChangePrice, Find, Read};
use super::extract::{Body, IfMatch, Path, Query};
use super::{Answer, Shared};
use crate::app::costs as app;
use crate::app::ctx::Ctx;

/// What requests to vendors came to.
#[utoipa::path(get, path = paths::COSTS, operation_id = "get_costs", tag = "costs", params(CostQuery),
    responses((status = 200, description = "In sum, point by point and in parts", body = Costs), Read))]
pub(crate) async fn costs(
    server: Shared,
    ctx: Ctx,
    Query(query): Query<CostQuery>,
) -> Answer<Answered<Costs>> {
    Ok(Answered(app::costs(&ctx, &server, query).await?))
}

/// What one call came to, request by request.
#[utoipa::path(get, path = paths::SESSION_COSTS, operation_id = "get_call_costs", tag = "costs", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "In sum and in order", body = CallCosts), Find))]
pub(crate) async fn of_call(server: Shared, ctx: Ctx, Path(id): Path<String>) -> Answer<Answered<CallCosts>> {
    Ok(Answered(app::of_call(&ctx, &server, &id).await?))
}

/// What may be spent in a month, and what was.
#[utoipa::path(get, path = paths::BUDGET, operation_id = "get_budget", tag = "costs",
    responses((status = 200, description = "As it stands", body = Budget, headers(("etag" = String, description = "The revision"))), Read))]
pub(crate) async fn budget(server: Shared, ctx: Ctx) -> Answer<Whole<Budget>> {
    Ok(Whole(app::budget(&ctx, &server).await?))
}

/// The whole of it.
#[utoipa::path(put, path = paths::BUDGET, operation_id = "put_budget", tag = "costs", request_body = BudgetSetting, params(IfMatch),
    responses((status = 200, description = "As it stands now", body = Budget, headers(("etag" = String, description = "The revision"))), ChangePrice))]
pub(crate) async fn set_budget(
    server: Shared,
    ctx: Ctx,
    IfMatch(expected): IfMatch,
    Body(wanted): Body<BudgetSetting>,
) -> Answer<Whole<Budget>> {
    Ok(Whole(app::set_budget(&ctx, &server, expected, wanted).await?))
}
