//! The whole process with real peers: callers without a browser, Chromium with a fake microphone, the published Pipecat client.
//!
//! Tests with local models expect that `foundry models pull` ran; browser tests expect the packages of `web/` and a Chromium:
//! `make test` sees to both.

mod agents;
mod at_once;
mod browser;
mod calling;
mod campaigns;
mod carriers;
mod carriers_ends;
mod carriers_out;
mod carriers_through;
mod commands;
mod console;
mod crash;
mod dispatch;
mod drill_matrix;
mod drills;
mod ears;
mod faults;
mod greetings;
mod house;
mod leaks;
mod livekit;
mod logs;
mod menus;
mod newcomer;
mod operator;
mod phones;
mod realtime;
mod recordings;
mod repeats;
mod returns;
mod rooms;
mod shutdown;
mod summaries;
mod takeover;
mod tls;
mod transfers;
mod typing;
mod vendors;
mod verdicts;
