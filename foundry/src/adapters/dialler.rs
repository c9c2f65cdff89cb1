//! Calls that we make: a place for the session, the trunk, and an agent for whoever answers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use control_api::outbound::{OutboundCall, OutboundState};
use control_server::ports::{self, Begin, NotDialled, Refusal, WantedCall};
use domain::{OrgId, SessionId};
use greetings::Caller;
use media_session::{Directory, Slot};
use media_sip::{DialError, Outgoing, Peer, Progress, Server};
use runtime::{Kind, Tasks};

use crate::adapters::entry::{Way, join, refusal};
use crate::adapters::phones;
use crate::adapters::spending::Spending;
use crate::switchboard::Switchboard;

const DIALLING: Kind = Kind::new("phones.dialling");
/// Calls that are remembered; the oldest goes for the next.
const KEPT: usize = 1_000;

pub(crate) struct Dialler(pub(crate) Arc<Desk>);

pub(crate) struct Desk {
    /// Absent: SIP is not listened for.
    pub(crate) sip: Option<Server>,
    pub(crate) board: Arc<Switchboard>,
    pub(crate) directory: Directory,
    pub(crate) spending: Arc<Spending>,
    pub(crate) tasks: Arc<Tasks>,
    /// Whose the trunks of the configuration are.
    pub(crate) home: OrgId,
    pub(crate) calls: Mutex<VecDeque<(OrgId, OutboundCall)>>,
}

impl ports::Dialler for Dialler {
    fn prepare(&self, wanted: WantedCall) -> Result<Begin, NotDialled> {
        let desk = Arc::clone(&self.0);
        let unknown = || NotDialled::TrunkUnknown(wanted.trunk.clone());
        // Others may not call at the expense of whoever runs the server.
        let sip = desk.sip.clone().filter(|_| wanted.org == desk.home).ok_or_else(unknown)?;
        let outgoing = Outgoing {
            trunk: wanted.trunk.clone(),
            number: wanted.to.clone(),
            caller: wanted.from.clone(),
            ring: wanted.ring,
        };
        sip.may_dial(&outgoing).map_err(|error| not_dialled(&wanted, &error))?;
        let owner = desk.board.catalogue().owner(&wanted.agent);
        if !desk.board.has(&wanted.agent) || owner != Some(wanted.org) {
            return Err(NotDialled::AgentUnknown(wanted.agent));
        }
        if desk.spending.is_stopped(wanted.org) {
            return Err(NotDialled::Refused(Refusal::BudgetSpent));
        }
        let slot = desk.directory.reserve().map_err(|full| NotDialled::Refused(refusal(&full)))?;
        Ok(Box::new(move || desk.begin(&sip, outgoing, wanted, slot)))
    }

    fn call(&self, org: OrgId, id: SessionId) -> Option<OutboundCall> {
        let calls = self.0.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.iter().rev().find(|(owner, call)| *owner == org && call.id == id).map(|(_, call)| call.clone())
    }
}

impl Desk {
    fn begin(self: &Arc<Self>, sip: &Server, outgoing: Outgoing, wanted: WantedCall, slot: Slot) {
        self.keep(&wanted);
        let mut dialling = match sip.dial(outgoing) {
            Ok(dialling) => dialling,
            Err(error) => {
                tracing::warn!(%error, "a call could not be begun");
                return self.note(wanted.id, |call| unanswered(call, "failed", None));
            }
        };
        let desk = Arc::clone(self);
        self.tasks.spawn(DIALLING, async move {
            while let Some(progress) = dialling.next().await {
                match progress {
                    Progress::Ringing { .. } => {
                        desk.note(wanted.id, |call| call.state = OutboundState::Ringing)
                    }
                    Progress::Answered(peer) => return desk.answered(wanted, slot, peer).await,
                    Progress::Ended(outcome) => {
                        let status = (outcome.status > 0).then_some(outcome.status);
                        return desk.note(wanted.id, |call| unanswered(call, outcome.why.name(), status));
                    }
                }
            }
            desk.note(wanted.id, |call| unanswered(call, "cancelled", None));
        });
    }

    async fn answered(&self, wanted: WantedCall, slot: Slot, peer: Peer) {
        let (id, caller) = (wanted.id, told(&wanted));
        let (call, leg) = (phones::request(id, wanted.agent, None, caller), phones::leg(peer));
        self.note(id, |call| call.state = OutboundState::Answered);
        // A session that cannot begin drops the leg, which hangs up.
        let begun = join(&self.board, &self.spending, &self.tasks, Way::New(slot), &call, leg).await;
        if let Err(refusal) = begun {
            tracing::warn!(%refusal, "a call that was answered found no agent");
        }
    }

    fn keep(&self, wanted: &WantedCall) {
        let call = OutboundCall {
            id: wanted.id,
            agent: wanted.agent.clone(),
            trunk: wanted.trunk.clone(),
            state: OutboundState::Dialling,
            outcome: None,
            sip_status: None,
        };
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if calls.len() == KEPT {
            calls.pop_front();
        }
        calls.push_back((wanted.org, call));
    }

    fn note(&self, id: SessionId, change: impl FnOnce(&mut OutboundCall)) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, call)) = calls.iter_mut().rev().find(|(_, call)| call.id == id) {
            change(call);
        }
    }
}

fn unanswered(call: &mut OutboundCall, why: &str, status: Option<u16>) {
    call.state = OutboundState::Unanswered;
    call.outcome = Some(why.to_owned());
    call.sip_status = status;
}

fn not_dialled(wanted: &WantedCall, error: &DialError) -> NotDialled {
    match error {
        DialError::UnknownTrunk(_) => NotDialled::TrunkUnknown(wanted.trunk.clone()),
        DialError::NotDialable => NotDialled::NotDialable,
        DialError::Busy => {
            NotDialled::Refused(Refusal::Full { retry_after: std::time::Duration::from_secs(1) })
        }
    }
}

/// The callee, as greetings may use it.
fn told(wanted: &WantedCall) -> Caller {
    let mut caller = Caller::default();
    caller.tell("caller.number", wanted.to.0.clone());
    caller
}
