//! An organization's own prices.

use domain::PriceId;
use jiff::Timestamp;

use crate::at::{from_database, to_database};
use crate::pricing::{self, Tier, Unit};
use crate::{Error, OrgTx, Page};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    pub id: PriceId,
    pub price: pricing::Price,
    pub revision: i32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

macro_rules! row {
    ($row:expr) => {{
        let row = $row;
        Ok::<Price, Error>(Price {
            id: PriceId::from_uuid(row.id),
            price: price_of(
                row.vendor,
                row.model,
                &row.unit,
                (row.price_nano, row.per),
                row.valid_from,
                row.tiers,
                row.note,
            )?,
            revision: row.revision,
            created_at: from_database(row.created_at),
            updated_at: from_database(row.updated_at),
        })
    }};
}

/// # Errors
/// When the database does not answer, or what is stored is damaged.
pub async fn list(tx: &mut OrgTx, page: Page) -> Result<Vec<Price>, Error> {
    let rows = sqlx::query!(
        "select id, vendor, model, unit, price_nano, per, valid_from, tiers, note, revision, created_at, updated_at from app.prices
         where $1::timestamptz is null or (created_at, id) < ($1, $2::uuid)
         order by created_at desc, id desc limit $3",
        page.at(),
        page.id(),
        page.limit,
    )
    .fetch_all(tx.connection())
    .await?;
    rows.into_iter().map(|row| row!(row)).collect()
}

/// # Errors
/// When the database does not answer, or what is stored is damaged.
pub async fn find(tx: &mut OrgTx, id: PriceId) -> Result<Option<Price>, Error> {
    let row = sqlx::query!(
        "select id, vendor, model, unit, price_nano, per, valid_from, tiers, note, revision, created_at, updated_at
         from app.prices where id = $1",
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    row.map(|row| row!(row)).transpose()
}

/// As `find`, and nobody else changes it until the transaction ends.
///
/// # Errors
/// When the database does not answer, or what is stored is damaged.
pub async fn lock(tx: &mut OrgTx, id: PriceId) -> Result<Option<Price>, Error> {
    let row = sqlx::query!(
        "select id, vendor, model, unit, price_nano, per, valid_from, tiers, note, revision, created_at, updated_at
         from app.prices where id = $1 for update",
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    row.map(|row| row!(row)).transpose()
}

/// # Errors
/// `Conflict`: there is one of that vendor, model and unit from that time on.
pub async fn create(tx: &mut OrgTx, id: PriceId, price: &pricing::Price) -> Result<(), Error> {
    sqlx::query!(
        "insert into app.prices (id, org_id, vendor, model, unit, price_nano, per, valid_from, tiers, note)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        id.as_uuid(),
        tx.org().as_uuid(),
        price.vendor,
        price.model,
        price.unit.name(),
        price.price_nano_usd,
        price.per,
        to_database(price.valid_from),
        json(&price.tiers)?,
        price.note,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// In place of the one of that vendor, model and unit from that time on, if there is one: `false` then.
///
/// # Errors
/// When the database does not answer.
pub async fn put(tx: &mut OrgTx, id: PriceId, price: &pricing::Price) -> Result<bool, Error> {
    let created = sqlx::query_scalar!(
        r#"insert into app.prices as p (id, org_id, vendor, model, unit, price_nano, per, valid_from, tiers, note)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         on conflict (org_id, vendor, model, unit, valid_from) do update set price_nano = excluded.price_nano, per = excluded.per,
             tiers = excluded.tiers, note = excluded.note, revision = p.revision + 1, updated_at = now()
         returning id = $1 as "created!""#,
        id.as_uuid(),
        tx.org().as_uuid(),
        price.vendor,
        price.model,
        price.unit.name(),
        price.price_nano_usd,
        price.per,
        to_database(price.valid_from),
        json(&price.tiers)?,
        price.note,
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(created)
}

/// What it is for stays as it is.
///
/// # Errors
/// When the database does not answer.
pub async fn update(tx: &mut OrgTx, id: PriceId, price: &pricing::Price) -> Result<(), Error> {
    sqlx::query!(
        "update app.prices set price_nano = $2, per = $3, tiers = $4, note = $5, revision = revision + 1, updated_at = now() where id = $1",
        id.as_uuid(),
        price.price_nano_usd,
        price.per,
        json(&price.tiers)?,
        price.note,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// # Errors
/// When the database does not answer.
pub async fn delete(tx: &mut OrgTx, id: PriceId) -> Result<(), Error> {
    sqlx::query!("delete from app.prices where id = $1", id.as_uuid()).execute(tx.connection()).await?;
    Ok(())
}

pub(crate) fn price_of(
    vendor: String,
    model: String,
    unit: &str,
    (price_nano_usd, per): (i64, i64),
    valid_from: time::OffsetDateTime,
    tiers: serde_json::Value,
    note: String,
) -> Result<pricing::Price, Error> {
    let unit = Unit::named(unit).ok_or_else(|| Error::Content(format!("no unit is called {unit:?}")))?;
    let tiers: Vec<Tier> =
        serde_json::from_value(tiers).map_err(|error| Error::Content(error.to_string()))?;
    let valid_from = from_database(valid_from);
    Ok(pricing::Price { vendor, model, unit, price_nano_usd, per, valid_from, tiers, note })
}

fn json(tiers: &[Tier]) -> Result<serde_json::Value, Error> {
    serde_json::to_value(tiers).map_err(|error| Error::Content(error.to_string()))
}
