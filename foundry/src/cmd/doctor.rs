//! `foundry doctor`: what would stop `foundry serve` on this machine, and how to mend it. Leaves nothing behind.

use std::io::Write;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::ExitCode;

use control_store::{Access, Db, embedded};
use inference::store::Depth;

use crate::adapters::catalogue;
use crate::config::{Config, Detector, Overrides, Speech, Tls};
use crate::{data_dir, listen};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    overrides: Overrides,
}

/// One thing that was looked at.
struct Finding {
    what: &'static str,
    /// What was found, or what is wrong and how to mend it.
    outcome: Result<String, String>,
}

pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = Config::load(args.overrides)?;
    super::install_crypto();
    let findings = [
        directory(&config),
        database(&config)?,
        models(&config),
        providers(&config),
        agents(&config)?,
        tls(&config),
        tcp(&config),
        udp(&config),
        phones(&config),
        microphone(&config),
        descriptors(),
    ];
    let mut out = std::io::stdout().lock();
    for finding in &findings {
        let (sign, text) = match &finding.outcome {
            Ok(text) => ("ok  ", text),
            Err(text) => ("FAIL", text),
        };
        writeln!(out, "{sign}  {:<12} {text}", finding.what)?;
    }
    let healthy = findings.iter().all(|finding| finding.outcome.is_ok());
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn directory(config: &Config) -> Finding {
    let path = &config.data_dir;
    let outcome = usable(path).map(|()| format!("{} can be written", path.display())).map_err(|error| {
        format!("{} cannot be written ({error}): give another with --data-dir DIR", path.display())
    });
    Finding { what: "data", outcome }
}

fn database(config: &Config) -> anyhow::Result<Finding> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = match &config.store.url {
        None => {
            let options = embedded::Options { binaries: config.store.postgres_bin.clone() };
            let installed = runtime.block_on(embedded::installed(&options));
            installed
                .map(|major| format!("PostgreSQL {major} is installed for the private database"))
                .map_err(|error| error.to_string())
        }
        Some(url) => runtime.block_on(reached(url.expose())).map_err(|error| format!("{error:#}")),
    };
    Ok(Finding { what: "database", outcome })
}

/// Looks and changes nothing.
async fn reached(url: &str) -> anyhow::Result<String> {
    let version = Db::look(&Access::url(url)?).await?;
    Ok(format!("PostgreSQL {version} answers"))
}

/// Whether `path` is a directory that can be written, or could be made one.
fn usable(path: &Path) -> std::io::Result<()> {
    let whole = std::path::absolute(path)?;
    let there = whole.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(&whole);
    let probe = there.join(format!(".doctor-{}", std::process::id()));
    std::fs::OpenOptions::new().write(true).create_new(true).open(&probe)?;
    std::fs::remove_file(probe)
}

fn models(config: &Config) -> Finding {
    let what = "models";
    if config.providers.speech != Speech::Local && config.providers.vad == Detector::Energy {
        return Finding { what, outcome: Ok("not needed: other providers listen and speak".to_owned()) };
    }
    let outcome = match super::models::store(config.models_dir.clone()) {
        Err(error) => Err(error.to_string()),
        Ok(store) => match store.verify(Depth::Quick).first() {
            Some(error) => Err(format!("{}: {error}", error.failure().code)),
            None => Ok(format!("all there and sound in {}", store.directory().display())),
        },
    };
    Finding { what, outcome }
}

fn providers(config: &Config) -> Finding {
    let started = crate::speech::Speech::check(config).map_err(|error| format!("{error:#}"));
    Finding { what: "providers", outcome: started.map(|()| "all is set that they need".to_owned()) }
}

fn agents(config: &Config) -> anyhow::Result<Finding> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Without a model of meaning: what can be wrong with a definition does not depend on it.
    let outcome = match runtime.block_on(catalogue::sources(config, None)) {
        Ok(sources) => {
            let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
            Ok(format!("{} can be called", names.join(", ")))
        }
        Err(error) => Err(format!("{error:#}")),
    };
    Ok(Finding { what: "agents", outcome })
}

fn tls(config: &Config) -> Finding {
    let tls = &config.server.tls;
    let outcome = listen::check(tls)
        .map(|()| {
            if *tls == Tls::default() { "plain HTTP, as configured" } else { "HTTPS can be served" }
                .to_owned()
        })
        .map_err(|error| format!("{}: {error}", error.failure().code));
    Finding { what: "tls", outcome }
}

fn tcp(config: &Config) -> Finding {
    let address = config.server.listen;
    let outcome = TcpListener::bind(address).map(|_| format!("{address} is free"));
    let outcome = outcome.or_else(|error| running(config, &address.to_string()).ok_or(error));
    let outcome = outcome.map_err(|error| format!("cannot listen on {address} ({error}): stop what runs there, or give another with --listen IP:PORT"));
    Finding { what: "tcp port", outcome }
}

fn udp(config: &Config) -> Finding {
    let address = config.media_listen();
    let outcome = UdpSocket::bind(address)
        .map(|_| format!("{address} is free; browsers on other machines must reach it by UDP"));
    let outcome = outcome.or_else(|error| running(config, &format!("UDP {address}")).ok_or(error));
    let outcome = outcome.map_err(|error| {
        format!("cannot listen on UDP {address} ({error}): give another with --media-listen IP:PORT")
    });
    Finding { what: "udp port", outcome }
}

/// Where calls by SIP come in, and the ports of their audio.
fn phones(config: &Config) -> Finding {
    Finding { what: "sip", outcome: sip_ports(config) }
}

fn sip_ports(config: &Config) -> Result<String, String> {
    let sip = &config.sip;
    let Some(listen) = sip.listen else {
        return Ok("phones are not listened for: --sip-listen IP:PORT has them".to_owned());
    };
    let tcp = |address| TcpListener::bind(address).map(drop);
    let tried = UdpSocket::bind(listen).map(drop).and_then(|()| tcp(listen));
    let tried = tried.and_then(|()| sip.tls_listen.map_or(Ok(()), tcp));
    if let Err(error) = tried {
        return running(config, &format!("SIP {listen}")).ok_or_else(|| {
            format!("cannot listen on {listen} for SIP ({error}): stop what runs there, or give another with --sip-listen IP:PORT")
        });
    }
    let (first, last) = (sip.rtp_first.next_multiple_of(2), sip.rtp_last);
    // A call takes an even one.
    let ports = (first..=last).step_by(2);
    let taken = ports.clone().filter(|port| UdpSocket::bind((listen.ip(), *port)).is_err()).count();
    let all = ports.count();
    match taken {
        0 => Ok(format!("{listen} is free, and UDP {first} to {last} for the audio of {all} calls")),
        _ => Err(format!(
            "{taken} of {all} ports of audio in UDP {first} to {last} are in use: give others with --sip-rtp FIRST-LAST"
        )),
    }
}

/// A port that is taken is as it should be where the server of this data directory runs. Whether that is who has it, a look cannot tell.
fn running(config: &Config, port: &str) -> Option<String> {
    let process = data_dir::holder(&config.data_dir)?;
    Some(format!("{port} is in use, and a server runs on this data directory (process {process})"))
}

/// Browsers give the microphone to localhost and to HTTPS alone.
fn microphone(config: &Config) -> Finding {
    let tls = config.server.tls.self_signed || config.server.tls.cert.is_some();
    let outcome = if tls || config.server.listen.ip().is_loopback() {
        Ok("browsers will give the page their microphone".to_owned())
    } else {
        Err(format!(
            "browsers on other machines give no microphone to plain http://{}: add --tls-self-signed, or --tls-cert and --tls-key",
            config.server.listen
        ))
    };
    Finding { what: "microphone", outcome }
}

fn descriptors() -> Finding {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let soft = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .and_then(|line| line.split_whitespace().nth(3)?.parse::<u64>().ok());
    let outcome = match soft {
        Some(files) if files < 1024 => {
            Err(format!("only {files} open files are allowed: raise it with `ulimit -n 4096`"))
        }
        Some(files) => Ok(format!("{files} open files are allowed")),
        None => Ok("the limit of open files is not known on this system".to_owned()),
    };
    Finding { what: "files", outcome }
}
