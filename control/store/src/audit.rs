//! The audit log: who changed what. Written in the transaction of the change, never changed.

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::at::from_database;
use crate::{Error, OrgTx, Page};

#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub id: Uuid,
    pub at: Timestamp,
    pub actor: String,
    pub action: String,
    pub target: String,
    pub before: Option<Value>,
    pub after: Option<Value>,
    pub request_id: String,
}

/// What is written down of a change.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    pub actor: &'a str,
    pub action: &'a str,
    pub target: &'a str,
    pub before: Option<&'a Value>,
    pub after: Option<&'a Value>,
    pub request_id: &'a str,
}

pub async fn write(tx: &mut OrgTx, change: Change<'_>) -> Result<(), Error> {
    sqlx::query!(
        "insert into app.audit_log (id, org_id, actor, action, target, before, after, request_id) values ($1, $2, $3, $4, $5, $6, $7, $8)",
        Uuid::now_v7(),
        tx.org().as_uuid(),
        change.actor,
        change.action,
        change.target,
        change.before,
        change.after,
        change.request_id
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Newest first.
pub async fn list(tx: &mut OrgTx, page: Page) -> Result<Vec<Entry>, Error> {
    let rows = sqlx::query!(
        "select id, created_at, actor, action, target, before, after, request_id from app.audit_log
         where $1::timestamptz is null or (created_at, id) < ($1, $2::uuid)
         order by created_at desc, id desc limit $3",
        page.at(),
        page.id(),
        page.limit,
    )
    .fetch_all(tx.connection())
    .await?;
    let entries = rows.into_iter().map(|row| Entry {
        id: row.id,
        at: from_database(row.created_at),
        actor: row.actor,
        action: row.action,
        target: row.target,
        before: row.before,
        after: row.after,
        request_id: row.request_id,
    });
    Ok(entries.collect())
}
