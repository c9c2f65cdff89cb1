//! An organization's accounts at vendors of speech and language.

use domain::{OrgId, ProviderAccountId, SecretId};
use jiff::Timestamp;
use serde_json::Value;

use crate::at::from_database;
use crate::secret::Sealed;
use crate::{Error, OrgTx, Page, SystemTx};

#[derive(Debug, Clone, PartialEq)]
pub struct ProviderAccount {
    pub id: ProviderAccountId,
    pub name: String,
    pub vendor: String,
    pub options: Value,
    pub secret: Option<SecretId>,
    /// Last characters of its key.
    pub hint: Option<String>,
    pub enabled: bool,
    pub revision: i32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

macro_rules! row {
    ($row:expr) => {{
        let row = $row;
        ProviderAccount {
            id: ProviderAccountId::from_uuid(row.id),
            name: row.name,
            vendor: row.vendor,
            options: row.options,
            secret: row.secret_id.map(SecretId::from_uuid),
            hint: row.hint,
            enabled: row.enabled,
            revision: row.revision,
            created_at: from_database(row.created_at),
            updated_at: from_database(row.updated_at),
        }
    }};
}

/// # Errors
/// When the database does not answer.
pub async fn list(tx: &mut OrgTx, page: Page) -> Result<Vec<ProviderAccount>, Error> {
    let rows = sqlx::query!(
        r#"select a.id, a.name, a.vendor, a.options, a.secret_id, s.hint as "hint?", a.enabled, a.revision, a.created_at, a.updated_at
         from app.provider_accounts a left join app.secrets s on s.org_id = a.org_id and s.id = a.secret_id
         where $1::timestamptz is null or (a.created_at, a.id) < ($1, $2::uuid)
         order by a.created_at desc, a.id desc limit $3"#,
        page.at(),
        page.id(),
        page.limit,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(|row| row!(row)).collect())
}

/// # Errors
/// When the database does not answer.
pub async fn find(tx: &mut OrgTx, id: ProviderAccountId) -> Result<Option<ProviderAccount>, Error> {
    let row = sqlx::query!(
        r#"select a.id, a.name, a.vendor, a.options, a.secret_id, s.hint as "hint?", a.enabled, a.revision, a.created_at, a.updated_at
         from app.provider_accounts a left join app.secrets s on s.org_id = a.org_id and s.id = a.secret_id
         where a.id = $1"#,
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| row!(row)))
}

/// As `find`, and nobody else changes it until the transaction ends.
///
/// # Errors
/// When the database does not answer.
pub async fn lock(tx: &mut OrgTx, id: ProviderAccountId) -> Result<Option<ProviderAccount>, Error> {
    let row = sqlx::query!(
        r#"select a.id, a.name, a.vendor, a.options, a.secret_id, s.hint as "hint?", a.enabled, a.revision, a.created_at, a.updated_at
         from app.provider_accounts a left join app.secrets s on s.org_id = a.org_id and s.id = a.secret_id
         where a.id = $1 for update of a"#,
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| row!(row)))
}

/// Whether there is one of that name.
///
/// # Errors
/// When the database does not answer.
pub async fn is_taken(tx: &mut OrgTx, name: &str) -> Result<bool, Error> {
    let taken = sqlx::query_scalar!(
        r#"select exists (select from app.provider_accounts where name = $1) as "taken!""#,
        name
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(taken)
}

/// What is asked for of a new one.
#[derive(Debug, Clone, Copy)]
pub struct New<'a> {
    pub name: &'a str,
    pub vendor: &'a str,
    pub options: &'a Value,
    pub secret: Option<SecretId>,
    pub enabled: bool,
}

/// # Errors
/// `Conflict`: there is one of that name.
pub async fn create(tx: &mut OrgTx, id: ProviderAccountId, new: New<'_>) -> Result<(), Error> {
    sqlx::query!(
        "insert into app.provider_accounts (id, org_id, name, vendor, options, secret_id, enabled)
         values ($1, $2, $3, $4, $5, $6, $7)",
        id.as_uuid(),
        tx.org().as_uuid(),
        new.name,
        new.vendor,
        new.options,
        new.secret.map(|secret| secret.as_uuid()),
        new.enabled
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// # Errors
/// When the database does not answer.
pub async fn update(
    tx: &mut OrgTx,
    id: ProviderAccountId,
    options: &Value,
    secret: Option<SecretId>,
    enabled: bool,
) -> Result<(), Error> {
    sqlx::query!(
        "update app.provider_accounts set options = $2, secret_id = $3, enabled = $4, revision = revision + 1, updated_at = now() where id = $1",
        id.as_uuid(),
        options,
        secret.map(|secret| secret.as_uuid()),
        enabled
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Agents of which an environment serves a version that names the account, as `agent in environment`.
///
/// # Errors
/// When the database does not answer.
pub async fn served_by(tx: &mut OrgTx, name: &str) -> Result<Vec<String>, Error> {
    let served = sqlx::query_scalar!(
        r#"select g.name || ' in ' || e.name as "served!"
           from app.agent_aliases a
           join app.agents g on g.id = a.agent_id
           join app.environments e on e.id = a.environment_id
           join app.agent_versions v on v.id = a.version_id
           where g.archived_at is null
             and jsonb_path_exists(v.definition::jsonb, '$.options.**.provider ? (@ == $name)', jsonb_build_object('name', $1::text))
           order by 1 limit 10"#,
        name
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(served)
}

/// # Errors
/// When the database does not answer.
pub async fn delete(tx: &mut OrgTx, id: ProviderAccountId) -> Result<(), Error> {
    sqlx::query!("delete from app.provider_accounts where id = $1", id.as_uuid())
        .execute(tx.connection())
        .await?;
    Ok(())
}

/// An account as whoever calls the vendor needs it.
#[derive(Debug, Clone)]
pub struct Usable {
    pub org: OrgId,
    pub id: ProviderAccountId,
    pub name: String,
    pub vendor: String,
    pub options: Value,
    pub key: Option<(SecretId, Sealed)>,
}

macro_rules! usable {
    ($org:expr, $row:expr) => {{
        let (org, row) = ($org, $row);
        let sealed = match (row.sealed, row.wrapped_key, row.master_key, row.hint) {
            (Some(sealed), Some(wrapped_key), Some(master_key), Some(hint)) => {
                Some(Sealed { sealed, wrapped_key, master_key, hint })
            }
            _ => None,
        };
        Usable {
            org,
            id: ProviderAccountId::from_uuid(row.id),
            name: row.name,
            vendor: row.vendor,
            options: row.options,
            key: row.secret_id.map(SecretId::from_uuid).zip(sealed),
        }
    }};
}

/// Every account of every organization that is switched on.
///
/// # Errors
/// When the database does not answer.
pub async fn usable(tx: &mut SystemTx) -> Result<Vec<Usable>, Error> {
    let rows = sqlx::query!(
        r#"select a.org_id, a.id, a.name, a.vendor, a.options, a.secret_id, s.sealed as "sealed?", s.wrapped_key as "wrapped_key?",
            s.master_key as "master_key?", s.hint as "hint?"
         from app.provider_accounts a left join app.secrets s on s.org_id = a.org_id and s.id = a.secret_id
         where a.enabled order by a.org_id, a.created_at, a.id"#
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(|row| usable!(OrgId::from_uuid(row.org_id), row)).collect())
}

/// One account of whichever organization, where it is switched on.
///
/// # Errors
/// When the database does not answer.
pub async fn of_anyone(tx: &mut SystemTx, id: ProviderAccountId) -> Result<Option<Usable>, Error> {
    let row = sqlx::query!(
        r#"select a.org_id, a.id, a.name, a.vendor, a.options, a.secret_id, s.sealed as "sealed?", s.wrapped_key as "wrapped_key?",
            s.master_key as "master_key?", s.hint as "hint?"
         from app.provider_accounts a left join app.secrets s on s.org_id = a.org_id and s.id = a.secret_id
         where a.id = $1 and a.enabled"#,
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| usable!(OrgId::from_uuid(row.org_id), row)))
}

/// Regions that accounts may be in, of the organizations that say so.
///
/// # Errors
/// When the database does not answer.
pub async fn residencies(tx: &mut SystemTx) -> Result<Vec<(OrgId, Vec<String>)>, Error> {
    let rows = sqlx::query!("select id, residency from app.orgs where residency <> '{}'")
        .fetch_all(tx.connection())
        .await?;
    Ok(rows.into_iter().map(|row| (OrgId::from_uuid(row.id), row.residency)).collect())
}

/// Something that differs when `usable` or `residencies` may differ: cheap enough to ask every second.
///
/// # Errors
/// When the database does not answer.
pub async fn stamp(tx: &mut SystemTx) -> Result<String, Error> {
    let stamp = sqlx::query_scalar!(
        r#"select concat(count(*), max(updated_at), sum(revision), (select md5(string_agg(o.id || o.residency::text, '' order by o.id)) from app.orgs o
            where o.residency <> '{}')) as "stamp!" from app.provider_accounts"#
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(stamp)
}

/// One account, switched on or not, with its key.
///
/// # Errors
/// When the database does not answer.
pub async fn with_key(tx: &mut OrgTx, id: ProviderAccountId) -> Result<Option<Usable>, Error> {
    let org = tx.org();
    let row = sqlx::query!(
        r#"select a.id, a.name, a.vendor, a.options, a.secret_id, s.sealed as "sealed?", s.wrapped_key as "wrapped_key?",
            s.master_key as "master_key?", s.hint as "hint?"
         from app.provider_accounts a left join app.secrets s on s.org_id = a.org_id and s.id = a.secret_id
         where a.id = $1"#,
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| usable!(org, row)))
}
