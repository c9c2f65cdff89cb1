//! The HTTP surface's `Calls` on the directory of sessions and the transports: lets a caller in, or back in.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::ws::WebSocket;
use control_api::offer::Candidate;
use control_server::ports::{
    Accept, Announced, Answer, CallRequest, Calls, Framing, Offer, Refusal, Renegotiation,
};
use domain::{OrgId, SessionId};
use futures::FutureExt;
use futures::future::BoxFuture;
use media_core::Delivery;
use media_session::{ClientProtocol, Directory, Full, Handle, Leg, Place, Slot, Taken};
use media_socket::{Begun, Carried};
use runtime::Tasks;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::adapters::carriers::left::Record;
use crate::adapters::carriers::legs::{Found, Legs};
use crate::adapters::carriers::{Line, way};
use crate::adapters::halves::{self, Half, Halves};
use crate::adapters::protocol::Rtvi;
use crate::adapters::spending::Spending;
use crate::listen;
use crate::switchboard::Switchboard;

/// A phone does not come back to its call: it calls again, and a place that waited for it is nobody's.
pub(crate) const NO_RETURN: Duration = Duration::from_secs(1);

/// At most so many streams of announced calls are open without having said anything: carriers begin at once.
pub(crate) const MOST_SILENT: usize = 128;

pub(crate) struct Entry {
    pub(crate) board: Arc<Switchboard>,
    pub(crate) directory: Directory,
    pub(crate) rtc: media_rtc::Server,
    pub(crate) sockets: media_socket::Options,
    pub(crate) tasks: Arc<Tasks>,
    pub(crate) spending: Arc<Spending>,
    pub(crate) line: Line,
    /// Carriers' calls that run here.
    pub(crate) legs: Legs,
    pub(crate) record: Record,
    pub(crate) halves: Halves,
    /// Streams of announced calls that have not said whose they are.
    pub(crate) silent: Arc<Semaphore>,
}

impl Entry {
    fn reserve(&self, agent: &str) -> Result<Slot, Refusal> {
        if !self.board.has(agent) {
            return Err(Refusal::AgentUnknown { agent: agent.to_owned() });
        }
        if self.board.catalogue().owner(agent).is_some_and(|org| self.spending.is_stopped(org)) {
            return Err(Refusal::BudgetSpent);
        }
        self.directory.reserve().map_err(|full| refusal(&full))
    }

    async fn place(&self, offer: Offer) -> Result<Answer, Refusal> {
        let way = self.way(&offer.call)?;
        let from = offer.call.from.and_then(listen::counted);
        let (answer, peer) = self.rtc.offer_from(&offer.sdp, from).map_err(|error| not_answered(&error))?;
        let leg = Leg {
            transport: "webrtc",
            delivery: Delivery::Datagrams,
            codec: peer.codec,
            events: peer.events,
            commands: peer.commands,
            refer: None,
            keypad: None,
        };
        let protocol = by_offer(&offer.call, &[&offer.sdp]);
        join_with(&self.board, &self.spending, &self.tasks, way, &offer.call, leg, protocol).await?;
        Ok(Answer { sdp: answer.sdp, peer: answer.pc_id })
    }

    /// As `place`, for a caller whose peer only sends: the slot is kept until somebody listens.
    fn place_half(&self, offer: Offer) -> Result<Answer, Refusal> {
        let slot = self.reserve(&offer.call.agent)?;
        let from = offer.call.from.and_then(listen::counted);
        let (answer, sender) = self.rtc.offer_from(&offer.sdp, from).map_err(|error| not_answered(&error))?;
        self.halves.keep(Half { slot, call: offer.call, offered: offer.sdp, sender }, &self.tasks);
        Ok(Answer { sdp: answer.sdp, peer: answer.pc_id })
    }

    async fn listens(&self, sender: &str, sdp: &str) -> Result<Answer, Refusal> {
        let Half { slot, call, offered, sender } = self.halves.take(sender).ok_or(Refusal::SessionUnknown)?;
        let from = call.from.and_then(listen::counted);
        let (answer, listener) = self.rtc.offer_from(sdp, from).map_err(|error| not_answered(&error))?;
        let halves::Joined { codec, events, commands } = halves::joined(sender, listener, &self.tasks);
        let leg = Leg {
            transport: "webrtc",
            delivery: Delivery::Datagrams,
            codec,
            events,
            commands,
            refer: None,
            keypad: None,
        };
        let protocol = by_offer(&call, &[&offered, sdp]);
        join_with(&self.board, &self.spending, &self.tasks, Way::New(slot), &call, leg, protocol).await?;
        Ok(Answer { sdp: answer.sdp, peer: answer.pc_id })
    }

    /// Clients repeat an offer whose answer was lost: where its session runs already, they come back to it.
    fn way(&self, call: &CallRequest) -> Result<Way, Refusal> {
        match self.directory.taken(call.session) {
            Some(Taken::Running(session)) => Ok(Way::Back(session)),
            Some(Taken::Ended) => Err(Refusal::SessionUnknown),
            None if call.resumes && self.board.returning().has(call.session) => {
                self.directory.reserve().map(Way::New).map_err(|full| refusal(&full))
            }
            None if call.resumes => Err(Refusal::SessionUnknown),
            None => self.reserve(&call.agent).map(Way::New),
        }
    }
}

/// Of a caller who is told of no way back: whoever is lost does not come, where their transport brings nobody.
pub(crate) fn request(
    session: SessionId,
    agent: String,
    from: Option<IpAddr>,
    caller: greetings::Caller,
) -> CallRequest {
    CallRequest {
        session,
        agent,
        from,
        resumes: false,
        // Nobody is told it, and nobody can guess it.
        resume_token: format!("{:032x}", rand::random::<u128>()),
        resume_within: NO_RETURN,
        caller,
        at_machine: None,
        called: None,
    }
}

/// Where a caller's leg goes.
pub(crate) enum Way {
    New(Slot),
    Back(Handle),
}

pub(crate) async fn join(
    board: &Switchboard,
    spending: &Spending,
    tasks: &Tasks,
    way: Way,
    call: &CallRequest,
    leg: Leg,
) -> Result<(), Refusal> {
    join_with(board, spending, tasks, way, call, leg, rtvi(call)).await
}

/// As `join`, for a client that may speak another protocol.
async fn join_with(
    board: &Switchboard,
    spending: &Spending,
    tasks: &Tasks,
    way: Way,
    call: &CallRequest,
    leg: Leg,
    protocol: Box<dyn ClientProtocol>,
) -> Result<(), Refusal> {
    let session = match way {
        Way::Back(session) => session,
        Way::New(slot) => match slot.enter(call.session, tasks) {
            Ok(place) => {
                begin(board, spending, tasks, place, call, leg, protocol);
                return Ok(());
            }
            // Two came at once, and the other was quicker.
            Err(Taken::Running(session)) => session,
            Err(Taken::Ended) => return Err(Refusal::SessionUnknown),
        },
    };
    session.attach(leg).await.map_err(|_gone| Refusal::SessionUnknown)
}

/// What the call costs is its agent's organization's.
pub(crate) fn spends(board: &Switchboard, spending: &Spending, call: &CallRequest) {
    if let Some(org) = board.catalogue().owner(&call.agent) {
        spending.begins(call.session, org);
    }
}

fn begin(
    board: &Switchboard,
    spending: &Spending,
    tasks: &Tasks,
    place: Place,
    call: &CallRequest,
    leg: Leg,
    protocol: Box<dyn ClientProtocol>,
) {
    spends(board, spending, call);
    board.connect(place, tasks, call, leg, protocol);
}

impl Calls for Entry {
    fn agents(&self) -> Vec<control_api::Agent> {
        self.board.agents()
    }

    fn prepare(&self, agent: &str) -> BoxFuture<'_, Result<(), Refusal>> {
        let agent = agent.to_owned();
        async move {
            let made = self.board.catalogue().prepare(&agent).await;
            made.map_err(|error| Refusal::AgentUnfit { agent, reason: format!("{error:#}") })
        }
        .boxed()
    }

    fn has(&self, agent: &str) -> bool {
        self.board.has(agent)
    }

    fn owner(&self, agent: &str) -> Option<OrgId> {
        self.board.catalogue().owner(agent)
    }

    fn of_host(&self, host: &str) -> Option<String> {
        self.board.catalogue().of_host(host)
    }

    fn start(&self, agent: &str) -> Result<(), Refusal> {
        // A slot taken and given back at once: the same answer that the call itself would get.
        self.reserve(agent).map(drop)
    }

    fn offer(&self, offer: Offer) -> BoxFuture<'_, Result<Answer, Refusal>> {
        self.place(offer).boxed()
    }

    fn renegotiate(&self, change: Renegotiation) -> BoxFuture<'_, Result<Answer, Refusal>> {
        async move {
            let answered = self.rtc.renegotiate(&change.peer, &change.sdp, change.restart).await;
            let answer = answered.map_err(|error| not_answered(&error))?;
            Ok(Answer { sdp: answer.sdp, peer: answer.pc_id })
        }
        .boxed()
    }

    fn candidates(&self, peer: &str, candidates: Vec<Candidate>) -> BoxFuture<'_, Result<(), Refusal>> {
        let peer = peer.to_owned();
        let candidates = candidates
            .into_iter()
            .map(|candidate| media_rtc::Candidate {
                candidate: candidate.candidate,
                sdp_mid: candidate.sdp_mid,
                sdp_mline_index: candidate.sdp_mline_index.map(u32::from),
            })
            .collect();
        async move { self.rtc.candidates(&peer, candidates).await.map_err(|error| not_answered(&error)) }
            .boxed()
    }

    fn offer_half(&self, offer: Offer) -> BoxFuture<'_, Result<Answer, Refusal>> {
        async move { self.place_half(offer) }.boxed()
    }

    fn listen(&self, sender: &str, sdp: String) -> BoxFuture<'_, Result<Answer, Refusal>> {
        let sender = sender.to_owned();
        async move { self.listens(&sender, &sdp).await }.boxed()
    }

    fn leave(&self, peer: &str) -> BoxFuture<'_, Result<(), Refusal>> {
        let peer = peer.to_owned();
        async move {
            // One that nobody listened to is gone with its half.
            if self.halves.take(&peer).is_some() {
                return Ok(());
            }
            self.rtc.leave(&peer).await.map_err(|error| not_answered(&error))
        }
        .boxed()
    }

    fn knows(&self, session: SessionId) -> bool {
        self.directory.taken(session).is_some()
    }

    fn longest_message_bytes(&self) -> usize {
        self.sockets.longest_message_bytes
    }

    fn announced(&self, stream: Announced) -> Result<Accept, Refusal> {
        let full = |_| Refusal::Connecting { retry_after: Duration::from_secs(2) };
        let silent = Arc::clone(&self.silent).try_acquire_owned().map_err(full)?;
        let options = self.sockets.clone();
        let arriving = Arriving {
            board: Arc::clone(&self.board),
            directory: self.directory.clone(),
            spending: Arc::clone(&self.spending),
            tasks: Arc::clone(&self.tasks),
            line: self.line.clone(),
            legs: self.legs.clone(),
            record: self.record.clone(),
        };
        Ok(Box::new(move |socket| arriving.run(socket, options, stream, silent).boxed()))
    }

    fn socket(&self, mut call: CallRequest, framing: Framing) -> Result<Accept, Refusal> {
        let way = self.way(&call)?;
        let (board, tasks, options) =
            (Arc::clone(&self.board), Arc::clone(&self.tasks), self.sockets.clone());
        let spending = Arc::clone(&self.spending);
        Ok(Box::new(move |socket: WebSocket| {
            async move {
                let (transport, codec, peer) = match framing {
                    Framing::Pipecat => {
                        let peer = media_socket::pipecat::serve(socket, &options, &tasks);
                        ("websocket", peer.codec, peer)
                    }
                    Framing::Twilio | Framing::Telnyx => {
                        let Carried { peer, begun } = match framing {
                            Framing::Telnyx => media_socket::telnyx::serve(socket, &options, &tasks),
                            _ => media_socket::twilio::serve(socket, &options, &tasks),
                        };
                        // A carrier that says nothing is let go by its socket.
                        let Ok(begun) = begun.await else { return };
                        call.resume_within = NO_RETURN;
                        tell(&mut call.caller, &begun);
                        (peer.framing, begun.codec, peer)
                    }
                };
                let delivery = Delivery::Stream;
                let (events, commands) = (peer.events, peer.commands);
                let leg = Leg { transport, delivery, codec, events, commands, refer: None, keypad: None };
                // A session that ended in between drops the leg, which closes the socket.
                let _ended = join(&board, &spending, &tasks, way, &call, leg).await;
            }
            .boxed()
        }))
    }
}

/// What a stream needs that begins after its socket was taken.
struct Arriving {
    board: Arc<Switchboard>,
    directory: Directory,
    spending: Arc<Spending>,
    tasks: Arc<Tasks>,
    line: Line,
    legs: Legs,
    record: Record,
}

impl Arriving {
    async fn run(
        self,
        socket: WebSocket,
        options: media_socket::Options,
        stream: Announced,
        silent: OwnedSemaphorePermit,
    ) {
        let Announced { account, framing, admit } = stream;
        let Carried { peer, begun } = match framing {
            Framing::Telnyx => media_socket::telnyx::serve(socket, &options, &self.tasks),
            _ => media_socket::twilio::serve(socket, &options, &self.tasks),
        };
        // A carrier that says nothing is let go by its socket.
        let Ok(mut begun) = begun.await else { return };
        drop(silent);
        let token = begun.parameters.remove("token").unwrap_or_default();
        let Some(mut call) = admit(&token, &begun.call) else {
            return tracing::info!(account = account.name, "a stream came without a good token");
        };
        let named = (account.id, begun.call.clone());
        match self.legs.find(&named) {
            // Somebody whom we have called, or a caller who comes back from where nobody took them.
            Found::Runs(inbox) => return inbox.offer(peer, begun.codec).await,
            Found::Past => return,
            Found::Unknown => {}
        }
        // A session begins once: so its token is good once.
        if self.directory.taken(call.session).is_some() {
            return;
        }
        // One more stream of a call that has its own is nobody's.
        let Some(claim) = self.legs.claim(&named, &call.agent) else { return };
        let way = way::Way {
            line: self.line.clone(),
            record: self.record.clone(),
            account,
            webhook: begun.parameters.remove("webhook").unwrap_or_default(),
            // Of a call that came in carriers show its own caller's.
            from: String::new(),
        };
        call.resume_within = NO_RETURN;
        tell(&mut call.caller, &begun);
        // Dropped where there is no place, which ends the call.
        let leg = way.came(claim, peer, begun.codec, &self.tasks);
        let Ok(slot) = self.directory.reserve() else { return };
        let Ok(place) = slot.enter(call.session, &self.tasks) else { return };
        begin(&self.board, &self.spending, &self.tasks, place, &call, leg, rtvi(&call));
    }
}

/// What the carrier says of a call, as greetings may use it.
fn tell(caller: &mut greetings::Caller, begun: &Begun) {
    let numbers = [("caller.number", &begun.from), ("session.called_number", &begun.to)];
    for (name, number) in numbers {
        if let Some(number) = number {
            caller.tell(name, number.clone());
        }
    }
    for (name, text) in &begun.parameters {
        caller.tell(name, text.clone());
    }
}

pub(crate) fn rtvi(call: &CallRequest) -> Box<dyn ClientProtocol> {
    Box::new(speaking(call))
}

/// Who offers no data channel will never say that they are ready.
fn by_offer(call: &CallRequest, offers: &[&str]) -> Box<dyn ClientProtocol> {
    let channel = offers.iter().any(|sdp| sdp.contains("\nm=application"));
    Box::new(if channel { speaking(call) } else { speaking(call).unannounced() })
}

fn speaking(call: &CallRequest) -> Rtvi {
    Rtvi::new(media_rtvi::Options {
        session_id: Some(call.session.to_string()),
        resume_token: Some(call.resume_token.clone()),
        resume_within: Some(call.resume_within),
        started: SystemTime::now(),
        ..media_rtvi::Options::default()
    })
}

pub(crate) fn refusal(full: &Full) -> Refusal {
    match full {
        Full::Capacity { retry_after, .. } => Refusal::Full { retry_after: *retry_after },
        Full::Draining { .. } => Refusal::Draining,
    }
}

fn not_answered(error: &media_rtc::Error) -> Refusal {
    use media_rtc::Error;
    match error {
        Error::OfferWithoutAudio => Refusal::OfferWithoutAudio,
        Error::Full { .. } | Error::TooManyConnecting { .. } => {
            Refusal::Full { retry_after: Duration::from_secs(2) }
        }
        Error::TooManyConnectingFrom { .. } => Refusal::Connecting { retry_after: Duration::from_secs(2) },
        Error::PeerUnknown(_) | Error::PeerEnded => Refusal::SessionUnknown,
        Error::OfferInvalid(_) | Error::AnswerInvalid(_) => {
            Refusal::OfferInvalid { reason: error.to_string() }
        }
        other => Refusal::Failed { message: other.to_string() },
    }
}
