//! The audit log, to read.

use control_api::audit::AuditEntry;
use control_api::{List, Paging};
use control_store::audit as store;
use serde_json::Value;

use super::ctx::Ctx;
use super::paging;
use crate::Server;
use crate::error::Error;

pub(crate) async fn list(ctx: &Ctx, server: &Server, asked: &Paging) -> Result<List<AuditEntry>, Error> {
    let page = paging::page(server, "audit", asked)?;
    let mut tx = ctx.tx(server).await?;
    let rows = store::list(&mut tx, page).await?;
    tx.commit().await?;
    Ok(paging::list(server, "audit", page, rows, |row| (row.at, row.id), shown))
}

fn shown(row: store::Entry) -> AuditEntry {
    AuditEntry {
        id: format!("aud_{}", row.id.simple()),
        at: row.at.to_string(),
        actor: row.actor,
        action: row.action,
        target: row.target,
        before: row.before.unwrap_or(Value::Null),
        after: row.after.unwrap_or(Value::Null),
        request_id: row.request_id,
    }
}
