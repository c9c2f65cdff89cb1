//! `/v1/audit`.

use axum::Json as Answered;
use control_api::audit::AuditEntry;
use control_api::{List, Paging, paths};

use super::documented::Read;
use super::extract::Query;
use super::{Answer, Shared};
use crate::app::audit as app;
use crate::app::ctx::Ctx;

/// Who changed what, newest first.
#[utoipa::path(get, path = paths::AUDIT, operation_id = "list_audit", tag = "audit", params(Paging),
    responses((status = 200, description = "One page", body = List<AuditEntry>), Read))]
pub(crate) async fn list(
    server: Shared,
    ctx: Ctx,
    Query(paging): Query<Paging>,
) -> Answer<Answered<List<AuditEntry>>> {
    Ok(Answered(app::list(&ctx, &server, &paging).await?))
}
