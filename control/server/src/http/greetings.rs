//! `/v1/greetings`.

use axum::Json as Answered;
use control_api::greeting::{Greeting, GreetingChange, NewGreeting};
use control_api::{List, Paging, paths};

use super::answer::{Gone, Whole};
use super::documented::{Change, Find, Make, Read, Remove};
use super::extract::{Body, IfMatch, Path, Query};
use super::{Answer, Shared};
use crate::app::ctx::Ctx;
use crate::app::greetings as app;

/// Newest first.
#[utoipa::path(get, path = paths::GREETINGS, operation_id = "list_greetings", tag = "greetings", params(Paging),
    responses((status = 200, description = "One page", body = List<Greeting>), Read))]
pub(crate) async fn list(
    server: Shared,
    ctx: Ctx,
    Query(paging): Query<Paging>,
) -> Answer<Answered<List<Greeting>>> {
    Ok(Answered(app::list(&ctx, &server, &paging).await?))
}

/// One for each scope.
#[utoipa::path(post, path = paths::GREETINGS, operation_id = "create_greeting", tag = "greetings", request_body = NewGreeting,
    params(("idempotency-key" = Option<String>, Header, description = "Done once, however often it is sent: kept for 24 h", min_length = 1, max_length = 255)),
    responses((status = 201, description = "Made", body = Greeting, headers(("etag" = String, description = "The revision"))), Make))]
pub(crate) async fn create(
    server: Shared,
    ctx: Ctx,
    Body(new): Body<NewGreeting>,
) -> Answer<Whole<Greeting>> {
    Ok(Whole(app::create(&ctx, &server, new).await?))
}

#[utoipa::path(get, path = paths::GREETING, operation_id = "get_greeting", tag = "greetings", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "As it is", body = Greeting, headers(("etag" = String, description = "The revision"))), Find))]
pub(crate) async fn one(server: Shared, ctx: Ctx, Path(id): Path<String>) -> Answer<Whole<Greeting>> {
    Ok(Whole(app::one(&ctx, &server, &id).await?))
}

#[utoipa::path(patch, path = paths::GREETING, operation_id = "update_greeting", tag = "greetings", request_body = GreetingChange,
    params(("id" = String, Path, description = "Its id"), IfMatch),
    responses((status = 200, description = "As it is now", body = Greeting, headers(("etag" = String, description = "The revision"))), Change))]
pub(crate) async fn change(
    server: Shared,
    ctx: Ctx,
    Path(id): Path<String>,
    IfMatch(expected): IfMatch,
    Body(wanted): Body<GreetingChange>,
) -> Answer<Whole<Greeting>> {
    Ok(Whole(app::change(&ctx, &server, &id, expected, wanted).await?))
}

/// Calls are greeted by the next wider scope from now on.
#[utoipa::path(delete, path = paths::GREETING, operation_id = "delete_greeting", tag = "greetings",
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
