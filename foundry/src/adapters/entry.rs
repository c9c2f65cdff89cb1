//! The HTTP surface's `Calls` on the directory of sessions and the transports: lets a caller in, or back in.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::ws::WebSocket;
use control_api::offer::Candidate;
use control_server::ports::{Accept, Answer, CallRequest, Calls, Framing, Offer, Refusal, Renegotiation};
use domain::{OrgId, SessionId};
use futures::FutureExt;
use futures::future::BoxFuture;
use media_core::Delivery;
use media_session::{ClientProtocol, Directory, Full, Handle, Leg, Slot, Taken};
use media_socket::{Begun, Carried};
use runtime::Tasks;

use crate::adapters::protocol::Rtvi;
use crate::adapters::spending::Spending;
use crate::listen;
use crate::switchboard::Switchboard;

/// A phone does not come back to its call: it calls again, and a place that waited for it is nobody's.
pub(crate) const NO_RETURN: Duration = Duration::from_secs(1);

pub(crate) struct Entry {
    pub(crate) board: Arc<Switchboard>,
    pub(crate) directory: Directory,
    pub(crate) rtc: media_rtc::Server,
    pub(crate) sockets: media_socket::Options,
    pub(crate) tasks: Arc<Tasks>,
    pub(crate) spending: Arc<Spending>,
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
        };
        join(&self.board, &self.spending, &self.tasks, way, &offer.call, leg).await?;
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

/// As `join`, for a transport whose clients speak another protocol.
pub(crate) async fn join_with(
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
                if let Some(org) = board.catalogue().owner(&call.agent) {
                    spending.begins(call.session, org);
                }
                board.connect(place, tasks, call, leg, protocol);
                return Ok(());
            }
            // Two came at once, and the other was quicker.
            Err(Taken::Running(session)) => session,
            Err(Taken::Ended) => return Err(Refusal::SessionUnknown),
        },
    };
    session.attach(leg).await.map_err(|_gone| Refusal::SessionUnknown)
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

    fn knows(&self, session: SessionId) -> bool {
        self.directory.taken(session).is_some()
    }

    fn longest_message_bytes(&self) -> usize {
        self.sockets.longest_message_bytes
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
                let leg = Leg { transport, delivery, codec, events: peer.events, commands: peer.commands };
                // A session that ended in between drops the leg, which closes the socket.
                let _ended = join(&board, &spending, &tasks, way, &call, leg).await;
            }
            .boxed()
        }))
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

fn rtvi(call: &CallRequest) -> Box<dyn ClientProtocol> {
    Box::new(Rtvi::new(media_rtvi::Options {
        session_id: Some(call.session.to_string()),
        resume_token: Some(call.resume_token.clone()),
        resume_within: Some(call.resume_within),
        started: SystemTime::now(),
        ..media_rtvi::Options::default()
    }))
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
