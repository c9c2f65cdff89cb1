//! What happened to an organization and wants somebody's attention. Each subject is told once, and to the outbox in the same transaction.

use domain::OrgId;
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::at::{from_database, to_database};
use crate::pricing::Unit;
use crate::{Error, OrgTx, Page, SystemTx};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// So much of the budget is spent that somebody wanted to be told.
    BudgetWarning,
    BudgetExceeded,
    /// A request used what has no price.
    PriceUnknown,
    /// A vendor refuses the key, or has no credit left.
    ProviderRefused,
}

impl Kind {
    pub const ALL: [Self; 4] =
        [Self::BudgetWarning, Self::BudgetExceeded, Self::PriceUnknown, Self::ProviderRefused];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BudgetWarning => "budget_warning",
            Self::BudgetExceeded => "budget_exceeded",
            Self::PriceUnknown => "price_unknown",
            Self::ProviderRefused => "provider_refused",
        }
    }

    /// Of the outbox.
    const fn topic(self) -> &'static str {
        match self {
            Self::BudgetWarning => "budget.warning",
            Self::BudgetExceeded => "budget.exceeded",
            Self::PriceUnknown => "price.unknown",
            Self::ProviderRefused => "provider.refused",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    pub id: Uuid,
    pub kind: Kind,
    pub subject: String,
    pub facts: Value,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
}

/// What is to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Raised {
    pub org: OrgId,
    pub kind: Kind,
    pub subject: String,
    pub facts: Value,
    pub at: Timestamp,
}

/// Whether nobody was told before. One that was closed opens again where the same happens more than a day later.
///
/// # Errors
/// When the database does not answer.
pub async fn raise(tx: &mut SystemTx, raised: &Raised) -> Result<bool, Error> {
    let (org, kind, at) = (raised.org.as_uuid(), raised.kind.name(), to_database(raised.at));
    let fresh = sqlx::query_scalar!(
        r#"insert into app.alerts (id, org_id, kind, subject, facts, last_at) select $1, o.id, $3, $4, $5, $6 from app.orgs o where o.id = $2
           on conflict (org_id, kind, subject) do nothing returning id"#,
        Uuid::now_v7(),
        org,
        kind,
        raised.subject,
        raised.facts,
        at,
    )
    .fetch_optional(tx.connection())
    .await?;
    if fresh.is_none() {
        sqlx::query!(
            "update app.alerts set last_at = $4, facts = $5, closed_at = case when closed_at < $4 - interval '1 day' then null else closed_at end
             where org_id = $1 and kind = $2 and subject = $3 and last_at < $4",
            org,
            kind,
            raised.subject,
            at,
            raised.facts,
        )
        .execute(tx.connection())
        .await?;
        return Ok(false);
    }
    sqlx::query!(
        "insert into app.outbox (id, org_id, topic, payload) values ($1, $2, $3, $4)",
        Uuid::now_v7(),
        org,
        raised.kind.topic(),
        raised.facts,
    )
    .execute(tx.connection())
    .await?;
    Ok(true)
}

/// Those that are open, newest first.
///
/// # Errors
/// When the database does not answer.
pub async fn open(tx: &mut OrgTx, page: Page) -> Result<Vec<Alert>, Error> {
    let rows = sqlx::query!(
        "select id, kind, subject, facts, last_at, created_at from app.alerts
         where closed_at is null and ($1::timestamptz is null or (created_at, id) < ($1, $2::uuid))
         order by created_at desc, id desc limit $3",
        page.at(),
        page.id(),
        page.limit,
    )
    .fetch_all(tx.connection())
    .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        // A newer server may tell of what this one does not know.
        let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.name() == row.kind) else { continue };
        found.push(Alert {
            id: row.id,
            kind,
            subject: row.subject,
            facts: row.facts,
            first_at: from_database(row.created_at),
            last_at: from_database(row.last_at),
        });
    }
    Ok(found)
}

/// Puts it aside; `false`: there is no open one of that id.
///
/// # Errors
/// When the database does not answer.
pub async fn close(tx: &mut OrgTx, id: Uuid) -> Result<bool, Error> {
    let done =
        sqlx::query!("update app.alerts set closed_at = now() where id = $1 and closed_at is null", id)
            .execute(tx.connection())
            .await?;
    Ok(done.rows_affected() == 1)
}

/// There is a price now for what such models are charged by.
///
/// # Errors
/// When the database does not answer.
pub async fn priced(tx: &mut OrgTx, vendor: &str, model: &str, unit: Unit) -> Result<(), Error> {
    sqlx::query!(
        "update app.alerts set closed_at = now() where closed_at is null and kind = 'price_unknown'
         and facts->>'vendor' = $1 and facts->>'unit' = $3
         and case when right($2, 1) = '*' then starts_with(facts->>'model', left($2, -1)) else facts->>'model' = $2 end",
        vendor,
        model,
        unit.name(),
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}
