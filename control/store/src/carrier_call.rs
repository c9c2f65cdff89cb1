//! Calls at carriers that servers have, so that none goes on, and is paid for, in which nobody is. Only the database's clock says whose server
//! is gone.

use std::time::Duration;

use domain::{OrgId, ProviderAccountId, ServerId};

use crate::{Error, SystemTx};

/// A call, by the carrier's name of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    pub account: ProviderAccountId,
    pub call: String,
}

/// Of a server that is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Abandoned {
    pub org: OrgId,
    pub call: Call,
    /// So many times it was taken to be ended, this one included.
    pub attempts: i32,
}

/// The call is the server's from now on, for as long as that renews it.
///
/// # Errors
/// When the database does not answer.
pub async fn hold(
    tx: &mut SystemTx,
    org: OrgId,
    call: &Call,
    server: ServerId,
    lasts: Duration,
) -> Result<(), Error> {
    sqlx::query!(
        "insert into app.carrier_calls (org_id, account_id, call, server_id, expires_at)
         select a.org_id, a.id, $3, $4, clock_timestamp() + make_interval(secs => $5)
         from app.provider_accounts a where a.org_id = $1 and a.id = $2
         on conflict (account_id, call) do nothing",
        org.as_uuid(),
        call.account.as_uuid(),
        call.call,
        server.as_uuid(),
        lasts.as_secs_f64(),
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// It is over, or somebody else's.
///
/// # Errors
/// When the database does not answer.
pub async fn release(tx: &mut SystemTx, call: &Call) -> Result<(), Error> {
    sqlx::query!(
        "delete from app.carrier_calls where account_id = $1 and call = $2",
        call.account.as_uuid(),
        call.call
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// All that the server speaks in are its for as long again.
///
/// # Errors
/// When the database does not answer.
pub async fn renew(tx: &mut SystemTx, server: ServerId, lasts: Duration) -> Result<u64, Error> {
    let done = sqlx::query!(
        "update app.carrier_calls set expires_at = clock_timestamp() + make_interval(secs => $2) where server_id = $1 and not abandoned",
        server.as_uuid(),
        lasts.as_secs_f64(),
    )
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected())
}

/// Nobody speaks in what the server had when it died.
///
/// # Errors
/// When the database does not answer.
pub async fn abandon(tx: &mut SystemTx, server: ServerId) -> Result<u64, Error> {
    let done = sqlx::query!(
        "update app.carrier_calls set abandoned = true, expires_at = clock_timestamp() where server_id = $1",
        server.as_uuid()
    )
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected())
}

/// The server could not end one: it is tried again after `again`, by whichever.
///
/// # Errors
/// When the database does not answer.
pub async fn give_up(tx: &mut SystemTx, call: &Call, again: Duration) -> Result<(), Error> {
    sqlx::query!(
        "update app.carrier_calls set abandoned = true, expires_at = clock_timestamp() + make_interval(secs => $3)
         where account_id = $1 and call = $2",
        call.account.as_uuid(),
        call.call,
        again.as_secs_f64(),
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Takes at most so many that nobody speaks in, to be ended; what is not released within `lasts` is taken again. Of two servers that take at once
/// each gets others.
///
/// # Errors
/// When the database does not answer.
pub async fn take(
    tx: &mut SystemTx,
    server: ServerId,
    limit: i64,
    lasts: Duration,
) -> Result<Vec<Abandoned>, Error> {
    let rows = sqlx::query!(
        "with late as (
             select account_id, call from app.carrier_calls where expires_at <= clock_timestamp()
             order by expires_at limit $2 for update skip locked)
         update app.carrier_calls c
         set server_id = $1, abandoned = true, attempts = c.attempts + 1, expires_at = clock_timestamp() + make_interval(secs => $3)
         from late where c.account_id = late.account_id and c.call = late.call
         returning c.org_id, c.account_id, c.call, c.attempts",
        server.as_uuid(),
        limit,
        lasts.as_secs_f64(),
    )
    .fetch_all(tx.connection())
    .await?;
    let abandoned = rows.into_iter().map(|row| Abandoned {
        org: OrgId::from_uuid(row.org_id),
        call: Call { account: ProviderAccountId::from_uuid(row.account_id), call: row.call },
        attempts: row.attempts,
    });
    Ok(abandoned.collect())
}
