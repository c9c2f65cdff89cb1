//! Callers in rooms to whom nobody came: LiveKit offers a room once, and no worker was there or had a place at that moment. It is made to offer
//! them again. Of several servers that see the same room one alone does: LiveKit withdraws a dispatch once.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use media_livekit::Waiting;
use media_livekit::api::Command;
use media_livekit::dispatch::{Api, Dispatch, Dispatches, Room, Rooms as All};
use providers_link::http;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::Rooms;
use super::ask::{Unanswered, ask};

const LOOK_EVERY: Duration = Duration::from_secs(1);
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// A dispatch that was withdrawn is asked for again this often, until LiveKit takes it.
const ATTEMPTS: usize = 5;
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
    async fn look_for(&self, waiting: &mut Waiting) -> Result<(), Unanswered> {
        let all: All = self.answer(self.api().rooms(SystemTime::now())).await?;
        for room in waiting.look(all.rooms, now()) {
            let asked = self.answer(self.api().dispatches(&room.name, SystemTime::now())).await;
            let Dispatches { agent_dispatches } = match asked {
                Ok(asked) => asked,
                // The room ended meanwhile.
                Err(error) if error.is_gone() => continue,
                Err(error) => return Err(error),
            };
            let ours = |dispatch: &Dispatch| self.serves(&dispatch.agent_name, &room.name).is_some();
            for dispatch in waiting.asked_for(&room, agent_dispatches, ours, now()) {
                // The room was made anew with the agent on its way back, or already there.
                if !self.leases.is_held(&dispatch.agent_name, &room.name).await {
                    self.offer_again(&room, dispatch).await?;
                }
            }
        }
        Ok(())
    }

    async fn offer_again(&self, room: &Room, dispatch: Dispatch) -> Result<(), Unanswered> {
        match self.tell(self.api().withdraw(&dispatch, SystemTime::now())).await {
            Ok(()) => {}
            // Another server was quicker.
            Err(error) if error.is_gone() => return Ok(()),
            Err(error) => return Err(error),
        }
        tracing::info!(
            agent = dispatch.agent_name,
            sid = room.sid,
            "a room that nobody took is offered again"
        );
        let mut attempts = 1;
        loop {
            match self.tell(self.api().ask_for(&dispatch, SystemTime::now())).await {
                Err(error) if !error.is_gone() && attempts < ATTEMPTS => {
                    attempts += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                told => return told,
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
