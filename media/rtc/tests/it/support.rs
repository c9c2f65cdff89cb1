//! One place to start servers and callers and to wait for what they say.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::Bytes;
use media_core::{Codec, LegCommand, LegEvent, Packet};
use media_rtc::{Answer, Client, Options, Peer, Server, client};
use runtime::tasks::Tasks;

/// Only to end a test that hangs; no test asserts how fast anything is.
const HANGS: Duration = Duration::from_secs(60);

pub(crate) fn loopback() -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0)
}

pub(crate) fn options() -> Options {
    Options { listen: loopback(), ..Options::default() }
}

pub(crate) fn caller_options() -> client::Options {
    client::Options { listen: loopback(), ..client::Options::default() }
}

pub(crate) struct Call {
    pub(crate) client: Client,
    pub(crate) caller: Peer,
    pub(crate) agent: Peer,
    pub(crate) pc_id: String,
}

/// Signals without connecting: the answer passes through `change` on its way to the caller.
pub(crate) async fn signal(server: &Server, tasks: &Tasks, change: impl FnOnce(String) -> String) -> Call {
    let (client, caller, offer) = Client::offer(&caller_options(), tasks).expect("a socket");
    let (Answer { sdp, pc_id }, agent) = server.offer(&offer).expect("an answer");
    client.accept(&change(sdp)).await.expect("our own answer");
    Call { client, caller, agent, pc_id }
}

pub(crate) async fn connect(server: &Server, tasks: &Tasks) -> Call {
    let mut call = signal(server, tasks, |answer| answer).await;
    until(&mut call.caller, |event| matches!(event, LegEvent::Active)).await;
    until(&mut call.agent, |event| matches!(event, LegEvent::Active)).await;
    call
}

/// The first event that is `wanted`; others before it are dropped.
pub(crate) async fn until(peer: &mut Peer, wanted: impl Fn(&LegEvent) -> bool) -> LegEvent {
    let found = tokio::time::timeout(HANGS, async {
        loop {
            match peer.events.recv().await {
                Some(event) if wanted(&event) => return event,
                Some(_) => {}
                None => unreachable!("the peer ended before what was waited for"),
            }
        }
    });
    found.await.expect("hangs")
}

/// All events that are left, once the peer has ended.
pub(crate) async fn rest(peer: &mut Peer) -> Vec<LegEvent> {
    let all = async {
        let mut events = Vec::new();
        while let Some(event) = peer.events.recv().await {
            events.push(event);
        }
        events
    };
    tokio::time::timeout(HANGS, all).await.expect("hangs")
}

pub(crate) async fn message(peer: &mut Peer) -> String {
    match until(peer, |event| matches!(event, LegEvent::Message(_))).await {
        LegEvent::Message(text) => text,
        other => unreachable!("{other:?}"),
    }
}

/// A packet as an Opus encoder would give it: the payload tells its number.
pub(crate) fn packet(number: u32) -> Packet {
    let mut payload = vec![0x78; 60];
    payload[1..5].copy_from_slice(&number.to_be_bytes());
    Packet {
        codec: Codec::Opus,
        sequence: number as u16,
        timestamp: number.wrapping_mul(960),
        marker: number == 0,
        payload: Bytes::from(payload),
        at: now(),
    }
}

pub(crate) fn number_of(packet: &Packet) -> u32 {
    u32::from_be_bytes(packet.payload[1..5].try_into().expect("four bytes"))
}

pub(crate) async fn speak(peer: &Peer, numbers: std::ops::Range<u32>) {
    for number in numbers {
        peer.commands.send(LegCommand::Packet(packet(number))).await.expect("the peer lives");
        // A burst would overrun the inbox, as it would a real path; pace it as fast as a test may.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

pub(crate) async fn listen(peer: &mut Peer, count: usize) -> Vec<Packet> {
    let mut heard = Vec::new();
    while heard.len() < count {
        if let LegEvent::Packet(packet) = until(peer, |event| matches!(event, LegEvent::Packet(_))).await {
            heard.push(packet);
        }
    }
    heard
}

/// Waits until `is` holds, looking again whenever others had their turn.
pub(crate) async fn eventually(what: &str, is: impl Fn() -> bool) {
    let looking = async {
        while !is() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(HANGS, looking).await.is_ok(), "never: {what}");
}

pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Small, seeded, good enough to choose bytes and packets.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn seeded(seed: u64) -> Self {
        println!("seed {seed:#x}");
        Self(seed)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit.max(1)
    }
}
