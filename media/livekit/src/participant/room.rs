//! A room that is being stayed in: both peer connections, the line of signalling, and what was said on it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::Secret;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use media_rtc::Link;
use media_rtc::link::{Channel, Credentials};
use media_rtc::relay::{IceServer, TurnServer};

use super::Participant;
use crate::error::Error;
use crate::options::Options;
use crate::roster::Source;
use crate::signal::{self, Opened, Pulse, Signal};
use crate::wire::{
    AddTrack, Join, ParticipantTracks, Request, SessionDescription, SignalResponse, SyncState, Target,
    TrackPublished, TrackSource, TrackType, Trickle, UpdateSubscription,
};

pub(super) const RELIABLE: &str = "_reliable";
const LOSSY: &str = "_lossy";
/// As LiveKit's own agents name theirs.
const TRACK_NAME: &str = "roomio_audio";

/// A peer connection and how it stands.
pub(super) struct Wired {
    pub(super) link: Link,
    pub(super) up: bool,
    /// When it wants to be told the time.
    pub(super) due: Instant,
}

/// By which ways audio may go.
pub(super) struct Paths {
    pub(super) listen: SocketAddr,
    pub(super) relays: Vec<TurnServer>,
    pub(super) relay_only: bool,
}

impl Paths {
    /// As the server and our own settings want it.
    pub(super) async fn of(join: &Join, options: &Options) -> Self {
        const YES: i32 = 2;
        let given: Vec<IceServer> = join
            .ice_servers
            .iter()
            .map(|server| IceServer {
                urls: server.urls.clone(),
                username: server.username.clone(),
                credential: Secret::new(server.credential.clone()),
            })
            .collect();
        let relays = media_rtc::relay::servers(&given, &options.trust).await;
        let forced = join.client.as_ref().is_some_and(|client| client.force_relay == YES);
        // A server that insists on relays and names none that we know is better tried straight than not at all.
        let relay_only = options.relay_only || (forced && !relays.is_empty());
        Self { listen: options.listen, relays, relay_only }
    }
}

/// The line of signalling.
pub(super) enum Line {
    Up(Signal),
    /// On its way back.
    Redial(BoxFuture<'static, Result<(Signal, Opened), Error>>),
}

pub(super) enum Heard {
    Response(Option<Box<SignalResponse>>),
    Dialled(Result<(Signal, Opened), Error>),
}

pub(super) struct Room {
    pub(super) name: String,
    /// Who we are in it.
    pub(super) sid: String,
    pub(super) identity: String,
    pub(super) line: Line,
    pub(super) pulse: Pulse,
    pub(super) publisher: Wired,
    pub(super) subscriber: Wired,
    pub(super) cid: String,
    pub(super) published: Option<TrackPublished>,
    /// Tracks by the media sections they come in.
    pub(super) tracks: HashMap<String, String>,
    pub(super) answer: Option<SessionDescription>,
    offers: u32,
    /// Somebody is subscribed to our track.
    pub(super) subscribed: bool,
    /// What we are subscribed to.
    pub(super) hears: Option<Source>,
    pub(super) caller_since: Option<Instant>,
    /// The line does not take what is said.
    pub(super) stuck: bool,
    /// A peer connection is down, or the line is being brought back.
    pub(super) broken: Option<Instant>,
}

impl Room {
    /// What follows the server's `join`: our track and our offer at once, whose answers come in their own time.
    pub(super) fn enter(
        signal: Signal,
        join: &Join,
        credentials: &Credentials,
        paths: &Paths,
        now: Instant,
    ) -> Result<Self, Error> {
        let own = join.participant.clone().unwrap_or_default();
        let cid = format!("TR_{:016x}", rand::random::<u64>());
        let publisher = Wired::open(credentials, paths, now)?;
        let subscriber = Wired::open(credentials, paths, now)?;
        let mut room = Self {
            name: join.room.as_ref().map(|room| room.name.clone()).unwrap_or_default(),
            sid: own.sid,
            identity: own.identity,
            line: Line::Up(signal),
            pulse: Pulse::new(join.ping_interval, join.ping_timeout, now),
            publisher,
            subscriber,
            cid,
            published: None,
            tracks: HashMap::new(),
            answer: None,
            offers: 0,
            subscribed: false,
            hears: None,
            caller_since: None,
            stuck: false,
            broken: None,
        };
        room.say(Request::AddTrack(AddTrack {
            cid: room.cid.clone(),
            name: TRACK_NAME.to_owned(),
            r#type: TrackType::Audio as i32,
            source: TrackSource::Microphone as i32,
            disable_red: true,
        }));
        let channels =
            [Channel { label: RELIABLE, reliable: true }, Channel { label: LOSSY, reliable: false }];
        let offer = room.publisher.link.publish("agent", &room.cid, &channels);
        room.offer(offer);
        Ok(room)
    }

    /// Whether audio can go out.
    pub(super) fn carries(&self) -> bool {
        self.publisher.up && self.published.is_some()
    }

    /// Whether the caller hears us: the server said so, or has had the time to.
    pub(super) fn is_heard(&self, now: Instant, options: &Options) -> bool {
        let waited = |since: Instant| now >= since + options.heard_within();
        self.subscribed || self.caller_since.is_some_and(waited)
    }

    /// The id of our track.
    pub(super) fn track(&self) -> &str {
        let track = self.published.as_ref().and_then(|published| published.track.as_ref());
        track.map_or("", |track| track.sid.as_str())
    }

    /// What is said while the line is being brought back is lost; `resumed` says again what still matters.
    pub(super) fn say(&mut self, request: Request) {
        if let Line::Up(signal) = &self.line
            && !signal.say(request)
        {
            self.stuck = true;
        }
    }

    pub(super) fn offer(&mut self, sdp: String) {
        self.offers += 1;
        self.say(Request::Offer(SessionDescription { r#type: "offer".to_owned(), sdp, id: self.offers }));
    }

    /// The server is told of another way to us.
    pub(super) fn trickle(&mut self, target: Target, candidate: &str) {
        let init = serde_json::json!({ "candidate": candidate, "sdpMid": "0", "sdpMLineIndex": 0 });
        let (candidate_init, target) = (init.to_string(), target as i32);
        self.say(Request::Trickle(Trickle { candidate_init, target, last: false }));
    }

    pub(super) fn subscribe(&mut self, source: &Source, subscribe: bool) {
        self.say(Request::Subscription(subscription(source, subscribe)));
    }

    /// Cancel-safe.
    pub(super) async fn heard(line: &mut Line) -> Heard {
        match line {
            Line::Up(signal) => Heard::Response(signal.receiver.recv().await.map(Box::new)),
            Line::Redial(dialling) => Heard::Dialled(dialling.await),
        }
    }

    /// The server took another line for the same participant: it is told what we have, and both connections find each other anew.
    pub(super) fn resumed(&mut self, signal: Signal, hears: Option<&Source>, now: Instant) {
        self.line = Line::Up(signal);
        self.pulse = self.pulse.again(now);
        let sync = SyncState {
            answer: self.answer.clone(),
            subscription: hears.map(|source| subscription(source, true)),
            publish_tracks: self.published.iter().cloned().collect(),
        };
        self.say(Request::SyncState(sync));
        if let Some(offer) = self.publisher.link.restart() {
            self.offer(offer);
        }
    }

    /// Looks for another line; the one there is is closed.
    pub(super) fn redial(&mut self, base: &str, participant: &Participant, pause: Duration, now: Instant) {
        let (base, sid) = (base.to_owned(), self.sid.clone());
        let token = participant.token.clone();
        let (within, trust) = (participant.options.connect_within(), participant.options.trust.clone());
        let tasks = Arc::clone(&participant.tasks);
        let dialling = async move {
            tokio::time::sleep(pause).await;
            signal::open(&base, &token, Some(&sid), &trust, within, &tasks).await
        };
        self.broken.get_or_insert(now);
        self.stuck = false;
        self.line = Line::Redial(dialling.boxed());
    }
}

impl Wired {
    fn open(credentials: &Credentials, paths: &Paths, now: Instant) -> Result<Self, Error> {
        let Paths { listen, relays, relay_only } = paths;
        let link = Link::open_by(credentials, *listen, relays, *relay_only, now)?;
        Ok(Self { link, up: false, due: now })
    }
}

fn subscription(source: &Source, subscribe: bool) -> UpdateSubscription {
    let track_sids = vec![source.track.clone()];
    let participant_sid = source.participant.clone();
    let participant_tracks = vec![ParticipantTracks { participant_sid, track_sids: track_sids.clone() }];
    UpdateSubscription { track_sids, subscribe, participant_tracks }
}
