//! Hundreds of calls, a third of them ended without a word: what the process holds afterwards is what it held before.

use std::collections::BTreeMap;
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
    at_rest(&server);
    let (baseline, counts) = (settled(&server), counts(&server));
    runtime.block_on(calls(&target, CALLS / 2));
    at_rest(&server);
    let half = settled(&server);
    runtime.block_on(calls(&target, CALLS / 2));
    at_rest(&server);
    eprintln!("before: {baseline:?} {counts:?}");
    let whole = back_at(&server, baseline, &counts);
    eprintln!("after {}: {half:?}\nafter {CALLS}: {whole:?}", CALLS / 2);

    let slope_kb = whole.resident_kb.saturating_sub(half.resident_kb) as f64 / (CALLS / 2) as f64;
    eprintln!("memory: {slope_kb:.1} kB a call over the second half");
    assert!(slope_kb < 8.0, "{slope_kb:.1} kB a call stay behind: {half:?} {whole:?}");

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
    let transport = match number % 8 {
        0 | 4 => Transport::Webrtc,
        1 => Transport::Mulaw,
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

/// Waits until the last call has ended and its peer is gone.
fn at_rest(server: &Server) {
    process::wait_for("the end of the last call", Duration::from_secs(90), || {
        let left = counts(server);
        let none = |name: &str| left.get(name).is_none_or(|count| *count == 0.0);
        (none("tasks_live{kind=\"session\"}") && none("rtc_peers") && none("rtc_routes")).then_some(())
    });
}

/// What calls leave behind: connections to the database are pooled and bounded, and go after ten idle minutes.
fn held(server: &Server) -> Holdings {
    let text = server.read("/metrics").text();
    let pooled = text.lines().find_map(|line| line.strip_prefix("store_connections "));
    let pooled: usize = pooled.and_then(|count| count.parse().ok()).expect("the pools are counted");
    let holdings = server.holdings();
    Holdings { descriptors: holdings.descriptors.saturating_sub(pooled), ..holdings }
}

/// What the server holds when its count does not change any more: ended calls close their sockets a moment after they
/// free their line.
fn settled(server: &Server) -> Holdings {
    let mut last = held(server);
    process::wait_for("descriptors that settle", Duration::from_secs(30), || {
        let now = held(server);
        let settled = now.descriptors == last.descriptors && now.threads == last.threads;
        last = now;
        settled.then_some(now)
    })
}

/// Tasks of each kind, and the peers and routes of WebRTC, by the server's own account.
fn counts(server: &Server) -> BTreeMap<String, f64> {
    let text = server.read("/metrics").text();
    let gauges = text.lines().filter(|line| line.starts_with("tasks_live{") || line.starts_with("rtc_"));
    let counts: BTreeMap<String, f64> = gauges
        .filter(|line| !line.contains("_total"))
        .filter_map(|line| line.rsplit_once(' '))
        .filter_map(|(name, count)| Some((name.to_owned(), count.parse().ok()?)))
        .collect();
    let known = ["rtc_peers", "rtc_routes", "tasks_live{kind=\"session\"}", "tasks_live{kind=\"rtc.peer\"}"];
    assert!(known.iter().all(|name| counts.contains_key(*name)), "{text}");
    counts
}

/// What the server holds once nothing is more than before. Threads that may block go after ten idle seconds.
fn back_at(server: &Server, before: Holdings, counts_before: &BTreeMap<String, f64>) -> Holdings {
    let mut last = None;
    process::wait_for("the baseline", Duration::from_secs(40), || {
        let found = (held(server), counts(server));
        let (now, counts) = &found;
        let back = now.descriptors <= before.descriptors
            && now.threads <= before.threads
            && counts.iter().all(|(name, count)| *count <= counts_before.get(name).copied().unwrap_or(0.0));
        let now = *now;
        if !back && last.as_ref() != Some(&found) {
            eprintln!("not yet: {found:?}");
            last = Some(found);
        }
        back.then_some(now)
    })
}
