//! The binary: composes every room into one process. Reads as a table of contents; the rules live elsewhere.

mod adapters;
mod cmd;
mod config;
mod data_dir;
mod listen;
mod operator;
mod overlay;
mod speech;
mod store;
mod switchboard;
mod vendors;
mod waits;
mod wiring;

use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
#[command(name = "foundry", version, about = "A real-time voice agent server", propagate_version = true)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Serve calls: the page with the voice button, WebRTC, WebSockets and the HTTP API.
    Serve(cmd::serve::Args),
    /// Call an agent on any server, speak recordings, and report what came back.
    Call(cmd::call::Args),
    /// Have somebody called by a SIP trunk of a running server.
    Dial(cmd::dial::Args),
    /// The speech models that run in this process.
    Models(cmd::models::Args),
    /// Say what is missing on this machine and how to mend it.
    Doctor(cmd::doctor::Args),
    /// Outages put on for a share of a test environment's calls: start, list, stop, report.
    Drill(cmd::drill::Args),
    /// Print a link that signs one browser in as the operator, once; beside a running server, too.
    AdminLink(cmd::admin_link::Args),
    /// API keys: make, list, revoke.
    Key(cmd::key::Args),
    /// Write the agents of an organization into files, for git.
    Export(cmd::export::Args),
    /// Take agents from files.
    Import(cmd::import::Args),
    /// Print the OpenAPI document of the HTTP API.
    Openapi,
    /// The effective configuration.
    Config(cmd::config::Args),
}

fn main() -> ExitCode {
    let outcome = match Args::parse().command {
        Command::Serve(args) => cmd::serve::run(args),
        Command::Call(args) => cmd::call::run(args),
        Command::Dial(args) => cmd::dial::run(args),
        Command::Models(args) => cmd::models::run(args),
        Command::Doctor(args) => cmd::doctor::run(args),
        Command::Drill(args) => cmd::drill::run(args),
        Command::AdminLink(args) => cmd::admin_link::run(args),
        Command::Key(args) => cmd::key::run(args),
        Command::Export(args) => cmd::export::run(args),
        Command::Import(args) => cmd::import::run(args),
        Command::Openapi => cmd::openapi::run(),
        Command::Config(args) => cmd::config::run(args),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
