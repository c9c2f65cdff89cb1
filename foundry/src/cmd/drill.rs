//! `foundry drill`: outages put on for a share of a test environment's calls, on a running server, by its API.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::ValueEnum;
use control_api::List;
use control_api::drill::{Drill, DrillReport, DrillWaits, Fault, Kind, Moment, NewDrill};
use domain::{DrillId, Secret};
use loadtest::api::Plane;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::operator;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Start one. It ends by itself.
    Start {
        /// What the provider seems to have.
        #[arg(long)]
        fault: FaultName,
        /// Which of an agent's providers.
        #[arg(long)]
        kind: KindName,
        /// When in a turn it strikes.
        #[arg(long, default_value = "connect")]
        moment: MomentName,
        /// The account, or `built-in`; whichever is asked first unless given.
        #[arg(long, value_name = "NAME")]
        provider: Option<String>,
        /// Of the calls that begin while it runs: 0.001 to 1.
        #[arg(long, default_value_t = 1.0)]
        share: f64,
        /// Whose calls; never `prod`.
        #[arg(long, value_name = "NAME")]
        environment: String,
        #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=240))]
        minutes: u32,
        #[command(flatten)]
        at: At,
    },
    /// The newest hundred, those that are over too.
    List {
        #[command(flatten)]
        at: At,
    },
    /// End one now.
    Stop {
        id: DrillId,
        #[command(flatten)]
        at: At,
    },
    /// What came of one so far.
    Report {
        id: DrillId,
        /// As the API gives it.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        at: At,
    },
}

/// A running server, and what it is asked with.
#[derive(clap::Args)]
pub(super) struct At {
    /// Base URL of the server.
    #[arg(long, default_value = "http://localhost:7860", value_name = "URL")]
    url: String,
    /// An API key of the organization, or the operator's token. Others on the machine can read a command line: prefer the
    /// environment. Without one, the token in the data directory is used.
    #[arg(long, env = "FOUNDRY_TOKEN", value_name = "TOKEN", hide_env_values = true, value_parser = crate::config::secret)]
    token: Option<Secret<String>>,
    /// Of the server, where it runs on this machine.
    #[arg(long, env = "FOUNDRY_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Take any certificate: for a server that made its own.
    #[arg(long)]
    insecure: bool,
}

#[derive(Clone, Copy, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
enum FaultName {
    /// Nobody answers.
    Refuse,
    /// Says nothing more.
    Hang,
    /// Everything comes 3 s later.
    Slow,
    /// Sends nonsense.
    Garbage,
    /// Hangs up.
    Close,
    /// Claims success and gives nothing.
    Silence,
    /// Has no credit left.
    Quota,
}

#[derive(Clone, Copy, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
enum MomentName {
    Connect,
    BeforeOutput,
    MidSentence,
    BetweenTurns,
}

#[derive(Clone, Copy, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
enum KindName {
    Stt,
    Llm,
    Tts,
}

pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    super::install_crypto();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let said = runtime.block_on(done(args.command))?;
    std::io::stdout().write_all(said.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// What is printed of it.
async fn done(command: Command) -> anyhow::Result<String> {
    match command {
        Command::Start { fault, kind, moment, provider, share, environment, minutes, at } => {
            let new = NewDrill {
                environment,
                kind: same::<_, Kind>(kind)?,
                fault: same::<_, Fault>(fault)?,
                moment: same::<_, Moment>(moment)?,
                provider,
                share: Some(share),
                minutes: Some(minutes),
            };
            let made: Drill = at.ask("POST", "/v1/drills", Some(&new)).await?;
            Ok(line(&made))
        }
        Command::List { at } => {
            let all: List<Drill> = at.ask("GET", "/v1/drills?limit=100", None::<&()>).await?;
            Ok(all.data.iter().map(line).collect())
        }
        Command::Stop { id, at } => {
            let over: Drill = at.ask("POST", &format!("/v1/drills/{id}/stop"), None::<&()>).await?;
            Ok(line(&over))
        }
        Command::Report { id, json, at } => {
            let report: DrillReport = at.ask("GET", &format!("/v1/drills/{id}/report"), None::<&()>).await?;
            if json { Ok(format!("{}\n", serde_json::to_string_pretty(&report)?)) } else { told(&report) }
        }
    }
}

impl At {
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> anyhow::Result<T> {
        let token = match (&self.token, &self.data_dir) {
            (Some(token), _) => token.clone(),
            (None, Some(folder)) => operator::kept(folder, operator::TOKEN)?,
            (None, None) => {
                anyhow::bail!("give a key with FOUNDRY_TOKEN, or the server's data directory with --data-dir")
            }
        };
        let plane = Plane { url: self.url.clone(), token: Some(token), insecure: self.insecure };
        let body = body.map(serde_json::to_value).transpose()?;
        let answer = plane.ask(method, path, body.as_ref()).await?;
        serde_json::from_value(answer).context("the server answers what this version does not understand")
    }
}

/// One and the same name, here and in the API.
fn same<A: Serialize, B: DeserializeOwned>(name: A) -> anyhow::Result<B> {
    Ok(serde_json::from_value(serde_json::to_value(name)?)?)
}

fn line(drill: &Drill) -> String {
    let state = match (&drill.stopped_at, drill.running) {
        (Some(at), _) => format!("stopped {at}"),
        (None, true) => format!("runs until {}", drill.ends_at),
        (None, false) => format!("ended {}", drill.ends_at),
    };
    let whom = drill.provider.as_deref().unwrap_or("whoever is asked first");
    format!(
        "{}  {} {} {} of {whom}, {:.1} % of {}  {state}  by {}\n",
        drill.id,
        drill.kind.name(),
        drill.fault.name(),
        drill.moment.name(),
        drill.share * 100.0,
        drill.environment,
        drill.started_by,
    )
}

fn told(report: &DrillReport) -> anyhow::Result<String> {
    let mut text = line(&report.drill);
    let ms = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.0} ms"));
    let waits = |waits: &DrillWaits| {
        format!(
            "{} turns, p50 {}, p95 {}, longest {}",
            waits.turns,
            ms(waits.p50_ms),
            ms(waits.p95_ms),
            ms(waits.max_ms)
        )
    };
    writeln!(
        text,
        "calls struck   {} ({} over, {} lost)",
        report.calls, report.calls_ended, report.calls_lost
    )?;
    writeln!(text, "waits          {}", waits(&report.waits))?;
    writeln!(text, "usually        {}", waits(&report.usual_waits))?;
    let added = &report.added;
    writeln!(
        text,
        "added silence  p50 {}, p95 {}, longest {}",
        ms(added.p50_ms),
        ms(added.p95_ms),
        ms(added.max_ms)
    )?;
    writeln!(
        text,
        "last resorts   {} of {} turns; {} failures",
        report.last_resorts, report.turns, report.failures
    )?;
    writeln!(text, "words          {} lost, {} doubled", report.words_lost, report.words_doubled)?;
    for who in &report.answered {
        writeln!(
            text,
            "{:<14} {}: {} completed, {} failed, {} given up",
            who.kind.name(),
            who.provider,
            who.completed,
            who.failed,
            who.cancelled
        )?;
    }
    Ok(text)
}
