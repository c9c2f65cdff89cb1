//! Rooms of LiveKit: who may have an agent of the organization come into one. One project at LiveKit has one name space for the rooms of all
//! organizations: nobody gets a token for a room that is another's.

use std::time::Duration;

use control_api::livekit::{RoomToken, RoomTokenRequest};
use control_api::problem;
use control_store::{Reason, route};
use domain::{OrgId, SessionId};

use super::agents;
use super::ctx::Ctx;
use super::fields::Fields;
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
    let home = ctx.org == opened.organization;
    let space = if home { String::new() } else { format!("{}/", ctx.org) };
    let dispatched = format!("{space}{agent}");
    if !server.ports.calls.has(&dispatched) {
        let detail = format!("agent {agent:?} is not served: publish it");
        return Err(Error::new(&problem::AGENT_UNKNOWN, detail));
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
        None => format!("{space}{agent}-{made}"),
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

/// The room as LiveKit knows it: the name that was given where it is the organization's to use, else one in its own name space.
fn own(org: OrgId, space: &str, room: String, owner: Option<OrgId>) -> Result<String, Error> {
    let of_others = match owner {
        Some(owner) if owner == org => return Ok(room),
        Some(_) => true,
        // As names of the rooms of organizations begin.
        None => room
            .split_once('/')
            .and_then(|(first, _)| first.parse::<OrgId>().ok())
            .is_some_and(|first| first != org),
    };
    if of_others {
        let detail = "the room is another organization's: take another name, or have the server's operator settle whose it is";
        return Err(Error::new(&problem::ROUTE_TAKEN, detail));
    }
    Ok(if room.starts_with(space) { room } else { format!("{space}{room}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_the_organizations_by_its_route_or_its_name_and_never_anothers() {
        let [ours, theirs] = [OrgId::generate(), OrgId::generate()];
        let space = format!("{ours}/");
        let named = |space: &str, room: &str, owner| own(ours, space, room.to_owned(), owner).ok();
        assert_eq!(named(&space, "desk", None), Some(format!("{ours}/desk")));
        assert_eq!(named(&space, &format!("{ours}/desk"), None), Some(format!("{ours}/desk")));
        assert_eq!(named(&space, "desk", Some(ours)).as_deref(), Some("desk"), "by a route");
        assert_eq!(named(&space, "desk", Some(theirs)), None);
        assert_eq!(named(&space, &format!("{theirs}/desk"), None), None);
        // The default organization has the names that nobody else has.
        assert_eq!(named("", "desk", None).as_deref(), Some("desk"));
        assert_eq!(named("", "desk/2", None).as_deref(), Some("desk/2"));
        assert_eq!(named("", &format!("{theirs}/desk"), None), None);
        assert_eq!(named("", "desk", Some(theirs)), None);
    }
}
