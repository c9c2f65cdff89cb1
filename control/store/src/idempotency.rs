//! Idempotency keys: which requests were answered, and with what.
//!
//! A request claims its key in a transaction of its own, and its answer is written in the transaction that does what it asked:
//! there is an answer exactly where there is an effect.

use uuid::Uuid;

use crate::{Error, OrgTx};

/// A claim that is older than this belongs to a request that died: no statement takes so long.
pub const DEAD_AFTER_SECONDS: f64 = 60.0;
/// Answers are kept for this long.
pub const KEPT_HOURS: i32 = 24;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// Nobody asked this before: do it, and write the answer with this id.
    New(Uuid),
    /// The first request is still being answered.
    InFlight,
    /// The key came with another body before.
    OtherBody,
    Answered(Answer),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub etag: Option<String>,
    pub body: Vec<u8>,
}

pub async fn claim(tx: &mut OrgTx, key: &str, route: &str, body_hash: &[u8; 32]) -> Result<Claim, Error> {
    sqlx::query!(
        "delete from app.idempotency_keys where route = $1 and key = $2
         and (created_at < now() - make_interval(hours => $3) or (status is null and created_at < now() - make_interval(secs => $4)))",
        route,
        key,
        KEPT_HOURS,
        DEAD_AFTER_SECONDS
    )
    .execute(tx.connection())
    .await?;
    let id = Uuid::now_v7();
    let made = sqlx::query!(
        "insert into app.idempotency_keys (id, org_id, key, route, body_hash) values ($1, $2, $3, $4, $5)
         on conflict (org_id, route, key) do nothing",
        id,
        tx.org().as_uuid(),
        key,
        route,
        &body_hash[..]
    )
    .execute(tx.connection())
    .await?;
    if made.rows_affected() == 1 {
        return Ok(Claim::New(id));
    }
    let found = sqlx::query!(
        "select body_hash, status, headers ->> 'etag' as etag, body from app.idempotency_keys where route = $1 and key = $2",
        route,
        key
    )
    .fetch_optional(tx.connection())
    .await?;
    // Gone in this moment: its request failed. The client tries again.
    let Some(found) = found else { return Ok(Claim::InFlight) };
    if found.body_hash != body_hash {
        return Ok(Claim::OtherBody);
    }
    match (found.status.and_then(|status| u16::try_from(status).ok()), found.body) {
        (Some(status), Some(body)) => Ok(Claim::Answered(Answer { status, etag: found.etag, body })),
        _ => Ok(Claim::InFlight),
    }
}

/// In the transaction of the effect.
///
/// # Errors
/// `Conflict`: the claim is gone, so that another request may have done the same; nothing must be done then.
pub async fn answer(tx: &mut OrgTx, id: Uuid, answer: &Answer) -> Result<(), Error> {
    let written = sqlx::query!(
        "update app.idempotency_keys set status = $2, content_type = 'application/json',
            headers = jsonb_build_object('etag', $3::text), body = $4
         where id = $1 and status is null",
        id,
        i32::from(answer.status),
        answer.etag,
        answer.body
    )
    .execute(tx.connection())
    .await?;
    if written.rows_affected() == 1 {
        return Ok(());
    }
    Err(Error::Conflict { constraint: "idempotency_keys_claim".to_owned() })
}

/// The request failed without an effect: it may be mended and sent again.
pub async fn release(tx: &mut OrgTx, id: Uuid) -> Result<(), Error> {
    sqlx::query!("delete from app.idempotency_keys where id = $1 and status is null", id)
        .execute(tx.connection())
        .await?;
    Ok(())
}

/// Answers past their time, of every organization.
pub async fn forget(tx: &mut crate::SystemTx) -> Result<u64, Error> {
    let gone = sqlx::query!(
        "delete from app.idempotency_keys where created_at < now() - make_interval(hours => $1)",
        KEPT_HOURS
    )
    .execute(tx.connection())
    .await?;
    Ok(gone.rows_affected())
}
