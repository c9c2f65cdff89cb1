//! What is stored of an organization's greetings, ready to choose from.

use control_store::greeting::{Calendar as StoredCalendar, Greeting};
use domain::Language;
use greetings::book::Fault;
use greetings::{Book, Calendar, Entry, Prefix, Rule, Scope, Timetable};

use super::read;

/// Texts that cannot be said are left out and named. A schedule or calendar that cannot be read does not happen: both were checked when they
/// were stored, and time zones do not go.
#[must_use]
pub fn book(rows: Vec<Greeting>, calendar: StoredCalendar) -> (Book, Vec<Fault>) {
    let entries = rows.into_iter().filter_map(entry).collect();
    let prefixes: Vec<Prefix> = read(calendar.languages.clone()).unwrap_or_default();
    Book::new(entries, self::calendar(&calendar), prefixes)
}

/// An organization's time.
pub(crate) fn calendar(stored: &StoredCalendar) -> Calendar {
    let days = read(stored.holidays.clone()).unwrap_or_default();
    Calendar::new(&stored.time_zone, days)
        .inspect_err(|error| tracing::error!(%error, "an organization goes by UTC and knows no holidays"))
        .unwrap_or_default()
}

fn entry(row: Greeting) -> Option<Entry> {
    let timetable = match row.set.schedule {
        None => None,
        // A greeting must not be said at all times because its times cannot be read.
        Some(stored) => Some(Timetable::new(read(stored)?).ok()?),
    };
    Some(Entry {
        rule: Rule {
            id: row.id,
            scope: Scope {
                agent: row.scope.agent,
                domain: row.scope.domain,
                environment: row.scope.environment,
                channel: row.scope.channel,
            },
            language: row.set.language.map(Language),
            timetable,
            priority: row.set.priority,
            enabled: row.set.enabled,
        },
        wordings: row.set.wordings,
        experiment: row.set.experiment.and_then(read),
        round: row.experiment_round,
    })
}
