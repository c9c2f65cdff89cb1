//! Puts the calls of campaigns that run into the queue, as their pace and hours allow, and sees who is to be called again. Whoever dials takes
//! them from there. Of several servers one looks after a campaign at a time.

use std::sync::Arc;
use std::time::Duration;

use control_api::campaign::CampaignState;
use control_store::campaign::{self, Campaign, Contact};
use control_store::outbound::{self, New, Wanted};
use control_store::{Db, OrgTx, Reason, greeting};
use domain::{OrgId, Pii, SessionId};
use greetings::{Calendar, Timetable};
use jiff::{SignedDuration, Timestamp};
use runtime::Kind;

use crate::app::calls::rendered;
use crate::app::campaigns::rules::{self, Pace, Retry};
use crate::app::greetings::{book, read};
use crate::ports::Dialler;

pub(super) const KIND: Kind = Kind::new("jobs.campaigns");
const EVERY: Duration = Duration::from_millis(300);
/// What nobody looks after any more is looked for so often, in looks.
const SWEEP_EVERY: u32 = 20;

pub(super) async fn run(db: Db, dialler: Arc<dyn Dialler>) {
    for look in 0_u32.. {
        let now = Timestamp::now();
        let done = async {
            if look.is_multiple_of(SWEEP_EVERY) {
                sweep(&db, now).await?;
            }
            look_after(&db, dialler.as_ref(), now).await
        };
        if let Err(error) = done.await {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "campaigns could not be looked at; again in a moment"
            );
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn sweep(db: &Db, now: Timestamp) -> Result<(), control_store::Error> {
    let mut tx = db.system_tx(Reason::Outbound).await?;
    let closed = outbound::sweep(&mut tx, now).await?;
    tx.commit().await?;
    if closed > 0 {
        tracing::warn!(calls = closed, "calls of ours that nobody looked after are closed");
    }
    Ok(())
}

async fn look_after(db: &Db, dialler: &dyn Dialler, now: Timestamp) -> Result<(), control_store::Error> {
    let mut tx = db.system_tx(Reason::Outbound).await?;
    let orgs = campaign::active(&mut tx).await?;
    tx.commit().await?;
    for org in orgs {
        if look_at(db, org, now).await? > 0 {
            dialler.queued();
        }
    }
    Ok(())
}

/// Calls that were put into the queue for the organization.
async fn look_at(db: &Db, org: OrgId, now: Timestamp) -> Result<i64, control_store::Error> {
    let mut tx = db.org_tx(org).await?;
    let mut begun = 0;
    let campaigns = campaign::take(&mut tx).await?;
    if !campaigns.is_empty() {
        let calendar = book::calendar(&greeting::calendar(&mut tx).await?);
        for campaign in campaigns {
            settle(&mut tx, &campaign, now).await?;
            if campaign.state == CampaignState::Running.name() {
                begun += begin(&mut tx, &campaign, &calendar, now).await?;
            }
        }
    }
    tx.commit().await?;
    Ok(begun)
}

async fn settle(tx: &mut OrgTx, campaign: &Campaign, now: Timestamp) -> Result<(), control_store::Error> {
    let set = &campaign.set;
    let rules = Retry {
        outcomes: &set.retry_on,
        attempts_most: set.attempts_most,
        after: SignedDuration::from_secs(set.retry_after_s.into()),
    };
    let over = campaign.state == CampaignState::Cancelled.name();
    for call in campaign::unsettled(tx, campaign.id).await? {
        let again = rules.again(&call.outcome, call.attempt, now).filter(|_| !over);
        campaign::settle(tx, &call, again).await?;
    }
    Ok(())
}

async fn begin(
    tx: &mut OrgTx,
    campaign: &Campaign,
    calendar: &Calendar,
    now: Timestamp,
) -> Result<i64, control_store::Error> {
    if campaign::left(tx, campaign.id).await? == 0 {
        campaign::set_state(tx, campaign.id, CampaignState::Completed.name()).await?;
        tracing::info!(campaign = %campaign.id, "a campaign is completed");
        return Ok(0);
    }
    // One that cannot be read calls nobody, rather than people at night.
    let timetable = match campaign.set.schedule.clone() {
        None => None,
        Some(stored) => match read(stored).and_then(|schedule| Timetable::new(schedule).ok()) {
            Some(timetable) => Some(timetable),
            None => return Ok(0),
        },
    };
    if !rules::open(timetable.as_ref(), calendar, now) {
        return Ok(0);
    }
    let pace =
        Pace { concurrency: campaign.set.concurrency.into(), per_minute: campaign.set.per_minute.into() };
    let under_way = campaign::under_way(tx, campaign.id).await?;
    let may = pace.begin(now, under_way, campaign.next_at);
    if may.calls == 0 {
        return Ok(0);
    }
    let mut begun = 0;
    for contact in campaign::due(tx, campaign.id, now, may.calls).await? {
        let wanted = wanted(campaign, &contact);
        let attempt = (campaign.id, contact.id, contact.attempts + 1);
        let new = New { id: SessionId::generate(), contact: Some(attempt), wanted: &wanted };
        outbound::queue(tx, new).await?;
        campaign::calling(tx, contact.id).await?;
        begun += 1;
    }
    if begun > 0 {
        campaign::begin_next_at(tx, campaign.id, may.next_at(begun)).await?;
    }
    Ok(begun)
}

fn wanted(campaign: &Campaign, contact: &Contact) -> Wanted {
    let set = &campaign.set;
    let message = set.message.as_deref();
    let message = message.and_then(|text| rendered(text, &set.agent, &contact.number.0, &contact.variables));
    Wanted {
        agent: set.agent.clone(),
        trunk: set.trunk.clone(),
        number: contact.number.clone(),
        caller: set.caller.clone().map(Pii),
        ring_s: set.ring_s,
        at_machine: set.at_machine.clone(),
        message: message.map(Pii),
        variables: contact.variables.clone(),
    }
}
