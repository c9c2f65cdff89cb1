//! `/v1/routes`.

use axum::Json as Answered;
use control_api::route::{NewRoute, Route, RouteChange, RouteTest, RouteTestAnswer};
use control_api::{List, Paging, paths};

use super::answer::{Gone, Whole};
use super::documented::{AskRoute, ChangeRoute, Find, MakeRoute, Read, Remove};
use super::extract::{Body, IfMatch, Path, Query};
use super::{Answer, Shared};
use crate::app::ctx::Ctx;
use crate::app::routes as app;

/// Newest first.
#[utoipa::path(get, path = paths::ROUTES, operation_id = "list_routes", tag = "routes", params(Paging),
    responses((status = 200, description = "One page", body = List<Route>), Read))]
pub(crate) async fn list(
    server: Shared,
    ctx: Ctx,
    Query(paging): Query<Paging>,
) -> Answer<Answered<List<Route>>> {
    Ok(Answered(app::list(&ctx, &server, &paging).await?))
}

#[utoipa::path(post, path = paths::ROUTES, operation_id = "create_route", tag = "routes", request_body = NewRoute,
    params(("idempotency-key" = Option<String>, Header, description = "Done once, however often it is sent: kept for 24 h", min_length = 1, max_length = 255)),
    responses((status = 201, description = "Made", body = Route, headers(("etag" = String, description = "The revision"))), MakeRoute))]
pub(crate) async fn create(server: Shared, ctx: Ctx, Body(new): Body<NewRoute>) -> Answer<Whole<Route>> {
    Ok(Whole(app::create(&ctx, &server, new).await?))
}

/// Whom a call would reach, and why; with a route that is not saved yet, too. Nothing is stored.
#[utoipa::path(post, path = paths::ROUTE_TEST, operation_id = "test_route", tag = "routes", request_body = RouteTest,
    responses((status = 200, description = "What would be", body = RouteTestAnswer), AskRoute))]
pub(crate) async fn test(
    server: Shared,
    ctx: Ctx,
    Body(asked): Body<RouteTest>,
) -> Answer<Answered<RouteTestAnswer>> {
    Ok(Answered(app::test::of(&ctx, &server, asked).await?))
}

#[utoipa::path(get, path = paths::ROUTE, operation_id = "get_route", tag = "routes", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "As it is", body = Route, headers(("etag" = String, description = "The revision"))), Find))]
pub(crate) async fn one(server: Shared, ctx: Ctx, Path(id): Path<String>) -> Answer<Whole<Route>> {
    Ok(Whole(app::one(&ctx, &server, &id).await?))
}

#[utoipa::path(patch, path = paths::ROUTE, operation_id = "update_route", tag = "routes", request_body = RouteChange,
    params(("id" = String, Path, description = "Its id"), IfMatch),
    responses((status = 200, description = "As it is now", body = Route, headers(("etag" = String, description = "The revision"))), ChangeRoute))]
pub(crate) async fn change(
    server: Shared,
    ctx: Ctx,
    Path(id): Path<String>,
    IfMatch(expected): IfMatch,
    Body(wanted): Body<RouteChange>,
) -> Answer<Whole<Route>> {
    Ok(Whole(app::change(&ctx, &server, &id, expected, wanted).await?))
}

/// No call takes it any more, and its number is anybody's again.
#[utoipa::path(delete, path = paths::ROUTE, operation_id = "delete_route", tag = "routes",
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
