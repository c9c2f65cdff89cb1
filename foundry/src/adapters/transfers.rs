//! Callers who are put through by phone: sent elsewhere by REFER, or connected with a person who is called by a trunk or account, told of the
//! call and asked. The call with the person is a session of its own with the caller's agent's voice and ears; who takes it gives its leg to the caller's.

mod briefing;

use std::sync::Arc;

use control_server::ports::CallRequest;
use domain::{OrgId, SessionId, Transfer};
use futures::FutureExt;
use futures::future::BoxFuture;
use greetings::Caller;
use media_session::{Consult, Dialogue, Leg, NotTransferred, Refer};
use media_sip::{Control, Unanswered};
use tokio::sync::oneshot;

use crate::adapters::dialler::{self, Desk, OnBehalf};
use crate::adapters::entry::request;

/// A leg by SIP: its far end is asked to call somebody else.
pub(crate) struct ByRefer(pub(crate) Control);

impl Refer for ByRefer {
    fn refer(&self, transfer: &Transfer) -> BoxFuture<'static, Result<(), NotTransferred>> {
        use media_sip::NotTransferred as Not;
        let (control, to) = (self.0.clone(), transfer.to.clone());
        async move {
            control.transfer(&to).await.map_err(|error| match error {
                Not::Refused(status) => not_answered(Unanswered::of(status), &error.to_string()),
                Not::NotDialable => NotTransferred::failed("that can be neither dialled nor addressed"),
                Not::UnderWay | Not::Over => NotTransferred::failed(&error.to_string()),
            })
        }
        .boxed()
    }
}

/// Who calls people for the caller of one session.
pub(crate) struct ByTrunk {
    pub(crate) desk: Arc<Desk>,
    pub(crate) session: SessionId,
    pub(crate) org: OrgId,
    /// Whose voice speaks to them.
    pub(crate) agent: String,
    /// The number that the caller called, where there is one.
    pub(crate) called: Option<String>,
}

/// What a session with somebody who is asked to take a call has in place of the agent's own.
pub(crate) struct Asked {
    pub(crate) dialogue: Box<dyn Dialogue>,
    pub(crate) heir: oneshot::Sender<Leg>,
}

impl Consult for ByTrunk {
    fn consult(&self, transfer: &Transfer) -> BoxFuture<'static, Result<Option<Leg>, NotTransferred>> {
        let (desk, org, caller) = (Arc::clone(&self.desk), self.org, self.session);
        let (agent, called, transfer) = (self.agent.clone(), self.called.clone(), transfer.clone());
        async move {
            let slot = desk
                .directory
                .reserve()
                .map_err(|full| NotTransferred::failed(&format!("the person was not called: {full}")))?;
            let whose = OnBehalf { org, agent: &agent, called: called.as_deref() };
            let person = desk.call_person(whose, &transfer).await?;
            let id = SessionId::generate();
            tracing::info!(%caller, consult = %id, "somebody is asked to take a call");
            let called = Some(dialler::called(&transfer.to));
            let call = CallRequest { called, ..request(id, agent, None, Caller::default()) };
            let gone = || NotTransferred::failed("the server has no room for the call with the person");
            let place = slot.enter(id, &desk.tasks).map_err(|_taken| gone())?;
            let (heir, leg) = oneshot::channel();
            let dialogue = Box::new(briefing::Briefing::new(&transfer));
            desk.spending.begins(id, org);
            desk.board.ask(place, &desk.tasks, &call, person.leg, Asked { dialogue, heir });
            let leg =
                leg.await.map_err(|_ended| NotTransferred::refused("the person did not take the call"))?;
            if let (Some(person), Some(control)) = (person.joins, desk.lines.control(caller)) {
                match control.join(&person).await {
                    Ok(()) => return Ok(None),
                    // Both are still in calls with us: they are connected here.
                    Err(error) => {
                        tracing::info!(%caller, %error, "caller and person are not joined by the trunk")
                    }
                }
            }
            Ok(Some(leg))
        }
        .boxed()
    }
}

pub(crate) fn not_answered(why: Unanswered, message: &str) -> NotTransferred {
    match why {
        Unanswered::Declined => NotTransferred::refused(message),
        Unanswered::Busy | Unanswered::NoAnswer | Unanswered::Unreachable | Unanswered::Cancelled => {
            NotTransferred::unanswered(message)
        }
        _ => NotTransferred::failed(message),
    }
}
