//! Asks a language model what came of ended calls. Rules have said so before (`afterwards`); what they said stays where no model answers.
//!
//! A call is taken from the queue of its organization for longer than a request may take, so that of several servers one asks. What a
//! crash interrupts is asked again when that time is over: a call may cost two requests then, and has one summary.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use control_store::digest::{self, Claim};
use control_store::{Db, Reason, session};
use domain::OrgId;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use runtime::Kind;

use crate::app::{digest as told, sessions};
use crate::metrics::MODEL_SUMMARIES;
use crate::ports::{NotSummedUp, Summarizer};

pub(super) const KIND: Kind = Kind::new("jobs.digests");
const EVERY: Duration = Duration::from_millis(500);
/// Requests of this server at once: nobody waits for them, and calls use the same vendors.
const AT_ONCE: usize = 4;
/// Of them for one organization: its backlog keeps no other's calls waiting.
const OF_ONE: usize = 2;
/// One request, from the transcript to the whole answer.
const WITHIN: Duration = Duration::from_secs(60);
/// For longer than a request and what is read and written around it.
const LEASE: Duration = Duration::from_secs(180);
/// Before the second try and the third; there is no fourth.
const PAUSES: [Duration; 2] = [Duration::from_secs(30), Duration::from_secs(600)];
/// Events of a call that are looked at.
const EVENTS: i64 = 20_000;

pub(super) async fn run(db: Db, summarizer: Arc<dyn Summarizer>) {
    let mut asking: FuturesUnordered<BoxFuture<'_, OrgId>> = FuturesUnordered::new();
    let mut busy: HashMap<OrgId, usize> = HashMap::new();
    // Whose turn it was last.
    let mut last = None;
    loop {
        while asking.len() < AT_ONCE {
            match take(&db, &busy, last).await {
                Ok(Some((org, claim))) => {
                    last = Some(org);
                    *busy.entry(org).or_default() += 1;
                    asking.push(Box::pin(asked(&db, summarizer.as_ref(), org, claim)));
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::debug!(
                        error = &error as &dyn std::error::Error,
                        "no calls to sum up are to be had; again later"
                    );
                    break;
                }
            }
        }
        tokio::select! {
            Some(org) = asking.next() => {
                if let Some(count) = busy.get_mut(&org) {
                    *count -= 1;
                }
                busy.retain(|_, count| *count > 0);
            }
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// The next call: organizations take turns.
async fn take(
    db: &Db,
    busy: &HashMap<OrgId, usize>,
    last: Option<OrgId>,
) -> Result<Option<(OrgId, Claim)>, control_store::Error> {
    let mut tx = db.system_tx(Reason::Summarise).await?;
    let waiting = digest::waiting(&mut tx).await?;
    tx.commit().await?;
    for org in in_turn(waiting, busy, last) {
        let mut tx = db.org_tx(org).await?;
        let claim = digest::claim(&mut tx, LEASE).await?;
        tx.commit().await?;
        // Another server may have been faster.
        if let Some(claim) = claim {
            return Ok(Some((org, claim)));
        }
    }
    Ok(None)
}

/// Those that may have one more, beginning behind the one that had its turn. `waiting` is in order.
fn in_turn(mut waiting: Vec<OrgId>, busy: &HashMap<OrgId, usize>, last: Option<OrgId>) -> Vec<OrgId> {
    let behind = waiting.partition_point(|org| last.is_some_and(|last| *org <= last));
    waiting.rotate_left(behind);
    waiting.retain(|org| busy.get(org).is_none_or(|count| *count < OF_ONE));
    waiting
}

async fn asked(db: &Db, summarizer: &dyn Summarizer, org: OrgId, claim: Claim) -> OrgId {
    if let Err(error) = ask(db, summarizer, org, claim).await {
        // It stays taken, and is asked about again when that is over.
        tracing::warn!(session = %claim.session, error = &error as &dyn std::error::Error, "what a model made of the call could not be kept; again later");
    }
    org
}

async fn ask(
    db: &Db,
    summarizer: &dyn Summarizer,
    org: OrgId,
    claim: Claim,
) -> Result<(), control_store::Error> {
    // A server died over each of its tries.
    if usize::from(claim.attempt.unsigned_abs()) > PAUSES.len() + 1 {
        return put_back(db, org, claim, "each server that asked ended meanwhile").await;
    }
    let mut tx = db.org_tx(org).await?;
    let found = session::find(&mut tx, claim.session).await?;
    let events = match found {
        Some(_) => session::events(&mut tx, claim.session, -1, EVENTS).await?,
        None => Vec::new(),
    };
    tx.commit().await?;
    let told = found.and_then(|found| told::conversation(&found, &sessions::recorded(&found, events)));
    let answer = match told {
        None => Err(NotSummedUp::NoModel),
        Some(conversation) => {
            let answer = tokio::time::timeout(WITHIN, summarizer.sum_up(conversation)).await;
            answer.unwrap_or_else(|_| Err(NotSummedUp::Failed { reason: "no answer in time".to_owned() }))
        }
    };
    match answer {
        Ok(answer) => match told::accepted(answer) {
            Some(kept) => {
                let mut tx = db.org_tx(org).await?;
                let ours = digest::put(&mut tx, claim, &kept).await?;
                tx.commit().await?;
                count(if ours { "kept" } else { "late" });
                Ok(())
            }
            None => put_back(db, org, claim, "the answer says nothing").await,
        },
        Err(NotSummedUp::NoModel) => {
            let mut tx = db.org_tx(org).await?;
            digest::put_back(&mut tx, claim, None).await?;
            tx.commit().await?;
            count("no_model");
            Ok(())
        }
        Err(NotSummedUp::Failed { reason }) => put_back(db, org, claim, &reason).await,
    }
}

/// To be asked again after a pause, as long as there are pauses.
async fn put_back(db: &Db, org: OrgId, claim: Claim, reason: &str) -> Result<(), control_store::Error> {
    let tried = usize::from(claim.attempt.unsigned_abs());
    let wait = PAUSES.get(tried.saturating_sub(1)).copied();
    tracing::warn!(session = %claim.session, reason, tried, again = wait.is_some(), "a model did not sum the call up");
    let mut tx = db.org_tx(org).await?;
    digest::put_back(&mut tx, claim, wait).await?;
    tx.commit().await?;
    count(if wait.is_some() { "again" } else { "given_up" });
    Ok(())
}

fn count(outcome: &'static str) {
    metrics::counter!(MODEL_SUMMARIES, "outcome" => outcome).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn organizations_take_turns_and_none_has_more_than_its_share() {
        let mut orgs: Vec<OrgId> = (0..3).map(|_| OrgId::generate()).collect();
        orgs.sort();
        let [a, b, c] = [orgs[0], orgs[1], orgs[2]];
        let turn =
            |busy: &[(OrgId, usize)], last| in_turn(orgs.clone(), &busy.iter().copied().collect(), last);
        assert_eq!(turn(&[], None), [a, b, c]);
        assert_eq!(turn(&[], Some(a)), [b, c, a]);
        assert_eq!(turn(&[], Some(c)), [a, b, c]);
        assert_eq!(turn(&[(b, OF_ONE), (c, OF_ONE - 1)], Some(a)), [c, a]);
    }
}
