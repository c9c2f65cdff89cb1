//! The whole process with real peers: callers without a browser, Chromium with a fake microphone, the published Pipecat client.
//!
//! The stories that take long, or were not yet seen to pass on an idle machine, belong to `make prove` (feature `prove`).
//! Tests with local models expect that `foundry models pull` ran; browser tests expect `npm install --no-save` in `web/` and a Chromium.

#![cfg_attr(
    not(feature = "prove"),
    allow(dead_code, unused_imports, reason = "what the stories that `make prove` adds need besides")
)]

#[cfg(feature = "prove")]
mod browser;
mod calling;
mod commands;
mod ears;
mod faults;
mod house;
#[cfg(feature = "prove")]
mod leaks;
mod logs;
mod newcomer;
mod operator;
mod repeats;
mod shutdown;
mod tls;
mod verdicts;
