//! `/v1/trunks`: what calls out go by.

use axum::Json as Answered;
use control_api::paths;
use control_api::trunk::Trunks;

use super::documented::Read;
use super::{Answer, Shared};
use crate::app::ctx::Ctx;

/// What the organization may call by, and how each stands: SIP trunks of the server and accounts at carriers.
#[utoipa::path(get, path = paths::TRUNKS, operation_id = "list_trunks", tag = "calls",
    responses((status = 200, description = "As this server has them", body = Trunks), Read))]
pub(crate) async fn list(server: Shared, ctx: Ctx) -> Answer<Answered<Trunks>> {
    Ok(Answered(Trunks { data: server.ports.dialler.trunks(ctx.org) }))
}
