//! `foundry call`: a caller without a browser, for any agent on any server, or in a LiveKit room. Speaks recordings, records the reply,
//! reports each turn.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use clap::{ArgMatches, FromArgMatches};
use domain::Secret;
use loadtest::api::Plane;
use loadtest::call::{self, Line, Options, Outcome};
use loadtest::link::sip::Phones;
use loadtest::link::{self, Target, Transport};
use loadtest::wav;
use media_livekit::{Grant, Keys, Ticket, Trust};
use serde_json::json;

use super::coded;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Base URL of the server.
    #[arg(long, default_value = "http://localhost:7860", value_name = "URL", value_parser = base_url)]
    url: String,
    #[arg(long, default_value = "front-desk", value_name = "NAME")]
    agent: String,
    #[command(flatten)]
    script: Script,
    /// Record what the agent said (16 kHz mono WAV).
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// One JSON object a line for each turn, instead of text.
    #[arg(long)]
    json: bool,
    #[arg(long, value_enum, default_value = "webrtc", conflicts_with = "livekit")]
    transport: Transport,
    #[command(flatten)]
    room: Room,
    /// Call by SIP, such as sip:front-desk@127.0.0.1:5060; whom, stands in the address.
    #[arg(long, value_name = "ADDRESS", value_parser = sip_address, conflicts_with_all = ["transport", "livekit", "agent"])]
    sip: Option<SipAddress>,
    /// What a closed server asks for: the operator's token, or one that POST /v1/widget/token gave for it. Others on the machine
    /// can read a command line: prefer the environment.
    #[arg(long, env = "FOUNDRY_TOKEN", value_name = "TOKEN", hide_env_values = true, value_parser = crate::config::secret)]
    token: Option<Secret<String>>,
    /// Take any certificate: for a server that made its own.
    #[arg(long)]
    insecure: bool,
    /// How long to wait for a reply to begin, in seconds.
    #[arg(long, default_value_t = 15.0, value_name = "SECONDS")]
    reply_within: f64,
}

#[derive(clap::Args)]
struct Room {
    /// Call the agent in a room of the LiveKit server at this address, such as ws://localhost:7880. With LIVEKIT_API_KEY and
    /// LIVEKIT_API_SECRET in the environment by a token of its own, else by one that the server at --url gives.
    #[arg(long, value_name = "URL", value_parser = room_url)]
    livekit: Option<String>,
    /// Name of the room, which is new unless somebody is in it; the agent comes along with a new one alone.
    #[arg(long, value_name = "NAME", requires = "livekit")]
    room: Option<String>,
    /// Certificates of authorities (PEM) by which the LiveKit server and its TURN servers are verified, besides the system's.
    #[arg(long, value_name = "FILE", requires = "livekit")]
    ca: Option<PathBuf>,
    #[arg(long, env = "LIVEKIT_API_KEY", hide = true)]
    livekit_api_key: Option<String>,
    #[arg(long, env = "LIVEKIT_API_SECRET", hide = true, hide_env_values = true, value_parser = crate::config::secret)]
    livekit_api_secret: Option<Secret<String>>,
}

/// As long as a token is good that is used at once.
const TOKEN_LASTS: Duration = Duration::from_secs(600);

impl Room {
    fn trust(&self) -> anyhow::Result<Trust> {
        let trust = self.ca.as_deref().map_or_else(|| Ok(Trust::default()), Trust::with);
        trust.map_err(|error| anyhow::anyhow!("LIVEKIT_OPTIONS: --ca: {error}"))
    }

    /// The way in, for a call to `agent` of the server that `plane` leads to.
    async fn ticket(&self, url: &str, agent: &str, plane: &Plane) -> anyhow::Result<Ticket> {
        let url = url.to_owned();
        let room = self.room.clone().unwrap_or_else(|| format!("call-{:016x}", rand::random::<u64>()));
        let identity = format!("caller-{:08x}", rand::random::<u32>());
        let keys = (self.livekit_api_key.clone(), self.livekit_api_secret.clone());
        let (key, secret) = match keys {
            (Some(key), Some(secret)) => (key, secret),
            (None, None) => {
                let body = json!({ "agent": agent, "room": room, "identity": identity });
                let given = plane.ask("POST", control_api::paths::LIVEKIT_TOKEN, Some(&body)).await?;
                let token = given["token"].as_str().context("the server's answer has no token")?;
                return Ok(Ticket { url, token: Secret::new(token.to_owned()) });
            }
            _ => bail!(
                "LIVEKIT_OPTIONS: LIVEKIT_API_KEY and LIVEKIT_API_SECRET go together: give both, or none"
            ),
        };
        let agents = vec![(agent.to_owned(), String::new())];
        let grant = Grant { room, identity, agents, ..Grant::default() };
        let token = Keys { key, secret }.join(&grant, SystemTime::now(), TOKEN_LASTS);
        Ok(Ticket { url, token: token.map_err(|error| coded(error.failure(), error))? })
    }
}

/// Whom a phone calls, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
struct SipAddress {
    user: String,
    host: String,
    port: u16,
}

/// Where SIP is, unless said otherwise.
const SIP_PORT: u16 = 5060;

fn sip_address(text: &str) -> Result<SipAddress, String> {
    let wrong = || "it is sip:NAME@HOST or sip:NAME@HOST:PORT".to_owned();
    let (user, at) = text.strip_prefix("sip:").and_then(|rest| rest.split_once('@')).ok_or_else(wrong)?;
    let after_host = at.rfind(']').map_or(0, |end| end + 1);
    let (host, port) = match at[after_host..].split_once(':') {
        Some((rest, port)) => {
            (&at[..after_host + rest.len()], port.parse().map_err(|_| "its port is no port".to_owned())?)
        }
        None => (at, SIP_PORT),
    };
    if user.is_empty() || host.is_empty() {
        return Err(wrong());
    }
    Ok(SipAddress { user: user.to_owned(), host: host.to_owned(), port })
}

fn room_url(text: &str) -> Result<String, String> {
    media_livekit::check_url(text).map(|()| text.to_owned()).map_err(|error| error.to_string())
}

/// The files in the order given; an `--at` belongs to the `--wav` before it.
struct Script(Vec<(PathBuf, Option<f64>)>);

impl clap::Args for Script {
    fn augment_args(command: clap::Command) -> clap::Command {
        let wav = clap::Arg::new("wav")
            .long("wav")
            .value_name("FILE")
            .action(clap::ArgAction::Append)
            .value_parser(clap::value_parser!(PathBuf))
            .help("Recording to speak when the agent has finished; may be repeated");
        let at = clap::Arg::new("at")
            .long("at")
            .value_name("SECONDS")
            .action(clap::ArgAction::Append)
            .value_parser(clap::value_parser!(f64))
            .help("Interrupt: speak the --wav before it this long after the agent began to speak");
        command.arg(wav).arg(at)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Script {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let placed = |name: &str| matches.indices_of(name).into_iter().flatten();
        let mut lines: Vec<(usize, PathBuf, Option<f64>)> = placed("wav")
            .zip(matches.get_many::<PathBuf>("wav").into_iter().flatten())
            .map(|(index, path)| (index, path.clone(), None))
            .collect();
        for (index, seconds) in placed("at").zip(matches.get_many::<f64>("at").into_iter().flatten()) {
            match lines.iter_mut().rev().find(|(wav, ..)| *wav < index) {
                Some((_, _, at)) => *at = Some(*seconds),
                None => {
                    return Err(clap::Error::raw(
                        clap::error::ErrorKind::MissingRequiredArgument,
                        "--at needs a --wav before it\n",
                    ));
                }
            }
        }
        Ok(Self(lines.into_iter().map(|(_, path, at)| (path, at)).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn base_url(text: &str) -> Result<String, String> {
    let known =
        ["http://", "https://"].iter().any(|scheme| text.len() > scheme.len() && text.starts_with(scheme));
    known.then(|| text.to_owned()).ok_or_else(|| "it begins with http:// or https://".to_owned())
}

pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let script = args
        .script
        .0
        .iter()
        .map(|(path, at)| {
            let at = at
                .map(|seconds| Duration::try_from_secs_f64(seconds).context("--at must be 0 or more seconds"))
                .transpose()?;
            let samples = wav::read(path).map_err(|error| coded(error.failure(), error))?;
            Ok(Line { samples, at, ahead: None })
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let reply =
        Duration::try_from_secs_f64(args.reply_within).context("--reply-within must be 0 or more seconds")?;
    let options = Options { reply, keep_recording: args.out.is_some(), ..Options::default() };
    let target = Target {
        url: args.url.clone(),
        agent: args.agent.clone(),
        token: args.token.clone(),
        insecure: args.insecure,
    };
    super::install_crypto();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let outcome = runtime.block_on(async {
        let called = match (&args.room.livekit, &args.sip) {
            (Some(url), _) => {
                let (server, token, insecure) = (args.url.clone(), args.token.clone(), args.insecure);
                let plane = Plane { url: server, token, insecure };
                let trust = args.room.trust()?;
                let ticket = args.room.ticket(url, &args.agent, &plane).await?;
                Box::pin(call::on(link::livekit::dial(ticket, trust), &script, &options)).await
            }
            (None, Some(address)) => {
                let phones = Phones::open(&address.host, address.port).await;
                let phones = phones.map_err(|error| coded(error.failure(), error))?;
                Box::pin(call::on(phones.dial(&address.user), &script, &options)).await
            }
            (None, None) => Box::pin(call::run(&target, args.transport, &script, &options)).await,
        };
        called.map_err(|error| coded(error.failure(), error))
    })?;
    if let Some(path) = &args.out {
        wav::write(path, &outcome.recording).map_err(|error| coded(error.failure(), error))?;
    }
    report(&outcome, args.json)?;
    Ok(verdict(&outcome, script.len()))
}

fn report(outcome: &Outcome, json: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for turn in &outcome.turns {
        if json {
            serde_json::to_writer(&mut out, turn)?;
            writeln!(out)?;
            continue;
        }
        if turn.turn > 0 {
            writeln!(out, "caller: {}", turn.user_text)?;
        }
        let cut = if turn.interrupted { " [interrupted]" } else { "" };
        let response =
            turn.timeline_ms.get("caller_response").map(|ms| format!(" ({ms} ms)")).unwrap_or_default();
        writeln!(
            out,
            "agent: {}{cut}{response}",
            if turn.answered { turn.agent_text.as_str() } else { "(silence)" }
        )?;
    }
    if let (Some(reason), false) = (&outcome.ended, json) {
        writeln!(out, "the agent ended the call: {reason}")?;
    }
    Ok(())
}

fn verdict(outcome: &Outcome, lines: usize) -> ExitCode {
    // An apology is a voice, and no answer; and lines after the end are nobody's fault but the provider's.
    if outcome.ended.as_deref() == Some("provider_failed") {
        eprintln!(
            "error: PROVIDER_FAILED: a provider of the server failed, and the agent had to end the call"
        );
        return ExitCode::FAILURE;
    }
    let answered = outcome.heard_anything() && outcome.all_answered();
    if !answered {
        eprintln!(
            "error: AGENT_SILENT: the agent never answered {}",
            if lines == 0 { "the call" } else { "at least one of the lines" }
        );
        return ExitCode::FAILURE;
    }
    // An agent that says goodbye leaves the caller's last lines unspoken; that is its right, and worth knowing.
    let spoken = outcome.turns.len().saturating_sub(1);
    if spoken < lines {
        eprintln!("note: the agent ended the call after {spoken} of {lines} lines");
    }
    if outcome.worst_lateness > Duration::from_millis(20) {
        eprintln!(
            "note: this machine sent audio up to {:?} late; do not trust the times to that precision",
            outcome.worst_lateness
        );
    }
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn a_sip_address_is_whom_and_where() {
        let parsed = |text| sip_address(text).map(|SipAddress { user, host, port }| (user, host, port));
        let is = |user: &str, host: &str, port| Ok((user.to_owned(), host.to_owned(), port));
        assert_eq!(parsed("sip:front-desk@127.0.0.1:5070"), is("front-desk", "127.0.0.1", 5_070));
        assert_eq!(parsed("sip:+49301@example.com"), is("+49301", "example.com", 5_060));
        assert_eq!(parsed("sip:a@[::1]:5080"), is("a", "[::1]", 5_080));
        for bad in
            ["front-desk@127.0.0.1", "sip:front-desk", "sip:@host", "sip:a@", "sip:a@host:x", "tel:+49"]
        {
            assert!(parsed(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_interruption_belongs_to_the_recording_before_it() {
        let cli = Cli::try_parse_from([
            "call", "--wav", "a.wav", "--wav", "b.wav", "--at", "1.2", "--wav", "c.wav",
        ])
        .expect("valid");
        let script: Vec<_> =
            cli.args.script.0.iter().map(|(path, at)| (path.to_str().unwrap_or_default(), *at)).collect();
        assert_eq!(script, [("a.wav", None), ("b.wav", Some(1.2)), ("c.wav", None)]);
        assert!(Cli::try_parse_from(["call", "--at", "1"]).is_err());
    }
}
