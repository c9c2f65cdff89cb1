//! Datagrams that a stranger could send: random, captured and replayed, captured and damaged.

use media_core::LegEvent;
use media_rtc::Server;
use runtime::tasks::Tasks;
use tokio::net::UdpSocket;

use crate::relay::Relay;
use crate::support::{Dice, connect, listen, loopback, number_of, options, signal, speak, until};

const DAMAGED: usize = 4_000;

fn damage(original: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = original.to_vec();
    for _ in 0..=dice.below(8) {
        let at = dice.below(bytes.len().max(1));
        match dice.below(5) {
            _ if bytes.is_empty() => {}
            0 => bytes[at] ^= 1 << dice.below(8),
            1 => bytes[at] = dice.below(256) as u8,
            2 => bytes.insert(at, dice.below(256) as u8),
            3 => bytes.truncate(at),
            _ => bytes.extend(std::iter::repeat_n(dice.below(256) as u8, dice.below(300))),
        }
    }
    bytes
}

/// The damage comes from the caller's own address, through the relay's far side, so that it reaches the peer itself.
#[tokio::test]
async fn damaged_copies_of_real_datagrams_end_nobodys_call() {
    let tasks = Tasks::new();
    let server = Server::bind(options(), &tasks).expect("a port");
    let mut bystander = connect(&server, &tasks).await;
    let relay = Relay::start(server.address(), 0xf022, &tasks).await;
    let mut target = signal(&server, &tasks, relay.stand_in(server.address())).await;
    until(&mut target.agent, |event| matches!(event, LegEvent::Active)).await;
    until(&mut target.caller, |event| matches!(event, LegEvent::Active)).await;
    speak(&target.caller, 0..50).await;
    listen(&mut target.agent, 50).await;
    let captured = relay.recorded();
    assert!(captured.len() > 50, "STUN, DTLS, SRTP and SCTP are among them");

    let mut dice = Dice::seeded(0xda_3a6e);
    let stranger = UdpSocket::bind(loopback()).await.expect("a port");
    for round in 0..DAMAGED {
        let original = &captured[dice.below(captured.len())];
        let bytes = damage(original, &mut dice);
        match round % 2 {
            0 => relay.inject(bytes).await,
            _ => {
                let _ = stranger.send_to(&bytes, server.address()).await;
            }
        }
    }
    // A replay of everything, undamaged, from both.
    for bytes in captured {
        let _ = stranger.send_to(&bytes, server.address()).await;
        relay.inject(bytes).await;
    }
    for call in [&mut bystander, &mut target] {
        let (_, heard) = tokio::join!(speak(&call.caller, 100..150), listen(&mut call.agent, 40));
        assert!(heard.iter().all(|packet| number_of(packet) < 150));
        let (_, played) = tokio::join!(speak(&call.agent, 100..150), listen(&mut call.caller, 40));
        assert!(played.iter().all(|packet| packet.payload.len() == 60), "nothing forged passed as audio");
    }
    assert_eq!(server.stats().peers, 2);
}

#[tokio::test]
async fn a_flood_that_names_nobody_costs_no_memory() {
    let tasks = Tasks::new();
    let server = Server::bind(options(), &tasks).expect("a port");
    let before = server.stats();
    let stranger = UdpSocket::bind(loopback()).await.expect("a port");
    let mut dice = Dice::seeded(0xf100d);
    for _ in 0..5_000 {
        let bytes: Vec<u8> = (0..dice.below(200)).map(|_| dice.below(256) as u8).collect();
        let _ = stranger.send_to(&bytes, server.address()).await;
    }
    connect(&server, &tasks).await;
    assert_eq!(before.routes, 0);
    assert!(server.stats().routes <= 3);
}
