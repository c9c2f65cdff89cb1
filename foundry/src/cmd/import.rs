//! `foundry import`: agents from files, as `foundry export` writes them, into an organization's drafts, and published where asked.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use control_store::alias::ReleaseKind;
use control_store::version::NewVersion;
use control_store::{OrgTx, agent, alias, audit, draft, environment, version};
use domain::{AgentId, AgentVersionId};

use crate::adapters::catalogue;
use crate::cmd::organization;
use crate::config::{Config, Overrides};
use crate::store::Visit;

/// As versions and the audit log name who did it.
const ACTOR: &str = "import";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Files of agents (*.json), or folders of them.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Publish to this environment what differs from what it serves.
    #[arg(long, value_name = "ENVIRONMENT")]
    publish: Option<String>,
    /// Note of the new versions.
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Name of the organization.
    #[arg(long, value_name = "NAME", default_value = organization::DEFAULT)]
    organization: String,
    #[command(flatten)]
    overrides: Overrides,
}

pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = Config::load(args.overrides.clone())?;
    let mut files = Vec::new();
    for path in &args.paths {
        files.extend(read(path)?);
    }
    super::with_store(&config, async |visit| {
        // All are looked at before the first is written.
        for (path, json) in &files {
            catalogue::check_alone(&config, json)
                .await
                .with_context(|| format!("AGENT_INVALID: {}", path.display()))?;
        }
        take_all(visit, &args, &files).await
    })
}

fn read(path: &Path) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let reading = || format!("reading {}", path.display());
    let mut paths = if path.is_dir() {
        let entries =
            fs::read_dir(path).with_context(reading)?.collect::<Result<Vec<_>, _>>().with_context(reading)?;
        let files = entries.into_iter().map(|entry| entry.path());
        files.filter(|path| path.extension().is_some_and(|ending| ending == "json")).collect()
    } else {
        vec![path.to_owned()]
    };
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            fs::read_to_string(&path)
                .map(|text| (path.clone(), text))
                .with_context(|| format!("reading {}", path.display()))
        })
        .collect()
}

async fn take_all(visit: &Visit, args: &Args, files: &[(PathBuf, String)]) -> anyhow::Result<ExitCode> {
    let org = organization::find(&visit.db, &args.organization).await?;
    for (path, json) in files {
        let mut tx = visit.db.org_tx(org).await?;
        let done =
            take(&mut tx, args, json).await.with_context(|| format!("importing {}", path.display()))?;
        if !args.dry_run {
            tx.commit().await?;
        }
        eprintln!("{}{done}", if args.dry_run { "would: " } else { "" });
    }
    Ok(ExitCode::SUCCESS)
}

async fn take(tx: &mut OrgTx, args: &Args, json: &str) -> anyhow::Result<String> {
    let definition = agents_graph::parse(json)?;
    let name = &definition.name;
    let title = if definition.title.is_empty() { name } else { &definition.title };
    let (id, mut said) = match agent::lock(tx, None, name).await? {
        Some(found) if found.archived_at.is_some() => {
            anyhow::bail!("{name} is archived, and its name stays taken: give the agent another name")
        }
        Some(found) => (found.id, format!("{name}: ")),
        None => {
            let id = AgentId::generate();
            agent::create(tx, id, name, title, None).await?;
            (id, format!("{name}: made, "))
        }
    };
    let before = draft::find(tx, id).await?;
    let base = version::latest(tx, id).await?.map(|latest| latest.number);
    if before.as_ref().is_some_and(|draft| says_the_same(&draft.definition, json)) {
        said.push_str("draft as it was");
    } else {
        draft::write(tx, id, json, base, ACTOR).await?;
        said.push_str("draft written");
    }
    if let Some(environment) = &args.publish {
        said.push_str(&publish(tx, id, environment, json, &args.note).await?);
    }
    let change = audit::Change {
        actor: ACTOR,
        action: "agent.import",
        target: &id.to_string(),
        before: None,
        after: None,
        request_id: "command line",
    };
    audit::write(tx, change).await?;
    Ok(said)
}

async fn publish(tx: &mut OrgTx, id: AgentId, name: &str, json: &str, note: &str) -> anyhow::Result<String> {
    let found = environment::named(tx, name).await?;
    let found = found.with_context(|| format!("the organization has no environment {name:?}"))?;
    if let Some(served) = alias::find(tx, id, found.id).await?
        && let Some(definition) = version::definition(tx, id, served.number).await?
        && says_the_same(&definition, json)
    {
        return Ok(format!(", {name} serves version {} already", served.number));
    }
    let version = match version::same(tx, id, json).await? {
        Some(version) => version,
        None => {
            let new = NewVersion { id: AgentVersionId::generate(), definition: json, note, by: ACTOR };
            version::create(tx, id, new).await?
        }
    };
    if alias::find(tx, id, found.id).await?.is_some_and(|alias| alias.version == version.id) {
        return Ok(format!(", {name} serves version {} already", version.number));
    }
    alias::point(tx, id, found.id, version.id, ReleaseKind::Publish, ACTOR).await?;
    draft::rebase(tx, id, version.number).await?;
    Ok(format!(", version {} published to {name}", version.number))
}

/// However it is written, and whatever number it gives itself.
fn says_the_same(a: &str, b: &str) -> bool {
    let read = |json| {
        agents_graph::parse(json).map(|definition| agents_graph::AgentDefinition { version: 0, ..definition })
    };
    matches!((read(a), read(b)), (Ok(a), Ok(b)) if a == b)
}
