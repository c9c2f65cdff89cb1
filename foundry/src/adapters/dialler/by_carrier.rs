//! Calls that a carrier makes for us: asked for by its API, told of by webhook, and spoken in by a stream.

use std::sync::Arc;
use std::time::Duration;

use ::carriers::leg::Unheard;
use ::carriers::{Dial, End, Unanswered, e164};
use control_api::provider_account::Vendor;
use control_server::ports::{Account, NotDialled, WantedCall};
use control_store::outbound::{Call, Step};
use domain::{OrgId, wire_name};
use jiff::Timestamp;
use media_session::{Leg, Slot};
use tokio::time::Instant;

use super::{Desk, Pen, call_of};
use crate::adapters::accounts::Bench;
use crate::adapters::carriers::left::Record;
use crate::adapters::carriers::leg::{self, Dialling};
use crate::adapters::carriers::legs::Legs;
use crate::adapters::carriers::{DIALLED, Line, out, way};
use crate::adapters::entry::{Way, join};

/// Beyond the longest call of the agent the carrier ends it, for whatever reason this server has not.
const BEYOND_LONGEST_S: u32 = 60;
/// As far as carriers let calls be bound.
const LIMITS_S: std::ops::RangeInclusive<u32> = 30..=14_400;

/// The way to whoever carriers call for us.
pub(crate) struct Carriers {
    pub(crate) bench: Arc<Bench>,
    pub(crate) line: Line,
    pub(crate) legs: Legs,
    pub(crate) record: Record,
    pub(crate) paces: out::Paces,
    /// The origin at which carriers reach this server; absent: nobody has said it, and they cannot be told.
    pub(crate) public_url: Option<String>,
}

/// Of a call that a carrier is asked for; numbers in international form.
#[derive(Clone, Copy)]
pub(super) struct Numbers<'a> {
    pub(super) to: &'a str,
    pub(super) from: &'a str,
    pub(super) ring_s: u32,
    /// So long it may last.
    pub(super) limit_s: Option<u32>,
}

impl Carriers {
    /// Names of the accounts that an organization may call by.
    pub(super) fn of(&self, org: OrgId) -> Vec<String> {
        self.bench.carriers(org)
    }

    /// Those of them that take a call within so long.
    pub(super) fn free(&self, org: OrgId, within: Duration) -> Vec<String> {
        let is_free = |name: &String| {
            self.account(org, name).is_some_and(|account| self.paces.is_free(&account, within))
        };
        self.of(org).into_iter().filter(is_free).collect()
    }

    pub(super) fn account(&self, org: OrgId, name: &str) -> Option<Account> {
        self.bench.carrier(org, name)
    }

    /// What calls by the account lack, for people.
    pub(super) fn lacks(&self, account: &Account) -> Option<String> {
        if let Some(lacks) = out::lacks(account) {
            return Some(format!("it lacks {lacks}"));
        }
        let unsaid = "the server's configuration lacks `server.public_url`, at which the carrier is to say what becomes of them";
        self.public_url.is_none().then(|| unsaid.to_owned())
    }

    /// What of a call by the account could not be.
    pub(super) fn may_dial(&self, account: &Account, wanted: &WantedCall) -> Result<(), NotDialled> {
        if let Some(lacks) = self.lacks(account) {
            return Err(NotDialled::AccountUnfit { account: account.name.clone(), lacks });
        }
        let from = wanted.from.as_ref().ok_or(NotDialled::NoCaller)?;
        e164(&from.0).ok_or(NotDialled::NotInternational { field: "/from" })?;
        if let Some(to) = &wanted.to {
            e164(&to.0).ok_or(NotDialled::NotInternational { field: "/to" })?;
        }
        Ok(())
    }

    fn webhook(&self, account: &Account) -> String {
        control_server::carrier_webhook(self.public_url.as_deref().unwrap_or_default(), account.id)
    }
}

impl Desk {
    /// One call, from the request to the carrier to its end.
    pub(super) async fn dialled_by_carrier(
        self: Arc<Self>,
        call: Call,
        agent: String,
        slot: Slot,
        (account, at): (Account, Instant),
        pen: Pen,
    ) {
        // What it was set by may have been changed since.
        let (to, from) = (e164(&call.set.number.0), call.set.caller.as_ref().and_then(|from| e164(&from.0)));
        let longest = self.board.catalogue().find(&agent).map(|found| found.ready.options.longest_call_s);
        let ring_s = call.set.ring_s.unsigned_abs();
        let limit_s = limit_s(longest.unwrap_or_default());
        let reached = match (to, from) {
            (Some(to), Some(from)) => {
                let numbers = Numbers { to: &to, from: &from, ring_s, limit_s };
                let rings = || pen.note(Step::Rings);
                self.reached_by_carrier(numbers, &agent, account, at, rings).await
            }
            (None, _) => Err(Unanswered::UnknownNumber.into()),
            (_, None) => Err(Unanswered::Forbidden.into()),
        };
        match reached {
            Ok(leg) => {
                self.answered_by_carrier(&call, agent, slot, leg, &pen).await;
            }
            Err(end) => {
                pen.ended(end.why.name(), end.status.map(Into::into));
            }
        }
    }

    /// Has the carrier call somebody, at its place, and waits for them to answer.
    ///
    /// # Errors
    /// Why nobody was reached.
    pub(super) async fn reached_by_carrier(
        &self,
        numbers: Numbers<'_>,
        agent: &str,
        account: Account,
        at: Instant,
        rings: impl Fn(),
    ) -> Result<Leg, End> {
        let vendor = account.vendor;
        let begun = self.begun_by_carrier(numbers, agent, account, at).await;
        self.reached(vendor, begun, rings).await
    }

    /// As `reached_by_carrier`, of a call that was asked for.
    pub(super) async fn reached(
        &self,
        vendor: Vendor,
        begun: Result<Dialling, End>,
        rings: impl Fn(),
    ) -> Result<Leg, End> {
        let reached = match begun {
            Ok(dialling) => self.answered_at_last(dialling, rings).await,
            Err(end) => Err(end),
        };
        let outcome = reached.as_ref().map_or_else(|end| end.why.name(), |_| "answered");
        metrics::counter!(DIALLED, "vendor" => wire_name(&vendor), "outcome" => outcome).increment(1);
        reached
    }

    /// Has the carrier make a call, at its place. Dropped while it is asked, a call that it makes would be nobody's.
    pub(super) async fn begun_by_carrier(
        &self,
        numbers: Numbers<'_>,
        agent: &str,
        account: Account,
        at: Instant,
    ) -> Result<Dialling, End> {
        let carriers = &self.carriers;
        let webhook = carriers.webhook(&account);
        if out::lacks(&account).is_some() {
            return Err(Unanswered::Forbidden.into());
        }
        let Numbers { to, from, ring_s, limit_s } = numbers;
        let dial = Dial { to, from, webhook: &webhook, ring_s, limit_s };
        let (books, stopping) = ((&carriers.legs, &carriers.paces), self.tasks.token());
        let (named, asking) = carriers.line.dial(&account, dial, at, self.server, books, &stopping).await?;
        let named = (account.id, named);
        let Some(claim) = carriers.legs.claim(&named, agent) else {
            tracing::warn!(account = account.name, "a carrier names two calls alike");
            return Err(Unanswered::Failed.into());
        };
        // Only now, or what the carrier has said of the call already would be nobody's.
        drop(asking);
        let record = carriers.record.clone();
        let way = way::Way { line: carriers.line.clone(), record, account, webhook, from: from.to_owned() };
        Ok(way.made(claim, Duration::from_secs(ring_s.into()), &self.tasks))
    }

    /// Waits for somebody to answer. Whoever still rings when the server stops is let go.
    async fn answered_at_last(&self, mut dialling: Dialling, rings: impl Fn()) -> Result<Leg, End> {
        let stopping = self.tasks.token();
        loop {
            let step = tokio::select! {
                step = dialling.next() => step,
                () = stopping.cancelled() => return Err(Unanswered::Cancelled.into()),
            };
            match step {
                Some(leg::Step::Rings) => rings(),
                Some(leg::Step::Answered(leg)) => return Ok(leg),
                Some(leg::Step::NotReached(unheard)) => return Err(outcome(unheard)),
                None => return Err(Unanswered::Failed.into()),
            }
        }
    }

    async fn answered_by_carrier(&self, call: &Call, agent: String, slot: Slot, leg: Leg, pen: &Pen) {
        pen.note(Step::Answered { at: Timestamp::now() });
        let call_of = call_of(call, agent);
        let screens = call_of.at_machine.is_some();
        // A session that cannot begin drops the leg, which ends the call.
        let begun = join(&self.board, &self.spending, &self.tasks, Way::New(slot), &call_of, leg).await;
        let Some(session) = self.directory.get(call.id).filter(|_| begun.is_ok()) else {
            tracing::warn!(call = %call.id, ?begun, "a call that was answered found no agent");
            return pen.ended("failed", None);
        };
        if screens && let Some(screened) = session.screened().await {
            pen.screened(screened);
        }
        let reason = session.ended().await;
        self.over(&session, reason, pen);
    }
}

/// Of a call in which nobody was heard.
fn outcome(unheard: Unheard) -> End {
    match unheard {
        // Taken and put down again before anything was said, or cleared by the network.
        Unheard::Ended(End { why: Unanswered::Over, .. }) | Unheard::Late => Unanswered::NoAnswer.into(),
        Unheard::Ended(end) => end,
    }
}

/// What the carrier is told of a call whose agent talks for so long at most; 0: without an end.
fn limit_s(longest_call_s: u32) -> Option<u32> {
    let limit_s = longest_call_s.saturating_add(BEYOND_LONGEST_S);
    (longest_call_s > 0).then_some(limit_s.clamp(*LIMITS_S.start(), *LIMITS_S.end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_was_spoken_to_whose_audio_never_came() {
        assert_eq!(outcome(Unheard::Ended(Unanswered::Over.into())), Unanswered::NoAnswer.into());
        assert_eq!(outcome(Unheard::Late), Unanswered::NoAnswer.into());
        let no_number = End { why: Unanswered::UnknownNumber, status: Some(404) };
        assert_eq!(outcome(Unheard::Ended(no_number)), no_number);
    }

    #[test]
    fn a_carrier_ends_what_its_agent_should_have_ended() {
        assert_eq!(limit_s(3_600), Some(3_660));
        assert_eq!(limit_s(86_400), Some(14_400), "as far as carriers let it be");
        assert_eq!(limit_s(0), None);
    }
}
