//! The whole process with real peers: callers without a browser, Chromium with a fake microphone, the published Pipecat client.
//!
//! Tests with local models expect that `foundry models pull` ran; browser tests expect `npm ci` in `web/` and a Chromium.

mod browser;
mod calling;
mod commands;
mod ears;
mod faults;
mod house;
mod leaks;
mod newcomer;
mod shutdown;
