//! Calls that we make: the queue, whose call each is while it is dialled, and what became of it.

use std::collections::BTreeMap;

use domain::{CampaignId, ContactId, OrgId, Pii, ServerId, SessionId};
use jiff::Timestamp;
use serde_json::Value;

use crate::at::{from_database, to_database};
use crate::{Error, OrgTx, Page, SystemTx};

/// One call, from the queue to its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Of the session, once it is answered.
    pub id: SessionId,
    pub campaign: Option<CampaignId>,
    pub contact: Option<ContactId>,
    pub attempt: i32,
    pub set: Wanted,
    /// `queued`, `dialling`, `ringing`, `answered`, `ended`.
    pub state: String,
    pub outcome: Option<String>,
    pub sip_status: Option<i32>,
    pub answered_by: Option<String>,
    pub beep: Option<bool>,
    pub end_reason: Option<String>,
    pub created_at: Timestamp,
    pub dialled_at: Option<Timestamp>,
    pub answered_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
}

/// Who is called, by whom, how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub agent: String,
    pub trunk: String,
    pub number: Pii<String>,
    pub caller: Option<Pii<String>>,
    pub ring_s: i32,
    /// `speak`, `hang_up`, `leave_message`.
    pub at_machine: String,
    pub message: Option<Pii<String>>,
    pub variables: BTreeMap<String, Pii<String>>,
}

/// A new one for the queue.
#[derive(Debug, Clone)]
pub struct New<'a> {
    pub id: SessionId,
    /// The contact, and which call to them it is.
    pub contact: Option<(CampaignId, ContactId, i32)>,
    pub wanted: &'a Wanted,
}

macro_rules! row {
    ($row:expr) => {{
        let row = $row;
        Call {
            id: SessionId::from_uuid(row.id),
            campaign: row.campaign_id.map(CampaignId::from_uuid),
            contact: row.contact_id.map(ContactId::from_uuid),
            attempt: row.attempt,
            set: Wanted {
                agent: row.agent,
                trunk: row.trunk,
                number: Pii(row.number),
                caller: row.caller.map(Pii),
                ring_s: row.ring_s,
                at_machine: row.at_machine,
                message: row.message.map(Pii),
                variables: variables(row.variables),
            },
            state: row.state,
            outcome: row.outcome,
            sip_status: row.sip_status,
            answered_by: row.answered_by,
            beep: row.beep,
            end_reason: row.end_reason,
            created_at: from_database(row.created_at),
            dialled_at: row.dialled_at.map(from_database),
            answered_at: row.answered_at.map(from_database),
            ended_at: row.ended_at.map(from_database),
        }
    }};
}

/// Puts one into the queue.
///
/// # Errors
/// When the database does not answer.
pub async fn queue(tx: &mut OrgTx, new: New<'_>) -> Result<(), Error> {
    let New { id, contact, wanted } = new;
    sqlx::query!(
        "insert into app.outbound_calls (id, org_id, campaign_id, contact_id, attempt, agent, trunk, number, caller, ring_s, at_machine, message, variables)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        id.as_uuid(),
        tx.org().as_uuid(),
        contact.map(|(campaign, ..)| campaign.as_uuid()),
        contact.map(|(_, contact, _)| contact.as_uuid()),
        contact.map_or(1, |(.., attempt)| attempt),
        wanted.agent,
        wanted.trunk,
        wanted.number.0,
        wanted.caller.as_ref().map(|caller| caller.0.as_str()),
        wanted.ring_s,
        wanted.at_machine,
        wanted.message.as_ref().map(|message| message.0.as_str()),
        written(&wanted.variables),
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Those of one campaign, or all.
///
/// # Errors
/// When the database does not answer.
pub async fn list(tx: &mut OrgTx, campaign: Option<CampaignId>, page: Page) -> Result<Vec<Call>, Error> {
    let rows = sqlx::query!(
        "select id, campaign_id, contact_id, attempt, agent, trunk, number, caller, ring_s, at_machine, message, variables, state, outcome, sip_status,
                answered_by, beep, end_reason, created_at, dialled_at, answered_at, ended_at
         from app.outbound_calls
         where ($1::uuid is null or campaign_id = $1) and ($2::timestamptz is null or (created_at, id) < ($2, $3::uuid))
         order by created_at desc, id desc limit $4",
        campaign.map(|campaign| campaign.as_uuid()),
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
pub async fn find(tx: &mut OrgTx, id: SessionId) -> Result<Option<Call>, Error> {
    let row = sqlx::query!(
        "select id, campaign_id, contact_id, attempt, agent, trunk, number, caller, ring_s, at_machine, message, variables, state, outcome, sip_status,
                answered_by, beep, end_reason, created_at, dialled_at, answered_at, ended_at
         from app.outbound_calls where id = $1",
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| row!(row)))
}

/// Organizations with calls in the queue that may begin.
///
/// # Errors
/// When the database does not answer.
pub async fn waiting(tx: &mut SystemTx) -> Result<Vec<OrgId>, Error> {
    let rows = sqlx::query_scalar!(
        "select distinct c.org_id from app.outbound_calls c left join app.campaigns m on m.org_id = c.org_id and m.id = c.campaign_id
         where c.state = 'queued' and (c.campaign_id is null or m.state = 'running') order by c.org_id"
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(OrgId::from_uuid).collect())
}

/// Takes the call that has waited longest, of those by `trunks`; it is this server's from now on. A campaign that is paused gives none.
///
/// # Errors
/// When the database does not answer.
pub async fn claim(tx: &mut OrgTx, server: ServerId, trunks: &[String]) -> Result<Option<Call>, Error> {
    let row = sqlx::query!(
        "update app.outbound_calls set state = 'dialling', server_id = $1, dialled_at = now()
         where id = (select c.id from app.outbound_calls c left join app.campaigns m on m.org_id = c.org_id and m.id = c.campaign_id
                     where c.state = 'queued' and c.trunk = any($2) and (c.campaign_id is null or m.state = 'running')
                     order by c.created_at, c.id limit 1 for update of c skip locked)
         returning id, campaign_id, contact_id, attempt, agent, trunk, number, caller, ring_s, at_machine, message, variables, state, outcome, sip_status,
                   answered_by, beep, end_reason, created_at, dialled_at, answered_at, ended_at",
        server.as_uuid(),
        trunks,
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| row!(row)))
}

/// What happened to a call that is dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Rings,
    Answered {
        at: Timestamp,
    },
    /// Who took it; whether a message was begun, and after a beep.
    Screened {
        by: &'static str,
        beep: Option<bool>,
    },
    Ended(End),
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct End {
    pub outcome: String,
    pub sip_status: Option<i32>,
    pub end_reason: Option<String>,
}

/// Writes down a step. One that is over stays as it ended.
///
/// # Errors
/// When the database does not answer.
pub async fn step(tx: &mut OrgTx, id: SessionId, step: &Step) -> Result<(), Error> {
    match step {
        Step::Rings => {
            sqlx::query!(
                "update app.outbound_calls set state = 'ringing' where id = $1 and state = 'dialling'",
                id.as_uuid()
            )
            .execute(tx.connection())
            .await?;
        }
        Step::Answered { at } => {
            sqlx::query!(
                "update app.outbound_calls set state = 'answered', answered_at = $2 where id = $1 and state in ('dialling', 'ringing')",
                id.as_uuid(),
                to_database(*at)
            )
            .execute(tx.connection())
            .await?;
        }
        Step::Screened { by, beep } => {
            sqlx::query!(
                "update app.outbound_calls set answered_by = $2, beep = $3 where id = $1 and state <> 'ended'",
                id.as_uuid(),
                *by,
                *beep
            )
            .execute(tx.connection())
            .await?;
        }
        Step::Ended(end) => {
            sqlx::query!(
                "update app.outbound_calls set state = 'ended', outcome = $2, sip_status = $3, end_reason = $4, ended_at = now()
                 where id = $1 and state <> 'ended'",
                id.as_uuid(),
                end.outcome,
                end.sip_status,
                end.end_reason
            )
            .execute(tx.connection())
            .await?;
        }
    }
    Ok(())
}

/// A call that could not begin after all goes back to its place in the queue.
///
/// # Errors
/// When the database does not answer.
pub async fn put_back(tx: &mut OrgTx, id: SessionId) -> Result<(), Error> {
    sqlx::query!(
        "update app.outbound_calls set state = 'queued', server_id = null, dialled_at = null where id = $1 and state = 'dialling'",
        id.as_uuid()
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Closes what a server left under way when it died. How many there were.
///
/// # Errors
/// When the database does not answer.
pub async fn interrupted(tx: &mut SystemTx, server: ServerId) -> Result<u64, Error> {
    let done = sqlx::query!(
        "update app.outbound_calls set state = 'ended', outcome = 'interrupted', ended_at = now()
         where server_id = $1 and state in ('dialling', 'ringing', 'answered')",
        server.as_uuid()
    )
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected())
}

/// Closes what nobody looks after any more: what waited too long in the queue outside of campaigns, what rings for ever since its server is gone,
/// and what has a session that is over.
///
/// # Errors
/// When the database does not answer.
pub async fn sweep(tx: &mut SystemTx, now: Timestamp) -> Result<u64, Error> {
    let done = sqlx::query!(
        "update app.outbound_calls c set state = 'ended', ended_at = $1::timestamptz,
                outcome = case when c.state = 'queued' then 'expired' when s.ended_at is not null then 'completed' else 'interrupted' end,
                end_reason = s.end_reason
         from app.outbound_calls o left join app.sessions s on s.org_id = o.org_id and s.id = o.id
         where c.org_id = o.org_id and c.id = o.id and o.state <> 'ended'
           and (o.state = 'queued' and o.campaign_id is null and o.created_at < $1::timestamptz - interval '10 minutes'
                or o.state in ('dialling', 'ringing') and o.dialled_at < $1::timestamptz - make_interval(secs => o.ring_s + 120)
                or o.state = 'answered' and s.ended_at < $1::timestamptz - interval '2 minutes'
                or o.state = 'answered' and s.id is null and o.answered_at < $1::timestamptz - interval '1 day')",
        to_database(now)
    )
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected())
}

/// Removes those that their organization keeps no longer, at most `limit`.
///
/// # Errors
/// When the database does not answer.
pub async fn forget(tx: &mut SystemTx, limit: i64) -> Result<u64, Error> {
    let done = sqlx::query!(
        "delete from app.outbound_calls where id in (
             select c.id from app.outbound_calls c join app.orgs o on o.id = c.org_id
             where c.state = 'ended' and o.calls_keep_days is not null and c.ended_at < now() - make_interval(days => o.calls_keep_days)
               and (c.campaign_id is null or c.settled)
             limit $1)",
        limit
    )
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected())
}

pub(crate) fn variables(stored: Value) -> BTreeMap<String, Pii<String>> {
    let Value::Object(fields) = stored else { return BTreeMap::new() };
    let text = |(name, value): (String, Value)| Some((name, Pii(value.as_str()?.to_owned())));
    fields.into_iter().filter_map(text).collect()
}

pub(crate) fn written(variables: &BTreeMap<String, Pii<String>>) -> Value {
    variables.iter().map(|(name, value)| (name.clone(), Value::String(value.0.clone()))).collect()
}
