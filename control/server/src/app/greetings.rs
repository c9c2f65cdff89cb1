//! Greetings: said in place of what definitions greet with.

pub(crate) mod book;
pub(crate) mod calendar;
pub(crate) mod check;
pub(crate) mod preview;
pub(crate) mod results;

use control_api::greeting::{Arm, Experiment, Greeting, GreetingChange, NewGreeting, Schedule};
use control_api::{List, Paging, problem};
use control_store::{OrgTx, greeting as store};
use domain::GreetingId;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::ctx::{Change, Ctx, Done, Expected, missing, refused};
use super::fields::Fields;
use super::paging;
use crate::Server;
use crate::error::Error;

const TAKEN: &str = "there is a greeting of that scope, language and priority that is said always: change it, or give one of them a schedule or another priority";
const UNKNOWN: &str = "the agent, domain, environment or channel of the scope is not there";
/// Of one organization: every call looks at all of them.
pub(crate) const GREETINGS_MOST: i64 = 2000;

pub(crate) fn shown(row: store::Greeting) -> Greeting {
    Greeting {
        id: row.id,
        title: row.set.title,
        agent_id: row.scope.agent,
        domain_id: row.scope.domain,
        environment_id: row.scope.environment,
        channel_id: row.scope.channel,
        language: row.set.language,
        priority: row.set.priority,
        schedule: row.set.schedule.and_then(read::<Schedule>),
        wordings: row.set.wordings,
        experiment: row.set.experiment.and_then(read::<Experiment>),
        experiment_round: row.experiment_round,
        experiment_since: row.experiment_since.map(|at| at.to_string()),
        enabled: row.set.enabled,
        revision: row.revision,
        created_at: row.created_at.to_string(),
        updated_at: row.updated_at.to_string(),
    }
}

/// What was checked when it was stored.
pub(crate) fn read<T: DeserializeOwned>(stored: Value) -> Option<T> {
    serde_json::from_value(stored)
        .inspect_err(|error| tracing::error!(%error, "what is stored cannot be read"))
        .ok()
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
    let mut fields = Fields::default();
    let (scope, set) = check::new(&mut fields, "", new);
    fields.check()?;
    let mut tx = ctx.tx(server).await?;
    if store::count(&mut tx).await? >= GREETINGS_MOST {
        let detail = format!("the organization has {GREETINGS_MOST} greetings: delete some first");
        return Err(Error::new(&problem::CONFLICT, detail));
    }
    let row = store::create(&mut tx, GreetingId::generate(), scope, &set, server.ports.clock.now()).await;
    let made = shown(row.map_err(refused(TAKEN, UNKNOWN))?);
    let change = Change::of("greeting.create", made.id).to(&made);
    let revision = made.revision;
    let done = ctx.commit(tx, change, Done::made(made, revision)).await?;
    server.ports.greetings.changed(ctx.org);
    Ok(done)
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
    let row = store::lock(&mut tx, key).await?.ok_or_else(|| missing("greeting", id))?;
    let (was, before) = (row.set.clone(), shown(row));
    expected.check(before.revision, &before)?;
    let mut fields = Fields::default();
    let set = check::changed(&mut fields, &was, wanted);
    fields.check()?;
    let anew = another(&was, &set).then(|| server.ports.clock.now());
    let row = store::update(&mut tx, key, &set, anew).await;
    let after = shown(row.map_err(refused(TAKEN, UNKNOWN))?);
    let change = Change::of("greeting.update", key).from(&before).to(&after);
    let revision = after.revision;
    let done = ctx.commit(tx, change, Done::found(after, revision)).await?;
    server.ports.greetings.changed(ctx.org);
    Ok(done)
}

pub(crate) async fn delete(ctx: &Ctx, server: &Server, id: &str, expected: Expected) -> Result<(), Error> {
    let key = parsed(id)?;
    let mut tx = ctx.tx(server).await?;
    let before = store::lock(&mut tx, key).await?.map(shown).ok_or_else(|| missing("greeting", id))?;
    expected.check(before.revision, &before)?;
    store::delete(&mut tx, key).await?;
    ctx.audit(&mut tx, &Change::of("greeting.delete", key).from(&before)).await?;
    tx.commit().await?;
    server.ports.greetings.changed(ctx.org);
    Ok(())
}

/// Notes the greetings that go with what they are for, before that is deleted. `true`: there are some.
pub(crate) async fn go_with(
    ctx: &Ctx,
    tx: &mut OrgTx,
    is_for: impl Fn(&store::Scope) -> bool,
) -> Result<bool, Error> {
    let mut going = store::every(tx).await?;
    going.retain(|greeting| is_for(&greeting.scope));
    let any = !going.is_empty();
    for greeting in going {
        let id = greeting.id;
        ctx.audit(tx, &Change::of("greeting.delete", id).from(&shown(greeting))).await?;
    }
    Ok(any)
}

/// Whether outcomes of the experiment must be counted anew.
fn another(before: &store::Setting, after: &store::Setting) -> bool {
    let experiment = |set: &store::Setting| set.experiment.clone().and_then(read::<greetings::Experiment>);
    match (experiment(before), experiment(after)) {
        (Some(before), Some(after)) => !after.goes_on(&before),
        (None, Some(_)) => true,
        (_, None) => false,
    }
}

pub(super) fn parsed(id: &str) -> Result<GreetingId, Error> {
    id.parse().map_err(|_| missing("greeting", id))
}

fn text_of<'a>(arms: &'a [Arm], key: &str) -> Option<&'a str> {
    arms.iter().find(|arm| arm.key == key).map(|arm| arm.text.as_str())
}
