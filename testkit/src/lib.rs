//! Support for tests alone: the real program on its own ports, plain HTTP and WebSocket to it, what a process holds, how well words agree,
//! chance that can be had again.
//!
//! Everything here blocks and panics with a reason: it runs in tests, never in the product.

pub mod fuzz;
pub mod http;
pub mod livekit;
pub mod phone;
pub mod postgres;
pub mod process;
pub mod seed;
pub mod server;
pub mod socket;
pub mod turn;
pub mod words;

pub use server::Server;

use std::path::PathBuf;

/// A recording of `testkit/speech/`, whose words are in `transcripts.tsv` there.
#[must_use]
pub fn speech(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("speech").join(name);
    assert!(path.is_file(), "no recording {}", path.display());
    path
}

/// What is said in a recording of `testkit/speech/`.
#[must_use]
pub fn transcript(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("speech/transcripts.tsv");
    let table = std::fs::read_to_string(path).expect("the transcripts lie beside the recordings");
    let line = table.lines().find(|line| line.split('\t').next() == Some(name));
    line.and_then(|line| line.split('\t').nth(1)).expect("every recording has a transcript").to_owned()
}
