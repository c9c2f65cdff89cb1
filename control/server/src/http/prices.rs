//! `/v1/prices` and `/v1/price-list`.

use axum::Json as Answered;
use control_api::price::{NewPrice, Price, PriceChange, PriceImport, PriceList, PricesImported};
use control_api::{List, Paging, paths};

use super::answer::{Gone, Whole};
use super::documented::{ChangePrice, Find, Make, Read, Remove};
use super::extract::{Body, IfMatch, Path, Query};
use super::{Answer, Shared};
use crate::app::ctx::Ctx;
use crate::app::prices as app;

/// Prices that the server ships: as vendors publish them, without guarantee.
#[utoipa::path(get, path = paths::PRICE_LIST, operation_id = "get_price_list", tag = "costs",
    responses((status = 200, description = "All of them", body = PriceList), Read))]
pub(crate) async fn shipped(_: Ctx) -> Answered<PriceList> {
    Answered(app::shipped())
}

/// The organization's own, newest first.
#[utoipa::path(get, path = paths::PRICES, operation_id = "list_prices", tag = "costs", params(Paging),
    responses((status = 200, description = "One page", body = List<Price>), Read))]
pub(crate) async fn list(
    server: Shared,
    ctx: Ctx,
    Query(paging): Query<Paging>,
) -> Answer<Answered<List<Price>>> {
    Ok(Answered(app::list(&ctx, &server, &paging).await?))
}

/// Comes before the shipped one. Counts for requests that are made from now on.
#[utoipa::path(post, path = paths::PRICES, operation_id = "create_price", tag = "costs", request_body = NewPrice,
    params(("idempotency-key" = Option<String>, Header, description = "Done once, however often it is sent: kept for 24 h", min_length = 1, max_length = 255)),
    responses((status = 201, description = "Made", body = Price, headers(("etag" = String, description = "The revision"))), Make))]
pub(crate) async fn create(server: Shared, ctx: Ctx, Body(new): Body<NewPrice>) -> Answer<Whole<Price>> {
    Ok(Whole(app::create(&ctx, &server, new).await?))
}

/// A list: all of it is taken, or nothing. Each comes in place of the one of the same vendor, model, unit and time.
#[utoipa::path(post, path = paths::PRICES_IMPORT, operation_id = "import_prices", tag = "costs", request_body = PriceImport,
    params(("idempotency-key" = Option<String>, Header, description = "Done once, however often it is sent: kept for 24 h", min_length = 1, max_length = 255)),
    responses((status = 200, description = "Taken", body = PricesImported), Make))]
pub(crate) async fn import(
    server: Shared,
    ctx: Ctx,
    Body(wanted): Body<PriceImport>,
) -> Answer<Whole<PricesImported>> {
    Ok(Whole(app::import(&ctx, &server, wanted).await?))
}

#[utoipa::path(get, path = paths::PRICE, operation_id = "get_price", tag = "costs", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "As it is", body = Price, headers(("etag" = String, description = "The revision"))), Find))]
pub(crate) async fn one(server: Shared, ctx: Ctx, Path(id): Path<String>) -> Answer<Whole<Price>> {
    Ok(Whole(app::one(&ctx, &server, &id).await?))
}

/// For requests that are made from now on.
#[utoipa::path(patch, path = paths::PRICE, operation_id = "update_price", tag = "costs", request_body = PriceChange,
    params(("id" = String, Path, description = "Its id"), IfMatch),
    responses((status = 200, description = "As it is now", body = Price, headers(("etag" = String, description = "The revision"))), ChangePrice))]
pub(crate) async fn change(
    server: Shared,
    ctx: Ctx,
    Path(id): Path<String>,
    IfMatch(expected): IfMatch,
    Body(wanted): Body<PriceChange>,
) -> Answer<Whole<Price>> {
    Ok(Whole(app::change(&ctx, &server, &id, expected, wanted).await?))
}

/// The shipped price counts again, where there is one.
#[utoipa::path(delete, path = paths::PRICE, operation_id = "delete_price", tag = "costs",
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
