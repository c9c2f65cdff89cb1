//! What an organization means to spend in a month, and what it has spent. Months are those of UTC.

use domain::OrgId;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::at::to_database;
use crate::{Error, OrgTx, SystemTx};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// `None`: as much as it comes to.
    pub monthly_limit_nano: Option<i64>,
    pub warn_percent: i32,
    /// No new calls beyond the limit.
    pub hard_stop: bool,
    /// 0: nobody has ever set it.
    pub revision: i32,
}

impl Default for Budget {
    fn default() -> Self {
        Self { monthly_limit_nano: None, warn_percent: 80, hard_stop: false, revision: 0 }
    }
}

/// # Errors
/// When the database does not answer.
pub async fn find(tx: &mut OrgTx) -> Result<Budget, Error> {
    let row = sqlx::query!(
        "select monthly_limit_nano, warn_percent, hard_stop, revision from app.budgets where org_id = $1",
        tx.org().as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map_or_else(Budget::default, |row| Budget {
        monthly_limit_nano: row.monthly_limit_nano,
        warn_percent: row.warn_percent,
        hard_stop: row.hard_stop,
        revision: row.revision,
    }))
}

/// Sets all but the revision, where that is still the one of `budget`: `false` otherwise.
///
/// # Errors
/// When the database does not answer.
pub async fn put(tx: &mut OrgTx, budget: &Budget) -> Result<bool, Error> {
    let done = sqlx::query!(
        "insert into app.budgets as b (org_id, monthly_limit_nano, warn_percent, hard_stop) values ($1, $2, $3, $4)
         on conflict (org_id) do update set monthly_limit_nano = excluded.monthly_limit_nano, warn_percent = excluded.warn_percent,
             hard_stop = excluded.hard_stop, revision = b.revision + 1, updated_at = now()
         where b.revision = $5",
        tx.org().as_uuid(),
        budget.monthly_limit_nano,
        budget.warn_percent,
        budget.hard_stop,
        budget.revision,
    )
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Of the month that `now` lies in, as far as prices are known.
///
/// # Errors
/// When the database does not answer.
pub async fn spent(tx: &mut OrgTx, now: Timestamp) -> Result<i64, Error> {
    let spent = sqlx::query_scalar!(
        r#"select coalesce(sum(cost_nano), 0)::bigint as "spent!" from app.costs_month where org_id = $1 and at = $2"#,
        tx.org().as_uuid(),
        to_database(month(now)),
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(spent)
}

/// A budget that has a limit, and what the month of `now` came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limited {
    pub org: OrgId,
    pub limit_nano: i64,
    pub budget: Budget,
    pub spent_nano: i64,
}

impl Limited {
    /// Wants no new calls: what was meant to be spent is.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.budget.hard_stop && self.spent_nano >= self.limit_nano
    }
}

/// # Errors
/// When the database does not answer.
pub async fn limited(tx: &mut SystemTx, now: Timestamp) -> Result<Vec<Limited>, Error> {
    let rows = sqlx::query!(
        r#"select b.org_id, b.monthly_limit_nano as "limit!", b.warn_percent, b.hard_stop, b.revision,
            (select coalesce(sum(c.cost_nano), 0)::bigint from app.costs_month c where c.org_id = b.org_id and c.at = $1) as "spent!"
         from app.budgets b where b.monthly_limit_nano is not null"#,
        to_database(month(now)),
    )
    .fetch_all(tx.connection())
    .await?;
    let limited = rows.into_iter().map(|row| Limited {
        org: OrgId::from_uuid(row.org_id),
        limit_nano: row.limit,
        budget: Budget {
            monthly_limit_nano: Some(row.limit),
            warn_percent: row.warn_percent,
            hard_stop: row.hard_stop,
            revision: row.revision,
        },
        spent_nano: row.spent,
    });
    Ok(limited.collect())
}

/// Its beginning.
#[must_use]
pub fn month(at: Timestamp) -> Timestamp {
    let first = at.to_zoned(TimeZone::UTC).first_of_month().and_then(|day| day.start_of_day());
    first.map_or(at, |day| day.timestamp())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_month_begins_at_its_first_midnight() {
        let at = |text: &str| text.parse::<jiff::Timestamp>().expect("a time");
        assert_eq!(super::month(at("2026-02-28T23:59:59.5Z")), at("2026-02-01T00:00:00Z"));
        assert_eq!(super::month(at("2026-03-01T00:00:00Z")), at("2026-03-01T00:00:00Z"));
    }
}
