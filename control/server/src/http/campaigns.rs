//! `/v1/campaigns`: calls to many people.

use axum::Json as Answered;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use control_api::campaign::{
    Campaign, CampaignChange, Contact, ContactChange, ImportAsked, Imported, NewCampaign,
};
use control_api::{List, Paging, paths};

use super::answer::{Gone, Whole};
use super::documented::{
    ChangeCampaign, ChangeContact, Find, ImportContacts, MakeCampaign, MoveCampaign, Read, RemoveContact,
};
use super::extract::{Body, IfMatch, Path, Query, Text};
use super::{Answer, Shared};
use crate::app::campaigns::rules::Move;
use crate::app::campaigns::{self as app, contacts as people, results as outcome};
use crate::app::ctx::Ctx;

/// Newest first.
#[utoipa::path(get, path = paths::CAMPAIGNS, operation_id = "list_campaigns", tag = "campaigns", params(Paging),
    responses((status = 200, description = "One page", body = List<Campaign>), Read))]
pub(crate) async fn list(
    server: Shared,
    ctx: Ctx,
    Query(paging): Query<Paging>,
) -> Answer<Answered<List<Campaign>>> {
    Ok(Answered(app::list(&ctx, &server, &paging).await?))
}

/// Calls nobody yet: import contacts, and start it.
#[utoipa::path(post, path = paths::CAMPAIGNS, operation_id = "create_campaign", tag = "campaigns", request_body = NewCampaign,
    params(("idempotency-key" = Option<String>, Header, description = "Done once, however often it is sent: kept for 24 h", min_length = 1, max_length = 255)),
    responses((status = 201, description = "Made", body = Campaign, headers(("etag" = String, description = "The revision"))), MakeCampaign))]
pub(crate) async fn create(
    server: Shared,
    ctx: Ctx,
    Body(new): Body<NewCampaign>,
) -> Answer<Whole<Campaign>> {
    Ok(Whole(app::create(&ctx, &server, new).await?))
}

#[utoipa::path(get, path = paths::CAMPAIGN, operation_id = "get_campaign", tag = "campaigns", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "As it is", body = Campaign, headers(("etag" = String, description = "The revision"))), Find))]
pub(crate) async fn one(server: Shared, ctx: Ctx, Path(id): Path<String>) -> Answer<Whole<Campaign>> {
    Ok(Whole(app::one(&ctx, &server, &id).await?))
}

/// Counts from the next call on.
#[utoipa::path(patch, path = paths::CAMPAIGN, operation_id = "update_campaign", tag = "campaigns", request_body = CampaignChange,
    params(("id" = String, Path, description = "Its id"), IfMatch),
    responses((status = 200, description = "As it is now", body = Campaign, headers(("etag" = String, description = "The revision"))), ChangeCampaign))]
pub(crate) async fn change(
    server: Shared,
    ctx: Ctx,
    Path(id): Path<String>,
    IfMatch(expected): IfMatch,
    Body(wanted): Body<CampaignChange>,
) -> Answer<Whole<Campaign>> {
    Ok(Whole(app::change(&ctx, &server, &id, expected, wanted).await?))
}

/// Calls begin, within its hours and at its pace.
#[utoipa::path(post, path = paths::CAMPAIGN_START, operation_id = "start_campaign", tag = "campaigns", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "As it is now", body = Campaign), MoveCampaign))]
pub(crate) async fn start(server: Shared, ctx: Ctx, Path(id): Path<String>) -> Answer<Whole<Campaign>> {
    Ok(Whole(app::go(&ctx, &server, &id, Move::Start).await?))
}

/// Within a second nobody else is called. Calls that run, or ring, go on.
#[utoipa::path(post, path = paths::CAMPAIGN_PAUSE, operation_id = "pause_campaign", tag = "campaigns", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "As it is now", body = Campaign), MoveCampaign))]
pub(crate) async fn pause(server: Shared, ctx: Ctx, Path(id): Path<String>) -> Answer<Whole<Campaign>> {
    Ok(Whole(app::go(&ctx, &server, &id, Move::Pause).await?))
}

#[utoipa::path(post, path = paths::CAMPAIGN_RESUME, operation_id = "resume_campaign", tag = "campaigns", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "As it is now", body = Campaign), MoveCampaign))]
pub(crate) async fn resume(server: Shared, ctx: Ctx, Path(id): Path<String>) -> Answer<Whole<Campaign>> {
    Ok(Whole(app::go(&ctx, &server, &id, Move::Resume).await?))
}

/// For good. Calls that run, or ring, go on to their end.
#[utoipa::path(post, path = paths::CAMPAIGN_CANCEL, operation_id = "cancel_campaign", tag = "campaigns", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "As it is now", body = Campaign), MoveCampaign))]
pub(crate) async fn cancel(server: Shared, ctx: Ctx, Path(id): Path<String>) -> Answer<Whole<Campaign>> {
    Ok(Whole(app::go(&ctx, &server, &id, Move::Cancel).await?))
}

/// Newest first.
#[utoipa::path(get, path = paths::CAMPAIGN_CONTACTS, operation_id = "list_contacts", tag = "campaigns",
    params(("id" = String, Path, description = "Of the campaign"), Paging),
    responses((status = 200, description = "One page", body = List<Contact>), Find))]
pub(crate) async fn contacts(
    server: Shared,
    ctx: Ctx,
    Path(id): Path<String>,
    Query(paging): Query<Paging>,
) -> Answer<Answered<List<Contact>>> {
    Ok(Answered(people::list(&ctx, &server, &id, &paging).await?))
}

/// A file of up to 512 KiB whose first line names the columns. `number` is called; every other column is told to the session as `session.COLUMN`, and
/// `name` as `caller.name`. Rows that cannot be taken are left out, and named with their lines; all others are taken.
#[utoipa::path(post, path = paths::CAMPAIGN_CONTACTS, operation_id = "import_contacts", tag = "campaigns",
    request_body(content = String, content_type = "text/csv", example = "number,name,due\n+4930123456,Maria Lopez,Monday\n"),
    params(("id" = String, Path, description = "Of the campaign"), ImportAsked,
        ("idempotency-key" = Option<String>, Header, description = "Done once, however often it is sent: kept for 24 h", min_length = 1, max_length = 255)),
    responses((status = 200, description = "What became of it", body = Imported), ImportContacts))]
pub(crate) async fn import(
    server: Shared,
    ctx: Ctx,
    Path(id): Path<String>,
    Query(asked): Query<ImportAsked>,
    Text(file): Text,
) -> Answer<Whole<Imported>> {
    Ok(Whole(people::import(&ctx, &server, &id, &file, asked.dry_run).await?))
}

/// Whoever waits to be called, the next time with another number or with something else told of them.
#[utoipa::path(patch, path = paths::CAMPAIGN_CONTACT, operation_id = "update_contact", tag = "campaigns", request_body = ContactChange,
    params(("id" = String, Path, description = "Of the campaign"), ("contact" = String, Path, description = "Its id")),
    responses((status = 200, description = "As it is now", body = Contact), ChangeContact))]
pub(crate) async fn change_contact(
    server: Shared,
    ctx: Ctx,
    Path((id, contact)): Path<(String, String)>,
    Body(wanted): Body<ContactChange>,
) -> Answer<Whole<Contact>> {
    Ok(Whole(people::change(&ctx, &server, (&id, &contact), wanted).await?))
}

/// Nobody calls them any more. Of whoever was called the list of calls goes too; their sessions stay on record.
#[utoipa::path(delete, path = paths::CAMPAIGN_CONTACT, operation_id = "delete_contact", tag = "campaigns",
    params(("id" = String, Path, description = "Of the campaign"), ("contact" = String, Path, description = "Its id")),
    responses((status = 204, description = "Gone"), RemoveContact))]
pub(crate) async fn remove_contact(
    server: Shared,
    ctx: Ctx,
    Path((id, contact)): Path<(String, String)>,
) -> Answer<Gone> {
    people::remove(&ctx, &server, (&id, &contact)).await?;
    Ok(Gone)
}

/// All contacts with what came of them, as CSV.
#[utoipa::path(get, path = paths::CAMPAIGN_RESULTS, operation_id = "export_results", tag = "campaigns", params(("id" = String, Path, description = "Of the campaign")),
    responses((status = 200, description = "The file", body = String, content_type = "text/csv"), Find))]
pub(crate) async fn results(server: Shared, ctx: Ctx, Path(id): Path<String>) -> Answer<Response> {
    let file = outcome::of(&ctx, &server, &id).await?;
    let named = format!("attachment; filename=\"{id}.csv\"");
    let headers = [(header::CONTENT_TYPE, "text/csv; charset=utf-8"), (header::CONTENT_DISPOSITION, &named)];
    Ok((headers, file).into_response())
}
