//! Calls that name nobody: whom the routes lead them to.

use control_server::LeadingChannel as Leading;
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
        served.to(route)
    }

    /// As `reach`, for what comes to this organization: a route for the room or number, and no other organization's.
    pub(crate) fn reach_of(&self, org: OrgId, arrival: &Arrival) -> Reach {
        let served = self.served.borrow().clone();
        match served.routes.reach(arrival, Timestamp::now()) {
            Some(route) if route.org == org => served.to(route),
            _ => Reach::Nobody,
        }
    }

    /// Whether any room is led somewhere.
    pub(crate) fn leads_rooms(&self) -> bool {
        self.served.borrow().leads_rooms
    }
}

impl Served {
    fn to(&self, route: &routing::Route) -> Reach {
        let name = route.id.to_string();
        if self.ways.contains_key(&name) { Reach::Route(name) } else { Reach::Unserved }
    }

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
            let node = route.set.node.clone();
            self.ways.insert(route.id.to_string(), Callable { channel, node, ..callable });
        }
        let leading: Vec<Leading> = ways.iter().filter(|way| way.leads).map(leading).collect();
        for one in &leading {
            // As the channel is called by its own id.
            if let Some(callable) = self.ways.get(&one.channel.to_string()).cloned() {
                self.ways.insert(one.id().to_string(), callable);
            }
        }
        self.leads_rooms =
            leading.iter().any(|one| one.room) || routes.iter().any(|(_, route)| route.set.room.is_some());
        self.routes = control_server::route_table(routes, leading.into_iter(), calendars);
    }
}

fn leading(way: &Way) -> Leading {
    let Way { org, channel, kind, address, agent, environment, .. } = way.clone();
    Leading { org, channel, room: kind == "room", address, agent, environment }
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
