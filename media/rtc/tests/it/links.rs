//! Links as a participant of a room holds them: one publishes, the other is offered what is published; audio, data, a restart.

use std::time::Instant;

use media_core::Packet;
use media_rtc::Link;
use media_rtc::link::{Channel, Credentials, Happening};

use crate::support::{loopback, number_of, packet};

const CHANNELS: [Channel; 2] =
    [Channel { label: "_reliable", reliable: true }, Channel { label: "_lossy", reliable: false }];

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

struct Pair {
    publisher: Link,
    listener: Link,
    connected: usize,
    heard: Vec<(String, Packet)>,
    read: Vec<(String, Vec<u8>)>,
}

impl Pair {
    fn open() -> Self {
        let credentials = Credentials::generate();
        let mut publisher = Link::open(&credentials, loopback(), now()).expect("a socket");
        let mut listener = Link::open(&credentials, loopback(), now()).expect("a socket");
        let offer = publisher.publish("agent", "TR_1", &CHANNELS);
        assert!(offer.contains("a=msid:agent TR_1"), "{offer}");
        let answer = listener.offered(&offer).expect("our own offer");
        publisher.answered(&answer).expect("our own answer");
        Self { publisher, listener, connected: 0, heard: Vec::new(), read: Vec::new() }
    }

    /// Both do what they have to until `holds`.
    async fn until(&mut self, holds: impl Fn(&Self) -> bool) {
        let run = async {
            while !holds(self) {
                let mut wake = now() + std::time::Duration::from_millis(50);
                for publishes in [true, false] {
                    let link = if publishes { &mut self.publisher } else { &mut self.listener };
                    link.tick(now());
                    loop {
                        match link.poll() {
                            Happening::Wait(at) => {
                                wake = wake.min(at);
                                break;
                            }
                            Happening::Connected => self.connected += 1,
                            Happening::Packet { mid, packet } => self.heard.push((mid, packet)),
                            Happening::Data { label, bytes } => self.read.push((label, bytes)),
                            Happening::Closed => unreachable!("it was closed"),
                            _ => {}
                        }
                    }
                }
                tokio::select! {
                    read = self.publisher.readable() => read.expect("readable"),
                    read = self.listener.readable() => read.expect("readable"),
                    () = tokio::time::sleep_until(wake.into()) => {}
                }
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(60), run).await.expect("hangs");
    }
}

#[tokio::test]
async fn what_is_published_is_heard_and_data_waits_for_its_channel() {
    let mut pair = Pair::open();
    pair.publisher.send_data("_reliable", b"before it is open".to_vec());
    pair.until(|pair| pair.publisher.is_connected() && pair.listener.is_connected()).await;
    for number in 0..20 {
        pair.publisher.send_audio(&packet(number), now());
        pair.until(|pair| pair.heard.len() > number as usize).await;
    }
    let numbers: Vec<_> = pair.heard.iter().map(|(_, packet)| number_of(packet)).collect();
    assert_eq!(numbers, (0..20).collect::<Vec<_>>());
    pair.publisher.send_data("_lossy", b"after".to_vec());
    pair.until(|pair| pair.read.len() == 2).await;
    let mut read: Vec<_> =
        pair.read.iter().map(|(label, bytes)| (label.as_str(), bytes.as_slice())).collect();
    read.sort_unstable();
    assert_eq!(read, [("_lossy", b"after".as_slice()), ("_reliable", b"before it is open".as_slice())]);
}

#[tokio::test]
async fn a_restart_finds_the_path_anew_and_audio_goes_on() {
    let mut pair = Pair::open();
    pair.until(|pair| pair.publisher.is_connected() && pair.listener.is_connected()).await;
    let offer = pair.publisher.restart().expect("no other offer waits");
    assert_eq!(pair.publisher.restart(), None, "one at a time");
    let answer = pair.listener.offered(&offer).expect("our own offer");
    pair.publisher.answered(&answer).expect("our own answer");
    for number in 0..5 {
        pair.publisher.send_audio(&packet(number), now());
        pair.until(|pair| pair.heard.len() > number as usize).await;
    }
}

#[tokio::test]
async fn nonsense_is_refused_and_changes_nothing() {
    let mut link = Link::open(&Credentials::generate(), loopback(), now()).expect("a socket");
    assert!(link.offered("v=0\r\nno offer").is_err());
    assert!(link.answered("v=0\r\n").is_err(), "nothing was offered");
}
