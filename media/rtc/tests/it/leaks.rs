//! Everything a peer held is free when it ends, however it ends.

use media_core::{LegCommand, LegEvent};
use media_rtc::{Options, Server, Stats};
use runtime::tasks::Tasks;

use crate::relay::Relay;
use crate::support::{Call, connect, eventually, options, rest, signal, until};

const CALLS: usize = 200;
const AT_ONCE: usize = 20;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    CallerHangsUp,
    WeHangUp,
    /// The caller's network goes, without a word.
    Vanishes,
    /// The answer reaches the caller, and nothing the caller sends reaches us.
    NeverConnects,
}

const FATES: [Fate; 6] = [
    Fate::CallerHangsUp,
    Fate::WeHangUp,
    Fate::Vanishes,
    Fate::CallerHangsUp,
    Fate::WeHangUp,
    Fate::NeverConnects,
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_calls_a_third_ended_abnormally_leave_nothing() {
    let owner = Tasks::new();
    let quick =
        Options { lost_after_ms: 1_000, return_within_ms: 500, connect_within_ms: 2_000, ..options() };
    let server = Server::bind(quick, &owner).expect("a port");
    for round in 0..CALLS / AT_ONCE {
        let callers = Tasks::new();
        let mut calls = Vec::new();
        for number in 0..AT_ONCE {
            let fate = FATES[number % FATES.len()];
            calls.push((fate, begin(fate, number as u64, &server, &callers).await));
        }
        assert_eq!(server.stats().peers, AT_ONCE, "round {round}: {:?}", server.stats());
        for (fate, (call, _)) in &calls {
            match fate {
                Fate::CallerHangsUp => call.caller.commands.send(LegCommand::Close).await.expect("alive"),
                Fate::WeHangUp => call.agent.commands.send(LegCommand::Close).await.expect("alive"),
                Fate::Vanishes | Fate::NeverConnects => {}
            }
        }
        for (fate, (call, _)) in &mut calls {
            let last = rest(&mut call.agent).await.pop();
            match fate {
                Fate::CallerHangsUp => assert_eq!(last, Some(LegEvent::Closed)),
                Fate::WeHangUp => assert_ne!(last, Some(LegEvent::Lost)),
                Fate::Vanishes | Fate::NeverConnects => assert_eq!(last, Some(LegEvent::Lost)),
            }
        }
        callers.shutdown().await;
    }
    eventually("every peer is gone", || server.stats() == Stats::default()).await;
    let address = server.address();
    server.shutdown().await;
    drop(server);
    std::net::UdpSocket::bind(address).expect("the port is free again");
}

async fn begin(fate: Fate, seed: u64, server: &Server, callers: &Tasks) -> (Call, Option<Relay>) {
    match fate {
        Fate::CallerHangsUp | Fate::WeHangUp => (connect(server, callers).await, None),
        Fate::Vanishes => {
            let relay = Relay::start(server.address(), seed, callers).await;
            let mut call = signal(server, callers, relay.stand_in(server.address())).await;
            until(&mut call.agent, |event| matches!(event, LegEvent::Active)).await;
            relay.lose(1_000);
            (call, Some(relay))
        }
        Fate::NeverConnects => {
            let relay = Relay::start(server.address(), seed, callers).await;
            relay.lose(1_000);
            (signal(server, callers, relay.stand_in(server.address())).await, Some(relay))
        }
    }
}
