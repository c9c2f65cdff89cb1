//! How much of a core the server's transport takes for each peer: N callers, 50 packets a second each way, all of the
//! server on one thread whose CPU time is read. `cargo run -p media-rtc --example load -- 35 10`

#![expect(clippy::print_stdout, reason = "the measure is what it prints")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use media_core::{Codec, LegCommand, LegEvent, Packet};
use media_rtc::{Client, Options, Peer, Server, client};
use runtime::tasks::{Kind, Tasks};
use tokio::sync::{mpsc, oneshot};

const CALL: Kind = Kind::new("example.call");
/// Offers that wait for the server's thread; when full the next caller waits.
const OFFERS: usize = 8;
/// Packets that reached the server's peers.
static HEARD: AtomicU64 = AtomicU64::new(0);
type Offer = (String, oneshot::Sender<String>);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let argument =
        |at, default| std::env::args().nth(at).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (peers, seconds) = (argument(1, 35), argument(2, 10));
    let (offers, receiver) = mpsc::channel::<Offer>(OFFERS);
    let server = std::thread::spawn(move || runtime().block_on(serve(receiver)));
    runtime().block_on(call(peers, seconds, offers))?;
    server.join().map_err(|_| "the server's thread panicked")?;
    Ok(())
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn loopback() -> std::net::SocketAddr {
    std::net::SocketAddr::from(([127, 0, 0, 1], 0))
}

async fn serve(mut offers: mpsc::Receiver<Offer>) {
    let tasks = Tasks::new();
    let server = Server::bind(Options { listen: loopback(), ..Options::default() }, &tasks).expect("a port");
    let mut before = None;
    let mut peers = 0_u32;
    while let Some((sdp, answered)) = offers.recv().await {
        if sdp.is_empty() {
            // The marks between which is measured.
            let now = (tokio::time::Instant::now(), cpu(), HEARD.load(Ordering::Relaxed));
            if let Some((at, used, heard)) = before.replace(now) {
                let seconds = (now.0 - at).as_secs_f64();
                let share = (now.1 - used).as_secs_f64() / seconds;
                let rate = (now.2 - heard) as f64 / seconds / f64::from(peers);
                let each = share * 100.0 / f64::from(peers);
                println!(
                    "{peers} peers: {:.1} % of a core, {each:.2} % each; {rate:.1} packets/s each; {:?}",
                    share * 100.0,
                    server.stats()
                );
            }
            let _ = answered.send(String::new());
            continue;
        }
        let (answer, peer) = server.offer(&sdp).expect("an answer");
        peers += 1;
        tasks.spawn(CALL, talk(peer, Some(&HEARD)));
        let _ = answered.send(answer.sdp);
    }
    server.shutdown().await;
}

async fn call(
    peers: u64,
    seconds: u64,
    offers: mpsc::Sender<Offer>,
) -> Result<(), Box<dyn std::error::Error>> {
    let tasks = Tasks::new();
    let options = client::Options { listen: loopback(), ..client::Options::default() };
    let ask = async |sdp: String| {
        let (answer, answered) = oneshot::channel();
        offers.send((sdp, answer)).await.map_err(|_| "no server")?;
        answered.await.map_err(|_| "no answer")
    };
    for _ in 0..peers {
        let (client, mut caller, offer) = Client::offer(&options, &tasks)?;
        client.accept(&ask(offer).await?).await?;
        while caller.events.recv().await.ok_or("ended")? != LegEvent::Active {}
        tasks.spawn(CALL, talk(caller, None));
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    ask(String::new()).await?;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    ask(String::new()).await?;
    Ok(())
}

/// Speaks 20 ms of Opus-sized payload every 20 ms and takes what comes.
async fn talk(mut peer: Peer, heard: Option<&AtomicU64>) {
    let mut clock = tokio::time::interval(domain::FRAME);
    let payload = Bytes::from_static(&[0x78; 80]);
    let mut sequence = 0_u16;
    loop {
        tokio::select! {
            event = peer.events.recv() => match event {
                Some(LegEvent::Packet(_)) => drop(heard.map(|heard| heard.fetch_add(1, Ordering::Relaxed))),
                Some(_) => {}
                None => return,
            },
            at = clock.tick() => {
                let (timestamp, payload, at) = (u32::from(sequence) * 960, payload.clone(), at.into_std());
                let packet = Packet { codec: Codec::Opus, sequence, timestamp, marker: false, payload, at };
                sequence = sequence.wrapping_add(1);
                if peer.commands.send(LegCommand::Packet(packet)).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// CPU time of this thread, from the scheduler's own books.
fn cpu() -> Duration {
    let books = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(books.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or_default())
}
