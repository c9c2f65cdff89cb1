//! What is stored of routes, ready to choose from.

use std::collections::HashMap;

use control_api::route::RouteHeader;
use control_store::greeting::Calendar;
use control_store::route::Route;
use domain::OrgId;
use greetings::Timetable;
use routing::{Conditions, Header, Pattern, Table};

use crate::app::greetings::{book, read};

/// A route that cannot be read is left out, so that it takes no call that it was not meant for; all were checked when they were stored.
#[must_use]
pub fn table(rows: Vec<(OrgId, Route)>, calendars: Vec<(OrgId, Calendar)>) -> Table {
    let routes = rows.into_iter().filter_map(|(org, row)| route(org, row)).collect();
    let calendars: HashMap<_, _> =
        calendars.into_iter().map(|(org, calendar)| (org, book::calendar(&calendar))).collect();
    Table::new(routes, calendars)
}

fn route(org: OrgId, row: Route) -> Option<routing::Route> {
    let id = row.id;
    let made = made(org, row);
    if made.is_none() {
        tracing::error!(route = %id, "a stored route cannot be read, and takes no call");
    }
    made
}

fn made(org: OrgId, row: Route) -> Option<routing::Route> {
    let timetable = match row.set.schedule {
        None => None,
        Some(stored) => Some(Timetable::new(read(stored)?).ok()?),
    };
    let headers: Vec<RouteHeader> = read(row.set.headers)?;
    Some(routing::Route {
        id: row.id,
        org,
        conditions: Conditions {
            number: row.set.number.as_deref().map(Pattern::number).transpose().ok()?,
            room: row.set.room.as_deref().map(Pattern::name).transpose().ok()?,
            host: row.set.host,
            trunk: row.set.trunk,
            headers: headers.into_iter().map(header).collect(),
        },
        timetable,
        agent: row.set.agent,
        environment: row.set.environment,
    })
}

pub(super) fn header(given: RouteHeader) -> Header {
    Header { name: given.name, value: given.value }
}
