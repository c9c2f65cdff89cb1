//! Callers in rooms to whom nobody came: LiveKit offers a room once, and no worker was there or had a place at that moment. It is made to offer
//! them again. Of several servers that see the same room one alone does: LiveKit withdraws a dispatch once.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use media_livekit::Waiting;
use media_livekit::api::Command;
use media_livekit::dispatch::{Api, Dispatch, Dispatches, Rooms as All};
use providers_link::http;
use runtime::Kind;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::ask::{Unanswered, ask};
use super::{BY_ROUTE, Dispatched, Rooms};

const OFFERING: Kind = Kind::new("rooms.offering");
const LOOK_EVERY: Duration = Duration::from_secs(1);
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// A dispatch that was withdrawn is asked for again this often, until LiveKit takes it, each time after twice as long: 25 s in all.
const ATTEMPTS: u32 = 8;
const PAUSE: Duration = Duration::from_millis(200);

/// Until the process ends.
pub(super) async fn watch(rooms: Arc<Rooms>) {
    let mut waiting = Waiting::default();
    let mut reached = true;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        if !rooms.load(0.0).free {
            continue;
        }
        match rooms.look_for(&mut waiting).await {
            Ok(()) => reached = true,
            Err(error) => {
                // Once for each time that it is lost.
                if std::mem::take(&mut reached) {
                    tracing::warn!(%error, "callers in LiveKit rooms to whom nobody came are not looked for");
                }
            }
        }
    }
}

impl Rooms {
    async fn look_for(self: &Arc<Self>, waiting: &mut Waiting) -> Result<(), Unanswered> {
        let all: All = self.answer(self.api().rooms(SystemTime::now())).await?;
        // Whoever LiveKit is not told of is offered to nobody.
        let told = Dispatched::of(self.board.dispatched()).agents;
        let is_told = |agent: &str| agent == BY_ROUTE || told.iter().any(|(name, _)| name == agent);
        for room in waiting.look(all.rooms, now()) {
            let asked = self.answer(self.api().dispatches(&room.name, SystemTime::now())).await;
            let Dispatches { agent_dispatches } = match asked {
                Ok(asked) => asked,
                Err(error) => {
                    // It ended meanwhile, or the part of LiveKit that has it does not answer.
                    tracing::debug!(sid = room.sid, %error, "what a room asks for is not known");
                    waiting.put_off(&room, now());
                    continue;
                }
            };
            let ours = |dispatch: &Dispatch| {
                is_told(&dispatch.agent_name) && self.serves(&dispatch.agent_name, &room.name).is_some()
            };
            for dispatch in waiting.asked_for(&room, agent_dispatches, ours, now()) {
                // The room was made anew with the agent on its way back, or asked twice while no server had a place: it is answered.
                if self.leases.is_met(&dispatch.agent_name, &room.name).await {
                    waiting.answered(&room, dispatch);
                    continue;
                }
                let offering = Arc::clone(self).offer_again(room.sid.clone(), dispatch);
                // A server that stops in the midst of it would leave the room without a dispatch.
                self.tasks.spawn_graceful(OFFERING, offering);
            }
        }
        Ok(())
    }

    async fn offer_again(self: Arc<Self>, sid: String, dispatch: Dispatch) {
        match self.tell(self.api().withdraw(&dispatch, SystemTime::now())).await {
            // Another server was quicker.
            Err(error) if error.is_gone() => return,
            // Where it is not known whether it is withdrawn, one more does no harm: of one agent one alone is offered.
            Ok(()) | Err(Unanswered::Late | Unanswered::Unreached(_)) => {}
            Err(error) => return tracing::warn!(sid, %error, "a room could not be offered again"),
        }
        tracing::info!(agent = dispatch.agent_name, sid, "a room that nobody took is offered again");
        let mut pause = PAUSE;
        for attempt in 1.. {
            match self.tell(self.api().ask_for(&dispatch, SystemTime::now())).await {
                Err(error) if !error.is_gone() && attempt < ATTEMPTS => {
                    tracing::debug!(sid, attempt, %error, "a room could not be offered again yet");
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                Err(error) if !error.is_gone() => {
                    return tracing::warn!(sid, %error, "a room could not be offered again");
                }
                _ => return,
            }
        }
    }

    const fn api(&self) -> Api<'_> {
        Api { url: self.url.as_str(), keys: &self.keys }
    }

    async fn answer<T: DeserializeOwned>(
        &self,
        command: Result<Command, media_livekit::Error>,
    ) -> Result<T, Unanswered> {
        let body = ask(&self.client, command.map_err(Unanswered::Unasked)?, ANSWER_WITHIN).await?;
        http::json(body).await.map_err(Unanswered::Unreached)
    }

    async fn tell(&self, command: Result<Command, media_livekit::Error>) -> Result<(), Unanswered> {
        ask(&self.client, command.map_err(Unanswered::Unasked)?, ANSWER_WITHIN).await?.finish();
        Ok(())
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}
