//! The queue of calls that a language model is to sum up. A call is taken for a while, so that of several servers one asks; what a
//! server that died had taken is taken again when that while is over.

use std::time::Duration;

use domain::{OrgId, SessionId};
use serde_json::Value;

use crate::{Error, OrgTx, SystemTx};

/// What a model made of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Digest {
    pub summary: String,
    /// As vendors name it.
    pub model: String,
    pub extracted: Value,
}

/// A call that was taken. Good for as long as nobody else has taken it since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    pub session: SessionId,
    /// From 1.
    pub attempt: i16,
}

/// Organizations with calls whose time has come.
///
/// # Errors
/// When the database does not answer.
pub async fn waiting(tx: &mut SystemTx) -> Result<Vec<OrgId>, Error> {
    let rows = sqlx::query_scalar!(
        "select distinct org_id from app.sessions where summary_due is not null and summary_due <= now() order by org_id"
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(OrgId::from_uuid).collect())
}

/// Takes the organization's call that has waited longest, for `lease`.
///
/// # Errors
/// When the database does not answer.
pub async fn claim(tx: &mut OrgTx, lease: Duration) -> Result<Option<Claim>, Error> {
    let org = tx.org();
    let row = sqlx::query!(
        "update app.sessions set summary_attempts = summary_attempts + 1, summary_due = now() + make_interval(secs => $2)
         where id = (select id from app.sessions where org_id = $1 and summary_due is not null and summary_due <= now()
                     order by summary_due limit 1 for update skip locked)
         returning id, summary_attempts",
        org.as_uuid(),
        lease.as_secs_f64()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| Claim { session: SessionId::from_uuid(row.id), attempt: row.summary_attempts }))
}

/// Puts the model's summary in the place of the rules'. `false`: another server has taken the call since.
///
/// # Errors
/// When the database does not answer.
pub async fn put(tx: &mut OrgTx, claim: Claim, digest: &Digest) -> Result<bool, Error> {
    let done = sqlx::query!(
        "update app.sessions set summary = $3, summary_model = $4, extracted = $5, summary_due = null
         where id = $1 and summary_attempts = $2 and summary_due is not null",
        claim.session.as_uuid(),
        claim.attempt,
        digest.summary,
        digest.model,
        digest.extracted
    )
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// It is to be asked again after `wait`; `None`: no more, and the rules' summary stays.
///
/// # Errors
/// When the database does not answer.
pub async fn put_back(tx: &mut OrgTx, claim: Claim, wait: Option<Duration>) -> Result<(), Error> {
    sqlx::query!(
        "update app.sessions set summary_due = now() + make_interval(secs => $3)
         where id = $1 and summary_attempts = $2 and summary_due is not null",
        claim.session.as_uuid(),
        claim.attempt,
        wait.map(|wait| wait.as_secs_f64())
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}
