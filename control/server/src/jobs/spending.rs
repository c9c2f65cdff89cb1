//! Tells organizations what their requests to vendors tell: that a budget is about to be spent or is, that something has no price, that a
//! vendor refuses an account. What stops calls is not here, but where calls begin.

use std::time::Duration;

use control_api::cost::BudgetState;
use control_store::alert::{self, Kind as Told, Raised};
use control_store::budget::{self, Limited};
use control_store::{Db, Reason, cost};
use jiff::{SignedDuration, Timestamp};
use runtime::Kind;
use serde_json::json;

use crate::app::costs;

pub(super) const KIND: Kind = Kind::new("jobs.spending");
const EVERY: Duration = Duration::from_secs(2);
/// What was written longer ago was seen by an earlier look, of this server or of another.
const LATELY: SignedDuration = SignedDuration::from_mins(15);

pub(super) async fn run(db: Db) {
    loop {
        tokio::time::sleep(EVERY).await;
        if let Err(error) = look(&db, Timestamp::now()).await {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "spending could not be looked at; again later"
            );
        }
    }
}

async fn look(db: &Db, now: Timestamp) -> Result<(), control_store::Error> {
    let mut tx = db.system_tx(Reason::Spending).await?;
    let mut found: Vec<Raised> =
        budget::limited(&mut tx, now).await?.iter().flat_map(|limited| told(limited, now)).collect();
    let since = now - LATELY;
    found.extend(cost::unpriced(&mut tx, since).await?.into_iter().map(|(org, missing)| Raised {
        org,
        kind: Told::PriceUnknown,
        subject: format!("{}/{}/{}", missing.vendor, missing.model, missing.unit),
        facts: json!({"vendor": missing.vendor, "model": missing.model, "unit": missing.unit}),
        at: missing.last_at,
    }));
    found.extend(cost::refused(&mut tx, since).await?.into_iter().map(|refused| Raised {
        org: refused.org,
        kind: Told::ProviderRefused,
        subject: format!("{}/{}", refused.provider, refused.code),
        facts: json!({"provider": refused.provider, "vendor": refused.vendor, "code": refused.code}),
        at: refused.last_at,
    }));
    for raised in &found {
        if alert::raise(&mut tx, raised).await? {
            tracing::warn!(org = %raised.org, kind = raised.kind.name(), subject = raised.subject, "an organization is alerted");
        }
    }
    tx.commit().await
}

/// Once for each month and setting: who raises the limit wants to be told anew.
fn told(limited: &Limited, now: Timestamp) -> Vec<Raised> {
    let Limited { org, limit_nano, budget, spent_nano } = *limited;
    let month = budget::month(now).to_string();
    let month = month.get(..7).unwrap_or(&month);
    let kinds: &[Told] = match costs::state(spent_nano, Some(limit_nano), budget.warn_percent) {
        BudgetState::Ok => &[],
        BudgetState::Warning => &[Told::BudgetWarning],
        BudgetState::Exceeded => &[Told::BudgetExceeded],
    };
    let raised = |kind: &Told| Raised {
        org,
        kind: *kind,
        subject: format!("{month}/{}", budget.revision),
        facts: json!({
            "month": month, "limit_nano_usd": limit_nano, "spent_nano_usd": spent_nano, "percent": budget.warn_percent,
            "hard_stop": budget.hard_stop,
        }),
        // When it began is what matters: later sums of the same month do not bring it back.
        at: budget::month(now),
    };
    kinds.iter().map(raised).collect()
}

#[cfg(test)]
mod tests {
    use control_store::budget::Budget;
    use domain::OrgId;

    use super::*;

    #[test]
    fn a_budget_is_told_of_once_for_its_month_and_setting() {
        let now: Timestamp = "2026-11-26T10:00:00Z".parse().expect("a time");
        let limited = |spent_nano, revision| Limited {
            org: OrgId::generate(),
            limit_nano: 1_000,
            budget: Budget { monthly_limit_nano: Some(1_000), revision, ..Budget::default() },
            spent_nano,
        };
        let said = |spent, revision| {
            let raised = told(&limited(spent, revision), now);
            raised.into_iter().map(|raised| (raised.kind, raised.subject)).collect::<Vec<_>>()
        };
        assert_eq!(said(799, 1), []);
        assert_eq!(said(800, 1), [(Told::BudgetWarning, "2026-11/1".to_owned())]);
        assert_eq!(said(900, 2), [(Told::BudgetWarning, "2026-11/2".to_owned())]);
        assert_eq!(said(1_000, 2), [(Told::BudgetExceeded, "2026-11/2".to_owned())]);
    }
}
