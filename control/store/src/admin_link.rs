//! Links that sign one browser in as the operator: good once, and not for long.

use jiff::Timestamp;
use uuid::Uuid;

use crate::at::{from_database, to_database};
use crate::{Error, OrgTx};

/// What a code is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redeemed {
    /// It signs in, this once; its id, under which the audit log has it.
    Good(Uuid),
    /// It was good before.
    Used(Timestamp),
    /// Nobody used it in time.
    Expired(Timestamp),
    /// No link has it, or one of long ago.
    Unknown,
}

/// Those that nobody can use any more go with the next one that is made, so many days later.
const FORGOTTEN_DAYS: i32 = 30;

/// A new one, by the hash of its code.
pub async fn create(tx: &mut OrgTx, hash: &[u8; 32], expires_at: Timestamp) -> Result<Uuid, Error> {
    sqlx::query!(
        "delete from app.admin_links where expires_at < now() - make_interval(days => $1)",
        FORGOTTEN_DAYS
    )
    .execute(tx.connection())
    .await?;
    let id = Uuid::now_v7();
    sqlx::query!(
        "insert into app.admin_links (id, org_id, hash, expires_at) values ($1, $2, $3, $4)",
        id,
        tx.org().as_uuid(),
        &hash[..],
        to_database(expires_at)
    )
    .execute(tx.connection())
    .await?;
    Ok(id)
}

/// Uses the link up where it is good. Of two who try at once, one is told that it was used.
pub async fn redeem(tx: &mut OrgTx, hash: &[u8; 32], now: Timestamp) -> Result<Redeemed, Error> {
    let used = sqlx::query_scalar!(
        "update app.admin_links set used_at = $2 where hash = $1 and used_at is null and expires_at > $2 returning id",
        &hash[..],
        to_database(now)
    )
    .fetch_optional(tx.connection())
    .await?;
    if let Some(id) = used {
        return Ok(Redeemed::Good(id));
    }
    let row = sqlx::query!("select used_at, expires_at from app.admin_links where hash = $1", &hash[..])
        .fetch_optional(tx.connection())
        .await?;
    Ok(match row {
        None => Redeemed::Unknown,
        Some(row) => row.used_at.map_or_else(
            || Redeemed::Expired(from_database(row.expires_at)),
            |at| Redeemed::Used(from_database(at)),
        ),
    })
}
