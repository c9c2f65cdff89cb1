//! The task of one call: moves messages between the stack and the machine, and audio between its port and the session.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::{Digit, Pii};
use media_core::{LegCommand, LegEvent};
use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Method, Request as SipRequest, Response};
use rsipstack::transaction::Transaction;
use rsipstack::transaction::transaction::{TransactionEvent, TransactionEventSender};
use runtime::{Kind, Tasks};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::asking::{carried, led};
use crate::control::{self, ASKS, Ask, Control, NotPressed, NotTransferred};
use crate::dial::Outbound;
use crate::dialog::{self, Dialog};
use crate::headers;
use crate::invitation::{CallKey, Invitation, Refusal};
use crate::machine::{End, Input, Machine, Output, Request, RequestId};
use crate::metrics::{CALLS_ENDED, PACKETS_DROPPED, PORTS, STRAY};
use crate::options::Options;
use crate::outgoing::{Outcome, Progress};
use crate::ports::{Lease, Ports};
use crate::referral::{Following, Referral, Wish};
use crate::replaces::Replaces;
use crate::rtcp::Reports;
use crate::rtp::{Header, Timeline};
use crate::sdp::Local;
use crate::srtp::Master;
use crate::tls::Ways;
use crate::trace::Trace;
use crate::trunk::Places;
use crate::voice::{Heard, Voice};

/// Events the session has not taken. When full, audio is dropped and counted, and other events wait.
const EVENTS: usize = 128;
/// Commands not carried out. When full the session drops audio; one is carried out in microseconds.
const COMMANDS: usize = 64;
/// Longer than any packet of audio.
const DATAGRAM: usize = 2_048;
/// After the process was told to stop, for an ACK that is still missing.
const GOODBYE: Duration = Duration::from_secs(2);

const REQUEST: Kind = Kind::new("sip.request");

/// What the dispatcher and the transactions tell a call.
#[derive(Debug)]
pub(crate) enum Told {
    Request {
        request: SipRequest,
        answer: Answer,
        id: RequestId,
    },
    Cancelled,
    Acknowledged {
        id: RequestId,
        sdp: Option<String>,
    },
    Unacknowledged(RequestId),
    /// The answer to this REFER is with the socket, or nothing will be said to it.
    Done(RequestId),
    Refreshed {
        status: u16,
        sdp: Option<String>,
    },
    /// Our INVITE went out again, with an answer to a challenge.
    Asked(SipRequest),
    /// To our INVITE.
    Answered(Box<Response>),
    /// Nothing came to it.
    Unanswered,
    /// The other side was asked to go elsewhere.
    Referred(u16),
    /// They heard how their wish to be put through comes along, or never will.
    Notified,
    /// An answer to a request of ours, for whoever looks into the call.
    Seen(String),
    /// Another call wants to take this one's place: its key, or the status to refuse that with.
    Replaced {
        from_tag: String,
        early_only: bool,
        by: Party,
        answer: oneshot::Sender<Result<CallKey, u16>>,
    },
}

/// Who is at the other end, as far as it can be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Party {
    pub(crate) trunk: Option<String>,
    pub(crate) ip: IpAddr,
}

impl Party {
    /// Of trunks the name counts, which may have many addresses; of others the address.
    fn is(&self, other: &Self) -> bool {
        self.trunk == other.trunk && (self.trunk.is_some() || self.ip == other.ip)
    }
}

/// What an answer to a request of ours is to its call; `None` where none came.
pub(crate) type Meaning = fn(Option<&Response>) -> Told;

impl Told {
    fn of_refresh(answer: Option<&Response>) -> Self {
        Self::Refreshed {
            status: answer.map_or(408, |response| response.status_code.code()),
            sdp: answer.and_then(|response| dialog::description(response, &response.body)),
        }
    }

    pub(crate) fn of_notify(_answer: Option<&Response>) -> Self {
        Self::Notified
    }

    pub(crate) fn of_refer(answer: Option<&Response>) -> Self {
        Self::Referred(answer.map_or(408, |response| response.status_code.code()))
    }
}

/// The way back into a transaction.
pub(crate) struct Answer(pub(crate) TransactionEventSender);

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Answer")
    }
}

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
    trace: Trace,
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
            trace: Trace::default(),
            over: false,
            dialog: line.dialog,
            shared: line.shared,
        };
        (call, (receiver, sender, Control(control)))
    }

    /// Until somebody takes the call, and no shorter than it is to ring. Whether they did.
    async fn ring(&mut self, mut asked: oneshot::Receiver<Result<(), Refusal>>) -> bool {
        let answer_at = Instant::now() + Duration::from_millis(self.shared.options.ring_ms);
        let token = self.shared.tasks.token();
        let mut taken = false;
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
                verdict = &mut asked, if !taken => match verdict {
                    Ok(Ok(())) => taken = true,
                    Ok(Err(refusal)) => self.feed(Input::Refused(refusal.status())).await,
                    Err(_dropped) => self.feed(Input::Refused(Refusal::Unavailable.status())).await,
                },
                () = tokio::time::sleep_until(answer_at), if taken => {
                    self.answer().await;
                    return !self.over;
                }
            }
            if self.over {
                return false;
            }
        }
    }

    async fn answer(&mut self) {
        let secure = self.shared.options.srtp_required;
        match self.listen(secure).await {
            Ok(local) => self.feed(Input::Accepted(local)).await,
            Err(status) => self.feed(Input::Refused(status)).await,
        }
    }

    /// Takes a port for audio; what is to be said about it, or the status of a refusal.
    pub(crate) async fn listen(&mut self, secure: bool) -> Result<Local, u16> {
        let Some(lease) = self.shared.ports.take(self.bind).await else {
            tracing::warn!("no port for audio is left: a call was refused (raise the range of RTP ports)");
            return Err(503);
        };
        metrics::gauge!(PORTS).set(self.shared.ports.taken() as f64);
        let Ok(bound) = lease.socket.local_addr() else { return Err(500) };
        self.lease = Some(lease);
        Ok(Local {
            address: (self.advertised, bound.port()).into(),
            // RFC 4566 wants a number that no other session of ours has.
            session: u64::from(rand::random::<u32>()),
            version: 1,
            codecs: self.shared.options.codecs(),
            key: Master::new(rand::random()),
            secure,
        })
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
                () = token.cancelled(), if stopping.is_none() => {
                    stopping = Some(Instant::now() + GOODBYE);
                    self.feed(Input::HangUp).await;
                }
                () = async { tokio::time::sleep_until(stopping.unwrap_or_else(Instant::now)).await }, if stopping.is_some() => break,
                told = self.told.recv() => match told {
                    Some(told) => self.told(told).await,
                    None => break,
                },
                () = given_up(waiting) => {
                    listening = false;
                    self.feed(Input::HangUp).await;
                }
                command = self.commands.recv(), if listening => match command {
                    Some(LegCommand::Packet(packet)) => self.speak(&packet),
                    // What was sent is gone, and a phone has no screen.
                    Some(LegCommand::Clear | LegCommand::Message(_)) => {}
                    Some(LegCommand::Close) | None => {
                        listening = false;
                        self.feed(Input::HangUp).await;
                    }
                },
                Some(ask) = self.asks.recv() => self.asked_for(ask),
                received = receive(socket, &mut datagram) => {
                    if let Some((length, from)) = received {
                        self.hear(&datagram[..length], from).await;
                    }
                },
                received = receive(reports, &mut report) => {
                    if let Some((length, from)) = received {
                        self.reported(&report[..length], from);
                    }
                }
                () = tokio::time::sleep_until(due.into()) => {
                    let now = Instant::now().into_std();
                    if let Some((datagram, to)) = self.voice.fill(now) {
                        self.send(&datagram, to);
                    }
                    self.report(now);
                    self.pressed_on();
                    if machine.is_some_and(|at| at <= now) {
                        self.feed(Input::Timeout).await;
                    }
                }
            }
        }
    }

    /// Says how much was sent, where that is due.
    fn report(&mut self, now: std::time::Instant) {
        let Some(report) = self.reports.report(now) else { return };
        let reports = self.lease.as_ref().and_then(|lease| lease.reports.as_ref());
        if let (Some(reports), Some((to, _))) = (reports, self.voice.reports_to()) {
            let _lost = reports.try_send_to(&report, to);
        }
    }

    /// The far side says how it hears us.
    fn reported(&mut self, report: &[u8], from: std::net::SocketAddr) {
        let Some((_, clock_hz)) = self.voice.reports_to().filter(|(to, _)| to.ip() == from.ip()) else {
            return;
        };
        if let Some(quality) = self.reports.heard(report, clock_hz, Instant::now().into_std()) {
            let _late = self.events.try_send(LegEvent::Quality(quality));
        }
    }

    fn speak(&mut self, packet: &media_core::Packet) {
        if let Some((datagram, to)) = self.voice.speak(packet, Instant::now().into_std()) {
            self.send(&datagram, to);
        }
    }

    fn send(&mut self, datagram: &[u8], to: std::net::SocketAddr) {
        self.reports.sent(datagram, Instant::now().into_std());
        if let Some(lease) = &self.lease {
            // A full socket buffer loses it, as the network might.
            let _lost = lease.socket.try_send_to(datagram, to);
        }
    }

    async fn hear(&mut self, datagram: &[u8], from: std::net::SocketAddr) {
        let now = Instant::now().into_std();
        match self.voice.received(datagram, from, now) {
            // Tones and announcements of the network, which are no part of the call.
            Heard::Audio(_) | Heard::Key(_) if self.is_early() => {}
            Heard::Audio(packet) => {
                self.feed(Input::Heard).await;
                let keys = self.voice.toned(&packet, now);
                if self.events.try_send(LegEvent::Packet(packet)).is_err() {
                    metrics::counter!(PACKETS_DROPPED).increment(1);
                }
                for key in keys {
                    self.key(key).await;
                }
            }
            Heard::Key(digit) => {
                self.feed(Input::Heard).await;
                self.soundless(datagram, now);
                self.key(digit).await;
            }
            Heard::Alive => {
                self.feed(Input::Heard).await;
                self.soundless(datagram, now);
            }
            Heard::Stray => metrics::counter!(STRAY).increment(1),
        }
    }

    /// A packet of a key or of comfort noise has a number in the count of the audio: without it one would be taken for lost.
    fn soundless(&mut self, datagram: &[u8], now: std::time::Instant) {
        if let Some((header, _)) = Header::parse(datagram).filter(|_| !self.is_early()) {
            let packet = self.voice.soundless(&header, now);
            let _full = packet.map(|packet| self.events.try_send(LegEvent::Packet(packet)));
        }
    }

    /// Said in the client protocol, so that a session treats all callers alike.
    async fn key(&mut self, digit: Digit) {
        let _ended =
            self.events.send(said("dtmf", &serde_json::json!({ "buttons": [char::from(digit)] }))).await;
    }

    async fn told(&mut self, told: Told) {
        match told {
            Told::Request { request, answer, id } => self.request(request, answer, id).await,
            Told::Seen(answer) => self.saw(false, &answer),
            Told::Cancelled => {
                self.saw(false, "CANCEL");
                self.feed(Input::Cancelled).await;
            }
            Told::Acknowledged { id, sdp } => {
                self.saw(false, "ACK");
                self.feed(Input::Acknowledged { id, sdp }).await;
            }
            Told::Unacknowledged(id) => self.feed(Input::Unacknowledged(id)).await,
            Told::Done(id) => self.wish_answered(id),
            Told::Refreshed { status, sdp } => self.feed(Input::Refreshed { status, sdp }).await,
            Told::Asked(invite) => self.asked(invite).await,
            Told::Answered(response) => self.answered(&response).await,
            Told::Referred(status) => self.referred(status, status < 300).await,
            Told::Notified => self.notified(),
            Told::Unanswered => self.feed(Input::Declined(408)).await,
            Told::Replaced { from_tag, early_only, by, answer } => {
                let _gone = answer.send(self.replaceable(&from_tag, early_only, &by));
            }
        }
    }

    /// Whether that caller may take this call's place (RFC 3891 section 3).
    fn replaceable(&self, from_tag: &str, early_only: bool, by: &Party) -> Result<CallKey, u16> {
        if self.dialog.remote_tag() != Some(from_tag) || !self.machine.is_confirmed() {
            return Err(481);
        }
        if !self.party.is(by) {
            return Err(403);
        }
        if early_only { Err(486) } else { Ok(self.key.clone()) }
    }

    fn is_early(&self) -> bool {
        self.outbound.as_ref().is_some_and(|outbound| outbound.waiting().is_some())
    }

    async fn request(&mut self, request: SipRequest, answer: Answer, id: RequestId) {
        self.saw(false, &request.to_string());
        if !self.dialog.take(&request) {
            return self.respond(&request, &answer, 500);
        }
        match request.method {
            Method::Bye => {
                self.respond(&request, &answer, 200);
                self.feed(Input::Bye).await;
            }
            Method::Invite | Method::Update => {
                let sdp = dialog::description(&request, &request.body);
                let timer = dialog::timer(&request);
                let invite = request.method == Method::Invite;
                self.open.insert(id, (request, answer));
                self.feed(Input::Offered { id, invite, sdp, timer }).await;
            }
            Method::Info => {
                self.respond(&request, &answer, 200);
                if let Some(digit) = relayed(&request.body) {
                    self.key(digit).await;
                }
            }
            Method::Notify if self.transfer.is_some() => {
                self.respond(&request, &answer, 200);
                if let Some(status) = control::progress_of(&request.body).filter(|status| *status >= 200) {
                    self.referred(status, false).await;
                }
            }
            Method::Options => self.respond(&request, &answer, 200),
            Method::Refer if self.shared.refers.load(Ordering::Relaxed) => self.wished(request, answer, id),
            Method::Refer => self.respond(&request, &answer, 603),
            _ => self.respond(&request, &answer, 405),
        }
    }

    pub(crate) fn respond(&self, request: &SipRequest, answer: &Answer, status: u16) {
        let response = self.dialog.response(request, status, None, None);
        self.saw(true, &response.to_string());
        let _gone = answer.0.send(TransactionEvent::Respond(response));
    }

    /// Tells whoever looks into the call of a message; one that finds no room is left out.
    pub(crate) fn saw(&self, sent: bool, message: &str) {
        if let Some(signal) = self.trace.signal(sent, message) {
            let _full = self.events.try_send(LegEvent::Signal(signal));
        }
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

    /// Sends a request of ours in a task of its own, which outlives the call where that is a BYE.
    fn ask(&mut self, request: &Request) {
        let transaction = match self.dialog.request(request) {
            Ok(transaction) => transaction,
            Err(error) => return tracing::warn!(%error, "a SIP request could not be built"),
        };
        let goodbye = matches!(request, Request::Bye { .. });
        let tell = (!goodbye).then(|| (self.tell.clone(), Told::of_refresh as Meaning));
        let permit = if goodbye { self.place.take() } else { None };
        self.carry(transaction, tell, permit);
    }

    /// Sends a request of ours that is not the call's INVITE, and tells what its answer does to the session.
    pub(crate) fn carry(
        &self,
        mut transaction: Transaction,
        tell: Option<(mpsc::Sender<Told>, Meaning)>,
        permit: Option<OwnedSemaphorePermit>,
    ) {
        self.saw(true, &transaction.original.to_string());
        let seen = self.tell.clone();
        let stack = self.shared.stack.clone();
        let credential = self.outbound.as_ref().and_then(|outbound| outbound.credential.clone());
        let sent = self.dialog.sent();
        let shared = Arc::clone(&self.shared);
        let trunk = self.party.trunk.clone();
        let work = async move {
            let _permit = permit;
            let trunk = shared.options.trunks.iter().find(|one| Some(&one.name) == trunk.as_ref());
            let led = match trunk {
                Some(trunk) => led(&mut transaction, &shared, trunk).await,
                None => Ok(()),
            };
            let answer = match led {
                Ok(()) => carried(transaction, credential, &sent).await,
                Err(why) => {
                    tracing::warn!(%why, "the connection of a SIP call is gone, and there is no other");
                    None
                }
            };
            if let Some(answer) = &answer {
                let _over = seen.send(Told::Seen(answer.to_string())).await;
            }
            if let Some((tell, meaning)) = tell {
                let _over = tell.send(meaning(answer.as_ref())).await;
            }
        };
        self.shared
            .tasks
            .spawn_graceful(REQUEST, async move { stack.run_until_cancelled(Box::pin(work)).await });
    }
}

/// Nobody waits for the answer of the callee any more. Pends where nobody is waited for.
async fn given_up(waiting: Option<mpsc::Sender<Progress>>) {
    match waiting {
        Some(progress) => progress.closed().await,
        None => std::future::pending().await,
    }
}

/// Pends without a socket. Cancel-safe. `None` for what the system reports of packets we sent.
async fn receive(
    socket: Option<&tokio::net::UdpSocket>,
    datagram: &mut [u8],
) -> Option<(usize, std::net::SocketAddr)> {
    match socket {
        Some(socket) => socket.recv_from(datagram).await.ok(),
        None => std::future::pending().await,
    }
}

/// A key in an INFO: `Signal=5` of application/dtmf-relay, or the bare key of application/dtmf.
fn relayed(body: &[u8]) -> Option<Digit> {
    let text = std::str::from_utf8(body).ok()?;
    let signal = text.lines().find_map(|line| line.trim().strip_prefix("Signal=")).unwrap_or(text);
    let mut keys = signal.trim().chars();
    let key = keys.next().filter(|_| keys.next().is_none())?;
    Digit::try_from(key).ok()
}

fn said(kind: &str, data: &serde_json::Value) -> LegEvent {
    let message = serde_json::json!({ "label": "rtvi-ai", "type": kind, "id": kind, "data": data });
    LegEvent::Message(message.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_in_infos_are_read_and_nothing_else_is_one() {
        let digit = |key| Digit::try_from(key).ok();
        assert_eq!(relayed(b"Signal=5\r\nDuration=160\r\n"), digit('5'));
        assert_eq!(relayed(b" # "), digit('#'));
        assert_eq!(relayed(b"Signal=55"), None);
        assert_eq!(relayed(b""), None);
        assert_eq!(relayed(&[0xff]), None);
    }
}
