//! `/v1/greetings`, and what belongs to them: previews, the calendar and what came of them.

use axum::Json as Answered;
use control_api::greeting::{
    Greeting, GreetingAudio, GreetingAudioRequest, GreetingCalendar, GreetingCalendarSetting, GreetingChange,
    GreetingMeasures, GreetingMeasuresQuery, GreetingPreview, GreetingPreviewRequest, GreetingResults,
    NewGreeting,
};
use control_api::{List, Paging, paths};

use super::answer::{Gone, Whole};
use super::documented::{Ask, Change, ChangePrice, Find, Make, Read, Remove, SpeakGreeting};
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

/// For a scope, a language and a time. Of two that are said always, scope, language or priority differ.
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

/// How calls that were greeted so went: by arm where there is an experiment, with what may be concluded.
#[utoipa::path(get, path = paths::GREETING_RESULTS, operation_id = "get_greeting_results", tag = "greetings", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "Of its present round", body = GreetingResults), Find))]
pub(crate) async fn results(
    server: Shared,
    ctx: Ctx,
    Path(id): Path<String>,
) -> Answer<Answered<GreetingResults>> {
    Ok(Answered(app::results::of(&ctx, &server, &id).await?))
}

/// How soon greetings were heard, and whether to their end.
#[utoipa::path(get, path = paths::GREETING_MEASURES, operation_id = "get_greeting_measures", tag = "greetings", params(GreetingMeasuresQuery),
    responses((status = 200, description = "In sum and by greeting", body = GreetingMeasures), Read))]
pub(crate) async fn measures(
    server: Shared,
    ctx: Ctx,
    Query(query): Query<GreetingMeasuresQuery>,
) -> Answer<Answered<GreetingMeasures>> {
    Ok(Answered(app::results::measures(&ctx, &server, &query).await?))
}

/// What would be said to a call, and why: to this agent, at this time, with this caller. Nothing is stored.
#[utoipa::path(post, path = paths::GREETING_PREVIEW, operation_id = "preview_greeting", tag = "greetings", request_body = GreetingPreviewRequest,
    responses((status = 200, description = "What would be said", body = GreetingPreview), Ask))]
pub(crate) async fn preview(
    server: Shared,
    ctx: Ctx,
    Body(asked): Body<GreetingPreviewRequest>,
) -> Answer<Answered<GreetingPreview>> {
    Ok(Answered(app::preview::of(&ctx, &server, asked).await?))
}

/// Says a text in a voice of the agent: a request to its vendor, unless it was rendered before.
#[utoipa::path(post, path = paths::GREETING_AUDIO, operation_id = "speak_greeting", tag = "greetings", request_body = GreetingAudioRequest,
    responses((status = 200, description = "How it sounds", body = GreetingAudio), SpeakGreeting))]
pub(crate) async fn audio(
    server: Shared,
    ctx: Ctx,
    Body(wanted): Body<GreetingAudioRequest>,
) -> Answer<Answered<GreetingAudio>> {
    Ok(Answered(app::preview::audio(&ctx, &server, wanted).await?))
}

/// The organization's time zone and holidays, and what its callers speak.
#[utoipa::path(get, path = paths::GREETING_CALENDAR, operation_id = "get_greeting_calendar", tag = "greetings",
    responses((status = 200, description = "As it stands", body = GreetingCalendar, headers(("etag" = String, description = "The revision"))), Read))]
pub(crate) async fn calendar(server: Shared, ctx: Ctx) -> Answer<Whole<GreetingCalendar>> {
    Ok(Whole(app::calendar::get(&ctx, &server).await?))
}

/// The whole of it.
#[utoipa::path(put, path = paths::GREETING_CALENDAR, operation_id = "put_greeting_calendar", tag = "greetings", request_body = GreetingCalendarSetting,
    params(IfMatch),
    responses((status = 200, description = "As it stands now", body = GreetingCalendar, headers(("etag" = String, description = "The revision"))), ChangePrice))]
pub(crate) async fn set_calendar(
    server: Shared,
    ctx: Ctx,
    IfMatch(expected): IfMatch,
    Body(wanted): Body<GreetingCalendarSetting>,
) -> Answer<Whole<GreetingCalendar>> {
    Ok(Whole(app::calendar::put(&ctx, &server, expected, wanted).await?))
}
