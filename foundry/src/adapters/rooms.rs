//! LiveKit rooms that ask for agents: a worker for each agent that is served, a place for the call, its leg.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use control_server::ports::{CallRequest, RoomAccess};
use domain::{Secret, SessionId};
use greetings::Caller;
use media_core::Delivery;
use media_livekit::{Assigned, Begun, Ended, Grant, Keys, Load, Offer, Peer, Visit, Worker};
use media_rtc::link::Credentials;
use media_session::{Directory, Leg, Slot};
use runtime::{Kind, Tasks};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::adapters::entry::{Way, join_with};
use crate::adapters::protocol::LiveKit;
use crate::adapters::spending::Spending;
use crate::switchboard::Switchboard;

const AGENTS: Kind = Kind::new("rooms.agents");
const OFFERS: Kind = Kind::new("rooms.offers");
const VISIT: Kind = Kind::new("rooms.visit");
const WATCH: Kind = Kind::new("rooms.watch");

/// So late is an agent that begins to be served registered, and one that no longer is taken off.
const AGENTS_EVERY: Duration = Duration::from_secs(2);
/// A frame of audio: how late this comes is how late frames go out.
const TICK: Duration = Duration::from_millis(20);
/// Ticks that are looked at together: half a second.
const TICKS: u32 = 25;
/// Frames that are late by this are heard: a server at that is at its end.
const LATE: Duration = Duration::from_millis(20);

pub(crate) struct Rooms {
    pub(crate) board: Arc<Switchboard>,
    pub(crate) directory: Directory,
    pub(crate) spending: Arc<Spending>,
    pub(crate) tasks: Arc<Tasks>,
    pub(crate) url: String,
    pub(crate) keys: Keys,
    pub(crate) credentials: Arc<Credentials>,
    /// How long a session waits for a caller who was lost.
    pub(crate) reattach: Duration,
}

/// Lets people into rooms, agents with them.
pub(crate) struct Doors {
    /// As people reach it.
    pub(crate) url: String,
    pub(crate) keys: Keys,
}

impl control_server::ports::Rooms for Doors {
    fn url(&self) -> String {
        self.url.clone()
    }

    fn token(&self, access: &RoomAccess) -> Result<Secret<String>, String> {
        let grant = Grant {
            room: access.room.clone(),
            identity: access.identity.clone(),
            name: access.name.clone(),
            agents: vec![(access.agent.clone(), access.metadata.clone())],
            ..Grant::default()
        };
        let signed = self.keys.join(&grant, access.from.into(), access.lasts);
        signed.map_err(|error| error.to_string())
    }
}

impl Rooms {
    /// From now on, until the process ends.
    pub(crate) fn open(self) {
        let rooms = Arc::new(self);
        let (load, watched) = watch::channel(rooms.load(0.0));
        let tasks = Arc::clone(&rooms.tasks);
        tasks.spawn(WATCH, watch_load(Arc::clone(&rooms), load));
        let following = rooms.follow(watched);
        tasks.spawn(AGENTS, following);
    }

    /// One worker for each agent that is served, as long as it is.
    async fn follow(self: Arc<Self>, load: watch::Receiver<Load>) {
        let mut workers: HashMap<String, Tasks> = HashMap::new();
        loop {
            let served = self.board.agents();
            workers.retain(|name, _| served.iter().any(|agent| agent.name == *name));
            for agent in served {
                if workers.contains_key(&agent.name) {
                    continue;
                }
                let own = self.tasks.child();
                let (url, keys) = (self.url.clone(), self.keys.clone());
                let worker = Worker { url, keys, agent: agent.name.clone(), title: agent.title };
                match worker.start(load.clone(), &own) {
                    Ok(offers) => {
                        own.spawn(OFFERS, Arc::clone(&self).take_all(offers, load.clone()));
                        workers.insert(agent.name, own);
                    }
                    // Looked at when the configuration was read.
                    Err(error) => return tracing::error!(%error, "LiveKit's address"),
                }
            }
            tokio::time::sleep(AGENTS_EVERY).await;
        }
    }

    async fn take_all(self: Arc<Self>, mut offers: mpsc::Receiver<Offer>, load: watch::Receiver<Load>) {
        while let Some(offer) = offers.recv().await {
            // A visit outlives the worker: an agent that is no longer served finishes its calls.
            let visit = Arc::clone(&self).take(offer, load.clone());
            self.tasks.spawn_graceful(VISIT, visit);
        }
    }

    async fn take(self: Arc<Self>, offer: Offer, load: watch::Receiver<Load>) {
        let stop = self.tasks.token();
        let (agent, metadata) = (offer.agent.clone(), offer.metadata.clone());
        let Some(Some((slot, assigned))) = stop.run_until_cancelled(self.admit(offer)).await else { return };
        let own = self.tasks.child();
        let options = media_livekit::Options::default();
        let Visit { peer, begun, mut ended } =
            media_livekit::enter(assigned.ticket.clone(), &self.credentials, options, &own);
        let begun = tokio::select! {
            () = stop.cancelled() => return,
            () = assigned.terminated.cancelled() => return assigned.ended(None),
            // Whoever waits for a caller does not keep the server from stopping.
            () = draining(load) => return assigned.ended(None),
            begun = begun => begun,
        };
        let Ok(begun) = begun else {
            return assigned.ended(ended.await.ok().and_then(failure));
        };
        self.begin(slot, agent, told(&begun, &metadata), peer).await;
        let over = tokio::select! {
            over = &mut ended => over,
            () = assigned.terminated.cancelled() => {
                own.shutdown().await;
                ended.await
            }
        };
        assigned.ended(over.ok().and_then(failure));
    }

    /// Reserves before it says yes: a job that was taken has its place.
    async fn admit(&self, offer: Offer) -> Option<(Slot, Assigned)> {
        let owner = self.board.catalogue().owner(&offer.agent);
        if owner.is_some_and(|org| self.spending.is_stopped(org)) || !self.board.has(&offer.agent) {
            return None;
        }
        let slot = self.directory.reserve().ok()?;
        Some((slot, offer.accept().await?))
    }

    async fn begin(&self, slot: Slot, agent: String, caller: Caller, peer: Peer) {
        let call = CallRequest {
            at_machine: None,
            session: SessionId::generate(),
            agent,
            from: None,
            resumes: false,
            // Nobody is told it, and nobody can guess it: LiveKit brings callers back to their room.
            resume_token: format!("{:032x}", rand::random::<u128>()),
            resume_within: self.reattach,
            caller,
        };
        let leg = Leg {
            transport: "livekit",
            delivery: Delivery::Datagrams,
            codec: peer.codec,
            events: peer.events,
            commands: peer.commands,
        };
        let protocol = Box::new(LiveKit::new(call.session));
        let way = Way::New(slot);
        // A session that cannot begin drops the leg, which leaves the room.
        let _ended = join_with(&self.board, &self.spending, &self.tasks, way, &call, leg, protocol).await;
    }

    fn load(&self, lateness: f32) -> Load {
        let counts = self.directory.counts();
        let taken = counts.taken as f32 / (counts.capacity.max(1)) as f32;
        Load {
            load: taken.max(lateness).clamp(0.0, 1.0),
            free: counts.taken < counts.capacity && !counts.draining,
            draining: counts.draining,
        }
    }
}

/// How late frames of audio would go out, and how many places are left.
async fn watch_load(rooms: Arc<Rooms>, load: watch::Sender<Load>) {
    let mut worst = Duration::ZERO;
    let mut ticks = 0;
    loop {
        let due = Instant::now() + TICK;
        tokio::time::sleep_until(due).await;
        worst = worst.max(Instant::now().saturating_duration_since(due));
        ticks += 1;
        let before = *load.borrow();
        if ticks == TICKS {
            let lateness = worst.as_secs_f32() / LATE.as_secs_f32();
            (worst, ticks) = (Duration::ZERO, 0);
            load.send_replace(rooms.load(lateness));
        } else if rooms.load(0.0).free != before.free {
            // Full, or no longer: said at once.
            load.send_replace(Load { load: before.load, ..rooms.load(0.0) });
        }
    }
}

/// Waits until the server takes no new calls. Cancel-safe.
async fn draining(mut load: watch::Receiver<Load>) {
    // Its sender ends with the server itself.
    if load.wait_for(|load| load.draining).await.is_err() {
        std::future::pending().await
    }
}

/// Why a job was none.
fn failure(ended: Ended) -> Option<String> {
    match ended {
        Ended::Left | Ended::Dropped | Ended::Nobody => None,
        Ended::Lost => Some("the room was lost".to_owned()),
        Ended::Failed(error) => Some(error.failure().code.to_string()),
    }
}

/// As greetings may use it. What a caller says of themselves is a claim.
fn told(begun: &Begun, metadata: &str) -> Caller {
    let mut caller = Caller::default();
    let person = &begun.caller;
    let attribute = |name: &str| person.attributes.get(name).cloned().unwrap_or_default();
    let known = [
        ("caller.number", attribute("sip.phoneNumber")),
        ("session.called_number", attribute("sip.trunkPhoneNumber")),
        ("caller.identity", person.identity.clone()),
        ("caller.name", person.name.clone()),
        ("session.room", begun.room.clone()),
        ("session.metadata", metadata.to_owned()),
    ];
    for (name, text) in known {
        if !text.is_empty() {
            caller.tell(name, text);
        }
    }
    for (name, text) in &person.attributes {
        // Those of LiveKit itself are its own business; a telephone's are named with underscores. What the room and the job say is not
        // a caller's to say otherwise.
        let plain = name.replace('.', "_");
        let ours = ["metadata", "room", "called_number"].contains(&plain.as_str());
        if !name.starts_with("lk.") && !ours {
            caller.tell(&plain, text.clone());
        }
    }
    caller
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_telephone_in_a_room_is_greeted_as_one_that_calls_by_itself() {
        let attributes = [
            ("sip.phoneNumber".to_owned(), "+15550100".to_owned()),
            ("sip.callID".to_owned(), "SCL_1".to_owned()),
            ("lk.publish_on_behalf".to_owned(), "x".to_owned()),
        ];
        let person =
            media_livekit::Caller { attributes: attributes.into(), ..media_livekit::Caller::default() };
        let begun = Begun { room: "desk".to_owned(), caller: person };
        let mut wanted = Caller::default();
        for (name, text) in [
            ("caller.number", "+15550100"),
            ("session.room", "desk"),
            ("session.metadata", "vip"),
            ("session.sip_callID", "SCL_1"),
            ("session.sip_phoneNumber", "+15550100"),
        ] {
            wanted.tell(name, text.to_owned());
        }
        assert!(told(&begun, "vip") == wanted);
    }
}
