//! Campaigns: who may have whom called by the hundred, when, and what came of it.

mod check;
pub(crate) mod contacts;
pub(crate) mod results;
pub(crate) mod rules;

use control_api::campaign::{
    Campaign, CampaignChange, CampaignState, NewCampaign, Progress, RetryOn, RetryRules,
};
use control_api::{List, Paging, problem};
use control_store::campaign as store;
use domain::{CampaignId, Pii};
use serde_json::json;

use super::calls::{refused, shown_detection};
use super::ctx::{Change, Ctx, Done, Expected, missing};
use super::fields::Fields;
use super::greetings::read;
use super::paging;
use crate::Server;
use crate::error::Error;
use crate::ports::WantedCall;
use rules::Move;

const SCOPE: &str = "campaigns";

pub(crate) async fn list(ctx: &Ctx, server: &Server, asked: &Paging) -> Result<List<Campaign>, Error> {
    let page = paging::page(server, SCOPE, asked)?;
    let mut tx = ctx.tx(server).await?;
    let rows = store::list(&mut tx, page).await?;
    let ids: Vec<CampaignId> = rows.iter().map(|row| row.id).collect();
    let counts = store::counts(&mut tx, &ids).await?;
    tx.commit().await?;
    let placed = |row: store::Campaign| Ok(((row.created_at, row.id.as_uuid()), shown(row, &counts)?));
    let rows = rows.into_iter().map(placed).collect::<Result<Vec<_>, Error>>()?;
    Ok(paging::list(server, SCOPE, page, rows, |(place, _)| *place, |(_, campaign)| campaign))
}

pub(crate) async fn one(ctx: &Ctx, server: &Server, id: &str) -> Result<Done<Campaign>, Error> {
    let key = parsed(id)?;
    let mut tx = ctx.tx(server).await?;
    let found = store::find(&mut tx, key).await?.ok_or_else(|| missing("campaign", id))?;
    let counts = store::counts(&mut tx, &[key]).await?;
    tx.commit().await?;
    let revision = found.revision;
    Ok(Done::found(shown(found, &counts)?, revision))
}

pub(crate) async fn create(ctx: &Ctx, server: &Server, new: NewCampaign) -> Result<Done<Campaign>, Error> {
    let mut fields = Fields::default();
    let set = check::new(&mut fields, new);
    fields.check()?;
    may_call(ctx, server, &set)?;
    let mut tx = ctx.tx(server).await?;
    let row = store::create(&mut tx, CampaignId::generate(), &set).await?;
    let made = shown(row, &[])?;
    let change = Change::of("campaign.create", made.id).to(&made);
    let revision = made.revision;
    ctx.commit(tx, change, Done::made(made, revision)).await
}

pub(crate) async fn change(
    ctx: &Ctx,
    server: &Server,
    id: &str,
    expected: Expected,
    wanted: CampaignChange,
) -> Result<Done<Campaign>, Error> {
    let key = parsed(id)?;
    let mut tx = ctx.tx(server).await?;
    let row = store::lock(&mut tx, key).await?.ok_or_else(|| missing("campaign", id))?;
    let counts = store::counts(&mut tx, &[key]).await?;
    let (was, before) = (row.set.clone(), shown(row, &counts)?);
    expected.check(before.revision, &before)?;
    if matches!(before.state, CampaignState::Completed | CampaignState::Cancelled) {
        return Err(Error::new(&problem::CAMPAIGN_STATE, "the campaign is over: make another"));
    }
    let mut fields = Fields::default();
    let set = check::changed(&mut fields, was.clone(), wanted);
    fields.check()?;
    if (&set.agent, &set.trunk, &set.caller) != (&was.agent, &was.trunk, &was.caller) {
        may_call(ctx, server, &set)?;
    }
    let after = shown(store::update(&mut tx, key, &set).await?, &counts)?;
    let change = Change::of("campaign.update", key).from(&before).to(&after);
    let revision = after.revision;
    ctx.commit(tx, change, Done::found(after, revision)).await
}

/// Starts, pauses, goes on with or cancels it. What is so already stays so.
pub(crate) async fn go(ctx: &Ctx, server: &Server, id: &str, wanted: Move) -> Result<Done<Campaign>, Error> {
    let key = parsed(id)?;
    let mut tx = ctx.tx(server).await?;
    let row = store::lock(&mut tx, key).await?.ok_or_else(|| missing("campaign", id))?;
    let counts = store::counts(&mut tx, &[key]).await?;
    let before = shown(row.clone(), &counts)?;
    let state = before.state;
    let next = rules::next(state, wanted).ok_or_else(|| {
        let detail = format!("the campaign is {}: it cannot {}", row.state, wanted.name());
        Error::new(&problem::CAMPAIGN_STATE, detail)
    })?;
    if next == CampaignState::Running && state != next {
        if before.progress.contacts == 0 {
            let detail = "the campaign has nobody to call: import contacts first";
            return Err(Error::new(&problem::CAMPAIGN_STATE, detail));
        }
        may_call(ctx, server, &row.set)?;
    }
    if next == CampaignState::Cancelled {
        store::cancel(&mut tx, key).await?;
    }
    let after = if state == next { row } else { store::set_state(&mut tx, key, next.name()).await? };
    let counts = store::counts(&mut tx, &[key]).await?;
    let after = shown(after, &counts)?;
    let action = format!("campaign.{}", wanted.name());
    let change = Change::of(&action, key).from(&before).to(&after);
    let revision = after.revision;
    let done = ctx.commit(tx, change, Done::found(after, revision)).await?;
    server.ports.dialler.queued();
    Ok(done)
}

fn may_call(ctx: &Ctx, server: &Server, set: &store::Setting) -> Result<(), Error> {
    let wanted = WantedCall {
        agent: set.agent.clone(),
        trunk: set.trunk.clone(),
        to: None,
        from: set.caller.clone().map(Pii),
    };
    server.ports.dialler.may_dial(ctx.org, &wanted).map_err(refused)
}

fn shown(row: store::Campaign, counts: &[store::Count]) -> Result<Campaign, Error> {
    let unreadable = || Error::fault(&control_store::Error::Content(format!("campaign {}", row.id)));
    let state: CampaignState = read(json!(row.state)).ok_or_else(unreadable)?;
    let outcomes: Vec<RetryOn> = row.set.retry_on.iter().filter_map(|name| read(json!(name))).collect();
    let number = |value: i32| value.unsigned_abs();
    Ok(Campaign {
        id: row.id,
        title: row.set.title,
        agent: row.set.agent,
        trunk: row.set.trunk,
        from: row.set.caller,
        ring_s: number(row.set.ring_s),
        machine_detection: shown_detection(&row.set.at_machine, row.set.message),
        concurrency: number(row.set.concurrency),
        per_minute: number(row.set.per_minute),
        retry: RetryRules {
            outcomes,
            attempts: number(row.set.attempts_most),
            after_s: number(row.set.retry_after_s),
        },
        schedule: row.set.schedule.and_then(read),
        state,
        progress: progress(row.id, counts),
        started_at: row.started_at.map(|at| at.to_string()),
        ended_at: row.ended_at.map(|at| at.to_string()),
        revision: row.revision,
        created_at: row.created_at.to_string(),
        updated_at: row.updated_at.to_string(),
    })
}

fn progress(id: CampaignId, counts: &[store::Count]) -> Progress {
    let mut progress = Progress::default();
    for count in counts.iter().filter(|count| count.campaign == id) {
        progress.contacts += count.contacts;
        match count.state.as_str() {
            "waiting" => progress.waiting += count.contacts,
            "calling" => progress.calling += count.contacts,
            "done" => {
                progress.done += count.contacts;
                let outcome = count.outcome.clone().unwrap_or_else(|| "unknown".to_owned());
                *progress.outcomes.entry(outcome).or_default() += count.contacts;
            }
            _ => progress.cancelled += count.contacts,
        }
    }
    progress
}

fn parsed(id: &str) -> Result<CampaignId, Error> {
    id.parse().map_err(|_| missing("campaign", id))
}
