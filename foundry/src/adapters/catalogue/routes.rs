//! Calls that name nobody: whom the routes lead them to.

use control_store::greeting::Calendar;
use control_store::route::Route;
use control_store::serving::Way;
use domain::{ChannelId, OrgId};
use jiff::Timestamp;
use routing::Arrival;

use super::{Callable, Catalogue, Served};

/// What the routes say of a call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The route, by which `find` knows whom it leads to.
    Route(String),
    /// Its route leads to what is not published there.
    Unserved,
    /// No route fits.
    Nobody,
}

impl Catalogue {
    pub(crate) fn reach(&self, arrival: &Arrival) -> Reach {
        let served = self.served.borrow().clone();
        let Some(route) = served.routes.reach(arrival, Timestamp::now()) else { return Reach::Nobody };
        let name = route.id.to_string();
        if served.ways.contains_key(&name) { Reach::Route(name) } else { Reach::Unserved }
    }
}

impl Served {
    pub(super) fn lead(
        &mut self,
        routes: Vec<(OrgId, Route)>,
        calendars: Vec<(OrgId, Calendar)>,
        ways: &[Way],
    ) {
        for (org, route) in &routes {
            let served = self.agents.values().find(|callable| {
                callable.org == *org
                    && callable.agent == route.set.agent
                    && callable.environment == Some(route.set.environment)
            });
            let Some(callable) = served.cloned() else { continue };
            let channel = channel(ways, *org, route);
            self.ways.insert(route.id.to_string(), Callable { channel, ..callable });
        }
        self.routes = control_server::route_table(routes, calendars);
    }
}

/// The channel that stands for the route's number or room, whose greetings its callers hear.
fn channel(ways: &[Way], org: OrgId, route: &Route) -> Option<ChannelId> {
    let set = &route.set;
    let stands = |way: &&Way| {
        let place = match way.kind.as_str() {
            "number" => &set.number,
            "room" => &set.room,
            "host" => &set.host,
            _ => return false,
        };
        way.org == org
            && way.agent == set.agent
            && way.environment == set.environment
            && place.as_ref() == Some(&way.address)
    };
    ways.iter().find(stands).map(|way| way.channel)
}
