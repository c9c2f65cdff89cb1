//! Checks that keep the house in order: directions of dependencies, doors to the outside, budgets.

mod rules;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Compares the workspace with the directions and doors of arrows.toml, and reads the sources for what must not be there.
    Tidy,
}

fn main() -> anyhow::Result<ExitCode> {
    match Args::parse().command {
        Command::Tidy => tidy::run(),
    }
}
