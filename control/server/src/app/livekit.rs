//! Rooms of LiveKit: who may have an agent of the organization come into one.

use std::time::Duration;

use control_api::livekit::{RoomToken, RoomTokenRequest};
use control_api::problem;
use domain::SessionId;

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
    // One project at LiveKit, one name space of agents and rooms: another organization would enter rooms that are not its own.
    if ctx.org != server.store.opened()?.organization {
        let detail =
            "rooms of LiveKit are the default organization's: this server has one project there for all";
        return Err(Error::new(&problem::LIVEKIT_ABSENT, detail));
    }
    let mut tx = ctx.tx(server).await?;
    let agent = agents::named(&mut tx, &wanted.agent).await?.name;
    tx.commit().await?;
    if !server.ports.calls.has(&agent) {
        let detail = format!("agent {agent:?} is not served: publish it");
        return Err(Error::new(&problem::AGENT_UNKNOWN, detail));
    }
    // Names that nobody can guess.
    let made = SessionId::generate();
    let access = RoomAccess {
        room: wanted.room.unwrap_or_else(|| format!("{agent}-{made}")),
        identity: wanted.identity.unwrap_or_else(|| format!("caller-{made}")),
        name: wanted.name.unwrap_or_default(),
        agent: agent.clone(),
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
