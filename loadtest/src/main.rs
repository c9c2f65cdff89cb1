//! The benchmarks' binary: timed vendors as a process, and the gate that starts everything and measures it.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use loadtest::{gate, setups, talk};
use loadtest_vendors::{Delays, Stage};

#[derive(Parser)]
#[command(name = "loadtest", about = "Measures a voice agent server from outside")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Serve exactly timed vendors on loopback until ended.
    Vendors {
        #[arg(long, default_value = "127.0.0.1:7870")]
        listen: SocketAddr,
        #[command(flatten)]
        delays: Delays,
    },
    /// Start vendors and a server, call it with many callers, print what it took and what limits it.
    Gate(gate::Args),
    /// Start vendors and a server, let phones call it at a fixed rate, print how soon each was answered and greeted.
    Setups(setups::Args),
    /// Start a server with the embedded models, call it one caller at a time, print how soon it answers.
    Talk(talk::Args),
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    // A second provider may be installed in tests; either will do.
    let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match args.command {
            Command::Vendors { listen, delays } => {
                let tasks = runtime::Tasks::new();
                let bound = loadtest_vendors::serve(listen, Stage::new(delays), &tasks).await?;
                eprintln!("timed vendors on {bound}");
                tokio::signal::ctrl_c().await?;
                tasks.shutdown().await;
                Ok(ExitCode::SUCCESS)
            }
            Command::Gate(args) => gate::run(&args).await,
            Command::Setups(args) => setups::run(&args).await,
            Command::Talk(args) => talk::run(&args).await,
        }
    })
}
