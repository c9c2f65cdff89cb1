//! What came of a campaign, as a file for spreadsheets.

use std::collections::BTreeSet;

use control_store::campaign as store;
use jiff::Timestamp;

use super::parsed;
use crate::Server;
use crate::app::ctx::{Ctx, missing};
use crate::error::Error;

const COLUMNS: [&str; 11] = [
    "number",
    "state",
    "attempts",
    "outcome",
    "answered_by",
    "called_at",
    "answered_at",
    "ended_at",
    "session_id",
    "session_outcome",
    "summary",
];

pub(crate) async fn of(ctx: &Ctx, server: &Server, id: &str) -> Result<String, Error> {
    let key = parsed(id)?;
    let mut tx = ctx.tx(server).await?;
    store::find(&mut tx, key).await?.ok_or_else(|| missing("campaign", id))?;
    let rows = store::results(&mut tx, key).await?;
    tx.commit().await?;
    written(&rows).map_err(|error| Error::fault(&error))
}

/// One line for each contact, what was told of them behind what came of it.
fn written(rows: &[store::ResultRow]) -> Result<String, csv::Error> {
    let names: BTreeSet<&str> =
        rows.iter().flat_map(|row| row.contact.variables.keys()).map(String::as_str).collect();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS.iter().copied().chain(names.iter().copied()))?;
    for row in rows {
        let contact = &row.contact;
        let time = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
        let session = contact.call.filter(|_| row.answered_at.is_some());
        let fixed = [
            contact.number.0.clone(),
            contact.state.clone(),
            contact.attempts.to_string(),
            contact.outcome.clone().unwrap_or_default(),
            row.answered_by.clone().unwrap_or_default(),
            time(row.called_at),
            time(row.answered_at),
            time(row.call_ended_at),
            session.map(|id| id.to_string()).unwrap_or_default(),
            row.session_outcome.clone().unwrap_or_default(),
            row.summary.clone().unwrap_or_default(),
        ];
        let told = names.iter().map(|name| contact.variables.get(*name).map_or("", |value| value.0.as_str()));
        writer.write_record(fixed.iter().map(String::as_str).chain(told).map(harmless))?;
    }
    let bytes = writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A spreadsheet takes what begins so for a formula and runs it; a number may begin with a plus.
fn harmless(text: &str) -> String {
    let formula = text.starts_with(['=', '@', '\t', '\r'])
        || text.strip_prefix(['+', '-']).is_some_and(|rest| !rest.bytes().all(|byte| byte.is_ascii_digit()));
    if formula { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use domain::{ContactId, Pii};

    use super::*;

    #[test]
    fn a_line_says_what_came_of_a_contact_and_holds_no_formula() {
        let told = BTreeMap::from([("city".to_owned(), Pii("=cmd|'/C calc'!A0".to_owned()))]);
        let contact = store::Contact {
            id: ContactId::generate(),
            number: Pii("+4930123456".to_owned()),
            variables: told,
            state: "done".to_owned(),
            attempts: 2,
            due_at: Timestamp::UNIX_EPOCH,
            outcome: Some("completed".to_owned()),
            call: None,
            created_at: Timestamp::UNIX_EPOCH,
        };
        let row = store::ResultRow {
            contact,
            answered_by: Some("human".to_owned()),
            called_at: None,
            answered_at: None,
            call_ended_at: None,
            session_outcome: None,
            summary: Some("They said \"yes\", and more.".to_owned()),
        };
        let text = written(&[row]).expect("written");
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[0].starts_with("number,state,attempts,outcome,") && lines[0].ends_with(",summary,city")
        );
        assert!(lines[1].starts_with("+4930123456,done,2,completed,human,"), "{text}");
        assert!(lines[1].ends_with("\"They said \"\"yes\"\", and more.\",'=cmd|'/C calc'!A0"), "{text}");
    }

    #[test]
    fn numbers_stay_and_formulas_do_not() {
        assert_eq!(
            ["+49", "-3", "+1+cmd", "@x", "plain", ""].map(harmless),
            ["+49", "-3", "'+1+cmd", "'@x", "plain", ""]
        );
    }
}
