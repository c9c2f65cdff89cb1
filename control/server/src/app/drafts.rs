//! Drafts: saved as they are, published once nothing in them is an error.

use control_api::agents::{DefinitionProblem, Draft, DraftChange, Publish, Published, Severity, Version};
use control_api::problem::{self, FieldError};
use control_store::{OrgTx, agent, alias, draft as store, outbox, version};
use domain::{AgentId, AgentVersionId};
use serde_json::{Value, json};

use super::ctx::{Change, Ctx, Done, Expected, missing};
use super::fields::Fields;
use super::{agents, aliases, definition, routes, versions};
use crate::Server;
use crate::error::Error;

/// Of a definition's JSON.
const LARGEST: usize = 400 * 1024;
const NOTE_MOST: usize = 1000;

fn shown(ctx: &Ctx, server: &Server, row: store::Draft) -> Draft {
    let problems = server.ports.definitions.check(ctx.org, &definition::value(&row.definition));
    with(row, problems)
}

fn with(row: store::Draft, problems: Vec<DefinitionProblem>) -> Draft {
    Draft {
        agent_id: row.agent,
        problems,
        definition: definition::value(&row.definition),
        base_version: row.base,
        revision: row.revision,
        updated_at: row.updated_at.to_string(),
        updated_by: row.updated_by,
    }
}

async fn of(tx: &mut OrgTx, agent: AgentId) -> Result<store::Draft, Error> {
    store::find(tx, agent).await?.ok_or_else(|| missing("draft of the agent", &agent.to_string()))
}

async fn draft_of(ctx: &Ctx, server: &Server, id: &str) -> Result<store::Draft, Error> {
    let mut tx = ctx.tx(server).await?;
    let agent = agents::named(&mut tx, id).await?;
    let found = of(&mut tx, agent.id).await?;
    tx.commit().await?;
    Ok(found)
}

pub(crate) async fn one(ctx: &Ctx, server: &Server, id: &str) -> Result<Done<Draft>, Error> {
    let found = draft_of(ctx, server, id).await?;
    let revision = found.revision;
    Ok(Done::found(shown(ctx, server, found), revision))
}

pub(crate) async fn save(
    ctx: &Ctx,
    server: &Server,
    id: &str,
    expected: Expected,
    wanted: DraftChange,
) -> Result<Done<Draft>, Error> {
    let expected = expected.required()?;
    let text = definition::text(&wanted.definition);
    // Before the transaction, which keeps others from the agent for as long as it takes.
    let problems = server.ports.definitions.check(ctx.org, &wanted.definition);
    let mut tx = ctx.tx(server).await?;
    let agent = agents::held_in_use(&mut tx, id).await?;
    let before = of(&mut tx, agent.id).await?;
    let tx = current(ctx, server, tx, expected, &before)?;
    fits(&wanted.definition, &text, &agent.name)?;
    let new = New { text: &text, base: before.base, problems };
    write(ctx, server, tx, &agent, &before, new, "agent.draft").await
}

/// Goes on where the draft is as the client took it to be. What is wrong with it otherwise is worked out for those alone who are shown
/// it, and when the transaction is over.
fn current(
    ctx: &Ctx,
    server: &Server,
    tx: OrgTx,
    expected: Expected,
    before: &store::Draft,
) -> Result<OrgTx, Error> {
    if !matches!(expected, Expected::Revision(revision) if revision != before.revision) {
        return Ok(tx);
    }
    drop(tx);
    let shown = shown(ctx, server, before.clone());
    match expected.check(before.revision, &shown) {
        Err(stale) => Err(stale),
        Ok(()) => Err(Error::new(&problem::PRECONDITION_FAILED, "the draft has another revision by now")),
    }
}

fn fits(definition: &Value, text: &str, name: &str) -> Result<(), Error> {
    let mut fields = Fields::default();
    if !definition.is_object() {
        fields.wrong("/definition", "invalid", "a definition is a JSON object");
    } else if definition.get("name").and_then(Value::as_str) != Some(name) {
        fields.wrong(
            "/definition/name",
            "invalid",
            format!("the definition's name must be the agent's, {name:?}"),
        );
    }
    if text.len() > LARGEST {
        fields.wrong("/definition", "too_long", format!("{} bytes are more than {LARGEST}", text.len()));
    }
    fields.check()
}

/// A version becomes the draft.
pub(crate) async fn restore(
    ctx: &Ctx,
    server: &Server,
    id: &str,
    number: i32,
    expected: Expected,
) -> Result<Done<Draft>, Error> {
    let expected = expected.required()?;
    // A version never changes: it is read and checked before the agent is held.
    let mut tx = ctx.tx(server).await?;
    let agent = agents::named(&mut tx, id).await?;
    let text = version::definition(&mut tx, agent.id, number).await?;
    tx.commit().await?;
    let text = text.ok_or_else(|| missing("version", &format!("{}@{number}", agent.name)))?;
    let problems = server.ports.definitions.check(ctx.org, &definition::value(&text));
    let mut tx = ctx.tx(server).await?;
    let agent = agents::held_in_use(&mut tx, id).await?;
    let before = of(&mut tx, agent.id).await?;
    let tx = current(ctx, server, tx, expected, &before)?;
    let new = New { text: &text, base: Some(number), problems };
    write(ctx, server, tx, &agent, &before, new, "agent.restore").await
}

/// What a draft becomes.
struct New<'a> {
    text: &'a str,
    base: Option<i32>,
    problems: Vec<DefinitionProblem>,
}

async fn write(
    ctx: &Ctx,
    server: &Server,
    mut tx: OrgTx,
    agent: &agent::Agent,
    before: &store::Draft,
    new: New<'_>,
    action: &str,
) -> Result<Done<Draft>, Error> {
    let after = store::write(&mut tx, agent.id, new.text, new.base, &ctx.principal.actor()).await?;
    let change = Change::of(action, agent.id).from(&trace(before)).to(&trace(&after));
    let revision = after.revision;
    let done = ctx.commit(tx, change, Done::found(with(after, new.problems), revision)).await?;
    server.ports.definitions.published(ctx.org, &agent.name);
    Ok(done)
}

/// Of a draft in the audit log: a definition at each save would be most of the database.
fn trace(draft: &store::Draft) -> Value {
    let hash = versions::hash(&version::content_hash(&draft.definition));
    json!({"revision": draft.revision, "base_version": draft.base, "content_hash": hash})
}

/// The draft becomes the next version, or the one that says the same, and the environment serves it.
pub(crate) async fn publish(
    ctx: &Ctx,
    server: &Server,
    id: &str,
    expected: Expected,
    wanted: Publish,
) -> Result<Done<Published>, Error> {
    let expected = expected.required()?;
    let note = wanted.note.unwrap_or_default();
    let mut fields = Fields::default();
    fields.text("/note", &note, 0, NOTE_MOST);
    fields.check()?;
    let looked_at = draft_of(ctx, server, id).await?;
    let problems = server.ports.definitions.check(ctx.org, &definition::value(&looked_at.definition));
    let mut tx = ctx.tx(server).await?;
    let agent = agents::held_in_use(&mut tx, id).await?;
    let environment = aliases::environment_of_body(&mut tx, wanted.environment.as_deref()).await?;
    let draft = of(&mut tx, agent.id).await?;
    let mut tx = current(ctx, server, tx, expected, &draft)?;
    // Somebody may have saved it since it was looked at.
    let same = draft.definition == looked_at.definition;
    refuse_errors(if same { problems } else { shown(ctx, server, draft.clone()).problems })?;
    let known = version::same(&mut tx, agent.id, &draft.definition).await?;
    let status = if known.is_some() { 200 } else { 201 };
    let number = match known {
        Some(known) => known.number,
        None => {
            let by = ctx.principal.actor();
            let id = AgentVersionId::generate();
            let new = version::NewVersion { id, definition: &draft.definition, note: &note, by: &by };
            version::create(&mut tx, agent.id, new).await?.number
        }
    };
    let after = publish_version(ctx, &mut tx, &agent, number, environment.id).await?;
    if draft.base != Some(number) {
        // The draft goes on from what was published: its content and so its revision stay.
        store::rebase(&mut tx, agent.id, number).await?;
    }
    let change = Change::of("agent.publish", agent.id)
        .to(&json!({"version": number, "environment": environment.name, "content_hash": after.content_hash}));
    let routes_without_node =
        routes::without_node(&mut tx, agent.id, environment.id, &draft.definition).await?;
    let body = Published { version: after, routes_without_node };
    let done = ctx.commit(tx, change, Done { body, status, revision: None }).await?;
    server.ports.definitions.published(ctx.org, &agent.name);
    Ok(done)
}

async fn publish_version(
    ctx: &Ctx,
    tx: &mut OrgTx,
    agent: &agent::Agent,
    number: i32,
    environment: domain::EnvironmentId,
) -> Result<Version, Error> {
    let found = async |tx: &mut OrgTx| {
        let found = version::find(tx, agent.id, number).await?;
        found.ok_or_else(|| missing("version", &format!("{}@{number}", agent.name)))
    };
    let version = found(tx).await?;
    let served = alias::find(tx, agent.id, environment).await?;
    // What is served already is not released again: going back would lead nowhere.
    if served.is_none_or(|alias| alias.version != version.id) {
        let kind = alias::ReleaseKind::Publish;
        alias::point(tx, agent.id, environment, version.id, kind, &ctx.principal.actor()).await?;
        let told = json!({"agent_id": agent.id, "version": number, "environment_id": environment});
        outbox::write(tx, "agent.published", &told).await?;
    }
    Ok(versions::shown(found(tx).await?, None))
}

fn refuse_errors(problems: Vec<DefinitionProblem>) -> Result<(), Error> {
    let errors: Vec<_> = problems
        .into_iter()
        .filter(|problem| problem.severity == Severity::Error)
        .map(|problem| FieldError {
            pointer: problem.pointer,
            code: "invalid".to_owned(),
            detail: problem.detail,
        })
        .collect();
    let Some(first) = errors.first() else { return Ok(()) };
    let detail = format!("{}: {} (pointers are into the definition)", first.pointer, first.detail);
    Err(Error { errors, ..Error::new(&problem::AGENT_INVALID, detail) })
}
