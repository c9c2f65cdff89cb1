//! Hundreds of calls, a third of them ended without a word: what the process holds afterwards is what it held before.

use std::time::Duration;

use loadtest::link::{self, Target, Transport};
use media_core::{LegCommand, LegEvent};
use testkit::process::{self, Holdings};
use testkit::{Server, words};

use crate::calling::{self, line};
use crate::house;

const CALLS: usize = 500;
/// At once, so that starts and ends overlap.
const TOGETHER: usize = 20;

#[test]
fn five_hundred_calls_leave_nothing_behind() {
    let _quiet = house::quiet();
    let server = house::timed("[session]\nreattach_s = 1\n", &["--max-calls", "100"]);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let target =
        Target { url: server.url().to_owned(), agent: "front-desk".to_owned(), token: None, insecure: false };

    // The first hundred fill pools, caches and the allocator's arenas.
    runtime.block_on(calls(&target, 100));
    let baseline = at_rest(&server);
    runtime.block_on(calls(&target, CALLS / 2));
    let half = at_rest(&server);
    runtime.block_on(calls(&target, CALLS / 2));
    let whole = at_rest(&server);
    eprintln!("before: {baseline:?}\nafter {}: {half:?}\nafter {CALLS}: {whole:?}", CALLS / 2);

    assert!(whole.descriptors <= baseline.descriptors + 4, "descriptors: {baseline:?} {whole:?}");
    assert!(whole.threads <= baseline.threads + 4, "threads: {baseline:?} {whole:?}");
    let slope_kb = whole.resident_kb.saturating_sub(half.resident_kb) as f64 / (CALLS / 2) as f64;
    eprintln!("memory: {slope_kb:.1} kB a call over the second half");
    assert!(slope_kb < 40.0, "{slope_kb:.1} kB a call stay behind: {half:?} {whole:?}");

    let call = calling::place(&server, "webrtc", &[line("desk_hours.wav")]);
    call.assert_answered(1);
    assert!(!words::normal(call.agent(1)).is_empty());
}

/// Calls in batches: every third vanishes without closing, the others hang up; some speak, some only connect.
async fn calls(target: &Target, count: usize) {
    for batch in 0..count.div_ceil(TOGETHER) {
        let numbers = batch * TOGETHER..((batch + 1) * TOGETHER).min(count);
        futures::future::join_all(numbers.map(|number| one(target, number))).await;
    }
}

async fn one(target: &Target, number: usize) {
    // Most over sockets, as many as this machine starts in time over WebRTC.
    let transport = match number % 10 {
        0 => Transport::Webrtc,
        1 | 2 => Transport::Mulaw,
        _ => Transport::Websocket,
    };
    let mut link = link::dial(target, transport).await.expect("there is a line");
    let heard = async {
        while let Some(event) = link.events.recv().await {
            if matches!(event, LegEvent::Packet(_)) {
                return;
            }
        }
    };
    // Until the agent is heard, or the caller has lost patience: both are ends that happen.
    let _impatient =
        tokio::time::timeout(Duration::from_millis(200 + 20 * (number % 20) as u64), heard).await;
    if !number.is_multiple_of(3) {
        let _closed = link.commands.send(LegCommand::Close).await;
        let closed = async { while link.events.recv().await.is_some() {} };
        let _late = tokio::time::timeout(Duration::from_secs(2), closed).await;
    }
}

/// What the server holds once its last call has ended.
fn at_rest(server: &Server) -> Holdings {
    process::wait_for("the end of the last call", Duration::from_secs(90), || {
        let readiness = server.get("/readyz").json();
        let lines = readiness["checks"].as_array()?.iter().find(|check| check["name"] == "lines")?.clone();
        lines["detail"].as_str().is_some_and(|detail| detail.starts_with("0 of")).then_some(())
    });
    // Ended calls close their sockets a moment after they free their line: the count settles.
    let mut last = server.holdings();
    process::wait_for("descriptors that settle", Duration::from_secs(30), || {
        let now = server.holdings();
        let settled = now.descriptors == last.descriptors && now.threads == last.threads;
        last = now;
        settled.then_some(now)
    })
}
