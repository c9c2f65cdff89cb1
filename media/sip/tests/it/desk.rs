//! A server whose calls are taken by a voice that says one tone, and remembers what it heard.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use domain::Pii;
use media_core::{Codec, LegCommand, LegEvent, Packet, Resampler, g711};
use media_sip::sdp::G722;
use media_sip::{
    CallKey, Control, Dialling, Invitation, NotPressed, NotTransferred, Options, Outcome, Outgoing, Peer,
    Progress, Referral, Refusal, Server,
};
use runtime::{Kind, Tasks};
use rustls::ServerConfig;
use tokio::runtime::Runtime;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

/// Whom the desk lets itself be put through to.
pub(crate) const ALLOWED: &str = "+4930999";

const DESK: Kind = Kind::new("test.desk");
const VOICE: Kind = Kind::new("test.voice");

/// What became of one call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) called: String,
    pub(crate) trunk: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) active: bool,
    pub(crate) packets: usize,
    pub(crate) loud: usize,
    pub(crate) keys: String,
    /// Its messages, as whoever looks into it sees them.
    pub(crate) ladder: Vec<String>,
    /// What the far side said last of how it hears us.
    pub(crate) quality: Option<media_core::leg::Quality>,
    /// What came of sending it elsewhere.
    pub(crate) transferred: Option<Result<(), NotTransferred>>,
    /// Nothing more is heard of the call.
    pub(crate) over: bool,
    pub(crate) closed: bool,
}

/// That a phone which we call rings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rang {
    Silently,
    Audibly,
}

pub(crate) struct Desk {
    pub(crate) server: Server,
    seen: Arc<Mutex<Vec<Seen>>>,
    /// Ends the calls that it made.
    enough: Arc<Notify>,
    control: Mutex<Option<Control>>,
    taken: Arc<Mutex<Vec<Control>>>,
    tasks: Arc<Tasks>,
    runtime: Runtime,
}

impl Desk {
    pub(crate) fn open(change: impl FnOnce(&mut Options)) -> Self {
        Self::open_as(None, change)
    }

    /// Shows a certificate to whoever comes by TLS.
    pub(crate) fn open_as(identity: Option<Arc<ServerConfig>>, change: impl FnOnce(&mut Options)) -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        // Most tests listen to what phones have always sent.
        let mut options = Options { listen, g722: false, ..Options::default() };
        change(&mut options);
        let runtime = Runtime::new().expect("a runtime");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let tasks = Arc::new(Tasks::new());
        let taken = Arc::new(Mutex::new(Vec::new()));
        let server = runtime.block_on(async {
            let (server, mut ringing) = Server::bind_as(options, identity, &tasks).await.expect("bound");
            let (seen, taken, own) = (Arc::clone(&seen), Arc::clone(&taken), Arc::clone(&tasks));
            let lines = Lines { seen, open: Arc::default(), taken, tasks: own };
            // Without a trunk nobody can be called, so that nobody looks at wishes to be put through.
            if let Some(mut wishes) = server.trunks().next().and_then(|_| server.referrals()) {
                let (server, lines) = (server.clone(), lines.clone());
                tasks.spawn(DESK, async move {
                    while let Some(referral) = wishes.recv().await {
                        lines.refer(referral, &server).await;
                    }
                });
            }
            tasks.spawn(DESK, async move {
                while let Some(invitation) = ringing.recv().await {
                    lines.take(invitation);
                }
            });
            server
        });
        Self { server, seen, enough: Arc::default(), control: Mutex::default(), taken, tasks, runtime }
    }

    /// Calls by the trunk `carrier` and waits for what comes of it; the voice speaks to whoever answers.
    pub(crate) fn dial(&self, number: &str, ring: Duration) -> (Vec<Rang>, Result<(), Outcome>) {
        let mut dialling = self.begin(number, ring);
        let mut rings = Vec::new();
        loop {
            match self.runtime.block_on(dialling.next()).expect("an answer or an end") {
                Progress::Ringing { early } => rings.push(if early { Rang::Audibly } else { Rang::Silently }),
                Progress::Ended(outcome) => return (rings, Err(outcome)),
                Progress::Answered(peer) => {
                    self.talk(number, peer);
                    return (rings, Ok(()));
                }
            }
        }
    }

    /// Calls, and loses interest once it rings.
    pub(crate) fn dial_and_forget(&self, number: &str) {
        let mut dialling = self.begin(number, Duration::from_secs(20));
        let progress = self.runtime.block_on(dialling.next());
        assert!(matches!(progress, Some(Progress::Ringing { .. })), "{progress:?}");
    }

    /// Presses keys in the call that it made; returns when they are out.
    pub(crate) fn press(&self, keys: &str) -> Result<(), NotPressed> {
        self.runtime.block_on(self.control().press(keys.parse().expect("keys")))
    }

    /// Presses keys in the first call that it took.
    pub(crate) fn press_at_caller(&self, keys: &str) -> Result<(), NotPressed> {
        let control = self.taken.lock().expect("no panic")[0].clone();
        self.runtime.block_on(control.press(keys.parse().expect("keys")))
    }

    /// Has the other sides of two calls that it took talk on without it.
    pub(crate) fn join(&self, first: usize, second: usize) -> Result<(), NotTransferred> {
        let control = |index: usize| self.taken.lock().expect("no panic")[index].clone();
        self.runtime.block_on(control(first).join(&control(second)))
    }

    /// Of the call that it made last.
    pub(crate) fn control(&self) -> Control {
        self.control.lock().expect("no panic").clone().expect("a call")
    }

    /// Ends the call that it made.
    pub(crate) fn hang_up(&self) {
        self.enough.notify_one();
    }

    fn begin(&self, number: &str, ring: Duration) -> Dialling {
        let outgoing =
            Outgoing { trunk: "carrier".to_owned(), number: Pii(number.to_owned()), caller: None, ring };
        let _within = self.runtime.enter();
        self.server.dial(outgoing).expect("begun")
    }

    fn talk(&self, number: &str, peer: Peer) {
        *self.control.lock().expect("no panic") = Some(peer.control.clone());
        let index = begun(&self.seen, number);
        let (seen, enough, number) = (Arc::clone(&self.seen), Arc::clone(&self.enough), number.to_owned());
        let _within = self.runtime.enter();
        self.tasks.spawn(VOICE, async move {
            let note = |change: &dyn Fn(&mut Seen)| change(&mut seen.lock().expect("no panic")[index]);
            let hang_up = peer.commands.clone();
            let told = async {
                enough.notified().await;
                let _gone = hang_up.send(LegCommand::Close).await;
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = speak(peer, &number, note) => {}
                () = told => {}
            }
        });
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    pub(crate) fn tls_address(&self) -> SocketAddr {
        self.server.tls_address().expect("listens over TLS")
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no panic").clone()
    }

    /// Every call has ended and gave its port back, and whoever spoke in it knows.
    pub(crate) fn is_empty(&self, within: Duration) {
        testkit::process::wait_for("calls that end", within, || {
            let over = self.seen().iter().all(|seen| seen.over);
            (over && self.server.calls() == 0 && self.server.ports() == 0).then_some(())
        });
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let tasks = Arc::clone(&self.tasks);
        self.runtime.block_on(async move { tasks.shutdown().await });
    }
}

/// One tone, loud enough to be told from the noise of a pause.
pub(crate) fn tone(frames: usize) -> Vec<u8> {
    (0..160 * frames).map(|n| g711::encode_ulaw(((n as f32 * 0.4).sin() * 8_000.0) as i16)).collect()
}

/// A recording of somebody who speaks, in whole frames.
fn words() -> Vec<u8> {
    let mut file = hound::WavReader::open(testkit::speech("desk_book.wav")).expect("a recording");
    let mut words = Vec::new();
    let mut resampler = Resampler::new(file.spec().sample_rate, 8_000).expect("a rate");
    let samples: Vec<i16> = file.samples::<i16>().map(|sample| sample.expect("a sample")).collect();
    resampler.push(&samples, &mut words);
    words.truncate(words.len() / 160 * 160);
    words.into_iter().map(g711::encode_ulaw).collect()
}

pub(crate) fn is_loud(mulaw: &[u8]) -> bool {
    mulaw.iter().any(|byte| g711::decode_ulaw(*byte).unsigned_abs() > 4_000)
}

/// Above all that a phone of 8 kHz can carry.
pub(crate) const WHISTLE_HZ: f64 = 5_000.0;

/// 20 ms of it, as G.722 is given to a line.
fn whistle(count: u16) -> Bytes {
    let sample = |n: usize| {
        let turns = WHISTLE_HZ * (usize::from(count) * 320 + n) as f64 / 16_000.0;
        ((turns * std::f64::consts::TAU).sin() * 8_000.0) as i16
    };
    (0..320).flat_map(|n| sample(n).to_le_bytes()).collect()
}

fn samples(pcm: &[u8]) -> impl Iterator<Item = i16> {
    pcm.as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair))
}

/// Frames of 20 ms that are loud.
pub(crate) fn loud(mulaw: &[u8]) -> usize {
    mulaw.chunks(160).filter(|frame| is_loud(frame)).count()
}

/// The calls that are open.
#[derive(Clone)]
struct Lines {
    seen: Arc<Mutex<Vec<Seen>>>,
    open: Arc<Mutex<HashMap<CallKey, mpsc::Sender<LegCommand>>>>,
    /// In the order in which they came.
    taken: Arc<Mutex<Vec<Control>>>,
    tasks: Arc<Tasks>,
}

impl Lines {
    fn opened(&self, peer: &Peer) {
        self.open.lock().expect("no panic").insert(peer.key.clone(), peer.commands.clone());
    }

    /// The voice goes on in another call.
    async fn hang_up(&self, call: &CallKey) {
        let commands = self.open.lock().expect("no panic").remove(call);
        if let Some(commands) = commands {
            let _gone = commands.send(LegCommand::Close).await;
        }
    }

    /// Puts itself through to whom it may.
    async fn refer(&self, referral: Referral, server: &Server) {
        if referral.to.0 != ALLOWED {
            return referral.decline();
        }
        let (call, to) = (referral.call.clone(), referral.to.0.clone());
        let followed = server.follow(referral, "carrier".to_owned(), Duration::from_secs(10)).await;
        let Ok(peer) = followed else { return };
        self.opened(&peer);
        let (index, seen) = (begun(&self.seen, &to), Arc::clone(&self.seen));
        self.tasks.spawn(VOICE, async move {
            speak(peer, &to, |change| change(&mut seen.lock().expect("no panic")[index])).await
        });
        self.hang_up(&call).await;
    }

    fn take(&self, invitation: Invitation) {
        take(invitation, self);
    }
}

fn take(invitation: Invitation, lines: &Lines) {
    let Lines { seen, tasks, .. } = lines;
    let called = invitation.called.0.clone();
    if called == "nobody" {
        return invitation.refuse(Refusal::Unknown);
    }
    if called == "nobody-later" {
        tasks.spawn(VOICE, async move {
            tokio::time::sleep(Duration::from_millis(400)).await;
            invitation.refuse(Refusal::Busy);
        });
        return;
    }
    let index = begun(seen, &called);
    let told = |(name, value): &(String, Pii<String>)| (name.clone(), value.0.clone());
    if let Some(seen) = seen.lock().expect("no panic").get_mut(index) {
        seen.trunk.clone_from(&invitation.trunk);
        seen.headers = invitation.headers.iter().map(told).collect();
    }
    let replaces = invitation.replaces.clone();
    let (peer, seen) = (invitation.accept(), Arc::clone(seen));
    lines.opened(&peer);
    lines.taken.lock().expect("no panic").push(peer.control.clone());
    if let Some(before) = replaces {
        let lines = lines.clone();
        tasks.spawn(VOICE, async move { lines.hang_up(&before).await });
    }
    if called == "elsewhere" {
        let (control, seen) = (peer.control.clone(), Arc::clone(&seen));
        tasks.spawn(VOICE, async move {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let transferred = control.transfer("+4930999").await;
            seen.lock().expect("no panic")[index].transferred = Some(transferred);
        });
    }
    tasks.spawn(VOICE, async move {
        speak(peer, &called, |change| change(&mut seen.lock().expect("no panic")[index])).await
    });
}

fn begun(seen: &Mutex<Vec<Seen>>, called: &str) -> usize {
    let mut seen = seen.lock().expect("no panic");
    seen.push(Seen { called: called.to_owned(), ..Seen::default() });
    seen.len() - 1
}

/// Says its tone once media flows. `brief` hangs up after half a second, `reader` says words instead.
async fn speak(mut peer: Peer, called: &str, note: impl Fn(&dyn Fn(&mut Seen))) {
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    let (mut active, mut count) = (false, 0_u16);
    let (voice, codec) = (if called == "reader" { words() } else { tone(50) }, peer.codec);
    loop {
        tokio::select! {
            event = peer.events.recv() => match event {
                Some(LegEvent::Active) => {
                    active = true;
                    note(&|seen| seen.active = true);
                }
                // Keys.
                Some(LegEvent::Packet(packet)) if packet.payload.is_empty() => {}
                Some(LegEvent::Quality(quality)) => note(&|seen| seen.quality = Some(quality)),
                Some(LegEvent::Packet(packet)) => {
                    let loud = match packet.codec {
                        Codec::Pcmu => is_loud(&packet.payload),
                        G722 => samples(&packet.payload).any(|sample| sample.unsigned_abs() > 4_000),
                        _ => false,
                    };
                    note(&|seen| {
                        seen.packets += 1;
                        seen.loud += usize::from(loud);
                    });
                }
                Some(LegEvent::Message(text)) => {
                    let key = text.split(r#""buttons":[""#).nth(1).and_then(|rest| rest.chars().next());
                    note(&|seen| seen.keys.extend(key));
                }
                Some(LegEvent::Signal(signal)) => {
                    let way = if signal.sent { "sent" } else { "received" };
                    note(&|seen| seen.ladder.push(format!("{way} {}", signal.what)));
                }
                Some(LegEvent::Closed) => note(&|seen| seen.closed = true),
                Some(_) => {}
                None => return note(&|seen| seen.over = true),
            },
            _ = ticks.tick(), if active => {
                let from = usize::from(count) % (voice.len() / 160) * 160;
                let (codec, payload) = match codec {
                    G722 => (G722, whistle(count)),
                    _ => (Codec::Pcmu, Bytes::copy_from_slice(&voice[from..from + 160])),
                };
                let packet = Packet {
                    codec,
                    sequence: count,
                    timestamp: u32::from(count) * if codec == G722 { 320 } else { 160 },
                    marker: false,
                    payload,
                    at: Instant::now().into_std(),
                };
                count = count.wrapping_add(1);
                if peer.codec != Codec::Opus {
                    let _full = peer.commands.try_send(LegCommand::Packet(packet));
                }
                if called == "brief" && count == 25 {
                    let _full = peer.commands.try_send(LegCommand::Close);
                }
            }
        }
    }
}
