//! The HTTP surface's `Calls` on the directory of sessions and the transports: lets a caller in, or back in.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::ws::WebSocket;
use control_api::offer::Candidate;
use control_api::start::Transport;
use control_server::ports::{Accept, Answer, CallRequest, Calls, Framing, Offer, Refusal};
use futures::FutureExt;
use futures::future::BoxFuture;
use media_core::Delivery;
use media_session::{ClientProtocol, Directory, Full, Leg, Slot};
use runtime::Tasks;

use crate::adapters::protocol::Rtvi;
use crate::wiring::Switchboard;

pub(crate) struct Entry {
    pub(crate) board: Arc<Switchboard>,
    pub(crate) directory: Directory,
    pub(crate) rtc: media_rtc::Server,
    pub(crate) sockets: media_socket::Options,
    pub(crate) tasks: Arc<Tasks>,
}

impl Entry {
    fn reserve(&self, agent: &str) -> Result<Slot, Refusal> {
        if !self.board.has(agent) {
            return Err(Refusal::AgentUnknown { agent: agent.to_owned() });
        }
        self.directory.reserve().map_err(|full| refusal(&full))
    }

    async fn place(&self, offer: Offer) -> Result<Answer, Refusal> {
        if let Some(peer) = &offer.peer {
            let answer = self
                .rtc
                .renegotiate(peer, &offer.sdp, offer.restart)
                .await
                .map_err(|error| not_answered(&error))?;
            return Ok(Answer { sdp: answer.sdp, peer: answer.pc_id });
        }
        let call = &offer.call;
        let returning = self.returning(call)?;
        let slot = if returning.is_none() { Some(self.reserve(&call.agent)?) } else { None };
        let (answer, peer) = self.rtc.offer(&offer.sdp).map_err(|error| not_answered(&error))?;
        let leg = Leg {
            transport: "webrtc",
            delivery: Delivery::Datagrams,
            codec: peer.codec,
            events: peer.events,
            commands: peer.commands,
        };
        match (returning, slot) {
            (Some(session), _) => session.attach(leg).await.map_err(|_gone| Refusal::SessionUnknown)?,
            (None, Some(slot)) => self.connect(slot, call, leg),
            (None, None) => return Err(Refusal::SessionUnknown),
        }
        Ok(Answer { sdp: answer.sdp, peer: answer.pc_id })
    }

    fn returning(&self, call: &CallRequest) -> Result<Option<media_session::Handle>, Refusal> {
        if !call.resumes {
            return Ok(None);
        }
        self.directory.get(call.session).map(Some).ok_or(Refusal::SessionUnknown)
    }

    fn connect(&self, slot: Slot, call: &CallRequest, leg: Leg) {
        self.board.connect(slot, &self.tasks, call.session, &call.agent, call.resume_within, leg, rtvi(call));
    }
}

impl Calls for Entry {
    fn agents(&self) -> Vec<control_api::Agent> {
        self.board.agents()
    }

    fn start(&self, agent: &str, _transport: Transport) -> Result<(), Refusal> {
        // A slot taken and given back at once: the same answer that the call itself would get.
        self.reserve(agent).map(drop)
    }

    fn offer(&self, offer: Offer) -> BoxFuture<'_, Result<Answer, Refusal>> {
        self.place(offer).boxed()
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

    fn socket(&self, call: CallRequest, framing: Framing) -> Result<Accept, Refusal> {
        let returning = self.returning(&call)?;
        let slot = if returning.is_none() { Some(self.reserve(&call.agent)?) } else { None };
        let (board, tasks, options) =
            (Arc::clone(&self.board), Arc::clone(&self.tasks), self.sockets.clone());
        Ok(Box::new(move |socket: WebSocket| {
            async move {
                let (peer, transport) = match framing {
                    Framing::Pipecat => (media_socket::pipecat::serve(socket, &options, &tasks), "websocket"),
                    Framing::Twilio => (media_socket::twilio::serve(socket, &options, &tasks), "twilio"),
                };
                let leg = Leg {
                    transport,
                    delivery: Delivery::Stream,
                    codec: peer.codec,
                    events: peer.events,
                    commands: peer.commands,
                };
                match (returning, slot) {
                    // The session that ended in between closes the leg by dropping it.
                    (Some(session), _) => drop(session.attach(leg).await),
                    (None, Some(slot)) => {
                        board.connect(
                            slot,
                            &tasks,
                            call.session,
                            &call.agent,
                            call.resume_within,
                            leg,
                            rtvi(&call),
                        );
                    }
                    (None, None) => {}
                }
            }
            .boxed()
        }))
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

fn refusal(full: &Full) -> Refusal {
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
        Error::PeerUnknown(_) | Error::PeerEnded => Refusal::SessionUnknown,
        Error::OfferInvalid(_) | Error::AnswerInvalid(_) => {
            Refusal::OfferInvalid { reason: error.to_string() }
        }
        other => Refusal::Failed { message: other.to_string() },
    }
}
