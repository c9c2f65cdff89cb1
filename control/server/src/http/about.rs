//! `/v1/about` and `/v1/providers`.

use axum::Json as Answered;
use control_api::about::{About, PrincipalAbout, Providers, StoreAbout};
use control_api::paths;

use super::documented::Read;
use super::{Answer, Shared};
use crate::app::ctx::Ctx;
use crate::app::organizations;

/// This server, the organization of the request, and who asks.
#[utoipa::path(get, path = paths::ABOUT, operation_id = "about", tag = "server",
    responses((status = 200, description = "As it is now", body = About), Read))]
pub(crate) async fn about(server: Shared, ctx: Ctx) -> Answer<Answered<About>> {
    let organization = organizations::one(&ctx, &server, &ctx.org.to_string()).await?.body;
    let running = server.ports.platform.running();
    let readiness = server.ports.health.readiness();
    let db = &server.store.opened()?.db;
    Ok(Answered(About {
        version: running.version,
        started_at: running.started_at.to_string(),
        commit: running.commit,
        server_id: running.server_id,
        store: StoreAbout {
            kind: running.store,
            version: db.version().to_owned(),
            ready: db.ping().await.is_ok(),
        },
        calls_active: readiness.calls_active,
        calls_capacity: readiness.calls_capacity,
        organization,
        principal: PrincipalAbout { kind: ctx.principal.kind(), name: ctx.principal.name().to_owned() },
    }))
}

/// What this server listens, thinks and speaks with.
#[utoipa::path(get, path = paths::PROVIDERS, operation_id = "list_providers", tag = "server",
    responses((status = 200, description = "All of them", body = Providers), Read))]
pub(crate) async fn providers(server: Shared, _: Ctx) -> Answered<Providers> {
    Answered(Providers { data: server.ports.platform.providers() })
}
