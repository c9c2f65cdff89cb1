//! The actor of one call: what it owns, and the one loop over everything that can happen to it.
//!
//! Each input is handled to its end before the next: no locks, no flags between tasks. What the turn machine decides
//! is carried out in `floor`, the leg in `leg`, what observers see in `events`.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use domain::{AtMachine, EndReason, FRAME, MediaTime, Score, SessionId, Transcript, TurnId};
use futures::future::BoxFuture;
use media_core::Codec;
use media_flight::Header;
use media_turn::{Input, TurnMachine};
use media_vad::{EndOfTurn, Vad};
use providers_api::{Stt, SttEvent, SttRequest, Tts};
use runtime::tasks::{Kind, Tasks};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior, Sleep};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::background::Background;
use crate::clip::{Clip, Clips};
use crate::directory::{Place, Seat};
use crate::ears::Ears;
use crate::events::Observers;
use crate::greeting::Greeting;
use crate::handle::{Command, Handle, Status};
use crate::leg::Connection;
use crate::lines::Lines;
use crate::listen::{Heard, Recogniser, Ring};
use crate::metrics::{Active, ENDED_TOTAL, Hot};
use crate::options::{Options, seconds};
use crate::outbound::Outbound;
use crate::ports::{ClientProtocol, Consult, Dialogue, Hurry, Leg, Recordings, SessionSink};
use crate::recording::{Mode, Recording};
use crate::reply::{self, Reply};
use crate::screening::Screening;
use crate::speak::Speaker;
use crate::tap::Taps;
use crate::transfer::Handing;
use crate::unasked::Unasked;

const SESSION: Kind = Kind::new("session");

/// Audio that the end of a turn is judged by, at most.
const SCORED: MediaTime = MediaTime::from_millis(8_000);
/// From the last sample sent until the connection is closed: what is on its way must still be heard.
const LINGER: Duration = Duration::from_millis(400);
/// Taken from the leg in one tick, at most: a client that floods its connection cannot keep a call from its deadlines.
const LEG_EVENTS: u32 = 64;

/// What a session is made of.
pub struct Parts {
    pub agent: String,
    pub agent_version: String,
    pub stt: Arc<dyn Stt>,
    pub tts: Arc<dyn Tts>,
    pub vad: Vad,
    pub end_of_turn: EndOfTurn,
    pub dialogue: Box<dyn Dialogue>,
    pub sink: Box<dyn SessionSink>,
    pub protocol: Box<dyn ClientProtocol>,
    pub leg: Leg,
    /// Where the event log of the call goes.
    pub flight: Option<Box<dyn std::io::Write + Send>>,
    /// Where its recording goes, if `Options::recording` wants one.
    pub recordings: Option<Box<dyn Recordings>>,
    /// Where the agent has a target for how long its callers wait.
    pub hurry: Option<Box<dyn Hurry>>,
    /// Spoken when a provider fails, where `clips` has not the apology of `Options::lines`.
    pub apology: Clip,
    /// Sentences that need no synthesis.
    pub clips: Arc<Clips>,
    /// What sounds under the whole call.
    pub background: Option<Background>,
    /// The call began on a server that died.
    pub resumed: Option<Resumed>,
    /// A call of ours: before the agent speaks it is found out whether a machine took it, and this is done where it did.
    pub at_machine: Option<AtMachine>,
    /// By whom people are called who may take the call over.
    pub consult: Option<Box<dyn Consult>>,
    /// Who gets the leg where the call ends as `Transferred`, instead of its being hung up.
    pub heir: Option<oneshot::Sender<Leg>>,
    pub options: Options,
}

/// A call that another session began, whose caller is back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resumed {
    /// The next turn.
    pub turn: TurnId,
    /// Since the last event of that session.
    pub gap: Duration,
    /// The caller has heard a greeting there: what they hear now is none.
    pub greeted: bool,
}

/// Starts the session in its place. It ends by itself, with its place in the directory, or with `tasks`.
pub fn start(place: Place, tasks: &Tasks, parts: Parts) -> Handle {
    let Place { handle, own, commands, status, seat } = place;
    let (id, transport) = (handle.id(), parts.leg.transport);
    let span = tracing::info_span!("session", %id, agent = parts.agent, transport);
    let session = span.in_scope(|| Box::new(Session::new(id, parts, own, commands, status, seat)));
    tasks.spawn_graceful(SESSION, Box::pin(session.run().instrument(span)));
    handle
}

pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) options: Options,
    pub(crate) started: Instant,
    pub(crate) observers: Observers,
    pub(crate) recording: Option<Recording>,
    pub(crate) protocol: Box<dyn ClientProtocol>,
    pub(crate) dialogue: Box<dyn Dialogue>,

    pub(crate) floor: TurnMachine,
    /// When the machine wants to be woken.
    pub(crate) floor_due: Option<Instant>,
    /// Inputs that came up while an output was carried out.
    pub(crate) inputs: std::collections::VecDeque<Input<'static>>,
    pub(crate) pumping: bool,

    pub(crate) connection: Connection,
    pub(crate) greeted: bool,
    pub(crate) greeting: Greeting,
    /// Until media flows again.
    pub(crate) resumed: Option<Resumed>,
    pub(crate) screening: Option<Screening>,

    pub(crate) inbound: media_core::Inbound,
    pub(crate) meter: media_core::Meter,
    pub(crate) vad: Vad,
    pub(crate) end_of_turn: EndOfTurn,
    pub(crate) score: Option<BoxFuture<'static, Option<Score>>>,
    pub(crate) ring: Ring,
    pub(crate) ears: Ears,
    pub(crate) recogniser: Recogniser,

    pub(crate) speaker: Speaker,
    pub(crate) hurry: Option<Box<dyn Hurry>>,
    pub(crate) apology: Clip,
    pub(crate) lines: Lines,
    pub(crate) outbound: Outbound,
    /// When the audio given so far has been, or will have been, played.
    dry: Instant,
    pub(crate) reply: Option<Reply>,
    pub(crate) guess: Option<Reply>,
    /// Replies in a row that ended in the apology.
    pub(crate) failed_replies: u32,
    pub(crate) turns: u32,
    pub(crate) ending: Ending,
    pub(crate) background: Option<Background>,
    pub(crate) consult: Option<Box<dyn Consult>>,
    heir: Option<oneshot::Sender<Leg>>,
    /// The caller is being put through, or was.
    pub(crate) handing: Option<Handing>,
    /// What the agent is to say next although nobody asked.
    pub(crate) unasked: Unasked,
    /// The turn in which it is said word for word, until that sounds.
    pub(crate) prompted: Option<(TurnId, String)>,
    /// Who listens to the call.
    pub(crate) taps: Taps,

    pub(crate) hot: Hot,
    commands: mpsc::Receiver<Command>,
    pub(crate) status: watch::Sender<Status>,
    pub(crate) ticks: Interval,
    timer: Pin<Box<Sleep>>,
    token: CancellationToken,
    own: Tasks,
    _active: Active,
    _seat: Seat,
}

/// How the session comes to its end.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    /// The call is to end, such as one that has lasted its longest; the agent says goodbye when it can.
    pub last_turn: Option<EndReason>,
    /// Recognition is dead: the call ends after an apology.
    pub doomed: bool,
    /// The session says its last words, which nothing takes back.
    pub leaving: bool,
    /// The last words must have been spoken by then.
    pub farewell_by: Option<(Instant, EndReason)>,
    /// The call is over at this instant, for this reason.
    pub closing: Option<(Instant, EndReason)>,
}

impl Session {
    fn new(
        id: SessionId,
        parts: Parts,
        own: Tasks,
        commands: mpsc::Receiver<Command>,
        status: watch::Sender<Status>,
        seat: Seat,
    ) -> Self {
        let now = Instant::now();
        let options = parts.options;
        let request = SttRequest {
            session: id,
            rate_hz: media_core::inbound::RATE_HZ,
            language: options.language.clone(),
            keywords: options.keywords.clone(),
        };
        let mut ticks = tokio::time::interval_at(now + phase(id), FRAME);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let speaker =
            Speaker { tts: parts.tts, voice: options.voice.clone(), session: id, clips: parts.clips };
        // A codec that cannot be is refused by `attach`, which tells observers.
        let plain = Codec::Pcm16 { rate_hz: 16_000 };
        let mut outbound = Outbound::new(options.playout.clone(), &options.opus, parts.leg.codec)
            .or_else(|_| Outbound::new(Default::default(), &options.opus, plain))
            .expect("default options and plain PCM always work");
        outbound.set_background(parts.background.as_ref());
        let active = Active::enter(parts.leg.transport);
        let zero = jiff::Timestamp::now();
        let header = Header::new(id, parts.agent, parts.agent_version, options.turn.clone(), zero)
            .over(parts.leg.transport);
        let recordings = parts.recordings.filter(|_| options.recording.mode != Mode::Off);
        let mut session = Self {
            id,
            started: now,
            observers: Observers::new(parts.sink, parts.flight.map(|file| (file, header)), &own),
            recording: recordings.map(|store| Recording::start(store, now, &own)),
            protocol: parts.protocol,
            dialogue: parts.dialogue,
            floor: TurnMachine::new(options.turn.clone(), now.into_std())
                .counting_from(parts.resumed.map_or(TurnId(0), |resumed| resumed.turn)),
            screening: parts.at_machine.filter(|_| parts.resumed.is_none()).map(Screening::new),
            resumed: parts.resumed,
            floor_due: None,
            inputs: std::collections::VecDeque::new(),
            pumping: false,
            connection: Connection::new(now),
            greeted: false,
            greeting: Greeting::new(parts.resumed.is_some_and(|resumed| resumed.greeted)),
            meter: media_core::Meter::new(parts.leg.transport, parts.leg.codec, parts.leg.delivery),
            inbound: media_core::Inbound::new(options.inbound.clone(), media_codec::decoders()),
            vad: parts.vad,
            end_of_turn: parts.end_of_turn,
            score: None,
            ring: Ring::new(),
            ears: Ears::default(),
            recogniser: Recogniser::new(parts.stt, request, options.waits.clone(), now),
            speaker,
            hurry: parts.hurry,
            apology: parts.apology,
            lines: options.lines.said_in(&options.language.clone().unwrap_or_default()),
            outbound,
            dry: now,
            reply: None,
            guess: None,
            failed_replies: 0,
            turns: 0,
            ending: Ending::default(),
            background: parts.background,
            consult: parts.consult,
            heir: parts.heir,
            handing: None,
            unasked: Unasked::default(),
            prompted: None,
            taps: Taps::default(),
            hot: Hot::new(),
            commands,
            status,
            ticks,
            timer: Box::pin(tokio::time::sleep_until(now)),
            token: own.token(),
            own,
            _active: active,
            _seat: seat,
            options,
        };
        session.attach(parts.leg, now);
        session
    }

    async fn run(mut self: Box<Self>) {
        let reason = loop {
            let now = Instant::now();
            if let Some((at, reason)) = self.ending.closing
                && at <= now
            {
                break reason;
            }
            let unheard = self.outbound.unheard(now);
            if unheard > FRAME {
                self.dry = now + unheard;
            }
            self.rearm(now);
            tokio::select! {
                biased;
                () = self.token.cancelled() => break EndReason::ServerStopping,
                due = self.ticks.tick() => self.tick(due),
                // Before the leg's: whoever went elsewhere hangs up here.
                came = Handing::next(&mut self.handing), if self.connection.leg_events < LEG_EVENTS => self.handed(came),
                event = Leg::next(&mut self.connection.leg), if self.connection.leg_events < LEG_EVENTS => self.leg_event(event),
                decision = self.vad.next() => self.vad_decided(decision),
                came = self.recogniser.next() => self.recognised(came),
                came = next_of(&mut self.reply, unheard) => self.replied(came),
                came = next_of(&mut self.guess, Duration::ZERO) => self.guessed(came),
                score = scored(&mut self.score) => self.scored(score),
                report = Recording::next(&mut self.recording) => self.recorded(report),
                () = unwanted(&mut self.heir) => self.close(EndReason::AgentEnded, Instant::now()),
                () = &mut self.timer => self.deadlines(),
                command = self.commands.recv() => self.command(command),
            }
        };
        self.finish(reason).await;
    }

    /// Everything that waits has its end: the nearest of them.
    fn rearm(&mut self, now: Instant) {
        let due = [
            self.floor_due,
            self.ending.closing.map(|(at, _)| at),
            self.ending.farewell_by.map(|(at, _)| at),
            self.recogniser.deadline(),
            self.reply_due().map(|(at, _)| at),
            self.connection.return_due(&self.options),
            self.connection.readiness_due(&self.options),
            self.connection.unused_due(self.greeted, &self.options),
            self.longest(),
            Handing::due(&self.handing),
        ];
        let far = now + Duration::from_secs(3_600);
        let due = due.into_iter().flatten().min().unwrap_or(far).max(now);
        if self.timer.deadline() != due {
            self.timer.as_mut().reset(due);
        }
    }

    fn reply_due(&self) -> Option<(Instant, reply::Wait)> {
        // While nobody hears the agent, nobody waits for it.
        if !self.connection.flowing {
            return None;
        }
        self.reply.as_ref()?.deadline(&self.options.waits, self.dry)
    }

    fn longest(&self) -> Option<Instant> {
        let limited = self.options.longest_call_s > 0 && self.ending.last_turn.is_none();
        limited.then(|| self.started + seconds(self.options.longest_call_s))
    }

    fn deadlines(&mut self) {
        let now = Instant::now();
        let come = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if come(self.floor_due) {
            self.floor_due = None;
            self.feed(Input::Timeout);
        }
        if come(self.recogniser.deadline()) {
            let heard = self.recogniser.late(now);
            self.heard(heard, now);
        }
        if let Some((at, wait)) = self.reply_due()
            && at <= now
        {
            self.reply_late(wait, now);
        }
        if come(self.connection.return_due(&self.options)) {
            self.close(EndReason::ConnectionLost, now);
        }
        if let Some((_, reason)) = self.ending.farewell_by.take_if(|(at, _)| *at <= now) {
            self.close(reason, now);
        }
        if come(self.connection.readiness_due(&self.options)) {
            self.connection.readiness.ready = true;
            self.begin_media(now);
        }
        if come(self.connection.unused_due(self.greeted, &self.options)) {
            self.close(EndReason::ConnectionLost, now);
        }
        if come(self.longest()) {
            self.take_leave(EndReason::TooLong, now);
        }
        if come(Handing::due(&self.handing)) {
            self.transfer_late(now);
        }
    }

    pub(crate) fn vad_decided(&mut self, decision: domain::VadDecision) {
        if decision.probability >= self.options.turn.speech.start_probability {
            self.recogniser.voiced(decision.from);
            self.ears.voiced(decision.from);
        }
        if self.screen_vad(decision) {
            return;
        }
        self.feed(Input::Vad(decision));
    }

    fn recognised(&mut self, came: crate::listen::Came) {
        let now = Instant::now();
        let heard = self.recogniser.take(came, &self.ring, now);
        // Two people talk: what is still said of the time before is nobody's turn, and a recogniser that dies is not missed.
        if self.is_bridged() {
            return;
        }
        self.heard(heard, now);
    }

    fn heard(&mut self, heard: Heard, now: Instant) {
        if let Some(length) = self.recogniser.take_waited() {
            self.dead_air(None, domain::DeadAir::Recognition, length);
        }
        match heard {
            Heard::Nothing | Heard::Event(SttEvent::Usage(_) | SttEvent::Served(_)) => {}
            Heard::Event(SttEvent::Transcript(transcript)) => self.transcript(transcript),
            Heard::Event(SttEvent::EndOfTurn(score)) => self.feed(Input::EndOfTurn(score)),
            Heard::Retrying(error) => self.provider_failed(None, &error),
            Heard::Lost(error) => {
                self.provider_failed(None, &error);
                self.feed(Input::TranscriptLost);
            }
            Heard::Dead(error) => {
                self.provider_failed(None, &error);
                self.doom(now);
            }
        }
    }

    fn transcript(&mut self, transcript: Transcript) {
        self.emit(domain::SessionEvent::Heard { transcript: transcript.clone() });
        if self.screen_transcript(&transcript) {
            return;
        }
        self.feed(Input::Transcript(std::borrow::Cow::Owned(transcript)));
    }

    pub(crate) fn ask_for_score(&mut self, at: MediaTime) {
        if matches!(self.end_of_turn, EndOfTurn::Off) {
            return; // nobody would answer: the machine's own time-outs rule
        }
        let audio = self.ring.stretch(at - SCORED, at);
        let judge = self.end_of_turn.clone();
        self.score = Some(Box::pin(async move { judge.score(&audio.samples, at).await }));
    }

    fn scored(&mut self, score: Option<Score>) {
        self.score = None;
        if let Some(score) = score {
            self.feed(Input::EndOfTurn(score));
        }
    }

    fn command(&mut self, command: Option<Command>) {
        let now = Instant::now();
        match command {
            Some(Command::Text(text)) => self.feed(Input::Text(text.into())),
            Some(Command::Dtmf(digit)) => self.feed(Input::Dtmf(digit)),
            Some(Command::Send(message)) => self.send(media_core::LegCommand::Message(message)),
            Some(Command::Attach(leg)) => self.attach(leg, now),
            Some(Command::End(reason @ (EndReason::ServerStopping | EndReason::OperatorEnded)))
                if self.connection.flowing =>
            {
                self.say_goodbye(reason, now);
            }
            Some(Command::End(reason)) => self.close(reason, now),
            Some(Command::TakeLeave(reason)) => self.take_leave(reason, now),
            Some(Command::Whisper(text, heeded)) => {
                let heeds = self.whisper(&text);
                let _gone = heeded.send(heeds);
            }
            Some(Command::Prompt(text, taken)) => {
                let _gone = taken.send(self.prompt(text, now));
            }
            Some(Command::Listen(ear)) => self.taps.add(ear),
            // The directory's entry holds a sender: without it the token ends the session.
            None => self.close(EndReason::ServerStopping, now),
        }
    }

    /// The call is over, now.
    pub(crate) fn close(&mut self, reason: EndReason, now: Instant) {
        self.ending.closing = Some((now, reason));
    }

    /// The call is over when what was sent has been heard.
    pub(crate) fn close_gently(&mut self, reason: EndReason, now: Instant) {
        self.ending.closing.get_or_insert((now + LINGER, reason));
    }

    /// That the session itself takes, such as the farewell of a call that is too long.
    pub(crate) fn own_turn(&mut self) -> TurnId {
        self.floor.take_turn()
    }

    async fn finish(mut self: Box<Self>, reason: EndReason) {
        let now = Instant::now();
        self.conclude_reply(true, now);
        self.finish_timelines();
        self.measured_call();
        self.finish_recording().await;
        let heir = self.heir.take().filter(|_| reason == EndReason::Transferred);
        self.drop_handing();
        self.last_signals(heir.is_none()).await;
        self.emit(domain::SessionEvent::Ended { reason });
        match heir {
            Some(heir) => {
                if let Some(leg) = self.connection.leg.take() {
                    // Nobody who wants it: dropping a leg hangs it up.
                    let _unwanted = heir.send(leg);
                }
            }
            None => self.send(media_core::LegCommand::Close),
        }
        metrics::counter!(ENDED_TOTAL, "reason" => domain::wire_name(&reason)).increment(1);
        self.status.send_modify(|status| {
            status.ended = Some(reason);
            status.connected = false;
        });
        self.observers.finish(&self.own).await;
    }
}

/// Ticks of all sessions spread over the frame: fewer of them come late.
fn phase(id: SessionId) -> Duration {
    let spread = u64::from(id.as_uuid().as_fields().3[7]) * FRAME.as_micros() as u64 / 256;
    Duration::from_micros(spread)
}

async fn next_of(reply: &mut Option<Reply>, unheard: Duration) -> reply::Came {
    match reply {
        Some(reply) => reply.next(unheard).await,
        None => std::future::pending().await,
    }
}

/// Until nobody waits for the leg any more. Pends where nobody ever did.
async fn unwanted(heir: &mut Option<oneshot::Sender<Leg>>) {
    match heir {
        Some(heir) => heir.closed().await,
        None => std::future::pending().await,
    }
}

async fn scored(score: &mut Option<BoxFuture<'static, Option<Score>>>) -> Option<Score> {
    match score {
        Some(score) => score.await,
        None => std::future::pending().await,
    }
}
