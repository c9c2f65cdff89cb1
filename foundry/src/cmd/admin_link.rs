//! `foundry admin-link`: a link that signs one browser in as the operator, made on the machine that has the database.

use std::io::Write;
use std::process::ExitCode;

use control_store::{Db, admin_link, audit};
use domain::{Failure, Secret};
use jiff::{SignedDuration, Timestamp};

use crate::config::{Config, Overrides};
use crate::data_dir;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How the browser reaches the server, such as https://voice.example.com; the configuration or the server that runs on the data directory says it
    /// unless given.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    #[command(flatten)]
    overrides: Overrides,
}

/// Why there is no link.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Error {
    #[error("{0:?} is no address of a server: it begins with https:// or http://")]
    Address(String),
    #[error("the server listens on a port that it chose itself: say where it is reached with --url")]
    PortUnknown,
}

impl Error {
    fn coded(self) -> anyhow::Error {
        let code = match self {
            Self::Address(_) => "ADMIN_LINK_ADDRESS_INVALID",
            Self::PortUnknown => "ADMIN_LINK_ADDRESS_UNKNOWN",
        };
        super::coded(Failure::caller(code), self)
    }
}

/// Long enough to send it to a colleague.
const LIFE: SignedDuration = SignedDuration::from_hours(24);

pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = Config::load(args.overrides)?;
    let running = data_dir::reached_at(&config.data_dir);
    let base = base(args.url.as_deref(), running.as_deref(), &config).map_err(Error::coded)?;
    let code = super::with_store(&config, async |visit| made(&visit.db).await)?;
    writeln!(
        std::io::stdout(),
        "{base}/#admin={}\nIt signs one browser in, once, within the next {} hours.",
        code.expose(),
        LIFE.as_hours()
    )?;
    if args.url.is_none() && config.server.public_url.is_none() && running.is_none() {
        writeln!(
            std::io::stderr(),
            "no server runs on {}: the address is the configuration's; where the server has another, say it with --url",
            config.data_dir.display()
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn made(db: &Db) -> anyhow::Result<Secret<String>> {
    let org = super::organization::find(db, super::organization::DEFAULT).await?;
    let link = control_server::AdminLink::generate();
    let mut tx = db.org_tx(org).await?;
    let expires_at = Timestamp::now().checked_add(LIFE)?;
    let id = admin_link::create(&mut tx, &link.hash, expires_at).await?.to_string();
    let change = audit::Change {
        actor: super::ACTOR,
        action: "admin_link.create",
        target: &id,
        before: None,
        after: None,
        request_id: "",
    };
    audit::write(&mut tx, change).await?;
    tx.commit().await?;
    Ok(link.code)
}

/// Without a slash at its end.
fn base(given: Option<&str>, running: Option<&str>, config: &Config) -> Result<String, Error> {
    let server = &config.server;
    if let Some(url) = given.or(server.public_url.as_deref()).or(running) {
        if !url.starts_with("https://") && !url.starts_with("http://") {
            return Err(Error::Address(url.to_owned()));
        }
        return Ok(url.trim_end_matches('/').to_owned());
    }
    if server.listen.port() == 0 {
        return Err(Error::PortUnknown);
    }
    let tls = server.tls.self_signed || server.tls.cert.is_some();
    Ok(super::address(server.listen, tls))
}
