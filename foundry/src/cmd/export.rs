//! `foundry export`: the agents of an organization as files, one each, that git can compare.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use control_store::{Page, Place, agent, draft, version};

use crate::cmd::organization;
use crate::config::{Config, Overrides};
use crate::store::Visit;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Folder that the files are written into; made where it is missing. Files of agents that are gone stay.
    folder: PathBuf,
    /// This agent alone; may be repeated.
    #[arg(long = "agent", value_name = "NAME")]
    agents: Vec<String>,
    /// What is being edited, in place of what the environment serves.
    #[arg(long)]
    draft: bool,
    /// The environment whose versions are written.
    #[arg(long, value_name = "NAME", default_value = "prod")]
    environment: String,
    /// Name of the organization.
    #[arg(long, value_name = "NAME", default_value = organization::DEFAULT)]
    organization: String,
    #[command(flatten)]
    overrides: Overrides,
}

/// Agents of one look.
const PAGE: i64 = 100;

pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = Config::load(args.overrides.clone())?;
    super::with_store(&config, async |visit| write_all(visit, &args).await)
}

async fn write_all(visit: &Visit, args: &Args) -> anyhow::Result<ExitCode> {
    fs::create_dir_all(&args.folder).with_context(|| format!("making {}", args.folder.display()))?;
    let org = organization::find(&visit.db, &args.organization).await?;
    let mut page = Page { after: None, limit: PAGE };
    let mut written = Vec::new();
    loop {
        let mut tx = visit.db.org_tx(org).await?;
        let found = agent::list(&mut tx, page).await?;
        for agent in &found {
            if args.agents.is_empty() || args.agents.contains(&agent.name) {
                let definition = match (args.draft, agent.aliases.get(&args.environment)) {
                    (true, _) => draft::find(&mut tx, agent.id).await?.map(|draft| draft.definition),
                    (false, Some(number)) => version::definition(&mut tx, agent.id, *number).await?,
                    (false, None) => None,
                };
                written.extend(definition.map(|definition| (agent.name.clone(), definition)));
            }
        }
        tx.commit().await?;
        match found.last() {
            Some(last) if found.len() as i64 == PAGE => {
                page.after = Some(Place { at: last.created_at, id: last.id.as_uuid() });
            }
            _ => break,
        }
    }
    let missing = args.agents.iter().find(|wanted| !written.iter().any(|(name, _)| name == *wanted));
    if let Some(missing) = missing {
        anyhow::bail!(
            "AGENT_UNKNOWN: {missing:?} is no agent that {:?} serves; --draft writes what is being edited",
            args.environment
        );
    }
    for (name, definition) in &written {
        let path = args.folder.join(format!("{name}.json"));
        fs::write(&path, readable(definition)?).with_context(|| format!("writing {}", path.display()))?;
        eprintln!("wrote {}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// In the order in which definitions are documented; what is no definition yet, by name.
pub(super) fn readable(definition: &str) -> anyhow::Result<String> {
    let mut text = match agents_graph::parse(definition) {
        Ok(definition) => serde_json::to_string_pretty(&definition)?,
        Err(_) => serde_json::to_string_pretty(&serde_json::from_str::<serde_json::Value>(definition)?)?,
    };
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_the_same_agent_and_written_again_the_same_text() {
        for (name, json) in agents_graph::LIBRARY {
            let text = readable(json).expect("a definition");
            assert_eq!(agents_graph::parse(&text).expect(name), agents_graph::parse(json).expect(name));
            assert_eq!(readable(&text).expect("a definition"), text);
            assert!(text.starts_with("{\n  \"name\""), "{}", &text[..40]);
        }
    }
}
