//! What a server begins with: the default organization, and the agents that ship with it or lie in its folder.
//!
//! The folder is the source of its agents: a file that changed is a new version, published. What ships is renewed only while
//! nobody has published anything of their own.

use control_store::{
    Db, Error, OrgTx, agent, alias, audit, domain as domains, draft, environment, org as store, version,
};
use domain::{AgentId, AgentVersionId, OrgId};
use serde_json::{Value, json};

use super::{aliases, definition, organizations};

pub(crate) mod accounts;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    pub name: String,
    /// The name where it is empty.
    pub title: String,
    /// The definition's JSON.
    pub json: String,
    pub source: Source,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Part of the program.
    Shipped,
    /// A file of the agents folder.
    Folder,
}

impl Source {
    /// As versions and releases name who made them.
    const fn actor(self) -> &'static str {
        match self {
            Self::Shipped => "shipped",
            Self::Folder => "folder",
        }
    }
}

/// Makes the default organization where it is not there, and brings its agents up to date. At each start; several servers may
/// do it at once.
///
/// # Errors
/// When the database does not take it: each agent is written whole or not at all.
pub async fn seed(db: &Db, definitions: Vec<Definition>) -> Result<OrgId, Error> {
    let org = organizations::ensured(db, organizations::DEFAULT, "Default").await?;
    for given in definitions {
        let mut tx = db.org_tx(org).await?;
        // One server at a time: each agent is made once.
        store::lock(&mut tx).await?;
        one(&mut tx, &given).await?;
        tx.commit().await?;
    }
    Ok(org)
}

async fn one(tx: &mut OrgTx, given: &Definition) -> Result<(), Error> {
    let content: Value = serde_json::from_str(&given.json).map_err(|error| {
        Error::Content(format!("the definition of {:?} is not JSON: {error}", given.name))
    })?;
    let text = definition::text(&content);
    let known = agent::lock(tx, None, &given.name).await?;
    let id = match known {
        Some(known) if known.archived_at.is_some() => return Ok(()),
        Some(known) => {
            if !is_news(tx, known.id, given.source, &text).await? {
                return Ok(());
            }
            if !known.draft_differs {
                draft::write(tx, known.id, &text, known.latest, given.source.actor()).await?;
            }
            known.id
        }
        None => made(tx, given, &text).await?,
    };
    publish(tx, id, given.source, &text).await
}

async fn made(tx: &mut OrgTx, given: &Definition, text: &str) -> Result<AgentId, Error> {
    let id = AgentId::generate();
    let title = if given.title.is_empty() { &given.name } else { &given.title };
    let domain = domains::named(tx, "main").await?.map(|domain| domain.id);
    agent::create(tx, id, &given.name, title, domain).await?;
    draft::write(tx, id, text, None, given.source.actor()).await?;
    Ok(id)
}

/// Whether a definition is to be published over what is there.
async fn is_news(tx: &mut OrgTx, agent: AgentId, source: Source, text: &str) -> Result<bool, Error> {
    match source {
        Source::Folder => {
            let last = alias::last_released_by(tx, agent, source.actor()).await?;
            Ok(last.is_none_or(|hash| hash != version::content_hash(text)))
        }
        Source::Shipped => {
            let latest = version::latest(tx, agent).await?;
            Ok(latest.is_none_or(|latest| {
                latest.created_by == source.actor() && latest.content_hash != version::content_hash(text)
            }))
        }
    }
}

async fn publish(tx: &mut OrgTx, agent: AgentId, source: Source, text: &str) -> Result<(), Error> {
    let by = source.actor();
    let version = match version::same(tx, agent, text).await? {
        Some(known) => known,
        None => {
            let id = AgentVersionId::generate();
            version::create(tx, agent, version::NewVersion { id, definition: text, note: "", by }).await?
        }
    };
    draft::rebase(tx, agent, version.number).await?;
    let Some(environment) = environment::named(tx, aliases::DEFAULT).await? else { return Ok(()) };
    alias::point(tx, agent, environment.id, version.id, alias::ReleaseKind::Publish, by).await?;
    let after = json!({"version": version.number, "environment": environment.name});
    let change = audit::Change {
        actor: by,
        action: "agent.publish",
        target: &agent.to_string(),
        before: None,
        after: Some(&after),
        request_id: "",
    };
    audit::write(tx, change).await
}
