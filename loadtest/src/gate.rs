//! The capacity gate: N callers at once against a server with timed vendors, everything in its own process, one run, one table.
//!
//! What it adds is what a caller measures, less what the vendors and the endpointing setting take by design.

pub(crate) mod door;
pub(crate) mod machine;
pub(crate) mod report;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use media_core::Codec;
use runtime::{Kind, Tasks};
use tokio::time::Instant;

use crate::call::{self, Line, Options};
use crate::wav;
use door::{Door, Entrance, Way};
use loadtest_vendors::Delays;
use machine::{Place, Process, Sample};
use report::{Measured, Row};

const CALLER: Kind = Kind::new("loadtest.caller");

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    place: Place,
    /// Callers at once; one run for each. Without it the gate's own rows: 35 over WebRTC, 100 over mu-law sockets, 100 phones by SIP.
    #[arg(long, value_delimiter = ',')]
    n: Vec<usize>,
    #[arg(long, value_enum, default_value = "webrtc")]
    transport: Way,
    /// For rooms of LiveKit: its server, version 1.11 or newer.
    #[arg(long, default_value = "livekit-server", value_name = "FILE")]
    livekit_server: PathBuf,
    /// Turns of each caller.
    #[arg(long, default_value_t = 4)]
    turns: usize,
    /// Recording that every caller speaks.
    #[arg(long, default_value = "testkit/speech/desk_book.wav", value_name = "FILE")]
    wav: PathBuf,
    /// Whether a language model answers, and whether it may be asked ahead of the end of the turn.
    #[arg(long, value_enum, default_value = "none")]
    thinking: Thinking,
    /// Fixed silence that ends a turn, ms.
    #[arg(long, default_value_t = 200)]
    endpointing_ms: u64,
    /// Fail when the gate's numbers are missed, instead of only saying so.
    #[arg(long)]
    strict: bool,
}

/// Who makes the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Thinking {
    /// A graph that knows its answer.
    None,
    /// A timed language model, asked when the turn is over.
    InTurn,
    /// The same, asked while the silence is judged.
    Ahead,
}

pub async fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let rows = if args.n.is_empty() {
        vec![(Way::Webrtc, 35), (Way::Mulaw, 100), (Way::Sip, 100)]
    } else {
        args.n.iter().map(|n| (args.transport, *n)).collect()
    };
    machine::leave(args.place.core)?;
    report::heading(args)?;
    let mut missed = false;
    for (transport, n) in rows {
        let row = one(args, transport, n).await.with_context(|| format!("{n} callers over {transport:?}"))?;
        report::row(&row)?;
        missed |= !row.passes();
    }
    report::verdict(missed)?;
    Ok(if missed && args.strict { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn one(args: &Args, transport: Way, n: usize) -> anyhow::Result<Row> {
    let vendors = Process::vendors(&args.place)?;
    let entrance = Entrance::of(transport, &args.place, &args.livekit_server).await?;
    let server = Process::server(&args.place, vendors.port(), &configuration(args, n), &entrance).await?;
    let base = server.sample()?;
    let door = Arc::new(entrance.open(&server, agent(args, transport)).await?);
    let samples = wav::read(&args.wav).with_context(|| "the recording that callers speak")?;
    let speech = match transport {
        // What an encoder costs each caller would be missing where they are to be on time.
        Way::Webrtc | Way::Livekit => Line::encoded(samples, Codec::Opus)?,
        _ => Line { samples, at: None, ahead: None },
    };
    let own = machine::own_cpu();
    let began = Instant::now();
    let tasks = Tasks::new();
    let running: Vec<_> =
        (0..n).map(|index| caller(&tasks, index, n, Arc::clone(&door), speech.clone(), args.turns)).collect();
    // All are in the call by now: what the server holds for each is its memory at the middle of the run.
    let middle = tasks.spawn(CALLER, tokio::time::sleep(length(args.turns) / 2 + RAMP));
    let _ended = middle.await;
    let peak = server.sample()?;
    let mut measured = Measured::default();
    for caller in running {
        match caller.await {
            Ok(Some(Ok(outcome))) => measured.add(&outcome),
            Ok(Some(Err(error))) => measured.fail(&error.to_string()),
            _ => measured.fail("the caller's task ended"),
        }
    }
    let end = server.sample()?;
    let lateness = server.lateness().await;
    let callers = machine::own_cpu().saturating_sub(own);
    Ok(summarise(args, transport, n, measured, [base, peak, end], [began.elapsed(), callers], lateness))
}

/// Callers come one after the other over this time, so that their turns do not fall on the same instants.
const RAMP: Duration = Duration::from_secs(6);

fn length(turns: usize) -> Duration {
    Duration::from_secs(8) * u32::try_from(turns).unwrap_or(1)
}

type Caller = tokio::task::JoinHandle<Option<Result<call::Outcome, call::Error>>>;

fn caller(tasks: &Tasks, index: usize, n: usize, door: Arc<Door>, speech: Line, turns: usize) -> Caller {
    let wait = RAMP * u32::try_from(index).unwrap_or(0) / u32::try_from(n.max(1)).unwrap_or(1);
    tasks.spawn(CALLER, async move {
        tokio::time::sleep(wait).await;
        let script = vec![speech; turns];
        let options =
            Options { greeting: Duration::from_secs(1), keep_recording: false, ..Options::default() };
        Box::pin(call::on(door.dial(index), &script, &options)).await
    })
}

/// Who answers the callers of a run.
fn agent(args: &Args, way: Way) -> &'static str {
    match (args.thinking, way) {
        (Thinking::None, Way::Livekit) => machine::SHOWN,
        (Thinking::None, _) => "bench",
        _ => machine::THINKER,
    }
}

/// Guesses answer before the vendors' delays are over and would hide what the server adds: they are made where they are what is measured.
fn configuration(args: &Args, calls: usize) -> String {
    let ahead = args.thinking == Thinking::Ahead;
    format!(
        "[calls]\nmax = {}\n[session]\nspeak_ahead = {ahead}\n[session.turn.speculation]\nenabled = {ahead}\n\
         [session.turn.endpointing]\nmode = {{ fixed = {{ ms = {} }} }}\nfinalize_ms = {}\n",
        calls + 5,
        args.endpointing_ms,
        finalize_ms(args),
    )
}

/// The final is demanded while the silence is awaited, so that it is there in time.
fn finalize_ms(args: &Args) -> u64 {
    args.endpointing_ms / 2
}

/// What a turn takes when everything is done in it, one thing after the other, and nothing is added.
fn by_design_ms(args: &Args) -> u64 {
    let Delays { stt_final_ms, llm_first_token_ms, tts_first_byte_ms, .. } = args.place.delays;
    let sentence_ms = FIRST_SENTENCE_TOKENS * 1_000 / args.place.delays.llm_tokens_per_second.max(1);
    let thinking_ms = if args.thinking == Thinking::None { 0 } else { llm_first_token_ms + sentence_ms };
    args.endpointing_ms.max(finalize_ms(args) + stt_final_ms) + thinking_ms + tts_first_byte_ms
}

/// Of the timed model's answer, after the very first token.
const FIRST_SENTENCE_TOKENS: u64 = 8;

fn summarise(
    args: &Args,
    transport: Way,
    n: usize,
    measured: Measured,
    samples: [Sample; 3],
    [took, callers]: [Duration; 2],
    lateness: Option<f64>,
) -> Row {
    let [base, peak, end] = samples;
    let cpu = end.cpu.saturating_sub(base.cpu);
    let minutes = (measured.talk.as_secs_f64() / 60.0).max(1e-9);
    Row {
        transport,
        n,
        thinking: args.thinking,
        by_design_ms: by_design_ms(args) as f64,
        cpu_share: cpu.as_secs_f64() / took.as_secs_f64(),
        cpu_per_session_minute: cpu.as_secs_f64() / minutes,
        callers_per_session_minute: callers.as_secs_f64() / minutes,
        mib_per_session: (peak.resident_mib - base.resident_mib).max(0.0) / n as f64,
        base_mib: base.resident_mib,
        server_lateness_ms: lateness,
        measured,
    }
}
