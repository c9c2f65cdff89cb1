//! How many calls a second can begin: phones by SIP at a fixed rate, each answered, greeted and hung up. Printed is how soon the answer
//! and the first sample of the greeting were there, and whether any call failed.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use media_core::{LegCommand, LegEvent, Packet, level};
use runtime::{Kind, Tasks};
use tokio::time::Instant;

use crate::ear::VOICE_DBFS;
use crate::gate::door::Entrance;
use crate::gate::machine::{self, Place, Process};
use crate::gate::report::{heading_of_machine, percentile};
use crate::link::sip::Phones;

const CALLER: Kind = Kind::new("loadtest.caller");
/// A greeting that has not begun by then is missing.
const GREETING_WITHIN: Duration = Duration::from_secs(5);

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    place: Place,
    /// Calls that begin each second.
    #[arg(long, default_value_t = 50)]
    rate: u32,
    /// For how many seconds calls begin.
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// How long each is held after its greeting began, ms.
    #[arg(long, default_value_t = 500)]
    hold_ms: u64,
    /// Whom they call; one who greets.
    #[arg(long, default_value = "front-desk", value_name = "NAME")]
    agent: String,
}

/// Of one call, from the moment it was to begin.
#[derive(Debug, Clone, Copy)]
struct Begun {
    answered: Duration,
    greeted: Option<Duration>,
}

/// # Errors
/// When the processes of the run cannot be started.
pub async fn run(args: &Args) -> anyhow::Result<ExitCode> {
    machine::leave(args.place.core)?;
    heading_of_machine("Server on one core")?;
    let vendors = Process::vendors(&args.place)?;
    let sip = machine::free_address()?;
    let settings = format!("[calls]\nmax = {}\n", args.rate.saturating_mul(args.seconds) + 5);
    let server = Process::server(&args.place, vendors.port(), &settings, &Entrance::phones(sip)).await?;
    let phones = Arc::new(Phones::open(&sip.ip().to_string(), sip.port()).await?);
    // One before the measure: what a server makes at its first call is made.
    one(&phones, &args.agent, Duration::from_millis(args.hold_ms)).await.context("the first call")?;
    let tasks = Tasks::new();
    let (before, began) = (server.sample()?, Instant::now());
    let running: Vec<_> = (0..args.rate * args.seconds)
        .map(|index| {
            let at = began + Duration::from_secs(1) * index / args.rate;
            let (phones, agent, hold) =
                (Arc::clone(&phones), args.agent.clone(), Duration::from_millis(args.hold_ms));
            tasks.spawn(CALLER, async move {
                tokio::time::sleep_until(at).await;
                one(&phones, &agent, hold).await
            })
        })
        .collect();
    let mut calls = Vec::new();
    let mut failed = Vec::new();
    for call in running {
        match call.await {
            Ok(Some(Ok(begun))) => calls.push(begun),
            Ok(Some(Err(error))) => failed.push(error.to_string()),
            _ => failed.push("the caller's task ended".to_owned()),
        }
    }
    let took = began.elapsed();
    let busy = (server.sample()?.cpu - before.cpu).as_secs_f64() / took.as_secs_f64();
    report(args, &calls, &failed, busy)
}

/// One call, from its INVITE to its BYE.
async fn one(phones: &Phones, agent: &str, hold: Duration) -> anyhow::Result<Begun> {
    let began = Instant::now();
    let mut peer = phones.call(agent).await?;
    let answered = began.elapsed();
    let mut decoder = media_codec::decoder(peer.codec)?;
    let mut samples = Vec::new();
    let mut greeted = None;
    let mut until = Instant::now() + GREETING_WITHIN;
    let mut frames = tokio::time::interval(domain::FRAME);
    let mut sent = 0_u16;
    loop {
        tokio::select! {
            event = peer.events.recv() => match event {
                Some(LegEvent::Packet(packet)) if greeted.is_none() => {
                    samples.clear();
                    decoder.decode(&packet.payload, &mut samples)?;
                    if level::rms_dbfs(&samples) > VOICE_DBFS {
                        greeted = Some(began.elapsed());
                        until = Instant::now() + hold;
                    }
                }
                Some(LegEvent::Closed | LegEvent::Lost) | None => anyhow::bail!("the server ended the call"),
                Some(_) => {}
            },
            _ = frames.tick() => {
                let packet = Packet {
                    codec: peer.codec,
                    sequence: sent,
                    timestamp: u32::from(sent) * 160,
                    marker: sent == 0,
                    payload: SILENCE.into(),
                    at: Instant::now().into_std(),
                };
                // A full queue is a lost frame of silence.
                let _full = peer.commands.try_send(LegCommand::Packet(packet));
                sent = sent.wrapping_add(1);
            }
            () = tokio::time::sleep_until(until) => break,
        }
    }
    Ok(Begun { answered, greeted })
}

/// 20 ms of it in mu-law.
static SILENCE: &[u8] = &[0xff; 160];

fn report(args: &Args, calls: &[Begun], failed: &[String], busy: f64) -> anyhow::Result<ExitCode> {
    let ms = |duration: Duration| duration.as_secs_f64() * 1000.0;
    let answered: Vec<f64> = calls.iter().map(|call| ms(call.answered)).collect();
    let greeted: Vec<f64> = calls.iter().filter_map(|call| call.greeted.map(ms)).collect();
    let silent = calls.len() - greeted.len();
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "\n| calls a second | for s | calls | failed | not greeted | answered p50 / p95 / max ms | greeted p50 / p95 / max ms | core |"
    )?;
    writeln!(out, "|--:|--:|--:|--:|--:|---|---|--:|")?;
    let three = |values: &[f64]| {
        let [middle, most, all] = [0.5, 0.95, 1.0].map(|share| percentile(values, share));
        format!("{middle:.0} / {most:.0} / {all:.0}")
    };
    writeln!(
        out,
        "| {} | {} | {} | {} | {silent} | {} | {} | {:.0} % |",
        args.rate,
        args.seconds,
        calls.len() + failed.len(),
        failed.len(),
        three(&answered),
        three(&greeted),
        busy * 100.0,
    )?;
    let mut kinds: Vec<&String> = failed.iter().collect();
    kinds.sort();
    kinds.dedup();
    for why in kinds {
        writeln!(out, "failed: {why}")?;
    }
    Ok(if failed.is_empty() && silent == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
