//! Organizations: the tenants.

use domain::OrgId;
use jiff::Timestamp;

use crate::at::from_database;
use crate::{Error, OrgTx, Page, SystemTx};

/// For how many days; `None` keeps all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keep {
    pub recordings_days: Option<i32>,
    /// Calls with all that was said in them, and their recordings.
    pub calls_days: Option<i32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Org {
    pub id: OrgId,
    pub name: String,
    pub title: String,
    pub keep: Keep,
    /// Regions that accounts at vendors may be in; none: anywhere.
    pub residency: Vec<String>,
    /// For the p95 of the response of agents that name no target; `None`: they have none.
    pub latency_target_ms: Option<i32>,
    pub revision: i32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

macro_rules! row {
    ($row:expr) => {{
        let row = $row;
        Org {
            id: OrgId::from_uuid(row.id),
            name: row.name,
            title: row.title,
            keep: Keep { recordings_days: row.recordings_keep_days, calls_days: row.calls_keep_days },
            residency: row.residency,
            latency_target_ms: row.latency_target_ms,
            revision: row.revision,
            created_at: from_database(row.created_at),
            updated_at: from_database(row.updated_at),
        }
    }};
}

/// The organization of the transaction. `None`: there is none of that id.
pub async fn own(tx: &mut OrgTx) -> Result<Option<Org>, Error> {
    let row = sqlx::query!(
        "select id, name, title, recordings_keep_days, calls_keep_days, residency, latency_target_ms, revision, created_at, updated_at from app.orgs where id = $1",
        tx.org().as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| row!(row)))
}

/// As `own`, and nobody else changes it until the transaction ends.
pub async fn lock(tx: &mut OrgTx) -> Result<Option<Org>, Error> {
    let row = sqlx::query!(
        "select id, name, title, recordings_keep_days, calls_keep_days, residency, latency_target_ms, revision, created_at, updated_at from app.orgs where id = $1 for update",
        tx.org().as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| row!(row)))
}

/// # Errors
/// `Conflict`: another organization has that name.
pub async fn update(
    tx: &mut OrgTx,
    name: &str,
    title: &str,
    keep: Keep,
    residency: &[String],
    latency_target_ms: Option<i32>,
) -> Result<Org, Error> {
    let row = sqlx::query!(
        "update app.orgs set name = $2, title = $3, recordings_keep_days = $4, calls_keep_days = $5, residency = $6,
            latency_target_ms = $7, revision = revision + 1, updated_at = now()
         where id = $1
         returning id, name, title, recordings_keep_days, calls_keep_days, residency, latency_target_ms, revision, created_at, updated_at",
        tx.org().as_uuid(),
        name,
        title,
        keep.recordings_days,
        keep.calls_days,
        residency,
        latency_target_ms
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(row!(row))
}

/// All of them: the operator's alone to see.
pub async fn list(tx: &mut SystemTx, page: Page) -> Result<Vec<Org>, Error> {
    let rows = sqlx::query!(
        "select id, name, title, recordings_keep_days, calls_keep_days, residency, latency_target_ms, revision, created_at, updated_at from app.orgs
         where $1::timestamptz is null or (created_at, id) < ($1, $2::uuid)
         order by created_at desc, id desc limit $3",
        page.at(),
        page.id(),
        page.limit,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(|row| row!(row)).collect())
}

pub async fn named(tx: &mut SystemTx, name: &str) -> Result<Option<Org>, Error> {
    let row = sqlx::query!(
        "select id, name, title, recordings_keep_days, calls_keep_days, residency, latency_target_ms, revision, created_at, updated_at from app.orgs where name = $1",
        name
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| row!(row)))
}

/// # Errors
/// `Conflict`: another organization has that name.
pub async fn create(tx: &mut SystemTx, id: OrgId, name: &str, title: &str, keep: Keep) -> Result<Org, Error> {
    let row = sqlx::query!(
        "insert into app.orgs (id, name, title, recordings_keep_days, calls_keep_days) values ($1, $2, $3, $4, $5)
         returning id, name, title, recordings_keep_days, calls_keep_days, residency, latency_target_ms, revision, created_at, updated_at",
        id.as_uuid(),
        name,
        title,
        keep.recordings_days,
        keep.calls_days
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(row!(row))
}
