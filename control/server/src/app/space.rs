//! Whose a room is, by its name. One project at LiveKit has one name space for the rooms of all organizations: those of an organization beside the
//! default one begin with its id and `/`, the default one has all other names. Any other name has an organization from the operator alone.

use control_api::problem;
use control_store::{OrgTx, route};
use domain::OrgId;
use routing::Pattern;

use super::ctx::Ctx;
use super::fields::of_field;
use crate::Server;
use crate::error::Error;

const OF_OTHERS: &str = "rooms whose names begin with `org_` are those of the organization with that id: take another name, or one that begins with your own id and `/`";

/// The rooms of one organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Space {
    /// As names in it begin.
    own: String,
    home: bool,
}

impl Space {
    pub(crate) fn of(org: OrgId, home: OrgId) -> Self {
        Self { own: format!("{org}/"), home: org == home }
    }

    /// Whether it is the default organization's.
    pub(crate) const fn is_home(&self) -> bool {
        self.home
    }

    /// What its agents and rooms have before their names.
    pub(crate) fn prefix(&self) -> &str {
        if self.home { "" } else { &self.own }
    }

    /// Whether all of these are in it by their names.
    pub(crate) fn has(&self, rooms: &Pattern) -> bool {
        text(rooms).starts_with(&self.own) || self.home && !touches_spaces(rooms)
    }

    /// Whether some of these are in another organization's.
    pub(crate) fn leaves(&self, rooms: &Pattern) -> bool {
        !text(rooms).starts_with(&self.own) && touches_spaces(rooms)
    }
}

/// Whether the organization may claim these rooms; what it has it may name again.
pub(crate) async fn may_claim(
    ctx: &Ctx,
    server: &Server,
    tx: &mut OrgTx,
    pointer: &str,
    rooms: &Pattern,
) -> Result<(), Error> {
    let space = Space::of(ctx.org, server.store.opened()?.organization);
    if space.leaves(rooms) {
        return Err(of_field(&problem::ROUTE_TAKEN, pointer, "taken", OF_OTHERS.to_owned()));
    }
    let claimed = match rooms {
        Pattern::Exact(room) => route::has(tx, "room", room).await?,
        Pattern::Beginning(_) => route::has_rooms(tx, &rooms.to_string()).await?,
    };
    if space.has(rooms) || claimed {
        return Ok(());
    }
    ctx.operator(&format!("gives organizations rooms whose names do not begin with {:?}", space.prefix()))
}

fn text(rooms: &Pattern) -> &str {
    let (Pattern::Exact(text) | Pattern::Beginning(text)) = rooms;
    text
}

fn touches_spaces(rooms: &Pattern) -> bool {
    let ids = format!("{}_", OrgId::PREFIX);
    text(rooms).starts_with(&ids)
        || matches!(rooms, Pattern::Beginning(text) if ids.starts_with(text.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_organization_has_the_rooms_that_begin_with_its_id_and_the_default_one_all_others() {
        let [ours, theirs] = [OrgId::generate(), OrgId::generate()];
        let (own, home) = (Space::of(ours, theirs), Space::of(ours, ours));
        let read = |text: &str| Pattern::name(text).expect("a pattern");
        for (text, by_name, by_default) in [
            (format!("{ours}/desk"), true, true),
            (format!("{ours}/*"), true, true),
            (format!("{ours}*"), false, false),
            (format!("{theirs}/desk"), false, false),
            (format!("{theirs}/*"), false, false),
            ("org_*".to_owned(), false, false),
            ("o*".to_owned(), false, false),
            ("org_chart".to_owned(), false, false),
        ] {
            let rooms = read(&text);
            assert_eq!((own.has(&rooms), home.has(&rooms)), (by_name, by_default), "{text}");
            assert_eq!((own.leaves(&rooms), home.leaves(&rooms)), (!by_name, !by_default), "{text}");
        }
        for text in ["desk", "desk/2", "support-*", "a*", "organs", "org"] {
            let rooms = read(text);
            assert_eq!((own.has(&rooms), home.has(&rooms)), (false, true), "{text}");
            assert!(!own.leaves(&rooms) && !home.leaves(&rooms), "{text}");
        }
        assert_eq!((own.prefix(), home.prefix()), (format!("{ours}/").as_str(), ""));
    }
}
