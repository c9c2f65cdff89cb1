//! Whom a call that might be would reach, and why.

use std::collections::HashMap;

use control_api::problem;
use control_api::route::{ConsideredRoute, Reached, RouteCall, RouteTest, RouteTestAnswer};
use control_store::{OrgTx, channel, greeting, route as store};
use domain::{ChannelId, OrgId, RouteId};
use jiff::Timestamp;
use routing::{Arrival, Explained, dialled};

use super::table::{Leading, header, table};
use super::{UNKNOWN, begins, check, may_have, nodes, not_made};
use crate::Server;
use crate::app::ctx::Ctx;
use crate::app::fields::Fields;
use crate::app::greetings::book;
use crate::app::instant;
use crate::error::Error;

const TEXT_MOST: usize = 253;
const HEADERS_MOST: usize = 32;

/// A draft is saved as it would be, in a transaction that is undone: so whatever forbids it is told.
pub(crate) async fn of(ctx: &Ctx, server: &Server, asked: RouteTest) -> Result<RouteTestAnswer, Error> {
    let mut fields = Fields::default();
    let at = instant::field(&mut fields, "/call/at", asked.call.at.as_deref(), server.ports.clock.now());
    let draft = asked.draft.map(|draft| check::new(&mut fields, "/draft", draft));
    fit(&mut fields, &asked.call);
    fields.check()?;
    let arrival = arrival(ctx.org, asked.call);
    let mut tx = ctx.tx(server).await?;
    let calendar = greeting::calendar(&mut tx).await?;
    let mut rows = store::every(&mut tx).await?;
    rows.retain(|row| row.set.enabled);
    let drafted = asked.replaces.unwrap_or_else(RouteId::generate);
    let mut answer = RouteTestAnswer {
        reached: None,
        number: arrival.number.as_deref().map(dialled),
        local_time: local(&book::calendar(&calendar), at),
        considered: Vec::new(),
        refusal: None,
        refusal_code: None,
    };
    if let Some(set) = &draft {
        rows.retain(|row| row.id != drafted);
        if store::target(&mut tx, set.agent, set.environment).await?.is_none() {
            return Err(Error::new(&problem::REFERENCE_UNKNOWN, UNKNOWN));
        }
        if set.enabled {
            rows.push(supposed(drafted, set, at));
        }
    }
    let channels: Vec<Leading> =
        channel::leading(&mut tx).await?.into_iter().map(|row| leading(ctx.org, row)).collect();
    let mut known: HashMap<RouteId, Known> =
        channels.iter().map(|one| (one.id(), Known::channel(one))).collect();
    for row in &rows {
        let saved = draft.is_none() || row.id != drafted;
        let (title, node) = (row.set.title.clone(), row.set.node.clone());
        known.insert(row.id, Known { route: saved.then_some(row.id), channel: None, title, node });
    }
    let all = rows.into_iter().map(|row| (ctx.org, row)).collect();
    let table = table(all, channels.into_iter(), vec![(ctx.org, calendar)]);
    if let Some(route) = table.reach(&arrival, at)
        && let Some(target) = store::target(&mut tx, route.agent, route.environment).await?
    {
        let known = known.get(&route.id).cloned().unwrap_or_default();
        let node_missing = match &known.node {
            Some(node) => {
                let served = nodes(&mut tx, route.agent, target.version).await?;
                served.is_some_and(|nodes| !nodes.contains(node))
            }
            None => false,
        };
        answer.reached = Some(Reached {
            route_id: known.route,
            channel_id: known.channel,
            agent_id: route.agent,
            agent: target.agent,
            environment_id: route.environment,
            environment: target.environment,
            version: target.version,
            node: known.node,
            node_missing,
        });
    }
    answer.considered =
        table.explain(&arrival, at).into_iter().map(|one| considered(&one, known.get(&one.id))).collect();
    if let Some(set) = &draft
        && let Some(error) = refusal(ctx, server, &mut tx, asked.replaces, set).await?
    {
        answer.refusal_code = Some(error.definition.code().to_string());
        answer.refusal = Some(error.detail);
    }
    // Not committed: nothing of it stays.
    drop(tx);
    Ok(answer)
}

/// Why the draft cannot be saved.
async fn refusal(
    ctx: &Ctx,
    server: &Server,
    tx: &mut OrgTx,
    replaces: Option<RouteId>,
    set: &store::Setting,
) -> Result<Option<Error>, Error> {
    let before = match replaces {
        Some(id) => store::lock(tx, id).await?,
        None => None,
    };
    match may_have(ctx, server, tx, before.as_ref().map(|row| &row.set), set).await {
        Err(error) if [&problem::OPERATOR_ONLY, &problem::ROUTE_TAKEN].contains(&error.definition) => {
            return Ok(Some(error));
        }
        other => other?,
    }
    match begins(tx, before.as_ref().map(|row| &row.set), set).await {
        Err(error) if error.definition == &problem::ROUTE_NODE_UNKNOWN => return Ok(Some(error)),
        other => other?,
    }
    let saved = match before {
        Some(row) => store::update(tx, row.id, set).await,
        None => store::create(tx, RouteId::generate(), set).await,
    };
    match saved.map_err(not_made(set)) {
        Ok(_) => Ok(None),
        Err(error) if error.definition == &problem::ROUTE_TAKEN => Ok(Some(error)),
        Err(error) => Err(error),
    }
}

fn supposed(id: RouteId, set: &store::Setting, at: Timestamp) -> store::Route {
    store::Route { id, set: set.clone(), revision: 0, created_at: at, updated_at: at }
}

/// What the table's routes are to people.
#[derive(Debug, Clone, Default)]
struct Known {
    /// `None`: the draft.
    route: Option<RouteId>,
    channel: Option<ChannelId>,
    title: String,
    node: Option<String>,
}

impl Known {
    fn channel(one: &Leading) -> Self {
        Self { channel: Some(one.channel), title: format!("Channel {}", one.address), ..Self::default() }
    }
}

fn leading(org: OrgId, row: channel::Channel) -> Leading {
    let channel::Channel { id, kind, address, agent, environment, .. } = row;
    Leading { org, channel: id, room: kind == "room", address, agent, environment }
}

fn considered(one: &Explained, known: Option<&Known>) -> ConsideredRoute {
    let known = known.cloned().unwrap_or_default();
    let why = match &one.verdict {
        Ok(fit) if one.chosen => fit.to_string(),
        Ok(fit) => format!("{fit}, and another fits better"),
        Err(miss) => miss.to_string(),
    };
    ConsideredRoute {
        route_id: known.route,
        channel_id: known.channel,
        title: known.title,
        fits: one.verdict.is_ok(),
        chosen: one.chosen,
        why,
    }
}

/// Only routes of the organization are looked at either way. A call by nobody's trunk needs a place that is the organization's, as on the wire.
fn arrival(org: OrgId, call: RouteCall) -> Arrival {
    let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    let trunk = given(call.trunk);
    Arrival {
        org: trunk.is_some().then_some(org),
        number: given(call.number),
        room: given(call.room),
        host: given(call.host),
        trunk,
        headers: call.headers.into_iter().map(header).collect(),
    }
}

fn fit(fields: &mut Fields, call: &RouteCall) {
    let texts =
        [("number", &call.number), ("room", &call.room), ("host", &call.host), ("trunk", &call.trunk)];
    for (name, text) in texts {
        fields.text(&format!("/call/{name}"), text.as_deref().unwrap_or_default(), 0, TEXT_MOST);
    }
    if call.headers.len() > HEADERS_MOST {
        fields.wrong("/call/headers", "out_of_range", format!("at most {HEADERS_MOST} headers"));
    }
}

fn local(calendar: &greetings::Calendar, at: Timestamp) -> String {
    at.to_zoned(calendar.zone.clone()).strftime("%A %Y-%m-%d %H:%M %Z").to_string()
}
