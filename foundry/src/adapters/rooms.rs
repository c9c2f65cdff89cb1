//! LiveKit rooms that ask for agents: a worker for each agent that is served, a place for the call, its leg. And rooms whose server died:
//! LiveKit offers a room once, so that this one goes there by itself, in the other's place.

mod ask;
mod load;
mod refer;
mod waiting;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use control_server::ports::{CallRequest, RoomAccess};
use control_store::lease::Taken;
use domain::{EndReason, OrgId, Secret, SessionId};
use greetings::Caller;
use media_core::Delivery;
use media_livekit::{Assigned, Begun, Ended, Grant, Keys, Load, Offer, Peer, Trust, Visit, Worker};
use media_rtc::link::Credentials;
use media_session::{Directory, Leg, Slot};
use providers_link::Client;
use routing::Arrival;
use runtime::{Kind, Tasks};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::adapters::catalogue::Reach;
use crate::adapters::entry::{request, spends};
use crate::adapters::keypads::InRoom;
use crate::adapters::leases::{Held, Leases, Tenure, Where};
use crate::adapters::protocol::LiveKit;
use crate::adapters::returning::{self, Return};
use crate::adapters::sight::Sight;
use crate::adapters::spending::Spending;
use crate::switchboard::{Joining, Switchboard};

use load::watch_load;
use refer::ByLiveKit;

const AGENTS: Kind = Kind::new("rooms.agents");
const OFFERS: Kind = Kind::new("rooms.offers");
const VISIT: Kind = Kind::new("rooms.visit");
const WATCH: Kind = Kind::new("rooms.watch");
const LOOK: Kind = Kind::new("rooms.look");
const WAITING: Kind = Kind::new("rooms.waiting");

/// So late is an agent that begins to be served registered, and one that no longer is taken off.
const AGENTS_EVERY: Duration = Duration::from_secs(2);
/// So often are calls looked for whose server died.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// A look that comes so long after the one before could not see what happened in between.
const UNSEEN: Duration = Duration::from_secs(1);
/// A server that has not seen the database takes nothing for so long after: its holders, who have not seen it either, find it in that time.
const HOLDERS_FIRST: Duration = Duration::from_secs(3);
/// At most so many are taken over at one look, so that servers share them.
const SHARE: usize = 4;
/// Agents of one organization beside the default one that rooms may ask for: the first by name.
const MOST_OF_ONE: usize = 50;
/// A dispatch to this name reaches whom the room's route says. No agent is called so.
const BY_ROUTE: &str = "@routes";

pub(crate) struct Rooms {
    pub(crate) board: Arc<Switchboard>,
    pub(crate) directory: Directory,
    pub(crate) spending: Arc<Spending>,
    pub(crate) tasks: Arc<Tasks>,
    pub(crate) url: String,
    pub(crate) keys: Keys,
    pub(crate) trust: Trust,
    /// Asks LiveKit's server by HTTP.
    pub(crate) client: Client,
    pub(crate) credentials: Arc<Credentials>,
    pub(crate) leases: Leases,
    /// How long a session waits for a caller who was lost.
    pub(crate) reattach: Duration,
}

/// One call in a room.
struct Stay {
    session: SessionId,
    agent: String,
    metadata: String,
    /// `None`: no other server can take the call over.
    tenure: Option<Tenure>,
    /// Cancelled when the call is no longer this server's.
    lost: CancellationToken,
    /// Cancelled when LiveKit wants the agent gone.
    terminated: CancellationToken,
}

impl Stay {
    fn new(session: SessionId, agent: String, metadata: String, tenure: Option<Tenure>) -> Self {
        let lost = tenure.as_ref().map(|tenure| tenure.lost.clone()).unwrap_or_default();
        Self { session, agent, metadata, tenure, lost, terminated: CancellationToken::new() }
    }

    /// While the database is away: another server may have the call.
    fn is_in_doubt(&self) -> bool {
        self.tenure.as_ref().is_some_and(|tenure| tenure.door.is_shut())
    }

    fn leave_to_others(self) {
        if let Some(tenure) = self.tenure {
            tenure.leave_to_others();
        }
    }
}

/// Lets people into rooms, agents with them.
pub(crate) struct Doors {
    /// As people reach it.
    pub(crate) url: String,
    pub(crate) keys: Keys,
    pub(crate) board: Arc<Switchboard>,
}

impl control_server::ports::Rooms for Doors {
    fn url(&self) -> String {
        self.url.clone()
    }

    fn dispatches(&self, agent: &str) -> bool {
        Dispatched::of(self.board.dispatched()).agents.iter().any(|(name, _)| name == agent)
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
        tasks.spawn(LOOK, Arc::clone(&rooms).look(watched.clone()));
        tasks.spawn(WAITING, waiting::watch(Arc::clone(&rooms)));
        let following = rooms.follow(watched);
        tasks.spawn(AGENTS, following);
    }

    /// One worker for each agent that is served, as long as it is.
    async fn follow(self: Arc<Self>, load: watch::Receiver<Load>) {
        let mut workers: HashMap<String, Tasks> = HashMap::new();
        let mut left_out: BTreeMap<String, usize> = BTreeMap::new();
        loop {
            let Dispatched { agents, without } = Dispatched::of(self.board.dispatched());
            for (org, count) in &without {
                if left_out.get(org) != Some(count) {
                    tracing::warn!(
                        org,
                        count,
                        most = MOST_OF_ONE,
                        "agents of an organization come into no LiveKit room: it has more than LiveKit is told of"
                    );
                }
            }
            left_out = without;
            let by_route = self.board.catalogue().leads_rooms().then(|| (BY_ROUTE.into(), BY_ROUTE.into()));
            let served: Vec<(String, String)> = agents.into_iter().chain(by_route).collect();
            workers.retain(|name, _| served.iter().any(|(served, _)| served == name));
            for (name, title) in served {
                if workers.contains_key(&name) {
                    continue;
                }
                let own = self.tasks.child();
                let worker = self.worker(name.clone(), title);
                match worker.start(load.clone(), &own) {
                    Ok(offers) => {
                        own.spawn(OFFERS, Arc::clone(&self).take_all(offers, load.clone()));
                        workers.insert(name, own);
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

    fn worker(&self, agent: String, title: String) -> Worker {
        Worker { url: self.url.clone(), keys: self.keys.clone(), trust: self.trust.clone(), agent, title }
    }

    async fn take(self: Arc<Self>, offer: Offer, load: watch::Receiver<Load>) {
        let stop = self.tasks.token();
        let Some(Some((slot, stay, assigned))) = stop.run_until_cancelled(self.admit(offer)).await else {
            return;
        };
        let own = self.tasks.child();
        let options = media_livekit::Options {
            door: stay.tenure.as_ref().map(|tenure| tenure.door.clone()).unwrap_or_default(),
            trust: self.trust.clone(),
            ..media_livekit::Options::default()
        };
        let visit = media_livekit::enter(assigned.ticket.clone(), &self.credentials, options, &own);
        let over = self.attend(slot, visit, &own, &stay, None, load).await;
        let failed = over.and_then(failure);
        if failed.is_some() && !stay.is_in_doubt() {
            // The room is offered again, and nobody comes back by this visit.
            drop(stay);
            return assigned.ended(failed);
        }
        assigned.ended(failed);
        self.linger(stay).await;
    }

    /// Looks for calls whose server died, and goes on with them.
    async fn look(self: Arc<Self>, load: watch::Receiver<Load>) {
        let mut sight = Sight::new(UNSEEN, HOLDERS_FIRST);
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if self.directory.counts().draining {
                continue;
            }
            let late = match self.leases.late().await {
                Ok(late) if sight.seen(Instant::now()) => late.min(SHARE),
                Ok(_) => continue,
                Err(error) => {
                    tracing::debug!(%error, "calls of servers that died are not known");
                    continue;
                }
            };
            let slots: Vec<Slot> = (0..late).map_while(|_| self.directory.reserve().ok()).collect();
            if slots.is_empty() {
                continue;
            }
            match self.leases.take(slots.len()).await {
                Ok(taken) => {
                    for (slot, (taken, tenure)) in slots.into_iter().zip(taken) {
                        let going_on = Arc::clone(&self).go_on(slot, taken, tenure, load.clone());
                        self.tasks.spawn_graceful(VISIT, going_on);
                    }
                }
                Err(error) => tracing::warn!(%error, "calls of a server that died could not be taken over"),
            }
        }
    }

    /// A call whose server died, in the same room and as the same participant.
    async fn go_on(self: Arc<Self>, slot: Slot, taken: Taken, tenure: Tenure, load: watch::Receiver<Load>) {
        let Taken { session, agent, room, identity, metadata, caller, late, call, .. } = taken;
        // It may have been this server's, which was too late to renew it.
        self.abandon(session).await;
        let back = match &call {
            Some(call) if call.session.ended_at.is_some() => return,
            Some(call) => match returning::callable(self.board.catalogue(), call, self.reattach).await {
                Some(callable) => Some(returning::going_on(callable, call.clone(), jiff::Timestamp::now())),
                None => return self.close(call, &tenure),
            },
            None if late > self.reattach
                || self.whom(&agent, &room).is_none_or(|agent| !self.board.has(&agent)) =>
            {
                return;
            }
            None => None,
        };
        tracing::info!(%session, ?late, "a call whose server died is taken over");
        let title = self.board.dispatched().into_iter().find(|(name, _)| *name == agent);
        let title = title.map_or_else(|| agent.clone(), |(_, title)| title);
        let ticket = match self.worker(agent.clone(), title).replaces(&room, &identity) {
            Ok(ticket) => ticket,
            Err(error) => return tracing::error!(%error, "a token for a room"),
        };
        let own = self.tasks.child();
        let options = media_livekit::Options {
            other: Some(caller).filter(|caller| !caller.is_empty()),
            door: tenure.door.clone(),
            trust: self.trust.clone(),
            caller_within_ms: u64::try_from(self.reattach.as_millis()).unwrap_or(u64::MAX),
            ..media_livekit::Options::default()
        };
        let visit = media_livekit::enter(ticket, &self.credentials, options, &own);
        let stay = Stay::new(session, agent, metadata, Some(tenure));
        let over = self.attend(slot, visit, &own, &stay, back, load).await;
        if self.directory.taken(session).is_some() {
            if over.and_then(failure).is_none() || stay.is_in_doubt() {
                self.linger(stay).await;
            }
            return;
        }
        match (over, call) {
            (Some(Ended::Failed(error)), _) if error.may_pass() => {
                tracing::warn!(%session, %error, "a call could not be taken over now");
                stay.leave_to_others();
            }
            // Where nothing began another server may do better.
            (None, _) => stay.leave_to_others(),
            (Some(_), Some(call)) => {
                if let Some(tenure) = &stay.tenure {
                    self.close(&call, tenure);
                }
            }
            (Some(_), None) => {}
        }
    }

    /// From entering the room until it is left. `None`: it was left without having been one's call.
    async fn attend(
        &self,
        slot: Slot,
        visit: Visit,
        own: &Tasks,
        stay: &Stay,
        back: Option<Return>,
        load: watch::Receiver<Load>,
    ) -> Option<Ended> {
        let Visit { peer, begun, mut ended } = visit;
        let begun = tokio::select! {
            () = stay.lost.cancelled() => Err(()),
            () = stay.terminated.cancelled() => Err(()),
            // Whoever waits for a caller does not keep the server from stopping.
            () = draining(load) => Err(()),
            begun = begun => Ok(begun),
        };
        let Ok(begun) = begun else {
            own.shutdown().await;
            return None;
        };
        let Ok(begun) = begun else { return ended.await.ok() };
        self.begin(slot, stay, back, &begun, peer);
        let meeting = async {
            if let Some(tenure) = &stay.tenure {
                self.leases.meet(tenure, &begun.caller.identity).await;
            }
            std::future::pending::<()>().await;
        };
        let over = tokio::select! {
            over = &mut ended => over,
            () = stay.lost.cancelled() => {
                own.shutdown().await;
                ended.await
            }
            () = stay.terminated.cancelled() => {
                own.shutdown().await;
                ended.await
            }
            () = meeting => return None,
        };
        over.ok()
    }

    /// Holds the lease until the session has ended, too. One that another server goes on with ends here without a word.
    async fn linger(&self, stay: Stay) {
        let Some(handle) = self.directory.get(stay.session) else { return };
        tokio::select! {
            _ = handle.ended() => {}
            () = stay.lost.cancelled() => self.abandon(stay.session).await,
        }
    }

    /// The session goes on elsewhere, or here once more: what is left of it here ends.
    async fn abandon(&self, session: SessionId) {
        if let Some(handle) = self.directory.get(session) {
            // One that is gone by now has ended.
            let _gone = handle.end(EndReason::Interrupted).await;
        }
        self.directory.hand_over(session).await;
    }

    /// Nobody goes on with the call.
    fn close(&self, call: &control_store::session::LeftOpen, tenure: &Tenure) {
        let recorder = self.board.recorder().fenced(tenure.fence.clone());
        returning::close(&recorder, self.board.recordings(), call);
    }

    /// Whom a dispatch reaches, as far as its room tells.
    fn whom(&self, agent: &str, room: &str) -> Option<String> {
        if agent != BY_ROUTE {
            return Some(agent.to_owned());
        }
        // Of whichever organization has claimed the room: its name alone is LiveKit's word, and not a caller's.
        let arrival = Arrival { room: Some(room.to_owned()), ..Arrival::default() };
        match self.board.catalogue().reach(&arrival) {
            Reach::Route(route) => Some(route),
            Reach::Unserved | Reach::Nobody => None,
        }
    }

    /// Whose call it is when this room asks for this agent. `None`: this server brings nobody.
    fn serves(&self, agent: &str, room: &str) -> Option<OrgId> {
        let agent = self.whom(agent, room)?;
        let org = self.board.catalogue().owner(&agent)?;
        (!self.spending.is_stopped(org) && self.board.has(&agent)).then_some(org)
    }

    /// Reserves and has the lease before it says yes: a job that was taken has its place, and its agent the room for itself. Nobody has the
    /// lease for want of a place in vain.
    async fn admit(&self, offer: Offer) -> Option<(Slot, Stay, Assigned)> {
        let Offer { agent, room, identity, metadata, .. } = &offer;
        let org = self.serves(agent, room)?;
        let slot = self.directory.reserve().ok()?;
        let session = SessionId::generate();
        let tenure = match self.leases.hold(session, org, Where { agent, room, identity, metadata }).await {
            Held::Ours(tenure) => Some(tenure),
            Held::Unknown => None,
            // It is offered again, when it is known whether the agent comes, or comes back.
            Held::Open => return None,
            // Asked for twice, or by a LiveKit server that was started again while the agent is on its way back.
            Held::Theirs => {
                tracing::info!(agent, "a room is not entered: the agent is in it");
                offer.done();
                return None;
            }
        };
        let mut stay = Stay::new(session, agent.clone(), metadata.clone(), tenure);
        let assigned = offer.accept().await?;
        stay.terminated = assigned.terminated.clone();
        Some((slot, stay, assigned))
    }

    fn begin(&self, slot: Slot, stay: &Stay, back: Option<Return>, begun: &Begun, peer: Peer) {
        let catalogue = self.board.catalogue();
        // Whom the dispatch reaches; what its caller brings chooses among the same organization's routes.
        let agent = match self.whom(&stay.agent, &begun.room) {
            Some(agent) => agent,
            // What goes on knows whom it is with.
            None if back.is_some() => stay.agent.clone(),
            None => return tracing::info!("a room that no route leads any more"),
        };
        let reach =
            catalogue.owner(&agent).map_or(Reach::Nobody, |org| catalogue.reach_of(org, &arrival(begun)));
        let agent = match reach {
            Reach::Route(route) => route,
            // Dropping the leg leaves the room: another agent would be a surprise.
            Reach::Unserved if back.is_none() => {
                return tracing::info!("a room's route leads to what is not published");
            }
            Reach::Unserved | Reach::Nobody => agent,
        };
        let caller = told(begun, &stay.metadata);
        // LiveKit brings callers back to their room.
        let resume_within = self.reattach;
        let call = CallRequest { resume_within, ..request(stay.session, agent, None, caller) };
        let page = Some(peer.rpc.clone());
        let refer = ByLiveKit {
            client: self.client.clone(),
            url: self.url.clone(),
            keys: self.keys.clone(),
            room: begun.room.clone(),
            caller: peer.caller,
        };
        let leg = Leg {
            transport: "livekit",
            delivery: Delivery::Datagrams,
            codec: peer.codec,
            events: peer.events,
            commands: peer.commands,
            refer: Some(Arc::new(refer)),
            keypad: Some(Arc::new(InRoom(peer.keypad))),
        };
        // A session that cannot begin drops the leg, which leaves the room.
        let Ok(place) = slot.enter(stay.session, &self.tasks) else { return };
        spends(&self.board, &self.spending, &call);
        let taken = stay.tenure.as_ref().map_or(0, Tenure::number);
        let protocol = Box::new(LiveKit::new(stay.session, taken));
        let fence = stay.tenure.as_ref().map(|tenure| tenure.fence.clone());
        self.board.join(place, &self.tasks, &call, Joining { leg, protocol, back, fence, asked: None, page });
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

/// Whom LiveKit is told of.
#[derive(Debug, Default)]
struct Dispatched {
    /// Names, and as people see them.
    agents: Vec<(String, String)>,
    /// How many of an organization it is not told of.
    without: BTreeMap<String, usize>,
}

impl Dispatched {
    /// One line to LiveKit for each: as many as one organization may have beside the default one's, which are the operator's own.
    fn of(served: Vec<(String, String)>) -> Self {
        let mut dispatched = Self::default();
        let mut counts: HashMap<String, usize> = HashMap::new();
        for (name, title) in served {
            if let Some((org, _)) = name.split_once('/') {
                let count = counts.entry(org.to_owned()).or_default();
                *count += 1;
                if *count > MOST_OF_ONE {
                    *dispatched.without.entry(org.to_owned()).or_default() += 1;
                    continue;
                }
            }
            dispatched.agents.push((name, title));
        }
        dispatched
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

/// As routes see it.
fn arrival(begun: &Begun) -> Arrival {
    let attributes = &begun.caller.attributes;
    let headers = attributes.iter().filter_map(|(name, value)| {
        let name = name.strip_prefix("sip.h.")?.to_owned();
        Some(routing::Header { name, value: value.clone() })
    });
    Arrival {
        room: Some(begun.room.clone()),
        number: attributes.get("sip.trunkPhoneNumber").filter(|number| !number.is_empty()).cloned(),
        headers: headers.collect(),
        ..Arrival::default()
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
    fn who_has_not_seen_the_database_lets_holders_find_it_first() {
        let begun = Instant::now();
        let at = |ms| begun + Duration::from_millis(ms);
        let mut sight = Sight::new(UNSEEN, HOLDERS_FIRST);
        assert!(!sight.seen(at(0)), "it has just begun to look");
        assert!((1..15).all(|look| !sight.seen(at(look * 200))));
        assert!(sight.seen(at(3_000)) && sight.seen(at(3_900)));
        assert!(!sight.seen(at(5_000)), "a second in which nothing was seen");
        assert!((26..40).all(|look| !sight.seen(at(look * 200))));
        assert!(sight.seen(at(8_000)));
    }

    #[test]
    fn no_organization_takes_more_lines_to_livekit_than_its_share() {
        let own = (0..60).map(|n| format!("desk-{n}"));
        let all = own.chain((0..60).map(|n| format!("org_1/{n:02}"))).chain(["org_2/desk".to_owned()]);
        let Dispatched { agents, without } = Dispatched::of(all.map(|name| (name, String::new())).collect());
        let of = |begins: &str| agents.iter().filter(|(name, _)| name.starts_with(begins)).count();
        assert_eq!((of("desk-"), of("org_1/"), of("org_2/")), (60, MOST_OF_ONE, 1));
        assert_eq!(without, BTreeMap::from([("org_1".to_owned(), 10)]), "those are told of in the log");
    }

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
