//! Leases on conversations that another server may take over: held by renewing them, taken where they ran out. Only the database's clock
//! says which has. Of one agent in one room there is one.

use std::time::Duration;

use domain::{OrgId, ServerId, SessionId};
use uuid::Uuid;

use crate::session::{self, LeftOpen};
use crate::{Error, SystemTx};

/// What is asked for of a new one.
#[derive(Debug, Clone, Copy)]
pub struct New<'a> {
    pub session: SessionId,
    pub org: OrgId,
    pub server: ServerId,
    pub agent: &'a str,
    pub host: &'a str,
    pub room: &'a str,
    pub identity: &'a str,
    pub metadata: &'a str,
}

/// What comes of asking for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    Ours,
    /// A server that lives has this agent in this room, with somebody.
    Held,
    /// A server that lives brings this agent: it has met nobody yet, and may not come after all.
    Coming,
    /// The lease of before ran out: whether somebody goes on with its call, or nobody does, is not known yet. Or it ended just now.
    Open,
}

/// One that ran out and was taken over.
#[derive(Debug, Clone, PartialEq)]
pub struct Taken {
    pub session: SessionId,
    pub org: OrgId,
    /// The taker's; one more than that of the server which had it.
    pub fence: i32,
    pub agent: String,
    pub room: String,
    pub identity: String,
    pub metadata: String,
    /// Empty: nobody had come yet.
    pub caller: String,
    /// So long had nobody had it.
    pub late: Duration,
    /// The call as it is on record. `None`: its server died before it wrote a line of it.
    pub call: Option<LeftOpen>,
}

/// Asks for one. Of all who ask for an agent in one room, on whichever servers, one alone gets it.
///
/// # Errors
/// When the database does not answer.
pub async fn hold(tx: &mut SystemTx, new: New<'_>, lasts: Duration) -> Result<Claim, Error> {
    let done = sqlx::query!(
        "insert into app.leases (session_id, org_id, server_id, agent_name, host, room, identity, metadata, expires_at)
         select $1, o.id, $3, $4, $5, $6, $7, $8, clock_timestamp() + make_interval(secs => $9) from app.orgs o where o.id = $2
         on conflict (host, room, agent_name) do nothing",
        new.session.as_uuid(),
        new.org.as_uuid(),
        new.server.as_uuid(),
        new.agent,
        new.host,
        new.room,
        new.identity,
        new.metadata,
        lasts.as_secs_f64(),
    )
    .execute(tx.connection())
    .await?;
    if done.rows_affected() == 1 {
        return Ok(Claim::Ours);
    }
    Ok(match met(tx, new.host, new.room, new.agent).await? {
        Some(true) => Claim::Held,
        Some(false) => Claim::Coming,
        None => Claim::Open,
    })
}

/// Whether the agent whom a server that lives brings into this room has met somebody there. `None`: no such server brings it.
///
/// # Errors
/// When the database does not answer.
pub async fn met(tx: &mut SystemTx, host: &str, room: &str, agent: &str) -> Result<Option<bool>, Error> {
    let met = sqlx::query_scalar!(
        r#"select caller <> '' as "met!" from app.leases
           where host = $1 and room = $2 and agent_name = $3 and expires_at > clock_timestamp()"#,
        host,
        room,
        agent
    );
    Ok(met.fetch_optional(tx.connection()).await?)
}

/// From now on it is with this caller that the agent speaks.
///
/// # Errors
/// When the database does not answer.
pub async fn meet(tx: &mut SystemTx, session: SessionId, fence: i32, caller: &str) -> Result<(), Error> {
    sqlx::query!(
        "update app.leases set caller = $3 where session_id = $1 and fence = $2",
        session.as_uuid(),
        fence,
        caller
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Those of them that are still the server's, and now last as long again. The others were taken over.
///
/// # Errors
/// When the database does not answer.
pub async fn renew(
    tx: &mut SystemTx,
    held: &[(SessionId, i32)],
    lasts: Duration,
) -> Result<Vec<SessionId>, Error> {
    let (sessions, fences) = columns(held);
    let rows = sqlx::query_scalar!(
        "update app.leases l set expires_at = clock_timestamp() + make_interval(secs => $3)
         from unnest($1::uuid[], $2::int[]) held (session_id, fence)
         where l.session_id = held.session_id and l.fence = held.fence returning l.session_id",
        &sessions,
        &fences,
        lasts.as_secs_f64(),
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(SessionId::from_uuid).collect())
}

/// Their calls are over. One that was taken over is the other's.
///
/// # Errors
/// When the database does not answer.
pub async fn release(tx: &mut SystemTx, held: &[(SessionId, i32)]) -> Result<(), Error> {
    let (sessions, fences) = columns(held);
    sqlx::query!(
        "delete from app.leases l using unnest($1::uuid[], $2::int[]) held (session_id, fence)
         where l.session_id = held.session_id and l.fence = held.fence",
        &sessions,
        &fences,
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// How many in rooms of `host` have run out.
///
/// # Errors
/// When the database does not answer.
pub async fn late(tx: &mut SystemTx, host: &str) -> Result<usize, Error> {
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!" from app.leases where host = $1 and expires_at < clock_timestamp()"#,
        host
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// Takes at most so many that have run out, the oldest first, and their calls: what an earlier holder of one still writes is not taken
/// from this transaction's end on. Of two servers that take at once each gets others.
///
/// # Errors
/// When the database does not answer.
pub async fn take(
    tx: &mut SystemTx,
    server: ServerId,
    host: &str,
    limit: usize,
    lasts: Duration,
) -> Result<Vec<Taken>, Error> {
    let rows = sqlx::query!(
        r#"with late as (
             select session_id, expires_at from app.leases where host = $2 and expires_at < clock_timestamp()
             order by expires_at limit $3 for update skip locked)
         update app.leases l set server_id = $1, fence = l.fence + 1, expires_at = clock_timestamp() + make_interval(secs => $4)
         from late where l.session_id = late.session_id
         returning l.session_id, l.org_id, l.fence, l.agent_name, l.room, l.identity, l.metadata, l.caller,
             extract(epoch from clock_timestamp() - late.expires_at)::float8 as "late_s!""#,
        server.as_uuid(),
        host,
        i64::try_from(limit).unwrap_or(i64::MAX),
        lasts.as_secs_f64(),
    )
    .fetch_all(tx.connection())
    .await?;
    let mut taken = Vec::with_capacity(rows.len());
    for row in rows {
        let session = SessionId::from_uuid(row.session_id);
        taken.push(Taken {
            session,
            org: OrgId::from_uuid(row.org_id),
            fence: row.fence,
            agent: row.agent_name,
            room: row.room,
            identity: row.identity,
            metadata: row.metadata,
            caller: row.caller,
            late: Duration::try_from_secs_f64(row.late_s).unwrap_or_default(),
            call: session::take_over(tx, session, server, row.fence).await?,
        });
    }
    Ok(taken)
}

fn columns(held: &[(SessionId, i32)]) -> (Vec<Uuid>, Vec<i32>) {
    held.iter().map(|(session, fence)| (session.as_uuid(), *fence)).unzip()
}
