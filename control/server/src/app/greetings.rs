//! Greetings: said in place of what definitions greet with.

use control_api::greeting::{Greeting, GreetingChange, NewGreeting, Wording};
use control_api::{List, Paging};
use control_store::greeting as store;
use domain::GreetingId;

use super::ctx::{Change, Ctx, Done, Expected, missing, refused};
use super::fields::Fields;
use super::paging;
use crate::Server;
use crate::error::Error;

const TAKEN: &str = "there is a greeting of that scope: change it, or delete it first";
const UNKNOWN: &str = "the agent, domain or environment of the scope is not there";
const WORDINGS_MOST: usize = 20;
const WORDING_MOST: usize = 1000;

pub(crate) fn shown(row: store::Greeting) -> Greeting {
    Greeting {
        id: row.id,
        agent_id: row.scope.agent,
        domain_id: row.scope.domain,
        environment_id: row.scope.environment,
        wordings: row.wordings,
        enabled: row.enabled,
        revision: row.revision,
        created_at: row.created_at.to_string(),
        updated_at: row.updated_at.to_string(),
    }
}

pub(crate) async fn list(ctx: &Ctx, server: &Server, asked: &Paging) -> Result<List<Greeting>, Error> {
    let page = paging::page(server, "greetings", asked)?;
    let mut tx = ctx.tx(server).await?;
    let rows = store::list(&mut tx, page).await?;
    tx.commit().await?;
    Ok(paging::list(server, "greetings", page, rows, |row| (row.created_at, row.id.as_uuid()), shown))
}

pub(crate) async fn one(ctx: &Ctx, server: &Server, id: &str) -> Result<Done<Greeting>, Error> {
    let wanted = parsed(id)?;
    let mut tx = ctx.tx(server).await?;
    let found = store::find(&mut tx, wanted).await?.ok_or_else(|| missing("greeting", id))?;
    tx.commit().await?;
    let revision = found.revision;
    Ok(Done::found(shown(found), revision))
}

pub(crate) async fn create(ctx: &Ctx, server: &Server, new: NewGreeting) -> Result<Done<Greeting>, Error> {
    let wordings = texts(new.wordings);
    let mut fields = Fields::default();
    check_wordings(&mut fields, &wordings);
    if new.agent_id.is_some() && new.domain_id.is_some() {
        fields.wrong("/domain_id", "invalid", "a greeting is for an agent or for a domain, not for both");
    }
    fields.check()?;
    let scope = store::Scope { agent: new.agent_id, domain: new.domain_id, environment: new.environment_id };
    let mut tx = ctx.tx(server).await?;
    let row =
        store::create(&mut tx, GreetingId::generate(), scope, &wordings, new.enabled.unwrap_or(true)).await;
    let made = shown(row.map_err(refused(TAKEN, UNKNOWN))?);
    let change = Change::of("greeting.create", made.id).to(&made);
    let revision = made.revision;
    ctx.commit(tx, change, Done::made(made, revision)).await
}

pub(crate) async fn change(
    ctx: &Ctx,
    server: &Server,
    id: &str,
    expected: Expected,
    wanted: GreetingChange,
) -> Result<Done<Greeting>, Error> {
    let key = parsed(id)?;
    let mut tx = ctx.tx(server).await?;
    let before = store::lock(&mut tx, key).await?.map(shown).ok_or_else(|| missing("greeting", id))?;
    expected.check(before.revision, &before)?;
    let wordings = wanted.wordings.map_or_else(|| before.wordings.clone(), texts);
    let mut fields = Fields::default();
    check_wordings(&mut fields, &wordings);
    fields.check()?;
    let after =
        shown(store::update(&mut tx, key, &wordings, wanted.enabled.unwrap_or(before.enabled)).await?);
    let change = Change::of("greeting.update", key).from(&before).to(&after);
    let revision = after.revision;
    ctx.commit(tx, change, Done::found(after, revision)).await
}

pub(crate) async fn delete(ctx: &Ctx, server: &Server, id: &str, expected: Expected) -> Result<(), Error> {
    let key = parsed(id)?;
    let mut tx = ctx.tx(server).await?;
    let before = store::lock(&mut tx, key).await?.map(shown).ok_or_else(|| missing("greeting", id))?;
    expected.check(before.revision, &before)?;
    store::delete(&mut tx, key).await?;
    ctx.audit(&mut tx, &Change::of("greeting.delete", key).from(&before)).await?;
    Ok(tx.commit().await?)
}

fn parsed(id: &str) -> Result<GreetingId, Error> {
    id.parse().map_err(|_| missing("greeting", id))
}

fn texts(wordings: Vec<Wording>) -> Vec<String> {
    wordings.into_iter().map(|wording| wording.0).collect()
}

fn check_wordings(fields: &mut Fields, wordings: &[String]) {
    if wordings.is_empty() || wordings.len() > WORDINGS_MOST {
        fields.wrong("/wordings", "out_of_range", format!("1 to {WORDINGS_MOST} wordings are needed"));
    }
    for (index, wording) in wordings.iter().enumerate() {
        fields.text(&format!("/wordings/{index}"), wording, 1, WORDING_MOST);
    }
}
