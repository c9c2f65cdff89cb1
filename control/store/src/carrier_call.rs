//! Calls at carriers that servers have, so that none goes on, and is paid for, in which nobody is. Only the database's clock says whose server
//! is gone.

use std::time::Duration;

use domain::{OrgId, ProviderAccountId, ServerId};
use uuid::Uuid;

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

/// The calls are the server's from now on, and have not to be renewed for so long. One that was found abandoned meanwhile is not.
///
/// # Errors
/// When the database does not answer.
pub async fn hold(
    tx: &mut SystemTx,
    calls: &[(OrgId, Call)],
    server: ServerId,
    lasts: Duration,
) -> Result<(), Error> {
    let (orgs, accounts, names) = columns(calls);
    sqlx::query!(
        "insert into app.carrier_calls as c (org_id, account_id, call, server_id, expires_at)
         select a.org_id, a.id, ours.call, $4, clock_timestamp() + make_interval(secs => $5)
         from unnest($1::uuid[], $2::uuid[], $3::text[]) ours (org_id, account_id, call)
         join app.provider_accounts a on a.org_id = ours.org_id and a.id = ours.account_id
         on conflict (account_id, call) do update set expires_at = excluded.expires_at
         where c.server_id = excluded.server_id and not c.abandoned",
        &orgs,
        &accounts,
        &names,
        server.as_uuid(),
        lasts.as_secs_f64(),
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// The server has no others than these; how many it had.
///
/// # Errors
/// When the database does not answer.
pub async fn hold_no_others(
    tx: &mut SystemTx,
    calls: &[(OrgId, Call)],
    server: ServerId,
) -> Result<u64, Error> {
    let (_, accounts, names) = columns(calls);
    let done = sqlx::query!(
        "delete from app.carrier_calls c where c.server_id = $3 and not c.abandoned and not exists (
             select from unnest($1::uuid[], $2::text[]) ours (account_id, call)
             where ours.account_id = c.account_id and ours.call = c.call)",
        &accounts,
        &names,
        server.as_uuid(),
    )
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected())
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
/// each gets others. Without `silent` only what is known to be abandoned, and nothing of a server that was merely not heard of.
///
/// # Errors
/// When the database does not answer.
pub async fn take(
    tx: &mut SystemTx,
    server: ServerId,
    silent: bool,
    limit: i64,
    lasts: Duration,
) -> Result<Vec<Abandoned>, Error> {
    let rows = sqlx::query!(
        "with late as (
             select account_id, call from app.carrier_calls where expires_at <= clock_timestamp() and (abandoned or $4)
             order by expires_at limit $2 for update skip locked)
         update app.carrier_calls c
         set server_id = $1, abandoned = true, attempts = c.attempts + 1, expires_at = clock_timestamp() + make_interval(secs => $3)
         from late where c.account_id = late.account_id and c.call = late.call
         returning c.org_id, c.account_id, c.call, c.attempts",
        server.as_uuid(),
        limit,
        lasts.as_secs_f64(),
        silent,
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

/// As the database takes many at once.
fn columns(calls: &[(OrgId, Call)]) -> (Vec<Uuid>, Vec<Uuid>, Vec<String>) {
    let orgs = calls.iter().map(|(org, _)| org.as_uuid()).collect();
    let accounts = calls.iter().map(|(_, call)| call.account.as_uuid()).collect();
    (orgs, accounts, calls.iter().map(|(_, call)| call.call.clone()).collect())
}
