//! Somebody who is called for a caller: by the trunk or account that the agent names, or by the first that can.

use std::sync::Arc;
use std::time::Duration;

use ::carriers::{Unanswered, e164};
use control_server::ports::Account;
use domain::{OrgId, Pii, Transfer};
use media_session::{Leg, NotTransferred};
use media_sip::{Control, DialError, Outcome, Outgoing, Server};
use runtime::Kind;
use tokio::sync::oneshot;

use super::by_carrier::Numbers;
use super::{Desk, Trunk};
use crate::adapters::phones;
use crate::adapters::transfers::not_answered;

const CALLING: Kind = Kind::new("phones.person");
/// Two people talk for as long as carriers let any call last.
const LONGEST_S: u32 = 14_400;

/// Who has answered.
pub(crate) struct Person {
    pub(crate) leg: Leg,
    /// Of a call by SIP whose trunk joins two of its calls.
    pub(crate) joins: Option<Control>,
}

/// For whom somebody is called.
pub(crate) struct OnBehalf<'a> {
    pub(crate) org: OrgId,
    /// As the catalogue names it.
    pub(crate) agent: &'a str,
    /// The number that the caller called, where there is one.
    pub(crate) called: Option<&'a str>,
}

impl Desk {
    /// Calls somebody. Dropping it lets them be.
    ///
    /// # Errors
    /// Why they were not reached.
    pub(crate) async fn call_person(
        self: &Arc<Self>,
        whose: OnBehalf<'_>,
        transfer: &Transfer,
    ) -> Result<Person, NotTransferred> {
        match self.way_to_person(whose.org, transfer.by.as_deref())? {
            (name, Trunk::Sip(sip)) => by_trunk(sip, name, transfer).await,
            (_, Trunk::Carrier(account)) => self.by_account(*account, whose, transfer).await,
        }
    }

    fn way_to_person(&self, org: OrgId, by: Option<&str>) -> Result<(String, Trunk<'_>), NotTransferred> {
        if let Some(name) = by {
            let unknown = || {
                let what = format!("this organization has no trunk or account at a carrier called {name}");
                NotTransferred::unsupported(&what)
            };
            return self.trunk(org, name).map(|trunk| (name.to_owned(), trunk)).ok_or_else(unknown);
        }
        let by_sip = || {
            let sip = self.sip.as_ref()?;
            Some((self.rights.of(org).into_iter().next()?, Trunk::Sip(sip)))
        };
        let by_account = || {
            let accounts =
                self.carriers.of(org).into_iter().filter_map(|name| self.carriers.account(org, &name));
            let mut fit = accounts.filter(|account| self.carriers.lacks(account).is_none());
            fit.next().map(|account| (account.name.clone(), Trunk::Carrier(Box::new(account))))
        };
        let none = "no trunk or account is there by which the person could be called";
        by_sip().or_else(by_account).ok_or_else(|| NotTransferred::unsupported(none))
    }

    async fn by_account(
        self: &Arc<Self>,
        account: Account,
        whose: OnBehalf<'_>,
        transfer: &Transfer,
    ) -> Result<Person, NotTransferred> {
        if let Some(lacks) = self.carriers.lacks(&account) {
            let what = format!("the account {} cannot call: {lacks}", account.name);
            return Err(NotTransferred::unsupported(&what));
        }
        let vendor = account.vendor;
        let to = e164(&transfer.to).ok_or_else(|| {
            NotTransferred::failed("a carrier calls numbers in international form, such as +49301234567")
        })?;
        let from = transfer.from.as_deref().or(whose.called).and_then(e164).ok_or_else(|| {
            NotTransferred::failed(
                "a carrier's account calls from one of its numbers: `from` of the node says which, in international form",
            )
        })?;
        let (ring_s, agent) = (transfer.ring_s, whose.agent.to_owned());
        let at = self.carriers.paces.place(&account);
        let (desk, (tell, told)) = (Arc::clone(self), oneshot::channel());
        // To its end though the caller hangs up meanwhile: a call that the carrier makes has to be somebody's, who hangs up on it.
        self.tasks.spawn_graceful(CALLING, async move {
            let numbers = Numbers { to: &to, from: &from, ring_s, limit_s: Some(LONGEST_S) };
            let _unwanted = tell.send(desk.begun_by_carrier(numbers, &agent, account, at).await);
        });
        let begun = told.await.unwrap_or_else(|_stopping| Err(Unanswered::Cancelled.into()));
        let reached = self.reached(vendor, begun, || {}).await;
        let leg = reached.map_err(|end| {
            use Unanswered as Why;
            let message = format!("the person was not reached: {}", end.why.name());
            match end.why {
                Why::Declined => NotTransferred::refused(&message),
                Why::Busy | Why::NoAnswer | Why::Unreachable | Why::Cancelled | Why::Over => {
                    NotTransferred::unanswered(&message)
                }
                _ => NotTransferred::failed(&message),
            }
        })?;
        Ok(Person { leg, joins: None })
    }
}

async fn by_trunk(sip: &Server, trunk: String, transfer: &Transfer) -> Result<Person, NotTransferred> {
    let joins = sip.joins(&trunk);
    let outgoing = Outgoing {
        trunk,
        number: Pii(transfer.to.clone()),
        caller: None,
        ring: Duration::from_secs(transfer.ring_s.into()),
    };
    let no_number = |what: &str| {
        let what = what.to_owned();
        move |error| match error {
            DialError::NotDialable => NotTransferred::failed(&what),
            other => NotTransferred::failed(&other.to_string()),
        }
    };
    sip.may_dial(&outgoing).map_err(no_number("a person is called by a number, and that is none"))?;
    let outgoing = Outgoing { caller: transfer.from.clone().map(Pii), ..outgoing };
    let dialling =
        sip.dial(outgoing).map_err(no_number("what the person is to see (`from`) is no number"))?;
    let peer = dialling.answered().await.map_err(|Outcome { why, status }| {
        not_answered(why, &format!("the person was not reached: {} (SIP {status})", why.name()))
    })?;
    let control = joins.then(|| peer.control.clone());
    Ok(Person { leg: phones::leg(peer), joins: control })
}
