//! One place to enter rooms, to speak there, and to wait for what is heard.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use domain::Secret;
use media_core::{Codec, LegCommand, LegEvent, Packet};
use media_livekit::{Ended, Grant, Keys, Options, Ticket, Visit, enter};
use media_rtc::link::Credentials;
use runtime::tasks::Tasks;
use testkit::livekit::{KEY, SECRET};

/// Only to end a test that hangs; no test asserts how fast anything is.
const HANGS: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3_600);

pub(crate) fn keys() -> Keys {
    Keys { key: KEY.to_owned(), secret: Secret::new(SECRET.to_owned()) }
}

pub(crate) fn options() -> Options {
    // The server says that a track is heard: nothing waits for the time that stands in for it.
    Options { listen: ([127, 0, 0, 1], 0).into(), heard_within_ms: 600_000, ..Options::default() }
}

pub(crate) fn ticket(url: &str, room: &str, identity: &str) -> Ticket {
    ticket_with(url, Grant { room: room.to_owned(), identity: identity.to_owned(), ..Grant::default() })
}

pub(crate) fn ticket_with(url: &str, grant: Grant) -> Ticket {
    let token = keys().join(&grant, SystemTime::now(), HOUR).expect("a token");
    Ticket { url: url.to_owned(), token }
}

pub(crate) fn visit(ticket: Ticket, options: Options, tasks: &Tasks) -> Visit {
    enter(ticket, &Arc::new(Credentials::generate()), options, tasks)
}

pub(crate) async fn within<F: Future>(what: &str, future: F) -> F::Output {
    tokio::time::timeout(HANGS, future).await.unwrap_or_else(|_| unreachable!("hangs: {what}"))
}

/// The first event that is `wanted`; others before it are dropped.
pub(crate) async fn until(visit: &mut Visit, wanted: impl Fn(&LegEvent) -> bool) -> LegEvent {
    within("an event", async {
        loop {
            match visit.peer.events.recv().await {
                Some(event) if wanted(&event) => return event,
                Some(_) => {}
                None => unreachable!("the visit ended before what was waited for"),
            }
        }
    })
    .await
}

pub(crate) async fn active(visit: &mut Visit) {
    until(visit, |event| *event == LegEvent::Active).await;
}

pub(crate) async fn ended(visit: &mut Visit) -> Ended {
    within("an end", &mut visit.ended).await.expect("every visit says how it ended")
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
        at: tokio::time::Instant::now().into_std(),
    }
}

pub(crate) fn number_of(packet: &Packet) -> u32 {
    u32::from_be_bytes(packet.payload[1..5].try_into().expect("four bytes"))
}

/// `speaker` speaks in real time, from this number on, until `listener` has heard `count` packets. Gives the numbers that were heard, and
/// the number after the last that was said.
pub(crate) async fn heard_of(
    speaker: &Visit,
    listener: &mut Visit,
    from: u32,
    count: usize,
) -> (Vec<Packet>, u32) {
    let mut heard = Vec::new();
    let mut said = from;
    let mut clock = tokio::time::interval(Duration::from_millis(20));
    within("audio", async {
        while heard.len() < count {
            tokio::select! {
                _ = clock.tick() => {
                    let spoken = speaker.peer.commands.send(LegCommand::Packet(packet(said))).await;
                    spoken.expect("the visit goes on");
                    said += 1;
                }
                event = listener.peer.events.recv() => match event {
                    Some(LegEvent::Packet(packet)) => heard.push(packet),
                    Some(_) => {}
                    None => unreachable!("the listener's visit ended"),
                },
            }
        }
    })
    .await;
    (heard, said)
}
