//! One caller at a time against a server with the embedded models: how soon it is ready, and how soon it answers.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use tokio::time::Instant;

use crate::call::{self, Line, Options, Outcome};
use crate::gate::machine::Process;
use crate::gate::report::{PARTS, heading_of_machine, percentile};
use crate::link::{Target, Transport};
use crate::wav;

/// What each caller asks; a goodbye would end the call.
const SCRIPT: [&str; 5] =
    ["desk_hours.wav", "desk_price.wav", "desk_address.wav", "desk_hours_slt.wav", "desk_repeat.wav"];
/// The promise for one call on two idle cores, ms.
const MEDIAN_MS: f64 = 1_000.0;
const P95_MS: f64 = 1_800.0;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The server's binary; the `foundry` beside this one unless given.
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// Calls, one after the other.
    #[arg(long, default_value_t = 10)]
    calls: usize,
    #[arg(long, value_enum, default_value = "webrtc")]
    transport: Transport,
    /// Folder of the recordings that are spoken.
    #[arg(long, default_value = "testkit/speech", value_name = "DIR")]
    speech: PathBuf,
}

pub async fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let script: Vec<Line> = SCRIPT
        .iter()
        .map(|name| {
            let samples = wav::read(&args.speech.join(name)).with_context(|| format!("reading {name}"))?;
            Ok(Line { samples, at: None, ahead: None })
        })
        .collect::<anyhow::Result<_>>()?;
    heading_of_machine("The embedded models")?;
    // The first start on a machine measures the models and embeds the agents' examples; the second is a usual one.
    let began = Instant::now();
    drop(Process::embedded(args.server.as_ref()).await?);
    let first = began.elapsed();
    let began = Instant::now();
    let server = Process::embedded(args.server.as_ref()).await?;
    writeln!(
        std::io::stdout(),
        "ready after {:.1} s, before that {:.1} s",
        began.elapsed().as_secs_f64(),
        first.as_secs_f64()
    )?;
    let target = Target { url: server.url(), agent: "front-desk".to_owned(), token: None, insecure: false };
    let mut outcomes = Vec::new();
    for _ in 0..args.calls {
        outcomes.push(Box::pin(call::run(&target, args.transport, &script, &Options::default())).await?);
    }
    report(&outcomes)?;
    Ok(ExitCode::SUCCESS)
}

fn report(outcomes: &[Outcome]) -> anyhow::Result<()> {
    let turns = || outcomes.iter().flat_map(|outcome| outcome.turns.iter().skip(1));
    let all = |name: &str| -> Vec<f64> {
        turns().filter_map(|turn| turn.timeline_ms.get(name)?.as_f64()).collect()
    };
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{} calls of {} questions, one at a time; {} unanswered",
        outcomes.len(),
        SCRIPT.len(),
        turns().filter(|turn| !turn.answered).count()
    )?;
    writeln!(out, "\n| | median ms | p95 ms | max ms |\n|---|--:|--:|--:|")?;
    for (says, name) in [
        ("response, by the caller's ear", "caller_response"),
        ("response, by the server's clock", "response"),
    ]
    .into_iter()
    .chain(PARTS.map(|part| (part, part)))
    {
        let values = all(name);
        writeln!(
            out,
            "| {says} | {:.0} | {:.0} | {:.0} |",
            percentile(&values, 0.5),
            percentile(&values, 0.95),
            percentile(&values, 1.0)
        )?;
    }
    let heard = all("caller_response");
    let kept = percentile(&heard, 0.5) <= MEDIAN_MS && percentile(&heard, 0.95) <= P95_MS;
    writeln!(
        out,
        "\n{MEDIAN_MS} ms at the median and {P95_MS} ms at p95: {}",
        if kept { "kept" } else { "missed" }
    )?;
    Ok(())
}
