//! Aliases: which version each environment serves, and the way back.

use control_api::agents::{Alias, AliasChange, Aliases, Moved, Release, Rollback};
use control_api::{List, Paging, problem};
use control_store::{OrgTx, agent, alias as store, environment, outbox, version};
use domain::{AgentId, AgentVersionId, EnvironmentId};
use serde_json::json;

use super::ctx::{Change, Ctx, Done, Expected, missing};
use super::{agents, paging, routes};
use crate::Server;
use crate::error::Error;

/// Where those who name no environment mean.
pub(crate) const DEFAULT: &str = "prod";

fn shown(row: store::Alias) -> Alias {
    Alias {
        environment: row.environment,
        version: row.number,
        previous_version: row.before.map(|(_, number)| number),
        revision: row.revision,
        updated_at: row.updated_at.to_string(),
    }
}

/// The environment that a path names, by its name or its id.
async fn environment_of_path(tx: &mut OrgTx, named: &str) -> Result<environment::Environment, Error> {
    let found = match named.parse::<EnvironmentId>() {
        Ok(id) => environment::find(tx, id).await?,
        Err(_) if super::fields::is_name(named) => environment::named(tx, named).await?,
        Err(_) => None,
    };
    found.ok_or_else(|| missing("environment", named))
}

/// The environment that a body names.
pub(crate) async fn environment_of_body(
    tx: &mut OrgTx,
    named: Option<&str>,
) -> Result<environment::Environment, Error> {
    let named = named.unwrap_or(DEFAULT);
    environment_of_path(tx, named).await.map_err(|error| {
        if error.definition == &problem::NOT_FOUND {
            Error::new(&problem::REFERENCE_UNKNOWN, error.detail)
        } else {
            error
        }
    })
}

pub(crate) async fn list(ctx: &Ctx, server: &Server, id: &str) -> Result<Aliases, Error> {
    let mut tx = ctx.tx(server).await?;
    let agent = agents::named(&mut tx, id).await?;
    let rows = store::list(&mut tx, agent.id).await?;
    tx.commit().await?;
    Ok(Aliases { data: rows.into_iter().map(shown).collect() })
}

pub(crate) async fn put(
    ctx: &Ctx,
    server: &Server,
    (id, environment): (&str, &str),
    expected: Expected,
    wanted: AliasChange,
) -> Result<Done<Moved>, Error> {
    let mut tx = ctx.tx(server).await?;
    let agent = agents::held_in_use(&mut tx, id).await?;
    let environment = environment_of_path(&mut tx, environment).await?;
    let before = store::find(&mut tx, agent.id, environment.id).await?.map(shown);
    match &before {
        Some(before) => expected.check(before.revision, before)?,
        None => expected.check(0, &serde_json::Value::Null)?,
    }
    let version = version::find(&mut tx, agent.id, wanted.version).await?.ok_or_else(|| {
        let detail = format!("the agent has no version {}", wanted.version);
        Error::new(&problem::REFERENCE_UNKNOWN, detail)
    })?;
    if let Some(before) = before.filter(|before| before.version == version.number) {
        let revision = before.revision;
        let body = led(&mut tx, agent.id, environment.id, before).await?;
        tx.commit().await?;
        return Ok(Done::found(body, revision));
    }
    moved(ctx, server, tx, &agent, &environment, (version.id, store::ReleaseKind::Move)).await
}

/// Back to what was served before the last release.
pub(crate) async fn roll_back(
    ctx: &Ctx,
    server: &Server,
    id: &str,
    wanted: Rollback,
) -> Result<Done<Moved>, Error> {
    let mut tx = ctx.tx(server).await?;
    let agent = agents::held_in_use(&mut tx, id).await?;
    let environment = environment_of_body(&mut tx, wanted.environment.as_deref()).await?;
    let nothing = || {
        let detail = format!("nothing was served in {:?} before what is served now", environment.name);
        Error::new(&problem::NOTHING_TO_ROLL_BACK, detail)
    };
    let served = store::find(&mut tx, agent.id, environment.id).await?.ok_or_else(nothing)?;
    let (version, _) = served.before.ok_or_else(nothing)?;
    moved(ctx, server, tx, &agent, &environment, (version, store::ReleaseKind::Rollback)).await
}

/// With the routes that lead to nodes which the version lacks.
async fn led(
    tx: &mut OrgTx,
    agent: AgentId,
    environment: EnvironmentId,
    alias: Alias,
) -> Result<Moved, Error> {
    let definition = version::definition(tx, agent, alias.version).await?.unwrap_or_default();
    let routes_without_node = routes::without_node(tx, agent, environment, &definition).await?;
    Ok(Moved { alias, routes_without_node })
}

async fn moved(
    ctx: &Ctx,
    server: &Server,
    mut tx: OrgTx,
    agent: &agent::Agent,
    environment: &environment::Environment,
    (version, kind): (AgentVersionId, store::ReleaseKind),
) -> Result<Done<Moved>, Error> {
    let before = store::find(&mut tx, agent.id, environment.id).await?.map(shown);
    store::point(&mut tx, agent.id, environment.id, version, kind, &ctx.principal.actor()).await?;
    let after = store::find(&mut tx, agent.id, environment.id).await?.map(shown);
    let after = after.ok_or_else(|| missing("alias", &environment.name))?;
    let told = json!({"agent_id": agent.id, "version": after.version, "environment_id": environment.id});
    outbox::write(&mut tx, "agent.released", &told).await?;
    let action = match kind {
        store::ReleaseKind::Rollback => "agent.rollback",
        store::ReleaseKind::Publish | store::ReleaseKind::Move => "agent.release",
    };
    let change = Change::of(action, agent.id).from(&before).to(&after);
    let revision = after.revision;
    let body = led(&mut tx, agent.id, environment.id, after).await?;
    let done = ctx.commit(tx, change, Done::found(body, revision)).await?;
    server.ports.definitions.published(ctx.org, &agent.name);
    Ok(done)
}

pub(crate) async fn releases(
    ctx: &Ctx,
    server: &Server,
    id: &str,
    asked: &Paging,
) -> Result<List<Release>, Error> {
    let mut tx = ctx.tx(server).await?;
    let agent = agents::named(&mut tx, id).await?;
    let scope = format!("releases-{}", agent.id);
    let page = paging::page(server, &scope, asked)?;
    let rows = store::releases(&mut tx, agent.id, page).await?;
    tx.commit().await?;
    Ok(paging::list(server, &scope, page, rows, |row| (row.created_at, row.id), released))
}

fn released(row: store::Release) -> Release {
    Release {
        environment: row.environment,
        version: row.number,
        previous_version: row.previous,
        kind: row.kind,
        created_by: row.created_by,
        created_at: row.created_at.to_string(),
    }
}
