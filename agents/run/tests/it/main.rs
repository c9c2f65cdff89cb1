//! Conversations at the level of text: scripted dialogues, streams, evaluation of intents.

#![expect(
    clippy::unwrap_used,
    reason = "clippy.toml allows these in functions marked as tests; what they call here is test code too"
)]

mod dialogues;
mod evaluation;
mod models;
mod streams;
