//! Calls on record: the list, one of them, and its parts. A running call is there from its first event.

use std::collections::BTreeMap;
use std::time::Duration;

use control_api::call::{
    Call, CallQuery, CallSummary, Direction, EventPage, EventQuery, NumberedEvent, SummaryBy, Turn,
};
use control_api::cost::CallSum;
use control_api::{List, Paging, problem};
use control_store::opposite::{self, Opposite};
use control_store::session::{self, Filter, Session};
use control_store::{OrgTx, cost, environment};
use domain::{EnvironmentId, SessionId, TurnId};
use jiff::Timestamp;

use crate::Server;
use crate::app::audio;
use crate::app::ctx::{Ctx, missing};
use crate::app::event_line::describe;
use crate::app::heard::{self, Share};
use crate::app::instant;
use crate::app::paging;
use crate::app::summary;
use crate::error::Error;
use crate::ports::{RawLog, Recorded};

/// Events of one call that are read at once.
const EVENTS: i64 = 20_000;
/// Of cursors.
const SCOPE: &str = "sessions";
const EVENT_PAGE: u32 = 500;
const EVENT_PAGE_MOST: u32 = 1000;

/// Newest first.
pub(crate) async fn list(ctx: &Ctx, server: &Server, query: &CallQuery) -> Result<List<CallSummary>, Error> {
    let paging = Paging { limit: query.limit, cursor: query.cursor.clone() };
    let page = paging::page(server, SCOPE, &paging)?;
    let mut tx = ctx.tx(server).await?;
    let found = match filter(&mut tx, query).await? {
        Some(filter) => session::list(&mut tx, &filter, page).await?,
        None => Vec::new(),
    };
    let names = Environments::of(&mut tx).await?;
    tx.commit().await?;
    let place = |session: &Session| (session.started_at, session.id.as_uuid());
    Ok(paging::list(server, SCOPE, page, found, place, |session| summarised(&session, &names, server)))
}

/// `None`: nothing can fit.
async fn filter(tx: &mut OrgTx, query: &CallQuery) -> Result<Option<Filter>, Error> {
    let environment = match &query.environment {
        None => None,
        Some(name) => match environment::named(tx, name).await? {
            Some(found) => Some(found.id),
            None => return Ok(None),
        },
    };
    let time = |name: &str, text: &Option<String>| -> Result<Option<Timestamp>, Error> {
        let Some(text) = text else { return Ok(None) };
        let wrong = |why| Error::new(&problem::PARAMETER_INVALID, format!("`{name}`: {why}"));
        instant::read(text).map(Some).map_err(wrong)
    };
    Ok(Some(Filter {
        agent_name: query.agent.clone(),
        transport: query.transport.clone(),
        direction: query.direction.map(|direction| match direction {
            Direction::Inbound => opposite::Direction::Inbound,
            Direction::Outbound => opposite::Direction::Outbound,
        }),
        environment,
        end_reason: query.end_reason.clone(),
        outcome: query.outcome.clone(),
        from: time("from", &query.from)?,
        to: time("to", &query.to)?,
        words: query.q.clone().filter(|words| !words.trim().is_empty()),
        slower_than_ms: query.slower_than_ms,
        problems: query.problems.unwrap_or(false),
        poor_audio: query.poor_audio.unwrap_or(false),
    }))
}

pub(crate) async fn one(ctx: &Ctx, server: &Server, id: &str) -> Result<Call, Error> {
    let (found, recorded, names, costs) = read(ctx, server, id).await?;
    let summary = summarised(&found, &names, server);
    let outcome = summary::Outcome {
        fields: found.fields,
        summary_model: found.summary_model,
        extracted: found.extracted,
    };
    let mut call = summary::call(summary, outcome, &recorded);
    costs.put_on(&mut call.turns_detail);
    Ok(call)
}

pub(crate) async fn turns(ctx: &Ctx, server: &Server, id: &str) -> Result<Vec<Turn>, Error> {
    let (_, recorded, _, costs) = read(ctx, server, id).await?;
    let mut turns = summary::turns(&recorded.events);
    costs.put_on(&mut turns);
    Ok(turns)
}

pub(crate) async fn events(
    ctx: &Ctx,
    server: &Server,
    id: &str,
    query: &EventQuery,
) -> Result<EventPage, Error> {
    let limit = query.limit.unwrap_or(EVENT_PAGE);
    if !(1..=EVENT_PAGE_MOST).contains(&limit) {
        let detail = format!("`limit` must be between 1 and {EVENT_PAGE_MOST}, not {limit}");
        return Err(Error::new(&problem::PARAMETER_INVALID, detail));
    }
    let (session, limit) = (parse(id)?, limit as usize);
    let mut tx = ctx.tx(server).await?;
    session::find(&mut tx, session).await?.ok_or_else(|| unknown(id))?;
    let mut found = session::events(&mut tx, session, query.after.unwrap_or(-1), limit as i64 + 1).await?;
    tx.commit().await?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next_after = found.last().filter(|_| has_more).map(|event| event.sequence);
    let data = found.into_iter().map(|event| {
        let at = Duration::from_micros(u64::try_from(event.at_us).unwrap_or_default());
        let (kind, turn, text) = describe(&event.event);
        NumberedEvent { sequence: event.sequence, at_ms: summary::ms(at), kind, turn, text }
    });
    Ok(EventPage { data: data.collect(), next_after, has_more })
}

/// The flight log, which replays the call's decisions; calls of other servers and old ones have none here.
pub(crate) async fn log(ctx: &Ctx, server: &Server, id: &str) -> Result<(SessionId, RawLog), Error> {
    let session = own(ctx, server, id).await?;
    let missing = || {
        Error::new(
            &problem::LOG_MISSING,
            "the log of this call is not in this server's data directory (any more); it is written when the call ends",
        )
    };
    let log = server.ports.log.raw(session).await?.ok_or_else(missing)?;
    Ok((session, log))
}

/// That the call is one of the organization's.
pub(crate) async fn own(ctx: &Ctx, server: &Server, id: &str) -> Result<SessionId, Error> {
    let session = parse(id)?;
    let mut tx = ctx.tx(server).await?;
    session::find(&mut tx, session).await?.ok_or_else(|| unknown(id))?;
    tx.commit().await?;
    Ok(session)
}

async fn read(
    ctx: &Ctx,
    server: &Server,
    id: &str,
) -> Result<(Session, Recorded, Environments, TurnCosts), Error> {
    let session = parse(id)?;
    let mut tx = ctx.tx(server).await?;
    let found = session::find(&mut tx, session).await?.ok_or_else(|| unknown(id))?;
    let events = session::events(&mut tx, session, -1, EVENTS).await?;
    let names = Environments::of(&mut tx).await?;
    let (own, heard) =
        (cost::sums_of_turns(&mut tx, session).await?, cost::recognitions(&mut tx, session).await?);
    tx.commit().await?;
    let recorded = recorded(&found, events);
    let costs = TurnCosts { own, heard: heard::shares(&heard::complete(&recorded.events), &heard) };
    Ok((found, recorded, names, costs))
}

struct TurnCosts {
    /// Of what was asked for a turn alone.
    own: Vec<cost::TurnSum>,
    heard: BTreeMap<TurnId, Share>,
}

impl TurnCosts {
    fn put_on(&self, turns: &mut [Turn]) {
        for turn in turns {
            let own = self.own.iter().find(|sum| u32::try_from(sum.turn) == Ok(turn.turn.0));
            let own = own.map(|sum| CallSum {
                requests: sum.requests,
                cost_nano_usd: sum.cost_nano,
                unpriced: sum.unpriced,
            });
            let heard = self.heard.get(&turn.turn);
            if own.is_none() && heard.is_none() {
                continue;
            }
            let (mut cost, heard) = (own.unwrap_or_default(), heard.copied().unwrap_or_default());
            cost.cost_nano_usd += heard.cost_nano;
            cost.unpriced += heard.unpriced;
            turn.cost = Some(cost);
        }
    }
}

pub(crate) fn recorded(found: &Session, events: Vec<session::Event>) -> Recorded {
    let events = events
        .into_iter()
        .map(|event| (Duration::from_micros(u64::try_from(event.at_us).unwrap_or_default()), event.event));
    Recorded {
        id: found.id,
        agent: found.agent_name.clone(),
        transport: found.transport.clone(),
        started_at: found.started_at,
        events: events.collect(),
    }
}

/// Names of the organization's environments.
struct Environments(Vec<(EnvironmentId, String)>);

impl Environments {
    async fn of(tx: &mut OrgTx) -> Result<Self, Error> {
        Ok(Self(environment::names(tx).await?))
    }

    fn name(&self, id: Option<EnvironmentId>) -> Option<String> {
        self.0.iter().find(|(known, _)| Some(*known) == id).map(|(_, name)| name.clone())
    }
}

fn summarised(found: &Session, names: &Environments, server: &Server) -> CallSummary {
    let count = |number: i32| u32::try_from(number).unwrap_or_default();
    let running = found.ended_at.is_none();
    let so_far = || {
        let until = if running { server.ports.clock.now() } else { found.last_event_at };
        let length = until.duration_since(found.started_at);
        summary::ms(Duration::try_from(length).unwrap_or_default())
    };
    let (direction, party) = other_side(found.opposite.as_ref());
    CallSummary {
        id: found.id,
        agent: found.agent_name.clone(),
        version: found.version,
        environment: names.name(found.environment),
        transport: found.transport.clone(),
        direction,
        party,
        providers: found.providers.clone(),
        started_at: found.started_at.to_string(),
        duration_ms: found.duration_ms.unwrap_or_else(so_far),
        running,
        end_reason: found.end_reason.clone(),
        outcome: found.outcome.clone(),
        summary: found.summary.clone(),
        summary_by: found.summary.as_ref().map(|_| match found.summary_model {
            Some(_) => SummaryBy::Model,
            None => SummaryBy::Rules,
        }),
        turns: count(found.turns),
        interruptions: count(found.interruptions),
        response_median_ms: found.response_median_ms,
        response_max_ms: found.response_max_ms,
        dead_air_ms: found.dead_air_ms,
        failures: count(found.failures),
        recorded: found.recorded,
        lowest_mos: found.lowest_mos.map(audio::score),
        poor_audio: found.poor_audio,
        first_words: found.first_words.clone(),
        drill: found.drill,
    }
}

/// For those who may see the call.
#[must_use]
pub fn other_side(opposite: Option<&Opposite>) -> (Option<Direction>, Option<String>) {
    let Some(Opposite { direction, party }) = opposite else { return (None, None) };
    let direction = match direction {
        opposite::Direction::Inbound => Direction::Inbound,
        opposite::Direction::Outbound => Direction::Outbound,
    };
    (Some(direction), party.as_ref().map(|party| party.0.clone()))
}

fn parse(id: &str) -> Result<SessionId, Error> {
    id.parse().map_err(|_| unknown(id))
}

fn unknown(id: &str) -> Error {
    missing("call", id)
}
