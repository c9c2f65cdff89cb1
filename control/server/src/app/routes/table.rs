//! What is stored of routes, ready to choose from.

use std::collections::HashMap;

use control_api::route::RouteHeader;
use control_store::greeting::Calendar;
use control_store::route::Route;
use domain::{AgentId, ChannelId, EnvironmentId, OrgId, RouteId};
use greetings::Timetable;
use routing::{Conditions, Header, Pattern, Table};

use crate::app::greetings::{book, read};

/// A channel that leads the calls of its number or room, as a route for that alone would.
#[derive(Debug, Clone)]
pub struct Leading {
    pub org: OrgId,
    pub channel: ChannelId,
    /// A room, and not a number.
    pub room: bool,
    pub address: String,
    pub agent: AgentId,
    pub environment: EnvironmentId,
}

impl Leading {
    /// What the table calls it.
    #[must_use]
    pub fn id(&self) -> RouteId {
        RouteId::from_uuid(self.channel.as_uuid())
    }

    fn route(self) -> routing::Route {
        let id = self.id();
        let place = Some(Pattern::Exact(self.address));
        let (number, room) = if self.room { (None, place) } else { (place, None) };
        routing::Route {
            id,
            org: self.org,
            conditions: Conditions { number, room, ..Conditions::default() },
            timetable: None,
            agent: self.agent,
            environment: self.environment,
            channel: true,
        }
    }
}

/// A route that cannot be read is left out, so that it takes no call that it was not meant for; all were checked when they were stored.
#[must_use]
pub fn table(
    rows: Vec<(OrgId, Route)>,
    channels: impl Iterator<Item = Leading>,
    calendars: Vec<(OrgId, Calendar)>,
) -> Table {
    let routes = rows.into_iter().filter_map(|(org, row)| route(org, row));
    let routes = routes.chain(channels.map(Leading::route)).collect();
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
        channel: false,
    })
}

pub(super) fn header(given: RouteHeader) -> Header {
    Header { name: given.name, value: given.value }
}
