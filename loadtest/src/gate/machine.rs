//! The processes of a run, each on its core, and what the system says they use.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::door::Entrance;
use loadtest_vendors::Delays;

/// A server that has not said that it is ready by then never will be.
const READY_WITHIN: Duration = Duration::from_secs(120);

/// What runs where, and how the vendors behave.
#[derive(Debug, clap::Args)]
pub(crate) struct Place {
    /// The server's binary; the `foundry` beside this one unless given.
    #[arg(long, value_name = "FILE")]
    pub(crate) server: Option<PathBuf>,
    /// Who decides that someone speaks.
    #[arg(long, default_value = "neural")]
    pub(crate) vad: String,
    /// The core that the server has to itself; callers and vendors get the others.
    #[arg(long, default_value_t = 1)]
    pub(crate) core: usize,
    #[command(flatten)]
    pub(crate) delays: Delays,
}

/// Ended with its owner, by its own id.
pub(crate) struct Process {
    child: Child,
    address: SocketAddr,
    folder: Option<tempfile::TempDir>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) cpu: Duration,
    pub(crate) resident_mib: f64,
}

impl Process {
    pub(crate) fn vendors(place: &Place) -> anyhow::Result<Self> {
        let address = free_address()?;
        let me = std::env::current_exe().context("the path of this program")?;
        let delays = place.delays;
        let child = pinned(&me, place.core, false)?
            .args(["vendors", "--listen", &address.to_string()])
            .args(["--stt-final-ms", &delays.stt_final_ms.to_string()])
            .args(["--llm-first-token-ms", &delays.llm_first_token_ms.to_string()])
            .args(["--llm-tokens-per-second", &delays.llm_tokens_per_second.to_string()])
            .args(["--tts-first-byte-ms", &delays.tts_first_byte_ms.to_string()])
            .args(["--tts-ms-per-char", &delays.tts_ms_per_char.to_string()])
            .args(["--tts-speed", &delays.tts_speed.to_string()])
            .stderr(Stdio::null())
            .spawn()
            .context("starting the timed vendors")?;
        Ok(Self { child, address, folder: None })
    }

    /// With the timed vendors' speech, and `settings` as whole sections of its configuration.
    pub(crate) async fn server(
        place: &Place,
        vendors: SocketAddr,
        settings: &str,
        entrance: &Entrance,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let config = folder.path().join("foundry.toml");
        let agents = folder.path().join("agents");
        std::fs::create_dir(&agents)?;
        for (name, agent) in [(THINKER, thinker()), (SHOWN, shown()?)] {
            std::fs::write(agents.join(format!("{name}.json")), agent.to_string())?;
        }
        let vad = &place.vad;
        let text = format!(
            "agents_dir = {agents:?}\n[providers]\nspeech = \"deepgram\"\nvad = \"{vad}\"\n[log]\nfilter = \"warn\"\n{settings}"
        );
        std::fs::write(&config, text)?;
        let mut command = pinned(&binary(place.server.as_ref())?, place.core, true)?;
        command
            .args(["serve", "--config"])
            .arg(&config)
            .args(&entrance.arguments)
            .envs(entrance.environment.iter().map(|(name, value)| (name, value)))
            .env("DEEPGRAM_API_KEY", "timed")
            .env("DEEPGRAM_BASE_URL", format!("ws://{vendors}"))
            .env("OPENAI_API_KEY", "timed")
            .env("OPENAI_BASE_URL", format!("http://{vendors}/openai/v1"))
            .env("TOKIO_WORKER_THREADS", "1");
        Self::serving(command, folder).await
    }

    /// As `make run` starts it, with its models and every core.
    pub(crate) async fn embedded(server: Option<&PathBuf>) -> anyhow::Result<Self> {
        let mut command = Command::new(binary(server)?);
        command.args(["serve", "--log", "warn"]);
        Self::serving(command, tempfile::tempdir()?).await
    }

    /// A LiveKit server on the callers' cores, for rooms on loopback.
    pub(crate) async fn livekit(
        place: &Place,
        program: &PathBuf,
        key: &str,
        secret: &str,
    ) -> anyhow::Result<Self> {
        let (address, media) = (free_address()?, free_address()?);
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("livekit.yaml");
        let settings = format!(
            "port: {}\nbind_addresses: [\"127.0.0.1\"]\nrtc:\n  udp_port: {}\n  tcp_port: 0\n  node_ip: 127.0.0.1\n  \
             use_external_ip: false\n  enable_loopback_candidate: true\n  interfaces:\n    includes: [lo]\n\
             keys:\n  {key}: \"{secret}\"\nlogging:\n  level: warn\n",
            address.port(),
            media.port(),
        );
        std::fs::write(&file, settings)?;
        let child = pinned(program, place.core, false)?
            .arg("--config")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("starting LiveKit; --livekit-server says where it is")?;
        let mut server = Self { child, address, folder: Some(folder) };
        server.ready("/").await?;
        Ok(server)
    }

    /// `command` as a server with its data in `folder`, once it is ready.
    async fn serving(mut command: Command, folder: tempfile::TempDir) -> anyhow::Result<Self> {
        let address = free_address()?;
        command
            .args(["--listen", &address.to_string(), "--data-dir"])
            .arg(folder.path())
            .stdout(Stdio::null());
        let child = command.spawn().with_context(|| format!("starting {command:?}"))?;
        let mut server = Self { child, address, folder: Some(folder) };
        server.ready("/readyz").await?;
        Ok(server)
    }

    pub(crate) fn port(&self) -> SocketAddr {
        self.address
    }

    /// By which the system knows it.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    async fn ready(&mut self, path: &str) -> anyhow::Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        let url = format!("{}{path}", self.url());
        loop {
            if let Some(status) = self.child.try_wait()? {
                anyhow::bail!("the server ended before it was ready: {status}");
            }
            if reqwest::get(&url).await.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            anyhow::ensure!(Instant::now() < deadline, "the server was not ready within {READY_WITHIN:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// CPU time since its start and memory now, from the system's own accounts.
    pub(crate) fn sample(&self) -> anyhow::Result<Sample> {
        let id = self.child.id();
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).context("the server has ended")?;
        let rollup = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let resident = rollup
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse::<f64>().ok());
        Ok(Sample { cpu: cpu_in(&stat), resident_mib: resident.unwrap_or(0.0) / 1024.0 })
    }

    /// The 99th percentile of the server's own media-tick lateness, ms, where it tells.
    pub(crate) async fn lateness(&self) -> Option<f64> {
        let token = std::fs::read_to_string(self.folder.as_ref()?.path().join("operator-token")).ok()?;
        let asked = reqwest::Client::new().get(format!("{}/metrics", self.url())).bearer_auth(token.trim());
        let text = asked.send().await.ok()?.error_for_status().ok()?.text().await.ok()?;
        super::report::quantile(&text, "session_tick_lateness_seconds", 0.99).map(|seconds| seconds * 1000.0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Ended already, or ends now; there is nobody left to tell.
        let _killed = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// What this process has used itself: the callers.
pub(crate) fn own_cpu() -> Duration {
    cpu_in(&std::fs::read_to_string("/proc/self/stat").unwrap_or_default())
}

/// Fields after the name, which may hold spaces: 14 and 15 are user and system ticks of 10 ms.
fn cpu_in(stat: &str) -> Duration {
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

fn binary(given: Option<&PathBuf>) -> anyhow::Result<PathBuf> {
    let binary = match given {
        Some(path) => path.clone(),
        None => std::env::current_exe()?.with_file_name("foundry"),
    };
    anyhow::ensure!(binary.exists(), "no server at {}: build it, or name it with --server", binary.display());
    Ok(binary)
}

/// On the server's core, or on all others.
fn pinned(program: &PathBuf, core: usize, on_core: bool) -> anyhow::Result<Command> {
    let list = if on_core { core.to_string() } else { others(core)? };
    let mut command = Command::new("taskset");
    command.args(["-c", &list]).arg(program);
    Ok(command)
}

/// The callers run in this process: it leaves the server's core, too.
pub(crate) fn leave(core: usize) -> anyhow::Result<()> {
    let me = std::process::id().to_string();
    let moved = Command::new("taskset")
        .args(["-a", "-c", "-p", &others(core)?, &me])
        .stdout(Stdio::null())
        .status()
        .context("taskset, of the package util-linux")?;
    anyhow::ensure!(moved.success(), "taskset could not move the callers off core {core}: {moved}");
    Ok(())
}

fn others(core: usize) -> anyhow::Result<String> {
    let cores = super::report::cores()?;
    let others: Vec<String> =
        (0..cores).filter(|other| *other != core).map(|other| other.to_string()).collect();
    anyhow::ensure!(!others.is_empty(), "a gate needs two cores: one for the server, one for its callers");
    Ok(others.join(","))
}

/// The system gives a free port; nobody else on this machine asks for it in the moment between.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

/// An agent whose every answer is the timed model's.
pub(crate) const THINKER: &str = "thinker";

fn thinker() -> Value {
    json!({
        "name": THINKER, "version": 1, "title": "Thinker",
        "options": {
            "page": { "description": "Answers what a timed language model says." },
            "providers": { "llm": [{ "provider": "openai", "model": "timed" }] },
        },
        "manners": { "nudges": [] },
        "entry": "talk",
        "nodes": { "talk": { "kind": "llm", "instructions": "Answer the caller.", "sorry": ["Sorry, that went wrong."] } },
        "edges": [],
    })
}

/// As `bench`, and not hidden: rooms ask for agents that a server shows.
pub(crate) const SHOWN: &str = "gate";

fn shown() -> anyhow::Result<Value> {
    let mut bench: Value = serde_json::from_str(include_str!("../../../agents/library/bench.json"))?;
    bench["name"] = SHOWN.into();
    bench["options"]["page"]["hidden"] = false.into();
    Ok(bench)
}
