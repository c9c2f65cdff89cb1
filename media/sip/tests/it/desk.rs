//! A server whose calls are taken by a voice that says one tone, and remembers what it heard.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use media_core::{Codec, LegCommand, LegEvent, Packet, g711};
use media_sip::{Invitation, Options, Peer, Refusal, Server};
use runtime::{Kind, Tasks};
use tokio::runtime::Runtime;
use tokio::time::Instant;

const DESK: Kind = Kind::new("test.desk");
const VOICE: Kind = Kind::new("test.voice");

/// What became of one call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) called: String,
    pub(crate) active: bool,
    pub(crate) packets: usize,
    pub(crate) loud: usize,
    pub(crate) keys: String,
    pub(crate) closed: bool,
}

pub(crate) struct Desk {
    pub(crate) server: Server,
    seen: Arc<Mutex<Vec<Seen>>>,
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
        Self { server, seen, tasks, runtime }
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
    let index = {
        let mut seen = seen.lock().expect("no panic");
        seen.push(Seen { called: called.clone(), ..Seen::default() });
        seen.len() - 1
    };
    let (peer, seen) = (invitation.accept(), Arc::clone(seen));
    tasks.spawn(VOICE, async move {
        speak(peer, &called, |change| change(&mut seen.lock().expect("no panic")[index])).await
    });
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
