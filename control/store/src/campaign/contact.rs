//! Who a campaign is to call, and what came of each.

use std::collections::BTreeMap;

use domain::{CampaignId, ContactId, Pii, SessionId};
use jiff::Timestamp;
use serde_json::Value;

use crate::at::{from_database, to_database};
use crate::outbound::{variables, written};
use crate::{Error, OrgTx, Page};

/// Somebody who is to be called.
#[derive(Debug, Clone, PartialEq)]
pub struct Contact {
    pub id: ContactId,
    pub number: Pii<String>,
    pub variables: BTreeMap<String, Pii<String>>,
    /// `waiting`, `calling`, `done`, `cancelled`.
    pub state: String,
    pub attempts: i32,
    pub due_at: Timestamp,
    pub outcome: Option<String>,
    /// The last that is over.
    pub call: Option<SessionId>,
    pub created_at: Timestamp,
}

macro_rules! contact {
    ($row:expr) => {{
        let row = $row;
        Contact {
            id: ContactId::from_uuid(row.id),
            number: Pii(row.number),
            variables: variables(row.variables),
            state: row.state,
            attempts: row.attempts,
            due_at: from_database(row.due_at),
            outcome: row.outcome,
            call: row.call_id.map(SessionId::from_uuid),
            created_at: from_database(row.created_at),
        }
    }};
}

/// Whoever is due, longest first.
///
/// # Errors
/// When the database does not answer.
pub async fn due(tx: &mut OrgTx, id: CampaignId, now: Timestamp, limit: i64) -> Result<Vec<Contact>, Error> {
    let rows = sqlx::query!(
        "select id, number, variables, state, attempts, due_at, outcome, call_id, created_at from app.campaign_contacts
         where campaign_id = $1 and state = 'waiting' and due_at <= $2 order by due_at, id limit $3 for update",
        id.as_uuid(),
        to_database(now),
        limit
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(|row| contact!(row)).collect())
}

/// One more call to the contact is in the queue.
///
/// # Errors
/// When the database does not answer.
pub async fn calling(tx: &mut OrgTx, contact: ContactId) -> Result<(), Error> {
    sqlx::query!(
        "update app.campaign_contacts set state = 'calling', attempts = attempts + 1, updated_at = now() where id = $1",
        contact.as_uuid()
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Somebody to be called: the number, and what is told of them.
pub type NewContact = (ContactId, String, BTreeMap<String, Pii<String>>);

/// Takes people in. Who is there already stays as they are.
///
/// # Errors
/// When the database does not answer.
pub async fn add(
    tx: &mut OrgTx,
    id: CampaignId,
    contacts: &[NewContact],
    now: Timestamp,
) -> Result<(), Error> {
    let ids: Vec<uuid::Uuid> = contacts.iter().map(|(id, ..)| id.as_uuid()).collect();
    let numbers: Vec<String> = contacts.iter().map(|(_, number, _)| number.clone()).collect();
    let told: Vec<Value> = contacts.iter().map(|(.., told)| written(told)).collect();
    sqlx::query!(
        "insert into app.campaign_contacts (id, org_id, campaign_id, number, variables, due_at, created_at)
         select given.id, $1, $2, given.number, given.variables, $6, $6
         from unnest($3::uuid[], $4::text[], $5::jsonb[]) as given (id, number, variables)
         on conflict (org_id, campaign_id, number) do nothing",
        tx.org().as_uuid(),
        id.as_uuid(),
        &ids,
        &numbers,
        &told,
        to_database(now)
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// # Errors
/// When the database does not answer.
pub async fn contacts(tx: &mut OrgTx, id: CampaignId, page: Page) -> Result<Vec<Contact>, Error> {
    let rows = sqlx::query!(
        "select id, number, variables, state, attempts, due_at, outcome, call_id, created_at from app.campaign_contacts
         where campaign_id = $1 and ($2::timestamptz is null or (created_at, id) < ($2, $3::uuid))
         order by created_at desc, id desc limit $4",
        id.as_uuid(),
        page.at(),
        page.id(),
        page.limit,
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(|row| contact!(row)).collect())
}

/// Which of the numbers it has already.
///
/// # Errors
/// When the database does not answer.
pub async fn known(tx: &mut OrgTx, id: CampaignId, numbers: &[String]) -> Result<Vec<String>, Error> {
    Ok(sqlx::query_scalar!(
        "select number from app.campaign_contacts where campaign_id = $1 and number = any($2)",
        id.as_uuid(),
        numbers
    )
    .fetch_all(tx.connection())
    .await?)
}

/// One of them, held until the transaction ends: nobody begins a call to them meanwhile.
///
/// # Errors
/// When the database does not answer.
pub async fn hold(tx: &mut OrgTx, id: CampaignId, contact: ContactId) -> Result<Option<Contact>, Error> {
    let row = sqlx::query!(
        "select id, number, variables, state, attempts, due_at, outcome, call_id, created_at from app.campaign_contacts
         where campaign_id = $1 and id = $2 for update",
        id.as_uuid(),
        contact.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| contact!(row)))
}

/// Whom to call from now on, and what is told of them.
///
/// # Errors
/// When the campaign has the number already, or the database does not answer.
pub async fn change_contact(
    tx: &mut OrgTx,
    contact: ContactId,
    number: &str,
    told: &BTreeMap<String, Pii<String>>,
) -> Result<(), Error> {
    sqlx::query!(
        "update app.campaign_contacts set number = $2, variables = $3, updated_at = now() where id = $1",
        contact.as_uuid(),
        number,
        written(told)
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// With the list of calls to them; sessions stay.
///
/// # Errors
/// When the database does not answer.
pub async fn remove_contact(tx: &mut OrgTx, contact: ContactId) -> Result<(), Error> {
    sqlx::query!("delete from app.campaign_contacts where id = $1", contact.as_uuid())
        .execute(tx.connection())
        .await?;
    Ok(())
}

/// How many contacts it has.
///
/// # Errors
/// When the database does not answer.
pub async fn size(tx: &mut OrgTx, id: CampaignId) -> Result<i64, Error> {
    Ok(sqlx::query_scalar!(
        r#"select count(*) as "count!" from app.campaign_contacts where campaign_id = $1"#,
        id.as_uuid()
    )
    .fetch_one(tx.connection())
    .await?)
}

/// A contact with the last call to them, as it is exported.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultRow {
    pub contact: Contact,
    pub answered_by: Option<String>,
    pub called_at: Option<Timestamp>,
    pub answered_at: Option<Timestamp>,
    pub call_ended_at: Option<Timestamp>,
    /// Of the session.
    pub session_outcome: Option<String>,
    pub summary: Option<String>,
}

/// Of all contacts, in the order in which they were given.
///
/// # Errors
/// When the database does not answer.
pub async fn results(tx: &mut OrgTx, id: CampaignId) -> Result<Vec<ResultRow>, Error> {
    let rows = sqlx::query!(
        r#"select p.id, p.number, p.variables, p.state, p.attempts, p.due_at, p.outcome, p.call_id, p.created_at,
                c.answered_by as "answered_by?", c.dialled_at as "dialled_at?", c.answered_at as "answered_at?",
                c.ended_at as "ended_at?", s.outcome as "session_outcome?", s.summary as "summary?"
           from app.campaign_contacts p
           left join app.outbound_calls c on c.org_id = p.org_id and c.id = p.call_id
           left join app.sessions s on s.org_id = p.org_id and s.id = p.call_id
           where p.campaign_id = $1 order by p.created_at, p.id"#,
        id.as_uuid()
    )
    .fetch_all(tx.connection())
    .await?;
    let result = rows.into_iter().map(|row| ResultRow {
        answered_by: row.answered_by.clone(),
        called_at: row.dialled_at.map(from_database),
        answered_at: row.answered_at.map(from_database),
        call_ended_at: row.ended_at.map(from_database),
        session_outcome: row.session_outcome.clone(),
        summary: row.summary.clone(),
        contact: contact!(row),
    });
    Ok(result.collect())
}
