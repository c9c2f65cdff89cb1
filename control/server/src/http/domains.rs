//! `/v1/domains`.

use axum::Json as Answered;
use control_api::domain::{Domain, DomainChange, NewDomain};
use control_api::{List, Paging, paths};

use super::answer::{Gone, Whole};
use super::documented::{Change, Find, Make, Read, Remove};
use super::extract::{Body, IfMatch, Path, Query};
use super::{Answer, Shared};
use crate::app::ctx::Ctx;
use crate::app::domains as app;

/// Newest first.
#[utoipa::path(get, path = paths::DOMAINS, operation_id = "list_domains", tag = "domains", params(Paging),
    responses((status = 200, description = "One page", body = List<Domain>), Read))]
pub(crate) async fn list(
    server: Shared,
    ctx: Ctx,
    Query(paging): Query<Paging>,
) -> Answer<Answered<List<Domain>>> {
    Ok(Answered(app::list(&ctx, &server, &paging).await?))
}

#[utoipa::path(post, path = paths::DOMAINS, operation_id = "create_domain", tag = "domains", request_body = NewDomain,
    params(("idempotency-key" = Option<String>, Header, description = "Done once, however often it is sent: kept for 24 h", min_length = 1, max_length = 255)),
    responses((status = 201, description = "Made", body = Domain, headers(("etag" = String, description = "The revision"))), Make))]
pub(crate) async fn create(server: Shared, ctx: Ctx, Body(new): Body<NewDomain>) -> Answer<Whole<Domain>> {
    Ok(Whole(app::create(&ctx, &server, new).await?))
}

#[utoipa::path(get, path = paths::DOMAIN, operation_id = "get_domain", tag = "domains", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "As it is", body = Domain, headers(("etag" = String, description = "The revision"))), Find))]
pub(crate) async fn one(server: Shared, ctx: Ctx, Path(id): Path<String>) -> Answer<Whole<Domain>> {
    Ok(Whole(app::one(&ctx, &server, &id).await?))
}

#[utoipa::path(patch, path = paths::DOMAIN, operation_id = "update_domain", tag = "domains", request_body = DomainChange,
    params(("id" = String, Path, description = "Its id"), IfMatch),
    responses((status = 200, description = "As it is now", body = Domain, headers(("etag" = String, description = "The revision"))), Change))]
pub(crate) async fn change(
    server: Shared,
    ctx: Ctx,
    Path(id): Path<String>,
    IfMatch(expected): IfMatch,
    Body(wanted): Body<DomainChange>,
) -> Answer<Whole<Domain>> {
    Ok(Whole(app::change(&ctx, &server, &id, expected, wanted).await?))
}

/// One that agents are in is refused.
#[utoipa::path(delete, path = paths::DOMAIN, operation_id = "delete_domain", tag = "domains",
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
