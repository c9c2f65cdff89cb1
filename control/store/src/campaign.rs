//! Campaigns: what is wanted of calls to many people, and where each campaign stands.

mod contact;

use domain::{CampaignId, ContactId, OrgId, SessionId};
use jiff::Timestamp;
use serde_json::Value;

use crate::at::{from_database, to_database};
use crate::{Error, OrgTx, Page, SystemTx};

pub use contact::{
    Contact, NewContact, ResultRow, add, calling, change_contact, contacts, due, hold, known, remove_contact,
    results, size,
};

#[derive(Debug, Clone, PartialEq)]
pub struct Campaign {
    pub id: CampaignId,
    pub set: Setting,
    /// `draft`, `running`, `paused`, `completed`, `cancelled`.
    pub state: String,
    /// The next call begins no earlier.
    pub next_at: Option<Timestamp>,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub revision: i32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub title: String,
    pub agent: String,
    pub trunk: String,
    pub caller: Option<String>,
    pub ring_s: i32,
    /// `speak`, `hang_up`, `leave_message`.
    pub at_machine: String,
    pub message: Option<String>,
    pub concurrency: i32,
    pub per_minute: i32,
    pub retry_on: Vec<String>,
    pub attempts_most: i32,
    pub retry_after_s: i32,
    /// As `greetings::Schedule`.
    pub schedule: Option<Value>,
}

macro_rules! row {
    ($row:expr) => {{
        let row = $row;
        Campaign {
            id: CampaignId::from_uuid(row.id),
            set: Setting {
                title: row.title,
                agent: row.agent,
                trunk: row.trunk,
                caller: row.caller,
                ring_s: row.ring_s,
                at_machine: row.at_machine,
                message: row.message,
                concurrency: row.concurrency,
                per_minute: row.per_minute,
                retry_on: row.retry_on,
                attempts_most: row.attempts_most,
                retry_after_s: row.retry_after_s,
                schedule: row.schedule,
            },
            state: row.state,
            next_at: row.next_at.map(from_database),
            started_at: row.started_at.map(from_database),
            ended_at: row.ended_at.map(from_database),
            revision: row.revision,
            created_at: from_database(row.created_at),
            updated_at: from_database(row.updated_at),
        }
    }};
}

/// # Errors
/// When the database does not answer.
pub async fn create(tx: &mut OrgTx, id: CampaignId, set: &Setting) -> Result<Campaign, Error> {
    let row = sqlx::query!(
        "insert into app.campaigns (id, org_id, title, agent, trunk, caller, ring_s, at_machine, message, concurrency, per_minute, retry_on, attempts_most,
                                    retry_after_s, schedule)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
         returning id, title, agent, trunk, caller, ring_s, at_machine, message, concurrency, per_minute, retry_on, attempts_most, retry_after_s, schedule,
                   state, next_at, started_at, ended_at, revision, created_at, updated_at",
        id.as_uuid(),
        tx.org().as_uuid(),
        set.title,
        set.agent,
        set.trunk,
        set.caller,
        set.ring_s,
        set.at_machine,
        set.message,
        set.concurrency,
        set.per_minute,
        &set.retry_on,
        set.attempts_most,
        set.retry_after_s,
        set.schedule,
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(row!(row))
}

/// After `lock`.
///
/// # Errors
/// When the database does not answer.
pub async fn update(tx: &mut OrgTx, id: CampaignId, set: &Setting) -> Result<Campaign, Error> {
    let row = sqlx::query!(
        "update app.campaigns set title = $2, agent = $3, trunk = $4, caller = $5, ring_s = $6, at_machine = $7, message = $8, concurrency = $9,
                per_minute = $10, retry_on = $11, attempts_most = $12, retry_after_s = $13, schedule = $14, revision = revision + 1, updated_at = now()
         where id = $1
         returning id, title, agent, trunk, caller, ring_s, at_machine, message, concurrency, per_minute, retry_on, attempts_most, retry_after_s, schedule,
                   state, next_at, started_at, ended_at, revision, created_at, updated_at",
        id.as_uuid(),
        set.title,
        set.agent,
        set.trunk,
        set.caller,
        set.ring_s,
        set.at_machine,
        set.message,
        set.concurrency,
        set.per_minute,
        &set.retry_on,
        set.attempts_most,
        set.retry_after_s,
        set.schedule,
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(row!(row))
}

/// After `lock`. When it started and ended follows from the state.
///
/// # Errors
/// When the database does not answer.
pub async fn set_state(tx: &mut OrgTx, id: CampaignId, state: &str) -> Result<Campaign, Error> {
    let row = sqlx::query!(
        "update app.campaigns set state = $2, revision = revision + 1, updated_at = now(),
                started_at = case when $2 = 'running' then coalesce(started_at, now()) else started_at end,
                ended_at = case when $2 in ('completed', 'cancelled') then now() end
         where id = $1
         returning id, title, agent, trunk, caller, ring_s, at_machine, message, concurrency, per_minute, retry_on, attempts_most, retry_after_s, schedule,
                   state, next_at, started_at, ended_at, revision, created_at, updated_at",
        id.as_uuid(),
        state
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(row!(row))
}

/// # Errors
/// When the database does not answer.
pub async fn list(tx: &mut OrgTx, page: Page) -> Result<Vec<Campaign>, Error> {
    let rows = sqlx::query!(
        "select id, title, agent, trunk, caller, ring_s, at_machine, message, concurrency, per_minute, retry_on, attempts_most, retry_after_s, schedule,
                state, next_at, started_at, ended_at, revision, created_at, updated_at
         from app.campaigns
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

/// # Errors
/// When the database does not answer.
pub async fn find(tx: &mut OrgTx, id: CampaignId) -> Result<Option<Campaign>, Error> {
    let row = sqlx::query!(
        "select id, title, agent, trunk, caller, ring_s, at_machine, message, concurrency, per_minute, retry_on, attempts_most, retry_after_s, schedule,
                state, next_at, started_at, ended_at, revision, created_at, updated_at
         from app.campaigns where id = $1",
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| row!(row)))
}

/// As `find`; nobody else changes it, and no call of it is begun, until the transaction ends.
///
/// # Errors
/// When the database does not answer.
pub async fn lock(tx: &mut OrgTx, id: CampaignId) -> Result<Option<Campaign>, Error> {
    let row = sqlx::query!(
        "select id, title, agent, trunk, caller, ring_s, at_machine, message, concurrency, per_minute, retry_on, attempts_most, retry_after_s, schedule,
                state, next_at, started_at, ended_at, revision, created_at, updated_at
         from app.campaigns where id = $1 for update",
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| row!(row)))
}

/// Organizations with a campaign that runs, or with calls of one whose end it does not know yet.
///
/// # Errors
/// When the database does not answer.
pub async fn active(tx: &mut SystemTx) -> Result<Vec<OrgId>, Error> {
    let rows = sqlx::query_scalar!(
        r#"select org_id as "org_id!" from app.campaigns where state = 'running'
           union select org_id from app.outbound_calls where campaign_id is not null and state = 'ended' and not settled"#
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(OrgId::from_uuid).collect())
}

/// Those of the organization that there is something to do for, for this transaction; another server looks after the others now.
///
/// # Errors
/// When the database does not answer.
pub async fn take(tx: &mut OrgTx) -> Result<Vec<Campaign>, Error> {
    let rows = sqlx::query!(
        "select id, title, agent, trunk, caller, ring_s, at_machine, message, concurrency, per_minute, retry_on, attempts_most, retry_after_s, schedule,
                state, next_at, started_at, ended_at, revision, created_at, updated_at
         from app.campaigns m
         where state = 'running'
            or exists (select from app.outbound_calls c where c.org_id = m.org_id and c.campaign_id = m.id and c.state = 'ended' and not c.settled)
         order by created_at, id for update skip locked"
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(|row| row!(row)).collect())
}

/// A call that is over, and whose contact is to be called again or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Over {
    pub call: SessionId,
    pub contact: ContactId,
    /// Of this call, among those to the contact.
    pub attempt: i32,
    pub outcome: String,
}

/// # Errors
/// When the database does not answer.
pub async fn unsettled(tx: &mut OrgTx, id: CampaignId) -> Result<Vec<Over>, Error> {
    let rows = sqlx::query!(
        r#"select id, contact_id as "contact_id!", attempt, outcome as "outcome!" from app.outbound_calls
           where campaign_id = $1 and contact_id is not null and state = 'ended' and not settled order by ended_at limit 500"#,
        id.as_uuid()
    )
    .fetch_all(tx.connection())
    .await?;
    let over = rows.into_iter().map(|row| Over {
        call: SessionId::from_uuid(row.id),
        contact: ContactId::from_uuid(row.contact_id),
        attempt: row.attempt,
        outcome: row.outcome,
    });
    Ok(over.collect())
}

/// The contact knows of the call's end: it is done, or due again.
///
/// # Errors
/// When the database does not answer.
pub async fn settle(tx: &mut OrgTx, over: &Over, again: Option<Timestamp>) -> Result<(), Error> {
    sqlx::query!("update app.outbound_calls set settled = true where id = $1", over.call.as_uuid())
        .execute(tx.connection())
        .await?;
    sqlx::query!(
        "update app.campaign_contacts set state = case when $2::timestamptz is null then 'done' else 'waiting' end, due_at = coalesce($2, due_at),
                outcome = $3, call_id = $4, updated_at = now()
         where id = $1 and state = 'calling'",
        over.contact.as_uuid(),
        again.map(to_database),
        over.outcome,
        over.call.as_uuid()
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Calls of it that are not over.
///
/// # Errors
/// When the database does not answer.
pub async fn under_way(tx: &mut OrgTx, id: CampaignId) -> Result<i64, Error> {
    Ok(sqlx::query_scalar!(
        r#"select count(*) as "count!" from app.outbound_calls where campaign_id = $1 and state <> 'ended'"#,
        id.as_uuid()
    )
    .fetch_one(tx.connection())
    .await?)
}

/// # Errors
/// When the database does not answer.
pub async fn begin_next_at(tx: &mut OrgTx, id: CampaignId, at: Timestamp) -> Result<(), Error> {
    sqlx::query!("update app.campaigns set next_at = $2 where id = $1", id.as_uuid(), to_database(at))
        .execute(tx.connection())
        .await?;
    Ok(())
}

/// Contacts that are not done.
///
/// # Errors
/// When the database does not answer.
pub async fn left(tx: &mut OrgTx, id: CampaignId) -> Result<i64, Error> {
    Ok(sqlx::query_scalar!(
        r#"select count(*) as "count!" from app.campaign_contacts where campaign_id = $1 and state in ('waiting', 'calling')"#,
        id.as_uuid()
    )
    .fetch_one(tx.connection())
    .await?)
}

/// Nobody else is called: what waits in the queue is over, and so is whoever was still to be called. Calls under way go on.
///
/// # Errors
/// When the database does not answer.
pub async fn cancel(tx: &mut OrgTx, id: CampaignId) -> Result<(), Error> {
    sqlx::query!(
        "with gone as (
             update app.outbound_calls set state = 'ended', outcome = 'cancelled', ended_at = now(), settled = true
             where campaign_id = $1 and state = 'queued' returning contact_id
         )
         update app.campaign_contacts set state = 'cancelled', updated_at = now()
         where campaign_id = $1 and (state = 'waiting' or id in (select contact_id from gone))",
        id.as_uuid()
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// How many contacts stand where: by campaign, state and last outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    pub campaign: CampaignId,
    pub state: String,
    pub outcome: Option<String>,
    pub contacts: i64,
}

/// # Errors
/// When the database does not answer.
pub async fn counts(tx: &mut OrgTx, ids: &[CampaignId]) -> Result<Vec<Count>, Error> {
    let ids: Vec<uuid::Uuid> = ids.iter().map(CampaignId::as_uuid).collect();
    let rows = sqlx::query!(
        r#"select campaign_id, state, outcome, count(*) as "contacts!" from app.campaign_contacts
           where campaign_id = any($1) group by campaign_id, state, outcome order by campaign_id, state, outcome"#,
        &ids
    )
    .fetch_all(tx.connection())
    .await?;
    let count = rows.into_iter().map(|row| Count {
        campaign: CampaignId::from_uuid(row.campaign_id),
        state: row.state,
        outcome: row.outcome,
        contacts: row.contacts,
    });
    Ok(count.collect())
}

/// Removes the contacts of campaigns that ended longer ago than their organization keeps calls, at most `limit`.
///
/// # Errors
/// When the database does not answer.
pub async fn forget(tx: &mut SystemTx, limit: i64) -> Result<u64, Error> {
    let done = sqlx::query!(
        "delete from app.campaign_contacts where id in (
             select p.id from app.campaign_contacts p
             join app.campaigns m on m.org_id = p.org_id and m.id = p.campaign_id join app.orgs o on o.id = p.org_id
             where m.state in ('completed', 'cancelled') and o.calls_keep_days is not null
               and m.ended_at < now() - make_interval(days => o.calls_keep_days)
             limit $1)",
        limit
    )
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected())
}
