//! A participant: the task that is in one room for one session, and the handle that the session's side holds.
//!
//! One task owns both peer connections and the line of signalling. Audio goes on while the line is brought back; where that fails the room
//! is entered anew, on the same leg.

mod room;
mod stay;
mod telling;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use domain::Secret;
use media_core::{Codec, LegCommand, LegEvent};
use media_rtc::Outbox;
use media_rtc::link::Credentials;
use runtime::tasks::{Kind, Tasks};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::before::Before;
use crate::conversation;
use crate::error::Error;
use crate::keys::{Keypad, Press};
use crate::metrics::{RECONNECTS, ROOMS, VISITS_ENDED};
use crate::options::{Options, With};
use crate::roster::{Caller, Roster};
use crate::rpc::{self, Ask, Rpc};
use crate::splice::Splice;
use crate::text;

use room::{Paths, Room};
use telling::Reply;

const PARTICIPANT: Kind = Kind::new("livekit.participant");

/// Events the session has not taken: 2.5 s of audio. When full, audio is dropped and counted, the rest waits in the outbox.
const EVENTS: usize = 128;
/// Commands that were not carried out. When full the session waits; one is carried out in microseconds.
const COMMANDS: usize = 64;
/// Messages to the room that are kept while it cannot be entered. When full the oldest is dropped: newer state is worth more.
const MISSED: usize = 64;
/// Between two attempts to enter the room anew, growing up to the last.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(100), Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)];

/// The way into one room.
#[derive(Debug, Clone)]
pub struct Ticket {
    /// As `LIVEKIT_URL` has it.
    pub url: String,
    /// Names the room and who we are in it.
    pub token: Secret<String>,
}

/// A visit that was begun.
#[derive(Debug)]
pub struct Visit {
    pub peer: Peer,
    /// Comes when a caller is in the room; never where the visit ends before.
    pub begun: oneshot::Receiver<Begun>,
    /// Comes when the visit is over.
    pub ended: oneshot::Receiver<Ended>,
}

/// A room as its session holds it. Dropping it leaves the room.
#[derive(Debug)]
pub struct Peer {
    pub codec: Codec,
    pub events: mpsc::Receiver<LegEvent>,
    pub commands: mpsc::Sender<LegCommand>,
    /// Calls methods of the caller's page.
    pub rpc: Rpc,
    /// Who the caller is now; nobody before the visit has begun.
    pub caller: watch::Receiver<Option<Caller>>,
    /// Presses keys at a caller who is a telephone.
    pub keypad: Keypad,
}

/// With whom the visit is a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    pub room: String,
    pub caller: Caller,
}

/// How a visit ended.
#[derive(Debug)]
pub enum Ended {
    /// The caller left, or the room was closed.
    Left,
    /// The session let go of its peer, or the server stops.
    Dropped,
    /// The room was not found again in time.
    Lost,
    /// Nobody came.
    Nobody,
    /// The room could not be entered at all.
    Failed(Error),
}

/// Enters a room and waits there for a caller. Returns at once.
pub fn enter(ticket: Ticket, credentials: &Arc<Credentials>, options: Options, tasks: &Tasks) -> Visit {
    let (events, receiver) = mpsc::channel(EVENTS);
    let (sender, commands) = mpsc::channel(COMMANDS);
    let (rpc, asks) = Rpc::new();
    let (calls_now, caller) = watch::channel(None);
    let (keypad, presses) = Keypad::new();
    let (begins, begun) = oneshot::channel();
    let (ends, ended) = oneshot::channel();
    let now = now();
    let roster = Roster::new(options.with, options.other.clone());
    let state = match options.with {
        With::People => conversation::name(domain::AgentState::Initializing).to_owned(),
        With::Agents => String::new(),
    };
    let participant = Participant {
        token: ticket.token.clone(),
        ticket,
        credentials: Arc::clone(credentials),
        entered: now,
        options,
        outbox: Outbox::new(events),
        begins: Some(begins),
        roster,
        splice: Splice::default(),
        writer: text::Writer::new(format!("{:016x}", rand::random::<u64>())),
        reader: text::Reader::default(),
        before: Before::default(),
        blobs: text::Reader::of_bytes(),
        calls: rpc::Calls::default(),
        asks,
        calls_now,
        presses,
        reply: None,
        state,
        active: false,
        // Lines of signalling end with the visit.
        tasks: Arc::new(tasks.child()),
    };
    let stop = tasks.token();
    tasks.spawn_graceful(PARTICIPANT, async move {
        let ended = participant.run(commands, stop).await;
        // Nobody may wait for it.
        let _unasked = ends.send(ended);
    });
    Visit {
        peer: Peer { codec: Codec::Opus, events: receiver, commands: sender, rpc, keypad, caller },
        begun,
        ended,
    }
}

/// Why a stay in the room is over.
#[derive(Debug)]
enum Over {
    Ended(Ended),
    /// The room has to be entered anew.
    Rejoin(&'static str),
}

struct Participant {
    ticket: Ticket,
    /// The ticket's, or the one that the server gave in its place.
    token: Secret<String>,
    credentials: Arc<Credentials>,
    options: Options,
    tasks: Arc<Tasks>,
    entered: Instant,
    outbox: Outbox,
    begins: Option<oneshot::Sender<Begun>>,
    roster: Roster,
    splice: Splice,
    writer: text::Writer,
    reader: text::Reader,
    /// What the caller said before we were there, and the streams it comes by.
    before: Before,
    blobs: text::Reader,
    /// Methods of the caller's page that are being called, and those that are to be.
    calls: rpc::Calls,
    asks: mpsc::Receiver<Ask>,
    /// Who the caller is, for whoever asks.
    calls_now: watch::Sender<Option<Caller>>,
    presses: mpsc::Receiver<Press>,
    /// What the agent is saying, while it does.
    reply: Option<Reply>,
    state: String,
    /// Media flows both ways, as the session was told.
    active: bool,
}

impl Participant {
    async fn run(mut self, mut commands: mpsc::Receiver<LegCommand>, stop: CancellationToken) -> Ended {
        metrics::gauge!(ROOMS).increment(1.0);
        let ended = self.visit(&mut commands, &stop).await;
        metrics::gauge!(ROOMS).decrement(1.0);
        match ended {
            Ended::Left => self.outbox.push(LegEvent::Closed),
            Ended::Lost | Ended::Failed(_) | Ended::Nobody => self.outbox.push(LegEvent::Lost),
            Ended::Dropped => {}
        }
        let how = match ended {
            Ended::Left => "left",
            Ended::Dropped => "dropped",
            Ended::Lost => "lost",
            Ended::Nobody => "nobody",
            Ended::Failed(_) => "refused",
        };
        metrics::counter!(VISITS_ENDED, "how" => how).increment(1);
        tracing::debug!(how, "visit ended");
        ended
    }

    async fn visit(&mut self, commands: &mut mpsc::Receiver<LegCommand>, stop: &CancellationToken) -> Ended {
        let base = match crate::socket::base(&self.ticket.url) {
            Ok(base) => base,
            Err(error) => return Ended::Failed(error),
        };
        let mut lost: Option<Instant> = None;
        let mut attempt = 0;
        let mut missed = VecDeque::new();
        loop {
            let shut = self.options.door.is_shut();
            let joining = tokio::select! {
                () = stop.cancelled() => return Ended::Dropped,
                () = hung_up(commands, &mut missed) => return Ended::Dropped,
                // Who enters takes the place of whoever has it.
                joined = self.join(&base), if !shut => joined,
                () = std::future::ready(()), if shut => Err(Error::Shut),
            };
            match joining {
                Ok(mut room) => {
                    attempt = 0;
                    for message in missed.drain(..) {
                        self.tell(&mut room, &message);
                    }
                    match self.stay(room, &base, commands, stop).await {
                        Over::Ended(ended) => return ended,
                        Over::Rejoin(why) => {
                            tracing::info!(why, "entering the room anew");
                            metrics::counter!(RECONNECTS, "what" => "rejoin").increment(1);
                            self.inactive();
                            lost = Some(now());
                        }
                    }
                }
                Err(error) => {
                    let Some(since) = lost else { return Ended::Failed(error) };
                    let late = now() >= since + self.options.rejoin_within();
                    if late || !error.may_pass() {
                        tracing::warn!(%error, "a room was not found again");
                        return Ended::Lost;
                    }
                }
            }
            let pause = PAUSES[attempt.min(PAUSES.len() - 1)];
            attempt += 1;
            tokio::select! {
                () = stop.cancelled() => return Ended::Dropped,
                () = hung_up(commands, &mut missed) => return Ended::Dropped,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn join(&mut self, base: &str) -> Result<Box<Room>, Error> {
        let within = self.options.connect_within();
        let (signal, opened) =
            crate::signal::open(base, &self.token, None, &self.options.trust, within, &self.tasks).await?;
        let join = match opened {
            crate::signal::Opened::Joined(join) => join,
            crate::signal::Opened::Told(leave) => {
                return Err(Error::Protocol(format!("told to leave: {:?}", leave.reason())));
            }
            crate::signal::Opened::Resumed => {
                return Err(Error::Protocol("resumed, and nothing was to be".to_owned()));
            }
        };
        let paths = Paths::of(&join, &self.options).await;
        // Two connections are large, and the visit's future holds them.
        let mut room = Box::new(Room::enter(signal, &join, &self.credentials, &paths, now())?);
        self.splice.cut();
        if let Some(reply) = &mut self.reply {
            reply.forget_stream();
        }
        let changes = self.roster.enter(&room.sid, join.others);
        for change in changes {
            // Nobody who is there at the beginning has left.
            let _over = self.apply(&mut room, change);
        }
        self.note_state();
        self.show_state(&mut room);
        Ok(room)
    }

    /// Whether media flows both ways, told to the session when it changes.
    fn settle_activity(&mut self, room: &Room, now: Instant) {
        let flows = room.carries() && self.roster.present() && room.is_heard(now, &self.options);
        if flows && !self.active {
            self.active = true;
            self.outbox.push(LegEvent::Active);
        } else if !flows && self.active {
            self.inactive();
        }
    }

    fn inactive(&mut self) {
        if std::mem::take(&mut self.active) {
            self.outbox.push(LegEvent::Lost);
        }
    }
}

/// Waits until the session hangs up. Its audio has nobody to hear it meanwhile; what it tells the room is kept. Cancel-safe.
async fn hung_up(commands: &mut mpsc::Receiver<LegCommand>, missed: &mut VecDeque<String>) {
    while let Some(command) = commands.recv().await {
        match command {
            LegCommand::Close => return,
            LegCommand::Message(message) => {
                if missed.len() == MISSED {
                    missed.pop_front();
                }
                missed.push_back(message);
            }
            LegCommand::Packet(_) | LegCommand::Clear => {}
        }
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
