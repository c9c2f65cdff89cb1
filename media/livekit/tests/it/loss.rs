//! A room that is reached through a network that loses, delays and reorders.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use media_core::{LegCommand, LegEvent};
use media_livekit::{Grant, Notice, Options, With};
use runtime::tasks::{Kind, Tasks};
use testkit::livekit::LiveKit;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use crate::support::{active, heard_of, number_of, options, ticket, ticket_with, until, visit, within};

const RELAY: Kind = Kind::new("tests.network");
/// Of a hundred datagrams, each way.
const LOST: u32 = 5;
/// A datagram comes later by up to this, whatever the one before it did.
const JITTER_MS: u64 = 40;

/// Between one participant and the server: signalling as it is, except that it leads audio here.
struct Network {
    url: String,
}

impl Network {
    async fn to(server: &LiveKit, tasks: &Tasks) -> Self {
        let media = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        let candidate = |port: u16| format!(" 127.0.0.1 {port} typ").into_bytes();
        let swap = (candidate(server.media_port()), candidate(media.local_addr().expect("bound").port()));
        assert_eq!(swap.0.len(), swap.1.len(), "a message keeps its length");
        let chance = Arc::new(Mutex::new(fastrand::Rng::with_seed(testkit::seed::seed())));
        let far = SocketAddr::from(([127, 0, 0, 1], server.media_port()));
        tasks.spawn(RELAY, datagrams(Arc::new(media), far, chance, tasks.child()));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("ws://{}", listener.local_addr().expect("bound"));
        let (port, own) = (server.port(), tasks.child());
        tasks.spawn(RELAY, async move {
            while let Ok((near, _)) = listener.accept().await {
                own.spawn(RELAY, signalling(near, port, swap.clone()));
            }
        });
        Self { url }
    }
}

async fn signalling(mut near: TcpStream, port: u16, (from, to): (Vec<u8>, Vec<u8>)) {
    let Ok(mut far) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let (mut near_read, mut near_write) = near.split();
    let (mut far_read, mut far_write) = far.split();
    let down = async {
        let mut buffer = vec![0; 256 * 1024];
        while let Ok(length @ 1..) = far_read.read(&mut buffer).await {
            let bytes = &mut buffer[..length];
            for at in 0..length.saturating_sub(from.len()) {
                if bytes[at..].starts_with(&from) {
                    bytes[at..at + to.len()].copy_from_slice(&to);
                }
            }
            if near_write.write_all(bytes).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = down => {}
        _ = tokio::io::copy(&mut near_read, &mut far_write) => {}
    }
}

/// Each address of the near side is one of its own to the far side.
async fn datagrams(near: Arc<UdpSocket>, far: SocketAddr, chance: Arc<Mutex<fastrand::Rng>>, tasks: Tasks) {
    let mut known: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    let mut buffer = [0; 2048];
    while let Ok((length, from)) = near.recv_from(&mut buffer).await {
        let socket = match known.get(&from) {
            Some(socket) => Arc::clone(socket),
            None => {
                let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.expect("a port"));
                let back = (Arc::clone(&socket), Arc::clone(&near), Arc::clone(&chance));
                let own = tasks.child();
                tasks.spawn(RELAY, async move {
                    let (socket, near, chance) = back;
                    let mut buffer = [0; 2048];
                    while let Ok((length, _)) = socket.recv_from(&mut buffer).await {
                        send(&near, from, &buffer[..length], &chance, &own);
                    }
                });
                known.insert(from, Arc::clone(&socket));
                socket
            }
        };
        send(&socket, far, &buffer[..length], &chance, &tasks);
    }
}

/// Later, or never.
fn send(socket: &Arc<UdpSocket>, to: SocketAddr, bytes: &[u8], chance: &Mutex<fastrand::Rng>, tasks: &Tasks) {
    let (lost, late) = {
        let mut chance = chance.lock().expect("no panic");
        (chance.u32(0..100) < LOST, Duration::from_millis(chance.u64(0..JITTER_MS)))
    };
    if lost {
        return;
    }
    let (socket, bytes) = (Arc::clone(socket), bytes.to_vec());
    tasks.spawn(RELAY, async move {
        tokio::time::sleep(late).await;
        let _gone = socket.send_to(&bytes, to).await;
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn audio_comes_through_loss_and_jitter_both_ways_and_quality_says_so() {
    let server = LiveKit::start_passive();
    let tasks = Tasks::new();
    let network = Network::to(&server, &tasks).await;
    let mut ann = visit(ticket(&network.url, "desk", "ann"), options(), &tasks);
    let mut bob = visit(ticket(&server.url(), "desk", "bob"), options(), &tasks);
    active(&mut ann).await;
    active(&mut bob).await;
    let mut said = 0;
    for ann_speaks in [true, false] {
        let (speaker, listener) = if ann_speaks { (&ann, &mut bob) } else { (&bob, &mut ann) };
        let (heard, next) = heard_of(speaker, listener, said, 300).await;
        let numbers: BTreeSet<_> = heard.iter().map(number_of).collect();
        assert_eq!(numbers.len(), heard.len(), "each once");
        let share = heard.len() as f64 / f64::from(next - said);
        assert!(share > 0.85, "{share:.2} of what was said, with {LOST} % lost");
        said = next;
    }
    let noticed = |event: &LegEvent| matches!(event, LegEvent::Quality(quality) if quality.received.is_some_and(|received| received.lost > 0 && received.jitter > Duration::ZERO));
    // Reports come by the clock: both keep speaking until one of ann's has seen it.
    let speaking = async {
        for number in said.. {
            for one in [&ann.peer.commands, &bob.peer.commands] {
                let packet = LegCommand::Packet(crate::support::packet(number));
                one.send(packet).await.expect("the visit goes on");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let listening = async {
        while let Some(event) = ann.peer.events.recv().await {
            if noticed(&event) {
                return;
            }
        }
    };
    within("a report", async {
        tokio::select! {
            () = speaking => {}
            () = listening => {}
        }
    })
    .await;
    within("all tasks", tasks.shutdown()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_agent_says_is_read_whole_and_in_order_through_loss() {
    let server = LiveKit::start_passive();
    let tasks = Tasks::new();
    let network = Network::to(&server, &tasks).await;
    let grant =
        Grant { room: "desk".to_owned(), identity: "agent".to_owned(), kind: "agent", ..Grant::default() };
    let mut agent = visit(ticket_with(&network.url, grant), options(), &tasks);
    let caller = Options { with: With::Agents, ..options() };
    let mut bob = visit(ticket(&server.url(), "desk", "bob"), caller, &tasks);
    active(&mut agent).await;
    active(&mut bob).await;
    let tell = async |notice: Notice| {
        let message = serde_json::to_string(&notice).expect("JSON");
        agent.peer.commands.send(LegCommand::Message(message)).await.expect("the visit goes on");
    };
    let text = |number: usize| format!("sentence number {number} of the agent");
    // A few at a time: what is said before the channel for texts is open is kept, and not without bound.
    for group in (0..40).collect::<Vec<_>>().chunks(8) {
        for number in group {
            let segment = format!("SG_{number}");
            tell(Notice::Agent { segment: segment.clone(), more: text(*number) }).await;
            tell(Notice::AgentDone { segment, heard: text(*number) }).await;
        }
        for number in group {
            let done = Notice::AgentDone { segment: format!("SG_{number}"), heard: text(*number) };
            let done = serde_json::to_string(&done).expect("JSON");
            let last =
                |event: &LegEvent| matches!(event, LegEvent::Message(text) if text.contains("agent_done"));
            assert_eq!(until(&mut bob, last).await, LegEvent::Message(done));
        }
    }
    within("all tasks", tasks.shutdown()).await;
}
