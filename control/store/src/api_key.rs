//! API keys and their secrets, of which only hashes are stored.

use domain::{ApiKeyId, OrgId};
use jiff::Timestamp;
use uuid::Uuid;

use crate::at::{from_database, to_database};
use crate::{Error, OrgTx, Page, SystemTx};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    pub id: ApiKeyId,
    pub name: String,
    pub hint: String,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
    pub created_by: String,
    pub created_at: Timestamp,
}

macro_rules! row {
    ($row:expr) => {{
        let row = $row;
        ApiKey {
            id: ApiKeyId::from_uuid(row.id),
            name: row.name,
            hint: row.hint,
            expires_at: row.expires_at.map(from_database),
            revoked_at: row.revoked_at.map(from_database),
            last_used_at: row.last_used_at.map(from_database),
            created_by: row.created_by,
            created_at: from_database(row.created_at),
        }
    }};
}

pub async fn list(tx: &mut OrgTx, page: Page) -> Result<Vec<ApiKey>, Error> {
    let rows = sqlx::query!(
        "select id, name, hint, expires_at, revoked_at, last_used_at, created_by, created_at from app.api_keys
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

pub async fn find(tx: &mut OrgTx, id: ApiKeyId) -> Result<Option<ApiKey>, Error> {
    let row = sqlx::query!("select id, name, hint, expires_at, revoked_at, last_used_at, created_by, created_at from app.api_keys where id = $1", id.as_uuid())
        .fetch_optional(tx.connection())
        .await?;
    Ok(row.map(|row| row!(row)))
}

/// As `find`, and nobody else changes it until the transaction ends.
pub async fn lock(tx: &mut OrgTx, id: ApiKeyId) -> Result<Option<ApiKey>, Error> {
    let row = sqlx::query!("select id, name, hint, expires_at, revoked_at, last_used_at, created_by, created_at from app.api_keys where id = $1 for update", id.as_uuid())
        .fetch_optional(tx.connection())
        .await?;
    Ok(row.map(|row| row!(row)))
}

/// What a new key is made of.
#[derive(Debug, Clone, Copy)]
pub struct NewKey<'a> {
    pub id: ApiKeyId,
    pub name: &'a str,
    pub hint: &'a str,
    pub hash: &'a [u8; 32],
    pub expires_at: Option<Timestamp>,
    pub by: &'a str,
}

pub async fn create(tx: &mut OrgTx, new: NewKey<'_>) -> Result<ApiKey, Error> {
    let row = sqlx::query!(
        "insert into app.api_keys (id, org_id, name, hint, expires_at, created_by) values ($1, $2, $3, $4, $5, $6)
         returning id, name, hint, expires_at, revoked_at, last_used_at, created_by, created_at",
        new.id.as_uuid(),
        tx.org().as_uuid(),
        new.name,
        new.hint,
        new.expires_at.map(to_database),
        new.by
    )
    .fetch_one(tx.connection())
    .await?;
    add_secret(tx, new.id, new.hash).await?;
    Ok(row!(row))
}

async fn add_secret(tx: &mut OrgTx, key: ApiKeyId, hash: &[u8; 32]) -> Result<(), Error> {
    sqlx::query!(
        "insert into app.api_key_secrets (id, org_id, key_id, hash) values ($1, $2, $3, $4)",
        Uuid::now_v7(),
        tx.org().as_uuid(),
        key.as_uuid(),
        &hash[..]
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// A new secret; those before it are good until `old_until`, or shorter where that was said before.
pub async fn rotate(
    tx: &mut OrgTx,
    id: ApiKeyId,
    hash: &[u8; 32],
    hint: &str,
    old_until: Timestamp,
) -> Result<ApiKey, Error> {
    sqlx::query!(
        "update app.api_key_secrets set valid_until = least(valid_until, $2) where key_id = $1",
        id.as_uuid(),
        to_database(old_until)
    )
    .execute(tx.connection())
    .await?;
    add_secret(tx, id, hash).await?;
    let row = sqlx::query!(
        "update app.api_keys set hint = $2 where id = $1 returning id, name, hint, expires_at, revoked_at, last_used_at, created_by, created_at",
        id.as_uuid(),
        hint
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(row!(row))
}

/// Ends the key and all its secrets. One that was revoked keeps its time.
pub async fn revoke(tx: &mut OrgTx, id: ApiKeyId) -> Result<ApiKey, Error> {
    let row = sqlx::query!(
        "update app.api_keys set revoked_at = coalesce(revoked_at, now()) where id = $1
         returning id, name, hint, expires_at, revoked_at, last_used_at, created_by, created_at",
        id.as_uuid()
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(row!(row))
}

/// Whose secret it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    pub org: OrgId,
    pub key: ApiKeyId,
    pub name: String,
    /// When the key or this secret of it ends, whichever comes first.
    pub valid_until: Option<Timestamp>,
}

/// The key of a secret, unless it was revoked. Whether it has expired is for the caller's clock to say.
pub async fn owner(tx: &mut SystemTx, hash: &[u8; 32]) -> Result<Option<Owner>, Error> {
    let row = sqlx::query!(
        "select k.org_id, k.id, k.name, least(k.expires_at, s.valid_until) as valid_until
         from app.api_key_secrets s join app.api_keys k on k.org_id = s.org_id and k.id = s.key_id
         where s.hash = $1 and k.revoked_at is null",
        &hash[..]
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| Owner {
        org: OrgId::from_uuid(row.org_id),
        key: ApiKeyId::from_uuid(row.id),
        name: row.name,
        valid_until: row.valid_until.map(from_database),
    }))
}

/// Writes down that the key is in use, to a minute.
pub async fn used(tx: &mut SystemTx, id: ApiKeyId) -> Result<(), Error> {
    sqlx::query!(
        "update app.api_keys set last_used_at = now()
         where id = $1 and (last_used_at is null or last_used_at < now() - interval '1 minute')",
        id.as_uuid()
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}
