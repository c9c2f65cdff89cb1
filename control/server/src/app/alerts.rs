//! What happened to an organization and wants somebody's attention, to read and to put aside.

use control_api::alert::{Alert, AlertKind};
use control_api::{List, Paging};
use control_store::alert::{self as store, Kind};
use serde_json::{Value, json};
use uuid::Uuid;

use super::ctx::{Change, Ctx, missing};
use super::paging;
use crate::Server;
use crate::error::Error;

pub(crate) async fn list(ctx: &Ctx, server: &Server, asked: &Paging) -> Result<List<Alert>, Error> {
    let page = paging::page(server, "alerts", asked)?;
    let mut tx = ctx.tx(server).await?;
    let rows = store::open(&mut tx, page).await?;
    tx.commit().await?;
    Ok(paging::list(server, "alerts", page, rows, |row| (row.first_at, row.id), shown))
}

pub(crate) async fn close(ctx: &Ctx, server: &Server, id: &str) -> Result<(), Error> {
    let key = parsed(id).ok_or_else(|| missing("alert", id))?;
    let mut tx = ctx.tx(server).await?;
    if !store::close(&mut tx, key).await? {
        return Err(missing("alert", id));
    }
    ctx.audit(&mut tx, &Change::of("alert.close", id)).await?;
    Ok(tx.commit().await?)
}

fn parsed(id: &str) -> Option<Uuid> {
    id.strip_prefix("alr_").filter(|rest| rest.len() == 32)?.parse().ok()
}

fn shown(row: store::Alert) -> Alert {
    Alert {
        id: format!("alr_{}", row.id.simple()),
        kind: match row.kind {
            Kind::BudgetWarning => AlertKind::BudgetWarning,
            Kind::BudgetExceeded => AlertKind::BudgetExceeded,
            Kind::PriceUnknown => AlertKind::PriceUnknown,
            Kind::ProviderRefused => AlertKind::ProviderRefused,
        },
        detail: detail(row.kind, &row.facts),
        facts: row.facts,
        first_at: row.first_at.to_string(),
        // A budget's is the beginning of its month.
        last_at: row.last_at.max(row.first_at).to_string(),
    }
}

/// For people: what happened, and what to do.
fn detail(kind: Kind, facts: &Value) -> String {
    let text = |name: &str| facts[name].as_str().unwrap_or_default();
    match kind {
        Kind::BudgetWarning => format!(
            "{} of the {} for {} are spent: raise the budget, or find out what is dear",
            dollars(&facts["spent_nano_usd"]),
            dollars(&facts["limit_nano_usd"]),
            text("month"),
        ),
        Kind::BudgetExceeded => format!(
            "the {} for {} are spent: {}",
            dollars(&facts["limit_nano_usd"]),
            text("month"),
            if facts["hard_stop"] == json!(true) {
                "new calls are refused until the budget is raised or the month is over"
            } else {
                "calls go on, since the budget has no hard stop"
            },
        ),
        Kind::PriceUnknown => format!(
            "{} of {} at {} has no price, so what it costs is not known: set one",
            plain(text("unit")),
            text("model"),
            text("vendor"),
        ),
        Kind::ProviderRefused => format!(
            "the vendor refuses requests of the account {} ({}): check its key and its credit",
            text("provider"),
            text("code"),
        ),
    }
}

fn plain(name: &str) -> String {
    name.replace('_', " ")
}

/// To the cent.
fn dollars(nano: &Value) -> String {
    let cents = (nano.as_i64().unwrap_or_default() + 5_000_000) / 10_000_000;
    format!("${}.{:02}", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_said_with_what_to_do() {
        let facts = json!({"month": "2026-11", "limit_nano_usd": 50_000_000_000_i64, "spent_nano_usd": 40_123_456_789_i64, "hard_stop": true});
        assert_eq!(
            detail(Kind::BudgetWarning, &facts),
            "$40.12 of the $50.00 for 2026-11 are spent: raise the budget, or find out what is dear"
        );
        assert!(detail(Kind::BudgetExceeded, &facts).contains("new calls are refused"));
        let facts = json!({"vendor": "own", "model": "m-1", "unit": "output_token"});
        assert!(detail(Kind::PriceUnknown, &facts).starts_with("output token of m-1 at own has no price"));
    }

    #[test]
    fn ids_are_those_that_were_given_and_no_others() {
        let id = Uuid::now_v7();
        assert_eq!(parsed(&format!("alr_{}", id.simple())), Some(id));
        for wrong in ["", "alr_", &id.to_string(), &format!("alr_{id}")] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }
}
