//! All routes of a server, and the choice among them.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt;

use domain::{AgentId, EnvironmentId, OrgId, RouteId};
use greetings::schedule::Closed;
use greetings::{Calendar, Timetable};
use jiff::Timestamp;

use crate::pattern::{Fit, Pattern, dialled};

/// Everything that is said must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions {
    pub number: Option<Pattern>,
    pub room: Option<Pattern>,
    /// In lower case.
    pub host: Option<String>,
    /// The name of the trunk, or of the account at a carrier, that the call comes in by.
    pub trunk: Option<String>,
    pub headers: Vec<Header>,
}

/// Of a SIP message, as a carrier may hand it on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// In whichever case.
    pub name: String,
    /// Letter by letter.
    pub value: String,
}

#[derive(Debug, Clone)]
pub struct Route {
    pub id: RouteId,
    pub org: OrgId,
    pub conditions: Conditions,
    /// `None`: always.
    pub timetable: Option<Timetable>,
    pub agent: AgentId,
    pub environment: EnvironmentId,
    /// A channel that leads its number or room by itself; its id is the route's.
    pub channel: bool,
}

/// What a call brings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arrival {
    /// Whose trunk or account it came in by; `None`: nobody's, so that only what belongs to one organization alone tells whose it is.
    pub org: Option<OrgId>,
    pub number: Option<String>,
    pub room: Option<String>,
    pub host: Option<String>,
    pub trunk: Option<String>,
    pub headers: Vec<Header>,
}

/// How narrow a route that fits is. Its order is the order in which routes win: field by field from the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Specificity {
    pub number: Fit,
    pub room: Fit,
    pub host: bool,
    pub trunk: bool,
    pub headers: usize,
    pub hours: bool,
    /// A route that was made as one goes before a channel.
    pub made: bool,
}

/// Why a route does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Miss {
    /// It names no number, room or hostname, and nobody knows whose the call is.
    Nobodys,
    Number,
    Room,
    Host,
    Trunk,
    /// By its name.
    Header(String),
    Closed(Closed),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    pub id: RouteId,
    pub verdict: Result<Specificity, Miss>,
    pub chosen: bool,
}

#[derive(Debug, Clone, Default)]
pub struct Table {
    routes: Vec<Route>,
    calendars: HashMap<OrgId, Calendar>,
}

impl Table {
    #[must_use]
    pub const fn new(routes: Vec<Route>, calendars: HashMap<OrgId, Calendar>) -> Self {
        Self { routes, calendars }
    }

    /// The route that a call takes at this instant.
    #[must_use]
    pub fn reach(&self, arrival: &Arrival, at: Timestamp) -> Option<&Route> {
        let arrival = arrival.normal();
        let fitting = self.routes_of(&arrival).filter_map(|route| {
            let fit = self.fit(route, &arrival, at).ok()?;
            Some((fit, Reverse(route.id), route))
        });
        fitting.max_by_key(|(fit, age, _)| (*fit, *age)).map(|(.., route)| route)
    }

    /// Every route that could have been meant, the most specific first, and why each was taken or not.
    #[must_use]
    pub fn explain(&self, arrival: &Arrival, at: Timestamp) -> Vec<Explained> {
        let chosen = self.reach(arrival, at).map(|route| route.id);
        let arrival = arrival.normal();
        let mut all: Vec<Explained> = self
            .routes_of(&arrival)
            .map(|route| Explained {
                id: route.id,
                verdict: self.fit(route, &arrival, at),
                chosen: chosen == Some(route.id),
            })
            .collect();
        all.sort_by_key(|one| (Reverse(one.verdict.clone().ok()), one.id));
        all
    }

    fn routes_of(&self, arrival: &Arrival) -> impl Iterator<Item = &Route> {
        let org = arrival.org;
        self.routes.iter().filter(move |route| org.is_none_or(|org| org == route.org))
    }

    fn fit(&self, route: &Route, arrival: &Arrival, at: Timestamp) -> Result<Specificity, Miss> {
        let Conditions { number, room, host, trunk, headers } = &route.conditions;
        if arrival.org.is_none() && number.is_none() && room.is_none() && host.is_none() {
            return Err(Miss::Nobodys);
        }
        let fit = Specificity {
            number: fit(number.as_ref(), arrival.number.as_deref()).ok_or(Miss::Number)?,
            room: fit(room.as_ref(), arrival.room.as_deref()).ok_or(Miss::Room)?,
            host: same(host.as_ref(), arrival.host.as_ref()).ok_or(Miss::Host)?,
            trunk: same(trunk.as_ref(), arrival.trunk.as_ref()).ok_or(Miss::Trunk)?,
            headers: headers.len(),
            hours: route.timetable.is_some(),
            made: !route.channel,
        };
        if let Some(missing) = headers.iter().find(|wanted| !arrival.has(wanted)) {
            return Err(Miss::Header(missing.name.clone()));
        }
        if let Some(timetable) = &route.timetable {
            let utc = Calendar::default();
            let calendar = self.calendars.get(&route.org).unwrap_or(&utc);
            timetable.holds(calendar, at).map_err(Miss::Closed)?;
        }
        Ok(fit)
    }
}

impl Arrival {
    /// With the number and the hostname as routes write them.
    fn normal(&self) -> Self {
        Self {
            number: self.number.as_deref().map(dialled),
            host: self.host.as_deref().map(str::to_ascii_lowercase),
            ..self.clone()
        }
    }

    fn has(&self, wanted: &Header) -> bool {
        self.headers
            .iter()
            .any(|header| header.name.eq_ignore_ascii_case(&wanted.name) && header.value == wanted.value)
    }
}

/// As the page that tests a call says it.
impl fmt::Display for Specificity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pattern = |what: &str, fit: Fit| match fit {
            Fit::Open => None,
            Fit::Beginning(length) => Some(format!("the first {length} characters of the {what}")),
            Fit::Exact => Some(format!("the {what}")),
        };
        let mut parts: Vec<String> =
            [pattern("number", self.number), pattern("room", self.room)].into_iter().flatten().collect();
        for (holds, what) in [(self.host, "the hostname"), (self.trunk, "the trunk")] {
            if holds {
                parts.push(what.to_owned());
            }
        }
        match self.headers {
            0 => {}
            1 => parts.push("a header".to_owned()),
            many => parts.push(format!("{many} headers")),
        }
        if self.hours {
            parts.push("the hours".to_owned());
        }
        if parts.is_empty() {
            f.write_str("fits every call")
        } else {
            write!(f, "fits by {}", parts.join(", "))
        }
    }
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobodys => f.write_str(
                "names no number, room or hostname, and the call comes in by no trunk or account of the organization",
            ),
            Self::Number => f.write_str("another number"),
            Self::Room => f.write_str("another room"),
            Self::Host => f.write_str("another hostname"),
            Self::Trunk => f.write_str("another trunk"),
            Self::Header(name) => write!(f, "the header {name} is missing or says something else"),
            Self::Closed(Closed::Before(day)) => write!(f, "begins on {day}"),
            Self::Closed(Closed::After(day)) => write!(f, "ended on {day}"),
            Self::Closed(Closed::Holiday(name)) if name.is_empty() => f.write_str("not on a holiday"),
            Self::Closed(Closed::Holiday(name)) => write!(f, "not on a holiday ({name})"),
            Self::Closed(Closed::NoHoliday) => f.write_str("only on holidays"),
            Self::Closed(Closed::Hours { day, at }) => write!(f, "closed on {} at {at}", day.name()),
        }
    }
}

fn fit(wanted: Option<&Pattern>, brought: Option<&str>) -> Option<Fit> {
    match (wanted, brought) {
        (None, _) => Some(Fit::Open),
        (Some(_), None) => None,
        (Some(pattern), Some(brought)) => pattern.fit(brought),
    }
}

/// Whether it narrows; `None`: it does not hold.
fn same(wanted: Option<&String>, brought: Option<&String>) -> Option<bool> {
    match wanted {
        None => Some(false),
        Some(_) if wanted == brought => Some(true),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests;
