//! A server whose calls are taken by a voice that says one tone, and remembers what it heard.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use domain::{Digit, Pii};
use media_core::{Codec, LegCommand, LegEvent, Packet, g711};
use media_sip::{
    Control, Dialling, Invitation, NotTransferred, Options, Outcome, Outgoing, Peer, Progress, Refusal,
    Server,
};
use runtime::{Kind, Tasks};
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::time::Instant;

const DESK: Kind = Kind::new("test.desk");
const VOICE: Kind = Kind::new("test.voice");

/// What became of one call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) called: String,
    pub(crate) trunk: Option<String>,
    pub(crate) active: bool,
    pub(crate) packets: usize,
    pub(crate) loud: usize,
    pub(crate) keys: String,
    /// What came of sending it elsewhere.
    pub(crate) transferred: Option<Result<(), NotTransferred>>,
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
    tasks: Arc<Tasks>,
    runtime: Runtime,
}

impl Desk {
    pub(crate) fn open(change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options { listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..Options::default() };
        change(&mut options);
        let runtime = Runtime::new().expect("a runtime");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let tasks = Arc::new(Tasks::new());
        let server = runtime.block_on(async {
            let (server, mut ringing) = Server::bind(options, &tasks).await.expect("bound");
            let (own, seen) = (Arc::clone(&tasks), Arc::clone(&seen));
            tasks.spawn(DESK, async move {
                while let Some(invitation) = ringing.recv().await {
                    take(invitation, &own, &seen);
                }
            });
            server
        });
        Self { server, seen, enough: Arc::default(), control: Mutex::default(), tasks, runtime }
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

    /// Presses keys in the call that it made.
    pub(crate) fn press(&self, keys: &str) {
        let control = self.control.lock().expect("no panic").clone().expect("a call");
        for key in keys.chars() {
            self.runtime.block_on(control.press(Digit::try_from(key).expect("a key")));
        }
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

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no panic").clone()
    }

    /// Every call has ended and gave its port back.
    pub(crate) fn is_empty(&self, within: Duration) {
        testkit::process::wait_for("calls that end", within, || {
            (self.server.calls() == 0 && self.server.ports() == 0).then_some(())
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

pub(crate) fn is_loud(mulaw: &[u8]) -> bool {
    mulaw.iter().any(|byte| g711::decode_ulaw(*byte).unsigned_abs() > 4_000)
}

/// Frames of 20 ms that are loud.
pub(crate) fn loud(mulaw: &[u8]) -> usize {
    mulaw.chunks(160).filter(|frame| is_loud(frame)).count()
}

fn take(invitation: Invitation, tasks: &Arc<Tasks>, seen: &Arc<Mutex<Vec<Seen>>>) {
    let called = invitation.called.0.clone();
    if called == "nobody" {
        return invitation.refuse(Refusal::Unknown);
    }
    let index = begun(seen, &called);
    seen.lock().expect("no panic")[index].trunk.clone_from(&invitation.trunk);
    let (peer, seen) = (invitation.accept(), Arc::clone(seen));
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

/// Says its tone once media flows. `brief` hangs up after half a second.
async fn speak(mut peer: Peer, called: &str, note: impl Fn(&dyn Fn(&mut Seen))) {
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    let (mut active, mut count) = (false, 0_u16);
    let (voice, codec) = (tone(50), peer.codec);
    loop {
        tokio::select! {
            event = peer.events.recv() => match event {
                Some(LegEvent::Active) => {
                    active = true;
                    note(&|seen| seen.active = true);
                }
                Some(LegEvent::Packet(packet)) => {
                    let loud = packet.codec == Codec::Pcmu && is_loud(&packet.payload);
                    note(&|seen| {
                        seen.packets += 1;
                        seen.loud += usize::from(loud);
                    });
                }
                Some(LegEvent::Message(text)) => {
                    let key = text.split(r#""buttons":[""#).nth(1).and_then(|rest| rest.chars().next());
                    note(&|seen| seen.keys.extend(key));
                }
                Some(LegEvent::Closed) => note(&|seen| seen.closed = true),
                Some(_) => {}
                None => return,
            },
            _ = ticks.tick(), if active => {
                let from = usize::from(count % 50) * 160;
                let payload = Bytes::copy_from_slice(&voice[from..from + 160]);
                let packet = Packet {
                    codec: Codec::Pcmu,
                    sequence: count,
                    timestamp: u32::from(count) * 160,
                    marker: false,
                    payload,
                    at: Instant::now().into_std(),
                };
                count = count.wrapping_add(1);
                if codec == Codec::Pcmu || codec == Codec::Pcma {
                    let _full = peer.commands.try_send(LegCommand::Packet(packet));
                }
                if called == "brief" && count == 25 {
                    let _full = peer.commands.try_send(LegCommand::Close);
                }
            }
        }
    }
}
