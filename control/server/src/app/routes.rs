//! Routes: whom calls reach, by what they bring.

mod check;
pub(crate) mod table;
pub(crate) mod test;

use control_api::agents::RouteWithoutNode;
use control_api::problem::FieldError;
use control_api::route::{NewRoute, Route, RouteChange};
use control_api::{List, Paging, problem};
use control_store::{OrgTx, route as store};
use domain::{AgentId, EnvironmentId, RouteId};
use routing::Pattern;

use super::ctx::{Change, Ctx, Done, Expected, missing, refused};
use super::fields::{Fields, of_field};
use super::greetings::read;
use super::{definition, paging, provider_accounts, space};
use crate::Server;
use crate::error::Error;

const TAKEN: &str = "another organization has a route for this number, room or hostname, or for one that begins so: take another, or have the server's operator settle whose it is";
const UNKNOWN: &str = "the agent or environment is not there";
/// Of one organization: every call looks at all of them.
const ROUTES_MOST: i64 = 2000;
/// Beginnings that are shorter take whole countries, or everybody's rooms.
const NUMBER_LEAST: usize = 7;
const ROOM_LEAST: usize = 4;

pub(crate) fn shown(row: store::Route) -> Route {
    Route {
        id: row.id,
        title: row.set.title,
        number: row.set.number,
        room: row.set.room,
        host: row.set.host,
        trunk: row.set.trunk,
        headers: read(row.set.headers).unwrap_or_default(),
        schedule: row.set.schedule.and_then(read),
        agent_id: row.set.agent,
        environment_id: row.set.environment,
        node: row.set.node,
        enabled: row.set.enabled,
        revision: row.revision,
        created_at: row.created_at.to_string(),
        updated_at: row.updated_at.to_string(),
    }
}

pub(crate) async fn list(ctx: &Ctx, server: &Server, asked: &Paging) -> Result<List<Route>, Error> {
    let page = paging::page(server, "routes", asked)?;
    let mut tx = ctx.tx(server).await?;
    let rows = store::list(&mut tx, page).await?;
    tx.commit().await?;
    Ok(paging::list(server, "routes", page, rows, |row| (row.created_at, row.id.as_uuid()), shown))
}

pub(crate) async fn one(ctx: &Ctx, server: &Server, id: &str) -> Result<Done<Route>, Error> {
    let wanted = parsed(id)?;
    let mut tx = ctx.tx(server).await?;
    let found = store::find(&mut tx, wanted).await?.ok_or_else(|| missing("route", id))?;
    tx.commit().await?;
    let revision = found.revision;
    Ok(Done::found(shown(found), revision))
}

pub(crate) async fn create(ctx: &Ctx, server: &Server, new: NewRoute) -> Result<Done<Route>, Error> {
    let mut fields = Fields::default();
    let set = check::new(&mut fields, "", new);
    fields.check()?;
    let mut tx = ctx.tx(server).await?;
    may_have(ctx, server, &mut tx, None, &set).await?;
    comes_in(ctx, server, &mut tx, None, &set).await?;
    if store::count(&mut tx).await? >= ROUTES_MOST {
        let detail = format!("the organization has {ROUTES_MOST} routes: delete some first");
        return Err(Error::new(&problem::CONFLICT, detail));
    }
    begins(&mut tx, None, &set).await?;
    is_reached(&mut tx, None, &set).await?;
    let row = store::create(&mut tx, RouteId::generate(), &set).await;
    let made = shown(row.map_err(not_made(&set))?);
    let change = Change::of("route.create", made.id).to(&made);
    let revision = made.revision;
    ctx.commit(tx, change, Done::made(made, revision)).await
}

pub(crate) async fn change(
    ctx: &Ctx,
    server: &Server,
    id: &str,
    expected: Expected,
    wanted: RouteChange,
) -> Result<Done<Route>, Error> {
    let key = parsed(id)?;
    let mut tx = ctx.tx(server).await?;
    let row = store::lock(&mut tx, key).await?.ok_or_else(|| missing("route", id))?;
    let (was, before) = (row.set.clone(), shown(row));
    expected.check(before.revision, &before)?;
    let mut fields = Fields::default();
    let set = check::changed(&mut fields, was.clone(), wanted);
    fields.check()?;
    may_have(ctx, server, &mut tx, Some(&was), &set).await?;
    comes_in(ctx, server, &mut tx, Some(&was), &set).await?;
    begins(&mut tx, Some(&was), &set).await?;
    is_reached(&mut tx, Some((key, &was)), &set).await?;
    let row = store::update(&mut tx, key, &set).await;
    let after = shown(row.map_err(not_made(&set))?);
    let change = Change::of("route.update", key).from(&before).to(&after);
    let revision = after.revision;
    ctx.commit(tx, change, Done::found(after, revision)).await
}

pub(crate) async fn delete(ctx: &Ctx, server: &Server, id: &str, expected: Expected) -> Result<(), Error> {
    let key = parsed(id)?;
    let mut tx = ctx.tx(server).await?;
    let before = store::lock(&mut tx, key).await?.map(shown).ok_or_else(|| missing("route", id))?;
    expected.check(before.revision, &before)?;
    store::delete(&mut tx, key).await?;
    ctx.audit(&mut tx, &Change::of("route.delete", key).from(&before)).await?;
    Ok(tx.commit().await?)
}

/// Whoever has a hostname or a short beginning takes calls that would be others', and so does whoever has a room outside of their own name space: the
/// operator gives these. What a route has it keeps.
async fn may_have(
    ctx: &Ctx,
    server: &Server,
    tx: &mut OrgTx,
    before: Option<&store::Setting>,
    set: &store::Setting,
) -> Result<(), Error> {
    if set.host.is_some() && before.is_none_or(|before| before.host != set.host) {
        ctx.operator("gives hostnames to organizations")?;
    }
    let read = |text: &Option<String>, read: fn(&str) -> Result<Pattern, routing::PatternError>| {
        text.as_deref().and_then(|text| read(text).ok())
    };
    let number = read(&set.number, Pattern::number)
        .filter(|_| before.is_none_or(|before| before.number != set.number));
    let room = read(&set.room, Pattern::name).filter(|_| before.is_none_or(|before| before.room != set.room));
    if let Some(rooms) = &room {
        space::may_claim(ctx, server, tx, "/room", rooms).await?;
    }
    if number.is_some_and(|number| number.is_wide(NUMBER_LEAST))
        || room.is_some_and(|rooms| rooms.is_wide(ROOM_LEAST))
    {
        ctx.operator("gives beginnings to organizations that are this short")?;
    }
    Ok(())
}

/// Calls come by the trunk: one of the server's that the organization has, or its account at a carrier. One that a route has it keeps, though
/// it is gone since.
async fn comes_in(
    ctx: &Ctx,
    server: &Server,
    tx: &mut OrgTx,
    before: Option<&store::Setting>,
    set: &store::Setting,
) -> Result<(), Error> {
    let Some(trunk) = &set.trunk else { return Ok(()) };
    if before.is_some_and(|before| before.trunk == set.trunk) {
        return Ok(());
    }
    let mut known = server.ports.dialler.ways_in(ctx.org);
    known.extend(provider_accounts::at_carriers(tx).await?);
    known.sort();
    known.dedup();
    if known.contains(trunk) {
        return Ok(());
    }
    let has = match known.as_slice() {
        [] => "none: make an account at a carrier, or leave `trunk` out".to_owned(),
        known => known.join(", "),
    };
    let detail =
        format!("the organization has no trunk or account at a carrier called {trunk}; it has {has}");
    Err(of_field(&problem::REFERENCE_UNKNOWN, "/trunk", "unknown", detail))
}

/// Of two routes with the same conditions the newer one would never be reached. One that was so before it is changed elsewhere may stay.
async fn is_reached(
    tx: &mut OrgTx,
    before: Option<(RouteId, &store::Setting)>,
    set: &store::Setting,
) -> Result<(), Error> {
    let conditions = |set: &store::Setting| {
        let store::Setting { number, room, host, trunk, headers, schedule, enabled, .. } = set.clone();
        (number, room, host, trunk, headers, schedule, enabled)
    };
    if !set.enabled || before.is_some_and(|(_, before)| conditions(before) == conditions(set)) {
        return Ok(());
    }
    let own = before.map(|(id, _)| id);
    let mut others = store::every(tx).await?.into_iter().filter(|route| Some(route.id) != own);
    let Some(other) = others.find(|route| conditions(&route.set) == conditions(set)) else {
        return Ok(());
    };
    let name =
        if other.set.title.is_empty() { other.id.to_string() } else { format!("{:?}", other.set.title) };
    let detail = format!(
        "the route {name} has the same conditions, and of two such routes the older one counts: change it, or switch one of them off"
    );
    Err(Error::new(&problem::CONFLICT, detail))
}

/// Nodes that calls can begin at, where the agent is served; what a route has it keeps.
async fn begins(tx: &mut OrgTx, before: Option<&store::Setting>, set: &store::Setting) -> Result<(), Error> {
    let Some(node) = &set.node else { return Ok(()) };
    let whose = |set: &store::Setting| (set.agent, set.environment, set.node.clone());
    if before.is_some_and(|before| whose(before) == whose(set)) {
        return Ok(());
    }
    // Who is led to nobody is told so when the route is stored.
    let Some(target) = store::target(tx, set.agent, set.environment).await? else { return Ok(()) };
    let store::Target { agent, environment, version } = &target;
    let detail = match nodes(tx, set.agent, *version).await? {
        Some(nodes) if nodes.contains(node) => return Ok(()),
        Some(nodes) => format!(
            "version {} of {agent}, which {environment} serves, has no node {node:?}; it has {}",
            version.unwrap_or_default(),
            nodes.join(", ")
        ),
        None => format!(
            "nothing of {agent} is published to {environment}, so that it has no node to begin at: publish it first, or leave `node` out"
        ),
    };
    Err(of_field(&problem::ROUTE_NODE_UNKNOWN, "/node", "unknown", detail))
}

/// Routes that lead into the environment to a node which the definition does not have. They stay: whoever publishes is told.
pub(super) async fn without_node(
    tx: &mut OrgTx,
    agent: AgentId,
    environment: EnvironmentId,
    definition: &str,
) -> Result<Vec<RouteWithoutNode>, Error> {
    let routes = store::beginning(tx, agent, environment).await?;
    if routes.is_empty() {
        return Ok(Vec::new());
    }
    let nodes = nodes_of(definition);
    let lost = routes.into_iter().filter_map(|route| {
        let node = route.set.node.filter(|node| !nodes.contains(node))?;
        Some(RouteWithoutNode { id: route.id, title: route.set.title, node })
    });
    Ok(lost.collect())
}

/// The nodes of a version's graph; `None`: there is no version.
async fn nodes(tx: &mut OrgTx, agent: AgentId, version: Option<i32>) -> Result<Option<Vec<String>>, Error> {
    let Some(version) = version else { return Ok(None) };
    let Some(definition) = control_store::version::definition(tx, agent, version).await? else {
        return Ok(None);
    };
    Ok(Some(nodes_of(&definition)))
}

fn nodes_of(definition: &str) -> Vec<String> {
    let nodes = definition::value(definition)["nodes"].as_object().map(|all| all.keys().cloned().collect());
    nodes.unwrap_or_default()
}

fn not_made(set: &store::Setting) -> impl FnOnce(control_store::Error) -> Error {
    let claims = [("/number", &set.number), ("/room", &set.room), ("/host", &set.host)];
    let claimed = claims.into_iter().filter(|(_, text)| text.is_some()).map(|(pointer, _)| pointer).collect();
    not_claimed(claimed, "there is one already", UNKNOWN)
}

/// As `refused`, of what claims a number, room or hostname for its organization, by the fields that do.
pub(super) fn not_claimed(
    claimed: Vec<&'static str>,
    taken: &'static str,
    unknown: &'static str,
) -> impl FnOnce(control_store::Error) -> Error {
    move |error| match &error {
        control_store::Error::Conflict { constraint } if constraint == store::ONE_ORGANIZATION => {
            let taken = |pointer: &str| FieldError {
                pointer: pointer.to_owned(),
                code: "taken".to_owned(),
                detail: TAKEN.to_owned(),
            };
            let errors = claimed.into_iter().map(taken).collect();
            Error { errors, ..Error::new(&problem::ROUTE_TAKEN, TAKEN) }
        }
        _ => refused(taken, unknown)(error),
    }
}

fn parsed(id: &str) -> Result<RouteId, Error> {
    id.parse().map_err(|_| missing("route", id))
}
