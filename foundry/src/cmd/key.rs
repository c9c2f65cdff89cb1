//! `foundry key`: API keys, made and ended on the machine that has the database.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use control_store::{Db, OrgTx, Page, Reason, api_key, audit, org};
use domain::{ApiKeyId, OrgId};
use jiff::{SignedDuration, Timestamp};

use super::ACTOR;
use crate::config::{Config, Overrides};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make a key and print it: it is shown this once.
    Create {
        /// What it is for, as lists and the audit log name it.
        #[arg(long)]
        name: String,
        #[command(flatten)]
        place: Place,
        /// Days until it expires; it does not unless given.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=3650))]
        expires_days: Option<u16>,
    },
    /// The keys of an organization, newest first.
    List {
        #[command(flatten)]
        place: Place,
    },
    /// End a key now. A running server believes it for five seconds at most.
    Revoke {
        /// Its id, such as key_019ab0e61c7a7d53a1d1d8ea5e3a6f10.
        id: ApiKeyId,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(clap::Args)]
struct Place {
    /// Whose key.
    #[arg(long, default_value = super::organization::DEFAULT, value_name = "NAME")]
    organization: String,
    #[command(flatten)]
    overrides: Overrides,
}

pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (Command::Create { place, .. } | Command::List { place } | Command::Revoke { place, .. }) =
        &args.command;
    let config = Config::load(place.overrides.clone())?;
    let said = super::with_store(&config, async |visit| done(&visit.db, args.command).await)?;
    std::io::stdout().write_all(said.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// What is printed of it.
async fn done(db: &Db, command: Command) -> anyhow::Result<String> {
    match command {
        Command::Create { name, place, expires_days } => {
            create(db, &name, &place.organization, expires_days).await
        }
        Command::List { place } => list(db, &place.organization).await,
        Command::Revoke { id, place } => revoke(db, id, &place.organization).await,
    }
}

async fn within(db: &Db, organization: &str) -> anyhow::Result<OrgTx> {
    let mut tx = db.system_tx(Reason::Organizations).await?;
    let found = org::named(&mut tx, organization).await?;
    tx.commit().await?;
    let org: OrgId = found.with_context(|| format!("there is no organization {organization:?}"))?.id;
    Ok(db.org_tx(org).await?)
}

async fn create(db: &Db, name: &str, organization: &str, days: Option<u16>) -> anyhow::Result<String> {
    anyhow::ensure!((1..=100).contains(&name.chars().count()), "--name must have 1 to 100 characters");
    let mut tx = within(db, organization).await?;
    let key = control_server::NewKey::generate();
    let life = days.map(|days| SignedDuration::from_hours(24 * i64::from(days)));
    let expires_at = life.map(|life| Timestamp::now().checked_add(life)).transpose()?;
    let (id, hint, hash) = (ApiKeyId::generate(), key.hint.as_str(), &key.hash);
    let new = api_key::NewKey { id, name, hint, hash, expires_at, by: ACTOR };
    let made = api_key::create(&mut tx, new).await?;
    write_down(&mut tx, "api_key.create", &made).await?;
    tx.commit().await?;
    Ok(format!("{}\n", key.secret.expose()))
}

async fn list(db: &Db, organization: &str) -> anyhow::Result<String> {
    let mut tx = within(db, organization).await?;
    let keys = api_key::list(&mut tx, Page { after: None, limit: 1000 }).await?;
    tx.commit().await?;
    let now = Timestamp::now();
    let line = |key: &api_key::ApiKey| {
        let state = match (key.revoked_at, key.expires_at) {
            (Some(at), _) => format!("revoked {at:.0}"),
            (None, Some(at)) if at <= now => format!("expired {at:.0}"),
            (None, Some(at)) => format!("until {at:.0}"),
            (None, None) => "good".to_owned(),
        };
        let used = key.last_used_at.map_or_else(|| "never used".to_owned(), |at| format!("used {at:.0}"));
        format!("{}  {}  {state}  {used}  {}\n", key.id, key.hint, key.name)
    };
    Ok(keys.iter().map(line).collect())
}

async fn revoke(db: &Db, id: ApiKeyId, organization: &str) -> anyhow::Result<String> {
    let mut tx = within(db, organization).await?;
    let found = api_key::lock(&mut tx, id).await?;
    found.with_context(|| format!("the organization {organization:?} has no key {id}"))?;
    let revoked = api_key::revoke(&mut tx, id).await?;
    write_down(&mut tx, "api_key.revoke", &revoked).await?;
    tx.commit().await?;
    Ok(format!("revoked {}  {}\n", revoked.id, revoked.name))
}

async fn write_down(tx: &mut OrgTx, action: &str, key: &api_key::ApiKey) -> anyhow::Result<()> {
    let after = serde_json::json!({"id": key.id, "name": key.name, "hint": key.hint});
    let change = audit::Change {
        actor: ACTOR,
        action,
        target: &key.id.to_string(),
        before: None,
        after: Some(&after),
        request_id: "",
    };
    Ok(audit::write(tx, change).await?)
}
