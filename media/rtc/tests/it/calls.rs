//! What a session and a caller see of each other.

use std::time::Duration;

use media_core::{LegCommand, LegEvent};
use media_rtc::{Client, Error, Options, Server};
use runtime::tasks::Tasks;

use crate::relay::Relay;
use crate::support::{
    caller_options, connect, eventually, listen, loopback, message, number_of, options, packet, rest, signal,
    speak, until,
};

#[tokio::test]
async fn audio_passes_both_ways_with_its_own_timeline_and_arrival_time() {
    let tasks = Tasks::new();
    let server = Server::bind(options(), &tasks).expect("a port");
    let mut call = connect(&server, &tasks).await;
    // Over the wrap of the 16-bit sequence number, both ways.
    let numbers = 65_500..65_600;
    let (_, heard) = tokio::join!(speak(&call.caller, numbers.clone()), listen(&mut call.agent, 100));
    let (_, played) = tokio::join!(speak(&call.agent, numbers.clone()), listen(&mut call.caller, 100));
    for packets in [heard, played] {
        assert!(packets.iter().map(number_of).eq(numbers.clone()));
        for packet in &packets {
            assert_eq!(packet.sequence, number_of(packet) as u16);
            assert_eq!(packet.timestamp, number_of(packet).wrapping_mul(960));
            assert_eq!(packet.payload.len(), 60);
        }
        assert!(packets.is_sorted_by_key(|packet| packet.at));
    }
}

#[tokio::test]
async fn messages_pass_both_ways_even_those_sent_before_the_channel_was_open() {
    let tasks = Tasks::new();
    let server = Server::bind(options(), &tasks).expect("a port");
    let mut call = signal(&server, &tasks, |answer| answer).await;
    call.agent.commands.send(LegCommand::Message("early".to_owned())).await.expect("alive");
    assert_eq!(message(&mut call.caller).await, "early");
    call.caller.commands.send(LegCommand::Message("ping: 17".to_owned())).await.expect("alive");
    let long = format!("{{\"x\":\"{}\"}}", "ä".repeat(30_000));
    call.caller.commands.send(LegCommand::Message(long.clone())).await.expect("alive");
    assert_eq!(message(&mut call.agent).await, long, "the keep-alive before it is swallowed");
}

#[tokio::test]
async fn a_caller_who_hangs_up_is_closed_and_one_we_end_is_told() {
    let tasks = Tasks::new();
    let server = Server::bind(options(), &tasks).expect("a port");
    let mut call = connect(&server, &tasks).await;
    call.caller.commands.send(LegCommand::Close).await.expect("alive");
    assert_eq!(rest(&mut call.agent).await.last(), Some(&LegEvent::Closed));

    let mut call = connect(&server, &tasks).await;
    call.caller.commands.send(LegCommand::Message("hello".to_owned())).await.expect("alive");
    message(&mut call.agent).await;
    drop(call.agent);
    let events = rest(&mut call.caller).await;
    let left = r#"{"type":"signalling","message":{"type":"peerLeft"}}"#;
    assert!(events.contains(&LegEvent::Message(left.to_owned())), "{events:?}");
    assert_eq!(events.last(), Some(&LegEvent::Closed));
    eventually("the table is empty", || server.stats() == media_rtc::Stats::default()).await;
}

#[tokio::test]
async fn audio_survives_a_network_that_loses_a_tenth_and_quality_says_so() {
    let tasks = Tasks::new();
    let server = Server::bind(options(), &tasks).expect("a port");
    let relay = Relay::start(server.address(), 0x0bad, &tasks).await;
    relay.lose(100);
    let mut call = signal(&server, &tasks, relay.stand_in(server.address())).await;
    until(&mut call.agent, |event| matches!(event, LegEvent::Active)).await;
    until(&mut call.caller, |event| matches!(event, LegEvent::Active)).await;
    let (_, heard) = tokio::join!(speak(&call.caller, 0..400), listen(&mut call.agent, 320));
    let numbers: Vec<_> = heard.iter().map(number_of).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "what arrives is in order and once");
    // Whoever speaks is told by the far end.
    let lossy = |event: &LegEvent| matches!(event, LegEvent::Quality(quality) if quality.received.is_some_and(|received| received.lost > 0));
    // Reports come by the clock: keep speaking until one has seen the loss.
    let commands = call.caller.commands.clone();
    let speaking = async move {
        for number in 1_000.. {
            commands.send(LegCommand::Packet(packet(number))).await.expect("the peer lives");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        () = speaking => {}
        _ = until(&mut call.caller, lossy) => {}
    }
}

#[tokio::test]
async fn an_ice_restart_keeps_the_peer_and_its_audio() {
    let tasks = Tasks::new();
    let server = Server::bind(options(), &tasks).expect("a port");
    let mut call = connect(&server, &tasks).await;
    speak(&call.caller, 0..10).await;
    listen(&mut call.agent, 10).await;
    let offer = call.client.restart().await.expect("alive");
    let answer = server.renegotiate(&call.pc_id, &offer, false).await.expect("the peer lives");
    assert_eq!(answer.pc_id, call.pc_id);
    call.client.accept(&answer.sdp).await.expect("our own answer");
    // Packets in the gap may be lost; those after it are not.
    let speaking = async {
        for start in (10..).step_by(10) {
            speak(&call.caller, start..start + 10).await;
        }
    };
    let arrives = |event: &LegEvent| matches!(event, LegEvent::Packet(packet) if number_of(packet) >= 300);
    tokio::select! {
        () = speaking => {}
        _ = until(&mut call.agent, arrives) => {}
    }
    assert_eq!(server.stats().peers, 1);
}

#[tokio::test]
async fn a_lost_caller_returns_with_a_new_connection_and_the_session_keeps_its_peer() {
    let tasks = Tasks::new();
    let server = Server::bind(Options { lost_after_ms: 700, ..options() }, &tasks).expect("a port");
    let relay = Relay::start(server.address(), 0xdead, &tasks).await;
    let mut call = signal(&server, &tasks, relay.stand_in(server.address())).await;
    until(&mut call.agent, |event| matches!(event, LegEvent::Active)).await;
    until(&mut call.caller, |event| matches!(event, LegEvent::Active)).await;
    relay.lose(1000);
    until(&mut call.agent, |event| matches!(event, LegEvent::Lost)).await;
    call.agent.commands.send(LegCommand::Message("while you were away".to_owned())).await.expect("alive");

    let (client, mut caller, offer) = Client::offer(&caller_options(), &tasks).expect("a socket");
    let answer = server.renegotiate(&call.pc_id, &offer, true).await.expect("the peer waits");
    client.accept(&answer.sdp).await.expect("our own answer");
    until(&mut caller, |event| matches!(event, LegEvent::Active)).await;
    until(&mut call.agent, |event| matches!(event, LegEvent::Active)).await;
    let (_, heard) = tokio::join!(speak(&caller, 0..20), listen(&mut call.agent, 20));
    assert_eq!(heard.len(), 20);
    let (_, played) = tokio::join!(speak(&call.agent, 70_000..70_020), listen(&mut caller, 20));
    assert_eq!(number_of(&played[0]), 70_000);
    assert_eq!(server.stats().peers, 1);
}

#[tokio::test]
async fn a_lost_caller_whose_network_comes_back_is_active_again() {
    let tasks = Tasks::new();
    let server = Server::bind(Options { lost_after_ms: 500, ..options() }, &tasks).expect("a port");
    let relay = Relay::start(server.address(), 0xbeef, &tasks).await;
    let mut call = signal(&server, &tasks, relay.stand_in(server.address())).await;
    until(&mut call.agent, |event| matches!(event, LegEvent::Active)).await;
    until(&mut call.caller, |event| matches!(event, LegEvent::Active)).await;
    relay.lose(1000);
    until(&mut call.agent, |event| matches!(event, LegEvent::Lost)).await;
    relay.lose(0);
    let speaking = async {
        for start in (0..).step_by(10) {
            speak(&call.caller, start..start + 10).await;
        }
    };
    tokio::select! {
        () = speaking => {}
        _ = until(&mut call.agent, |event| matches!(event, LegEvent::Active)) => {}
    }
}

#[tokio::test]
async fn who_is_gone_cannot_be_changed() {
    let tasks = Tasks::new();
    let server = Server::bind(options(), &tasks).expect("a port");
    let (_client, _caller, offer) = Client::offer(&caller_options(), &tasks).expect("a socket");
    let unknown = server.renegotiate("pc_nobody", &offer, false).await;
    assert!(matches!(unknown, Err(Error::PeerUnknown(_))));
    let unknown = server.candidates("pc_nobody", Vec::new()).await;
    assert_eq!(unknown.map_err(|error| error.failure().code.0), Err("PEER_UNKNOWN"));
    assert!(loopback().ip().is_loopback());
}
