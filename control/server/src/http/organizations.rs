//! `/v1/organizations`.

use axum::Json as Answered;
use control_api::organization::{NewOrganization, Organization, OrganizationChange};
use control_api::{List, Paging, paths};

use super::answer::Whole;
use super::documented::{Change, Find, MakeOrganization, Read};
use super::extract::{Body, IfMatch, Path, Query};
use super::{Answer, Shared};
use crate::app::ctx::Ctx;
use crate::app::organizations as app;

/// A key sees its own alone, the operator all, newest first.
#[utoipa::path(get, path = paths::ORGANIZATIONS, operation_id = "list_organizations", tag = "organizations", params(Paging),
    responses((status = 200, description = "One page", body = List<Organization>), Read))]
pub(crate) async fn list(
    server: Shared,
    ctx: Ctx,
    Query(paging): Query<Paging>,
) -> Answer<Answered<List<Organization>>> {
    Ok(Answered(app::list(&ctx, &server, &paging).await?))
}

/// The operator alone. Also makes the domain `main` and the environments `prod`, `staging` and `dev`.
#[utoipa::path(post, path = paths::ORGANIZATIONS, operation_id = "create_organization", tag = "organizations", request_body = NewOrganization,
    params(("idempotency-key" = Option<String>, Header, description = "Done once, however often it is sent: kept for 24 h", min_length = 1, max_length = 255)),
    responses((status = 201, description = "Made", body = Organization, headers(("etag" = String, description = "The revision"))), MakeOrganization))]
pub(crate) async fn create(
    server: Shared,
    ctx: Ctx,
    Body(new): Body<NewOrganization>,
) -> Answer<Whole<Organization>> {
    Ok(Whole(app::create(&ctx, &server, new).await?))
}

#[utoipa::path(get, path = paths::ORGANIZATION, operation_id = "get_organization", tag = "organizations", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "As it is", body = Organization, headers(("etag" = String, description = "The revision"))), Find))]
pub(crate) async fn one(server: Shared, ctx: Ctx, Path(id): Path<String>) -> Answer<Whole<Organization>> {
    Ok(Whole(app::one(&ctx, &server, &id).await?))
}

#[utoipa::path(patch, path = paths::ORGANIZATION, operation_id = "update_organization", tag = "organizations", request_body = OrganizationChange,
    params(("id" = String, Path, description = "Its id"), IfMatch),
    responses((status = 200, description = "As it is now", body = Organization, headers(("etag" = String, description = "The revision"))), Change))]
pub(crate) async fn change(
    server: Shared,
    ctx: Ctx,
    Path(id): Path<String>,
    IfMatch(expected): IfMatch,
    Body(wanted): Body<OrganizationChange>,
) -> Answer<Whole<Organization>> {
    Ok(Whole(app::change(&ctx, &server, &id, expected, wanted).await?))
}
