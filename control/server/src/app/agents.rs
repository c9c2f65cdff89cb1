//! Agents: the names that callers ask for.

use control_api::agents::{AgentChange, ConfiguredAgent, NewAgent};
use control_api::{List, Paging, problem};
use control_store::{OrgTx, agent as store, draft};
use domain::AgentId;

use super::ctx::{Change, Ctx, Done, Expected, missing, refused};
use super::fields::{Fields, TITLE_MOST, is_name};
use super::{definition, paging};
use crate::Server;
use crate::error::Error;

const TAKEN: &str = "the organization has, or had, an agent of that name";
const UNKNOWN: &str = "the domain is not there";

pub(crate) fn shown(row: store::Agent) -> ConfiguredAgent {
    ConfiguredAgent {
        id: row.id,
        name: row.name,
        title: row.title,
        domain_id: row.domain,
        revision: row.revision,
        created_at: row.created_at.to_string(),
        updated_at: row.updated_at.to_string(),
        archived: row.archived_at.is_some(),
        latest_version: row.latest,
        draft_revision: row.draft_revision,
        draft_differs: row.draft_differs,
        aliases: row.aliases,
    }
}

/// The agent that a path names, by its id or its name.
pub(crate) async fn named(tx: &mut OrgTx, id: &str) -> Result<store::Agent, Error> {
    let (key, name) = key(id)?;
    store::find(tx, key, name).await?.ok_or_else(|| missing("agent", id))
}

/// As `named`, for a change: nobody else changes the agent, its draft, versions or aliases until the transaction ends.
pub(crate) async fn held(tx: &mut OrgTx, id: &str) -> Result<store::Agent, Error> {
    let (key, name) = key(id)?;
    store::lock(tx, key, name).await?.ok_or_else(|| missing("agent", id))
}

/// As `held`, where an archived one must stay as it is.
pub(crate) async fn held_in_use(tx: &mut OrgTx, id: &str) -> Result<store::Agent, Error> {
    let agent = held(tx, id).await?;
    if agent.archived_at.is_some() {
        return Err(Error::new(&problem::CONFLICT, "the agent is archived: it stays as it is"));
    }
    Ok(agent)
}

/// No name has an underscore, every id has.
fn key(id: &str) -> Result<(Option<AgentId>, &str), Error> {
    match id.parse::<AgentId>() {
        Ok(key) => Ok((Some(key), "")),
        Err(_) if is_name(id) => Ok((None, id)),
        Err(_) => Err(missing("agent", id)),
    }
}

pub(crate) async fn list(ctx: &Ctx, server: &Server, asked: &Paging) -> Result<List<ConfiguredAgent>, Error> {
    let page = paging::page(server, "agents", asked)?;
    let mut tx = ctx.tx(server).await?;
    let rows = store::list(&mut tx, page).await?;
    tx.commit().await?;
    Ok(paging::list(server, "agents", page, rows, |row| (row.created_at, row.id.as_uuid()), shown))
}

pub(crate) async fn one(ctx: &Ctx, server: &Server, id: &str) -> Result<Done<ConfiguredAgent>, Error> {
    let mut tx = ctx.tx(server).await?;
    let found = named(&mut tx, id).await?;
    tx.commit().await?;
    let revision = found.revision;
    Ok(Done::found(shown(found), revision))
}

pub(crate) async fn create(
    ctx: &Ctx,
    server: &Server,
    new: NewAgent,
) -> Result<Done<ConfiguredAgent>, Error> {
    let title = new.title.unwrap_or_else(|| new.name.clone());
    let mut fields = Fields::default();
    fields.name("/name", &new.name);
    fields.line("/title", &title, 1, TITLE_MOST);
    fields.check()?;
    let mut tx = ctx.tx(server).await?;
    let id = AgentId::generate();
    let created = store::create(&mut tx, id, &new.name, &title, new.domain_id).await;
    created.map_err(refused(TAKEN, UNKNOWN))?;
    let begun = definition::text(&definition::begun(new.template, &new.name, &title));
    draft::write(&mut tx, id, &begun, None, &ctx.principal.actor()).await?;
    let made = shown(named(&mut tx, &id.to_string()).await?);
    let change = Change::of("agent.create", id).to(&made);
    let revision = made.revision;
    ctx.commit(tx, change, Done::made(made, revision)).await
}

pub(crate) async fn change(
    ctx: &Ctx,
    server: &Server,
    id: &str,
    expected: Expected,
    wanted: AgentChange,
) -> Result<Done<ConfiguredAgent>, Error> {
    let mut tx = ctx.tx(server).await?;
    let before = shown(held(&mut tx, id).await?);
    expected.check(before.revision, &before)?;
    let mut fields = Fields::default();
    if let Some(title) = &wanted.title {
        fields.line("/title", title, 1, TITLE_MOST);
    }
    if wanted.archived == Some(true) && !before.archived {
        fields.wrong("/archived", "invalid", "DELETE archives an agent");
    }
    fields.check()?;
    let title = wanted.title.unwrap_or_else(|| before.title.clone());
    if wanted.archived == Some(false) && before.archived {
        store::take_back(&mut tx, before.id).await?;
    }
    let domain = wanted.domain_id.unwrap_or(before.domain_id);
    store::update(&mut tx, before.id, &title, domain).await.map_err(refused(TAKEN, UNKNOWN))?;
    let after = shown(named(&mut tx, &before.id.to_string()).await?);
    let change = Change::of("agent.update", after.id).from(&before).to(&after);
    let revision = after.revision;
    ctx.commit(tx, change, Done::found(after, revision)).await
}

/// Nobody can call it any more; its versions and its name stay.
pub(crate) async fn delete(ctx: &Ctx, server: &Server, id: &str, expected: Expected) -> Result<(), Error> {
    let mut tx = ctx.tx(server).await?;
    let before = shown(held(&mut tx, id).await?);
    expected.check(before.revision, &before)?;
    if !before.archived {
        store::archive(&mut tx, before.id).await?;
        let after = shown(named(&mut tx, &before.id.to_string()).await?);
        ctx.audit(&mut tx, &Change::of("agent.archive", before.id).from(&before).to(&after)).await?;
    }
    tx.commit().await?;
    server.ports.definitions.published(ctx.org, &before.name);
    Ok(())
}
