//! The task of one call: moves messages between the stack and the machine, and audio between its port and the session.

mod asks;
mod audio;
mod told;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use domain::Pii;
use media_core::{LegCommand, LegEvent};
use rsipstack::sip::Request as SipRequest;
use rsipstack::sip::prelude::HeadersExt;
use rsipstack::transaction::transaction::TransactionEvent;
use runtime::Tasks;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::closings::Closings;
use crate::control::{ASKS, Ask, Control, NotPressed, NotTransferred};
use crate::dial::Outbound;
use crate::dialog::{self, Dialog};
use crate::headers;
use crate::invitation::{CallKey, Invitation, Refusal};
use crate::machine::{End, Input, Machine, Output, Request, RequestId};
use crate::metrics::{CALLS_ENDED, PORTS};
use crate::options::Options;
use crate::outgoing::{Outcome, Progress};
use crate::ports::{Lease, Ports};
use crate::referral::{Following, Referral, Wish};
use crate::replaces::Replaces;
use crate::rtcp::Reports;
use crate::rtp::Timeline;
use crate::sdp::Local;
use crate::tls::Ways;
use crate::trace::Witness;
use crate::trunk::Places;
use crate::voice::Voice;

use audio::{receive, said};
pub(crate) use told::{Answer, Meaning, Party, Told};

/// Events the session has not taken. When full, audio is dropped and counted, and other events wait.
const EVENTS: usize = 128;
/// Commands not carried out. When full the session drops audio; one is carried out in microseconds.
const COMMANDS: usize = 64;
/// Longer than any packet of audio.
const DATAGRAM: usize = 2_048;
/// After the process was told to stop, for an ACK that is still missing.
const GOODBYE: Duration = Duration::from_secs(2);

/// What every call of a server shares.
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) ports: Ports,
    pub(crate) tasks: Arc<Tasks>,
    pub(crate) invitations: mpsc::Sender<Invitation>,
    /// Room for requests in work and for calls.
    pub(crate) room: Arc<Semaphore>,
    /// Cancelled when the stack stops: no timer and no answer comes after that.
    pub(crate) stack: CancellationToken,
    pub(crate) places: Places,
    /// Wishes of the other side to be put through; declined unless `refers`.
    pub(crate) referrals: mpsc::Sender<Referral>,
    pub(crate) refers: AtomicBool,
    /// To trunks that are called over TLS.
    pub(crate) ways: Ways,
    pub(crate) closings: Closings,
    /// Where we listen for SIP over TLS.
    pub(crate) tls_address: Option<SocketAddr>,
}

pub(crate) struct Call {
    pub(crate) shared: Arc<Shared>,
    pub(crate) machine: Machine,
    pub(crate) dialog: Dialog,
    pub(crate) voice: Voice,
    lease: Option<Lease>,
    reports: Reports,
    open: HashMap<RequestId, (SipRequest, Answer)>,
    told: mpsc::Receiver<Told>,
    pub(crate) tell: mpsc::Sender<Told>,
    events: mpsc::Sender<LegEvent>,
    commands: mpsc::Receiver<LegCommand>,
    asks: mpsc::Receiver<Ask>,
    /// The other side is asked to go elsewhere, and whether it said that it will.
    pub(crate) transfer: Option<(oneshot::Sender<Result<(), NotTransferred>>, bool)>,
    /// Whoever waits until keys are sent.
    pub(crate) pressing: Option<oneshot::Sender<Result<(), NotPressed>>>,
    pub(crate) key: CallKey,
    pub(crate) party: Party,
    /// Asks this very call.
    pub(crate) control: Control,
    /// A REFER of theirs that nobody has judged.
    pub(crate) wish: Option<Wish>,
    /// What they were told of the last one that was taken.
    pub(crate) following: Option<Following>,
    /// Our address as the caller sees it, and the one that audio is bound to.
    advertised: IpAddr,
    bind: IpAddr,
    /// The call's place among the requests in work; its goodbye takes it over.
    place: Option<OwnedSemaphorePermit>,
    /// Of a call of ours.
    pub(crate) outbound: Option<Outbound>,
    witness: Witness,
    pub(crate) over: bool,
}

/// An INVITE that begins a call.
pub(crate) struct First {
    pub(crate) request: SipRequest,
    pub(crate) answer: Answer,
    pub(crate) source: std::net::SocketAddr,
    pub(crate) trunk: Option<String>,
    /// The call that it wants to replace.
    pub(crate) replaces: Option<(Replaces, mpsc::Sender<Told>)>,
    pub(crate) advertised: IpAddr,
    pub(crate) bind: IpAddr,
    pub(crate) place: OwnedSemaphorePermit,
}

/// What a call is made of, whoever began it.
pub(crate) struct Line {
    pub(crate) shared: Arc<Shared>,
    pub(crate) dialog: Dialog,
    pub(crate) tell: mpsc::Sender<Told>,
    pub(crate) told: mpsc::Receiver<Told>,
    pub(crate) party: Party,
    pub(crate) advertised: IpAddr,
    pub(crate) bind: IpAddr,
    pub(crate) place: OwnedSemaphorePermit,
}

/// The session's end of a call.
pub(crate) type Handset = (mpsc::Receiver<LegEvent>, mpsc::Sender<LegCommand>, Control);

/// Runs a call from its INVITE to its end.
pub(crate) async fn run(
    shared: Arc<Shared>,
    dialog: Dialog,
    first: First,
    tell: mpsc::Sender<Told>,
    told: mpsc::Receiver<Told>,
) {
    let sdp = dialog::description(&first.request, &first.request.body);
    // Who offers nothing is offered keys by us, in an answer that anybody on the way can read.
    let exposed =
        shared.options.srtp_required && !shared.options.keys_in_plain && sdp.is_none() && !dialog.is_by_tls();
    let input = Input::Invited {
        sdp,
        timer: dialog::timer(&first.request),
        allows_update: dialog::allows(&first.request, "UPDATE"),
    };
    let named = |user: Option<&str>| Pii(user.unwrap_or_default().to_owned());
    let called = named(first.request.uri.user());
    let from = first.request.from_header().ok().and_then(|header| header.uri().ok());
    let caller = named(from.as_ref().and_then(rsipstack::sip::Uri::user));
    let headers = headers::told(&first.request, &shared.options.headers);
    let (advertised, bind, place) = (first.advertised, first.bind, first.place);
    let party = Party { trunk: first.trunk.clone(), ip: first.source.ip() };
    let line = Line { shared, dialog, tell, told, party: party.clone(), advertised, bind, place };
    let (mut call, (receiver, sender, control)) = Call::new(line);
    call.saw(false, &first.request.to_string());
    call.open.insert(RequestId::FIRST, (first.request, first.answer));
    call.feed(input).await;
    if exposed {
        call.feed(Input::Refused(488)).await;
    }
    if call.over {
        return;
    }
    let replaces = match first.replaces {
        None => None,
        Some((which, other)) => match replaced(which, &other, party).await {
            Ok(key) => Some(key),
            Err(status) => return call.feed(Input::Refused(status)).await,
        },
    };
    let (verdict, asked) = oneshot::channel();
    let codec = call.machine.codec();
    let invitation = Invitation {
        called,
        caller,
        source: first.source,
        headers,
        trunk: first.trunk,
        replaces,
        key: call.key.clone(),
        codec,
        events: receiver,
        commands: sender,
        control,
        verdict,
    };
    if call.shared.invitations.try_send(invitation).is_err() {
        return call.feed(Input::Refused(503)).await;
    }
    if call.ring(asked).await {
        call.talk().await;
    }
}

/// Asks the call that is to be replaced.
async fn replaced(which: Replaces, other: &mpsc::Sender<Told>, by: Party) -> Result<CallKey, u16> {
    let (answer, answered) = oneshot::channel();
    let Replaces { from_tag, early_only, .. } = which;
    // One that ended just now is not there.
    other.send(Told::Replaced { from_tag, early_only, by, answer }).await.map_err(|_| 481_u16)?;
    answered.await.unwrap_or(Err(481))
}

impl Call {
    pub(crate) fn new(line: Line) -> (Self, Handset) {
        let (events, receiver) = mpsc::channel(EVENTS);
        let (sender, commands) = mpsc::channel(COMMANDS);
        let (control, asks) = mpsc::channel(ASKS);
        // In the lower half: a packet lost early does not put the far side's count of wraps out (RFC 3711 section 3.3.1).
        let sequence = rand::random::<u16>() >> 1;
        let mut voice = Voice::new(Timeline::new(rand::random(), sequence, rand::random()));
        let trunk = line.party.trunk.as_deref();
        voice.listens_for_tones(line.shared.options.listens_for_tones(trunk));
        voice.cancels_echo(line.shared.options.cancels_echo(trunk));
        let witness = Witness::new(events.clone());
        let call = Self {
            machine: Machine::new(line.shared.options.clone()),
            voice,
            lease: None,
            reports: Reports::default(),
            open: HashMap::new(),
            told: line.told,
            tell: line.tell,
            events,
            commands,
            asks,
            transfer: None,
            pressing: None,
            key: CallKey(line.dialog.call_id().into()),
            party: line.party,
            control: Control(control.clone()),
            wish: None,
            following: None,
            advertised: line.advertised,
            bind: line.bind,
            place: Some(line.place),
            outbound: None,
            witness,
            over: false,
            dialog: line.dialog,
            shared: line.shared,
        };
        (call, (receiver, sender, Control(control)))
    }

    /// Until somebody takes the call, and no shorter than it is to ring. Whether they did. Whoever is refused never hears it ring.
    async fn ring(&mut self, mut asked: oneshot::Receiver<Result<(), Refusal>>) -> bool {
        let answer_at = Instant::now() + Duration::from_millis(self.shared.options.ring_ms);
        let token = self.shared.tasks.token();
        let mut taken = None;
        loop {
            tokio::select! {
                biased;
                () = token.cancelled() => {
                    self.feed(Input::HangUp).await;
                    return false;
                }
                told = self.told.recv() => match told {
                    Some(told) => self.told(told).await,
                    None => return false,
                },
                verdict = &mut asked, if taken.is_none() => match verdict {
                    Ok(Ok(())) => taken = self.taken().await,
                    Ok(Err(refusal)) => self.feed(Input::Refused(refusal.status())).await,
                    Err(_dropped) => self.feed(Input::Refused(Refusal::Unavailable.status())).await,
                },
                () = tokio::time::sleep_until(answer_at), if taken.is_some() => {
                    if let Some(local) = taken.take() {
                        self.feed(Input::Accepted(local)).await;
                    }
                    return !self.over;
                }
            }
            if self.over {
                return false;
            }
        }
    }

    /// What there has to be for an answer is there before it rings.
    async fn taken(&mut self) -> Option<Local> {
        let secure = self.shared.options.srtp_required;
        match self.listen(secure).await {
            Ok(local) => {
                self.feed(Input::Taken).await;
                Some(local)
            }
            Err(status) => {
                self.feed(Input::Refused(status)).await;
                None
            }
        }
    }

    pub(crate) async fn talk(&mut self) {
        let token = self.shared.tasks.token();
        let (mut datagram, mut report) = ([0; DATAGRAM], [0; DATAGRAM]);
        let (mut stopping, mut listening) = (None, true);
        while !self.over {
            let now = Instant::now().into_std();
            let fill = self.voice.fill_due(now);
            let machine = self.machine.deadline().map(|(at, _)| at);
            let due = [fill, machine, self.reports.due()].into_iter().flatten().min();
            let due = due.map_or(now + Duration::from_secs(3_600), |due| due);
            let socket = self.lease.as_ref().map(|lease| &lease.socket);
            let reports = self.lease.as_ref().and_then(|lease| lease.reports.as_ref());
            let waiting = self.outbound.as_ref().filter(|_| listening).and_then(Outbound::waiting);
            tokio::select! {
                // What is to be sent is due now; what was received has waited in its socket, and more of it keeps nothing from going out.
                biased;
                () = token.cancelled(), if stopping.is_none() => {
                    stopping = Some(Instant::now() + GOODBYE);
                    self.feed(Input::HangUp).await;
                }
                () = async { tokio::time::sleep_until(stopping.unwrap_or_else(Instant::now)).await }, if stopping.is_some() => break,
                command = self.commands.recv(), if listening => match command {
                    Some(LegCommand::Packet(packet)) => self.speak(&packet),
                    // What was sent is gone, and a phone has no screen.
                    Some(LegCommand::Clear | LegCommand::Message(_)) => {}
                    Some(LegCommand::Close) | None => {
                        listening = false;
                        self.feed(Input::HangUp).await;
                    }
                },
                told = self.told.recv() => match told {
                    Some(told) => self.told(told).await,
                    None => break,
                },
                () = given_up(waiting) => {
                    listening = false;
                    self.feed(Input::HangUp).await;
                }
                Some(ask) = self.asks.recv() => self.asked_for(ask),
                () = tokio::time::sleep_until(due.into()) => {
                    let now = Instant::now().into_std();
                    self.let_go();
                    if let Some((datagram, to)) = self.voice.fill(now) {
                        self.send(&datagram, to);
                    }
                    self.report(now);
                    self.pressed_on();
                    if machine.is_some_and(|at| at <= now) {
                        self.feed(Input::Timeout).await;
                    }
                }
                received = receive(reports, &mut report) => {
                    if let Some((length, from)) = received {
                        self.reported(&report[..length], from);
                    }
                }
                received = receive(socket, &mut datagram) => {
                    if let Some((length, from)) = received {
                        self.hear(&datagram[..length], from).await;
                    }
                },
            }
        }
    }

    /// Tells whoever looks into the call of a message.
    pub(crate) fn saw(&self, sent: bool, message: &str) {
        self.witness.saw(sent, message);
    }

    pub(crate) async fn feed(&mut self, input: Input) {
        for output in self.machine.handle(input, Instant::now().into_std()) {
            match output {
                Output::Respond { id, status, sdp, expires } => {
                    if let Some((request, answer)) = self.open.get(&id) {
                        let response = self.dialog.response(request, status, sdp, expires);
                        self.saw(true, &response.to_string());
                        let _gone = answer.0.send(TransactionEvent::Respond(response));
                    }
                    if status >= 200 {
                        self.open.remove(&id);
                    }
                }
                Output::Send(Request::Invite { sdp }) => self.invite(sdp),
                Output::Send(Request::Cancel) => self.cancel(),
                Output::Send(request) => self.ask(&request),
                Output::Ringing { early } => self.progress(Progress::Ringing { early }),
                Output::Answered => self.hand_over(),
                Output::Unanswered(outcome) => self.unanswered(outcome),
                Output::Media(agreed) => {
                    if let Err(error) = self.voice.agree(agreed) {
                        tracing::warn!(%error, "no encoder for what a call agreed on");
                    }
                }
                Output::Active => {
                    let _ended = self.events.send(LegEvent::Active).await;
                    let ready = serde_json::json!({ "version": "2.2.0", "about": { "library": "sip" } });
                    let _ended = self.events.send(said("client-ready", &ready)).await;
                }
                Output::Ended(end) => self.ended(end).await,
            }
        }
    }

    async fn ended(&mut self, end: End) {
        self.over = true;
        // Whoever goes elsewhere often hangs up without a word about it.
        if let Some((answer, begun)) = self.transfer.take() {
            let _gone =
                answer.send(if begun && end == End::Caller { Ok(()) } else { Err(NotTransferred::Over) });
        }
        self.lease = None;
        metrics::gauge!(PORTS).set(self.shared.ports.taken() as f64);
        let how = match end {
            End::Caller => "caller",
            End::Us => "us",
            End::Refused => "refused",
            End::Unanswered(_) => "unanswered",
            End::Lost => "lost",
            End::Media => "media",
        };
        metrics::counter!(CALLS_ENDED, "how" => how).increment(1);
        tracing::debug!(how, "a SIP call ended");
        self.unanswered(if let End::Unanswered(outcome) = end { outcome } else { Outcome::CANCELLED });
        // Nobody comes back to a phone call: it is over for the session too.
        let _ended = self.events.send(LegEvent::Closed).await;
    }
}

/// Nobody waits for the answer of the callee any more. Pends where nobody is waited for.
async fn given_up(waiting: Option<mpsc::Sender<Progress>>) {
    match waiting {
        Some(progress) => progress.closed().await,
        None => std::future::pending().await,
    }
}
