//! `/v1/alerts`.

use axum::Json as Answered;
use control_api::alert::Alert;
use control_api::{List, Paging, paths};

use super::answer::Gone;
use super::documented::{Find, Read};
use super::extract::{Path, Query};
use super::{Answer, Shared};
use crate::app::alerts as app;
use crate::app::ctx::Ctx;

/// What wants attention, newest first.
#[utoipa::path(get, path = paths::ALERTS, operation_id = "list_alerts", tag = "alerts", params(Paging),
    responses((status = 200, description = "One page", body = List<Alert>), Read))]
pub(crate) async fn list(
    server: Shared,
    ctx: Ctx,
    Query(paging): Query<Paging>,
) -> Answer<Answered<List<Alert>>> {
    Ok(Answered(app::list(&ctx, &server, &paging).await?))
}

/// Puts it aside. It comes again where the same happens more than a day later.
#[utoipa::path(delete, path = paths::ALERT, operation_id = "close_alert", tag = "alerts", params(("id" = String, Path, description = "Its id")),
    responses((status = 204, description = "Put aside"), Find))]
pub(crate) async fn close(server: Shared, ctx: Ctx, Path(id): Path<String>) -> Answer<Gone> {
    app::close(&ctx, &server, &id).await?;
    Ok(Gone)
}
