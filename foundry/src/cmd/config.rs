//! `foundry config dump`: the effective configuration, redacted, in the format of the file.

use std::io::Write;
use std::process::ExitCode;

use crate::config::{Config, Overrides};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Print what the defaults, the file, the environment and these flags come to.
    Dump(Overrides),
}

pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Command::Dump(overrides) = args.command;
    std::io::stdout().write_all(Config::load(overrides)?.dump()?.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
