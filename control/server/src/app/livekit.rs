//! Rooms of LiveKit: who may have an agent of the organization come into one. Nobody gets a token for a room that is another organization's: what
//! counts is the name that LiveKit knows the room by, and not what a route that anybody may make says of it.

use std::time::Duration;

use control_api::livekit::{RoomToken, RoomTokenRequest};
use control_api::problem;
use control_store::{Reason, route};
use domain::{OrgId, SessionId};
use routing::Pattern;

use super::agents;
use super::ctx::Ctx;
use super::fields::Fields;
use super::space::Space;
use crate::Server;
use crate::error::Error;
use crate::ports::RoomAccess;

const LASTS_S: u32 = 900;
const LASTS_MOST_S: u32 = 86_400;
const NAME_MOST: usize = 128;
const METADATA_MOST: usize = 4_096;

pub(crate) async fn token(ctx: &Ctx, server: &Server, wanted: RoomTokenRequest) -> Result<RoomToken, Error> {
    let lasts_s = wanted.ttl_s.unwrap_or(LASTS_S);
    let mut fields = Fields::default();
    for (pointer, text) in [("/room", &wanted.room), ("/identity", &wanted.identity)] {
        if let Some(text) = text {
            fields.text(pointer, text, 1, NAME_MOST);
        }
    }
    fields.text("/name", wanted.name.as_deref().unwrap_or_default(), 0, NAME_MOST);
    fields.text("/metadata", wanted.metadata.as_deref().unwrap_or_default(), 0, METADATA_MOST);
    fields.range("/ttl_s", lasts_s.into(), 1, LASTS_MOST_S.into());
    fields.check()?;
    let Some(rooms) = &server.ports.rooms else {
        let detail = "this server has no LiveKit: it is started with LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET";
        return Err(Error::new(&problem::LIVEKIT_ABSENT, detail));
    };
    let mut tx = ctx.tx(server).await?;
    let agent = agents::named(&mut tx, &wanted.agent).await?.name;
    tx.commit().await?;
    let opened = server.store.opened()?;
    let space = Space::of(ctx.org, opened.organization);
    let dispatched = format!("{}{agent}", space.prefix());
    if !server.ports.calls.has(&dispatched) {
        let detail = format!("agent {agent:?} is not served: publish it");
        return Err(Error::new(&problem::AGENT_UNKNOWN, detail));
    }
    if !rooms.dispatches(&dispatched) {
        let detail = format!(
            "agent {agent:?} would come into no room: LiveKit is told of the first agents of an organization by name, and of none of the default organization's that is hidden; rename it, or take others out of service"
        );
        return Err(Error::new(&problem::LIVEKIT_NOT_DISPATCHED, detail));
    }
    // Names that nobody can guess.
    let made = SessionId::generate();
    let room = match wanted.room {
        Some(room) => {
            let mut tx = opened.db.system_tx(Reason::FindTenant).await?;
            let owner = route::room_owner(&mut tx, &room).await?;
            tx.commit().await?;
            own(ctx.org, &space, room, owner)?
        }
        None => format!("{}{agent}-{made}", space.prefix()),
    };
    let access = RoomAccess {
        room,
        identity: wanted.identity.unwrap_or_else(|| format!("caller-{made}")),
        name: wanted.name.unwrap_or_default(),
        agent: dispatched,
        metadata: wanted.metadata.unwrap_or_default(),
        from: server.ports.clock.now(),
        lasts: Duration::from_secs(lasts_s.into()),
    };
    let signed = rooms.token(&access).map_err(|reason| Error::new(&problem::INTERNAL, reason))?;
    Ok(RoomToken {
        url: rooms.url(),
        token: signed.expose().clone(),
        room: access.room,
        identity: access.identity,
        agent,
        expires_at: (access.from + access.lasts).to_string(),
    })
}

/// The room as LiveKit knows it: in the organization's own name space, unless the operator gave it that name by a route or channel.
fn own(org: OrgId, space: &Space, room: String, owner: Option<OrgId>) -> Result<String, Error> {
    let named = Pattern::Exact(room.clone());
    // What others were given says nothing of a name in one's own space.
    let given_away = space.is_home() && owner.is_some_and(|owner| owner != org);
    if space.leaves(&named) || given_away {
        let detail = "the room is another organization's: take another name, or have the server's operator settle whose it is";
        return Err(Error::new(&problem::ROUTE_TAKEN, detail));
    }
    let given = owner == Some(org);
    Ok(if space.has(&named) || given { room } else { format!("{}{room}", space.prefix()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_the_organizations_by_its_name_or_the_operators_word_and_never_anothers() {
        let [ours, theirs] = [OrgId::generate(), OrgId::generate()];
        let named = |home, room: &str, owner| own(ours, &Space::of(ours, home), room.to_owned(), owner).ok();
        let desk = format!("{ours}/desk");
        assert_eq!(named(theirs, "desk", None).as_ref(), Some(&desk));
        assert_eq!(named(theirs, "desk", Some(ours)).as_deref(), Some("desk"), "given by the operator");
        assert_eq!(named(theirs, "desk", Some(theirs)).as_ref(), Some(&desk), "another room than theirs");
        // By its own name, whoever else may have a route that takes it in.
        for owner in [None, Some(ours), Some(theirs)] {
            assert_eq!(named(theirs, &desk, owner).as_ref(), Some(&desk));
        }
        // And no route makes another's name one's own.
        for owner in [None, Some(ours), Some(theirs)] {
            for home in [ours, theirs] {
                assert_eq!(named(home, &format!("{theirs}/desk"), owner), None);
                assert_eq!(named(home, "org_desk", owner), None);
            }
        }
        // The default organization has the names that nobody else has.
        assert_eq!(named(ours, "desk", None).as_deref(), Some("desk"));
        assert_eq!(named(ours, "desk/2", None).as_deref(), Some("desk/2"));
        assert_eq!(named(ours, "desk", Some(theirs)), None);
    }
}
