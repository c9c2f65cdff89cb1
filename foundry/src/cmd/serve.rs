//! `foundry serve`: put everything together, print the URL, serve until told to stop, let current calls finish.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;

use crate::config::{Config, Overrides};
use crate::listen::{self, Door};
use crate::wiring::House;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    overrides: Overrides,
}

/// After the deadline, for the agent to say goodbye on the calls that are still there.
const FAREWELL: Duration = Duration::from_secs(8);
/// For connections to close, logs to be completed and files to be written once no call runs any more.
const LAST_WORK: Duration = Duration::from_secs(5);
/// For threads in the middle of a file operation, after that.
const LAST_THREADS: Duration = Duration::from_secs(1);

pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = Config::load(args.overrides)?;
    let metrics = runtime::telemetry::install(&config.log).context("CONFIG_INVALID: in [log]")?;
    super::install_crypto();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the async runtime")?;
    let outcome = runtime.block_on(serve(config, metrics));
    // A thread that hangs in the file system must not keep the process.
    runtime.shutdown_timeout(LAST_THREADS);
    outcome
}

async fn serve(config: Config, metrics: runtime::telemetry::Metrics) -> anyhow::Result<ExitCode> {
    let drain = Duration::from_secs(config.server.drain_seconds);
    let mut stop = Stop::new()?;
    let server = &config.server;
    let names = listen::names(server.advertise.iter().copied().chain([server.listen.ip()]));
    let door = Door::open(server.listen, &server.tls, names, server.connections_per_address).await;
    let door = door.map_err(|error| super::coded(error.failure(), error))?;
    let url = url(&door)?;
    let house = tokio::select! {
        house = House::build(&config, metrics) => house?,
        () = stop.requested() => return Ok(ExitCode::SUCCESS),
    };
    door.serve(house.router(&config)?, house.tasks());
    house.reached_at(config.server.public_url.as_deref().unwrap_or(&url));
    announce(&links(&url, &config, &house), &config, &house)?;
    stop.requested().await;
    if house.calls_now() > 0 {
        eprintln!(
            "stopping: no new calls; {} running may finish within {} s (Ctrl-C again ends them now)",
            house.calls_now(),
            drain.as_secs()
        );
    }
    let drained = tokio::select! {
        drained = house.drain(drain, FAREWELL) => drained,
        () = stop.requested() => false,
    };
    if !in_time(house.shutdown(), stop.requested()).await {
        eprintln!("stopping now: something did not end by itself");
    }
    eprintln!("stopped{}", if drained { "" } else { "; some calls were ended early" });
    Ok(ExitCode::SUCCESS)
}

/// Whether the work came to its end: it may take `LAST_WORK`, and no longer than until it is asked again to stop.
async fn in_time(work: impl Future<Output = ()>, again: impl Future<Output = ()>) -> bool {
    tokio::select! {
        ended = tokio::time::timeout(LAST_WORK, work) => ended.is_ok(),
        () = again => false,
    }
}

fn url(door: &Door) -> anyhow::Result<String> {
    Ok(super::address(door.address()?, door.is_tls()))
}

/// Addresses that a person opens.
struct Links {
    here: String,
    /// From other machines, where they use another.
    elsewhere: Option<String>,
    signs_in: bool,
}

/// With a code that is good once: what follows the `#` stays in the browser, and signs it in.
fn links(url: &str, config: &Config, house: &House) -> Links {
    let code = house.admin_code().map(|code| format!("/#admin={code}"));
    let signing = |base: &str| format!("{base}{}", code.as_deref().unwrap_or_default());
    let named = house.address().filter(|_| config.server.listen.ip().is_unspecified());
    let by_name = named.map(|ip| url.replace("//localhost:", &format!("//{}:", super::bracketed(ip))));
    let public = config.server.public_url.as_deref().map(|url| url.trim_end_matches('/').to_owned());
    Links {
        here: signing(url),
        elsewhere: public.or(by_name).as_deref().map(signing),
        signs_in: code.is_some(),
    }
}

fn announce(links: &Links, config: &Config, house: &House) -> anyhow::Result<()> {
    let elsewhere =
        links.elsewhere.iter().map(|link| format!("  From elsewhere: {link}\n")).collect::<String>();
    let reading = if links.signs_in {
        "The address signs one browser in, once: to make agents, and to read and hear calls, under /console; `foundry admin-link` prints another one."
    } else {
        "Agents are made and calls are read under /console, with the operator's token."
    };
    let phones = match house.phones() {
        Some(address) if config.sip.open => format!("  By phone: sip:front-desk@{address}\n"),
        Some(address) => format!(
            "  By phone: numbers that a route leads to, such as sip:+15550100@{address}; see Routes in the console.\n"
        ),
        None => String::new(),
    };
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "\n  Agent Foundry is ready: {}\n{elsewhere}{phones}  Press the button and talk. {}\n  {reading}\n  Stop with Ctrl-C.\n",
        links.here,
        house.says()
    )?;
    out.flush()?;
    Ok(())
}

/// Ctrl-C or SIGTERM.
struct Stop {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Stop {
    fn new() -> anyhow::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Cancel-safe: a signal that came while nobody waited is seen by the next call.
    async fn requested(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_never_ends_keeps_neither_the_process_nor_the_one_who_asks_again() {
        assert!(in_time(ready(()), pending()).await);
        assert!(!in_time(pending(), pending()).await);
        assert!(!in_time(pending(), tokio::time::sleep(Duration::from_millis(1))).await);
    }
}
