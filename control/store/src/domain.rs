//! Business areas of an organization.

use domain::DomainId;
use jiff::Timestamp;

use crate::at::from_database;
use crate::{Error, OrgTx, Page};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain {
    pub id: DomainId,
    pub name: String,
    pub title: String,
    pub revision: i32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

macro_rules! row {
    ($row:expr) => {{
        let row = $row;
        Domain {
            id: DomainId::from_uuid(row.id),
            name: row.name,
            title: row.title,
            revision: row.revision,
            created_at: from_database(row.created_at),
            updated_at: from_database(row.updated_at),
        }
    }};
}

pub async fn list(tx: &mut OrgTx, page: Page) -> Result<Vec<Domain>, Error> {
    let rows = sqlx::query!(
        "select id, name, title, revision, created_at, updated_at from app.domains
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

pub async fn find(tx: &mut OrgTx, id: DomainId) -> Result<Option<Domain>, Error> {
    let row = sqlx::query!(
        "select id, name, title, revision, created_at, updated_at from app.domains where id = $1",
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| row!(row)))
}

/// As `find`, and nobody else changes it until the transaction ends.
pub async fn lock(tx: &mut OrgTx, id: DomainId) -> Result<Option<Domain>, Error> {
    let row = sqlx::query!(
        "select id, name, title, revision, created_at, updated_at from app.domains where id = $1 for update",
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| row!(row)))
}

pub async fn named(tx: &mut OrgTx, name: &str) -> Result<Option<Domain>, Error> {
    let row = sqlx::query!(
        "select id, name, title, revision, created_at, updated_at from app.domains where name = $1",
        name
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| row!(row)))
}

/// # Errors
/// `Conflict`: the organization has one of that name.
pub async fn create(tx: &mut OrgTx, id: DomainId, name: &str, title: &str) -> Result<Domain, Error> {
    let row = sqlx::query!(
        "insert into app.domains (id, org_id, name, title) values ($1, $2, $3, $4)
         returning id, name, title, revision, created_at, updated_at",
        id.as_uuid(),
        tx.org().as_uuid(),
        name,
        title
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(row!(row))
}

/// # Errors
/// `Conflict`: the organization has another of that name.
pub async fn update(tx: &mut OrgTx, id: DomainId, name: &str, title: &str) -> Result<Domain, Error> {
    let row = sqlx::query!(
        "update app.domains set name = $2, title = $3, revision = revision + 1, updated_at = now() where id = $1
         returning id, name, title, revision, created_at, updated_at",
        id.as_uuid(),
        name,
        title
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(row!(row))
}

/// # Errors
/// `Reference`: something names it.
pub async fn delete(tx: &mut OrgTx, id: DomainId) -> Result<(), Error> {
    sqlx::query!("delete from app.domains where id = $1", id.as_uuid()).execute(tx.connection()).await?;
    Ok(())
}
