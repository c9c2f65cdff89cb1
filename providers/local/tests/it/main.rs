//! The embedded providers with their real models; `foundry models pull` fetches them.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "clippy.toml allows these in functions marked as tests; what they call here is test code too"
)]

mod embed;
mod models;
mod speaks;
mod speech;
mod start;
mod stt;
