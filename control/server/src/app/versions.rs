//! Versions of an agent, and what differs between two of them.

use control_api::agents::{Between, Comparison, Version};
use control_api::{List, Paging, problem};
use control_store::{OrgTx, agent, draft, version as store};
use serde_json::Value;

use super::ctx::{Ctx, missing};
use super::{agents, compare, definition, paging};
use crate::Server;
use crate::error::Error;

pub(crate) fn shown(row: store::Version, definition: Option<Value>) -> Version {
    Version {
        id: row.id,
        number: row.number,
        content_hash: hash(&row.content_hash),
        note: row.note,
        created_by: row.created_by,
        created_at: row.created_at.to_string(),
        environments: row.environments,
        definition,
    }
}

pub(crate) fn hash(bytes: &[u8]) -> String {
    bytes.iter().fold(String::from("sha256:"), |text, byte| text + &format!("{byte:02x}"))
}

pub(crate) async fn list(
    ctx: &Ctx,
    server: &Server,
    id: &str,
    asked: &Paging,
) -> Result<List<Version>, Error> {
    let mut tx = ctx.tx(server).await?;
    let agent = agents::named(&mut tx, id).await?;
    let scope = format!("versions-{}", agent.id);
    let page = paging::page(server, &scope, asked)?;
    let rows = store::list(&mut tx, agent.id, page).await?;
    tx.commit().await?;
    let place = |row: &store::Version| (row.created_at, row.id.as_uuid());
    Ok(paging::list(server, &scope, page, rows, place, |row| shown(row, None)))
}

pub(crate) async fn one(ctx: &Ctx, server: &Server, id: &str, number: i32) -> Result<Version, Error> {
    let mut tx = ctx.tx(server).await?;
    let agent = agents::named(&mut tx, id).await?;
    let unknown = || missing("version", &format!("{}@{number}", agent.name));
    let row = store::find(&mut tx, agent.id, number).await?.ok_or_else(unknown)?;
    let text = store::definition(&mut tx, agent.id, number).await?.ok_or_else(unknown)?;
    tx.commit().await?;
    Ok(shown(row, Some(definition::value(&text))))
}

pub(crate) async fn compared(
    ctx: &Ctx,
    server: &Server,
    id: &str,
    between: Between,
) -> Result<Comparison, Error> {
    let mut tx = ctx.tx(server).await?;
    let agent = agents::named(&mut tx, id).await?;
    let from = side(&mut tx, &agent, "from", &between.from).await?;
    let to = side(&mut tx, &agent, "to", &between.to).await?;
    tx.commit().await?;
    Ok(Comparison { from: between.from, to: between.to, changes: compare::compare(&from, &to) })
}

async fn side(tx: &mut OrgTx, agent: &agent::Agent, parameter: &str, named: &str) -> Result<Value, Error> {
    let text = if named == "draft" {
        draft::find(tx, agent.id).await?.map(|draft| draft.definition)
    } else {
        let canonical = named.len() < 10 && !named.starts_with(['0', '+']);
        let number =
            named.parse::<i32>().ok().filter(|number| *number > 0 && canonical).ok_or_else(|| {
                let detail =
                    format!("`{parameter}` must be the number of a version or `draft`, not {named:?}");
                Error::new(&problem::PARAMETER_INVALID, detail)
            })?;
        store::definition(tx, agent.id, number).await?
    };
    let text = text.ok_or_else(|| missing("version", &format!("{}@{named}", agent.name)))?;
    Ok(definition::value(&text))
}
