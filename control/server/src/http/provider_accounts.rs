//! `/v1/provider-accounts` and `/v1/vendors`.

use axum::Json as Answered;
use control_api::provider_account::{
    NewProviderAccount, ProviderAccount, ProviderAccountChange, ProvidersHealth, TrialAnswer, TrialRequest,
    Vendors, Voices,
};
use control_api::{List, Paging, paths};

use super::answer::{Gone, Whole};
use super::documented::{AskVendor, ChangeAccount, Find, MakeAccount, Read, Remove, TryVendor};
use super::extract::{Body, IfMatch, Path, Query};
use super::{Answer, Shared};
use crate::app::ctx::Ctx;
use crate::app::provider_accounts as app;

/// Vendors of speech and language that this server can have accounts at.
#[utoipa::path(get, path = paths::VENDORS, operation_id = "list_vendors", tag = "providers",
    responses((status = 200, description = "All of them", body = Vendors), Read))]
pub(crate) async fn vendors(server: Shared, _: Ctx) -> Answered<Vendors> {
    Answered(Vendors { data: server.ports.vendors.all() })
}

/// Newest first.
#[utoipa::path(get, path = paths::PROVIDER_ACCOUNTS, operation_id = "list_provider_accounts", tag = "providers", params(Paging),
    responses((status = 200, description = "One page", body = List<ProviderAccount>), Read))]
pub(crate) async fn list(
    server: Shared,
    ctx: Ctx,
    Query(paging): Query<Paging>,
) -> Answer<Answered<List<ProviderAccount>>> {
    Ok(Answered(app::list(&ctx, &server, &paging).await?))
}

/// With a key that is kept encrypted. Agents name the account among their `providers`.
#[utoipa::path(post, path = paths::PROVIDER_ACCOUNTS, operation_id = "create_provider_account", tag = "providers", request_body = NewProviderAccount,
    params(("idempotency-key" = Option<String>, Header, description = "Done once, however often it is sent: kept for 24 h", min_length = 1, max_length = 255)),
    responses((status = 201, description = "Made", body = ProviderAccount, headers(("etag" = String, description = "The revision"))), MakeAccount))]
pub(crate) async fn create(
    server: Shared,
    ctx: Ctx,
    Body(new): Body<NewProviderAccount>,
) -> Answer<Whole<ProviderAccount>> {
    Ok(Whole(app::create(&ctx, &server, new).await?))
}

#[utoipa::path(get, path = paths::PROVIDER_ACCOUNT, operation_id = "get_provider_account", tag = "providers", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "As it is", body = ProviderAccount, headers(("etag" = String, description = "The revision"))), Find))]
pub(crate) async fn one(server: Shared, ctx: Ctx, Path(id): Path<String>) -> Answer<Whole<ProviderAccount>> {
    Ok(Whole(app::one(&ctx, &server, &id).await?))
}

#[utoipa::path(patch, path = paths::PROVIDER_ACCOUNT, operation_id = "update_provider_account", tag = "providers", request_body = ProviderAccountChange,
    params(("id" = String, Path, description = "Its id"), IfMatch),
    responses((status = 200, description = "As it is now", body = ProviderAccount, headers(("etag" = String, description = "The revision"))), ChangeAccount))]
pub(crate) async fn change(
    server: Shared,
    ctx: Ctx,
    Path(id): Path<String>,
    IfMatch(expected): IfMatch,
    Body(wanted): Body<ProviderAccountChange>,
) -> Answer<Whole<ProviderAccount>> {
    Ok(Whole(app::change(&ctx, &server, &id, expected, wanted).await?))
}

/// Its key goes, too. Calls that run keep what they began with.
#[utoipa::path(delete, path = paths::PROVIDER_ACCOUNT, operation_id = "delete_provider_account", tag = "providers",
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

/// Makes one small, real request at the vendor and says how long it took.
#[utoipa::path(post, path = paths::PROVIDER_ACCOUNT_TRIAL, operation_id = "test_provider_account", tag = "providers", request_body = TrialRequest,
    params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "What came of it", body = TrialAnswer), TryVendor))]
pub(crate) async fn try_out(
    server: Shared,
    ctx: Ctx,
    Path(id): Path<String>,
    Body(wanted): Body<TrialRequest>,
) -> Answer<Answered<TrialAnswer>> {
    Ok(Answered(app::try_out(&ctx, &server, &id, wanted).await?))
}

/// The voices that the vendor offers this account.
#[utoipa::path(get, path = paths::PROVIDER_ACCOUNT_VOICES, operation_id = "list_voices", tag = "providers", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "All of them", body = Voices), AskVendor))]
pub(crate) async fn voices(server: Shared, ctx: Ctx, Path(id): Path<String>) -> Answer<Answered<Voices>> {
    Ok(Answered(app::voices(&ctx, &server, &id).await?))
}

/// How accounts did in the last 24 hours, and what this server does not ask for now.
#[utoipa::path(get, path = paths::PROVIDER_HEALTH, operation_id = "get_provider_health", tag = "providers",
    responses((status = 200, description = "Account by account", body = ProvidersHealth), Read))]
pub(crate) async fn health(server: Shared, ctx: Ctx) -> Answer<Answered<ProvidersHealth>> {
    Ok(Answered(crate::app::costs::health(&ctx, &server).await?))
}
