//! Phones that ring, connected to agents: whom a route or, on trial, an address names, a place for the call, its leg.

use std::sync::Arc;

use domain::{OrgId, SessionId};
use greetings::Caller;
use media_core::Delivery;
use media_session::{Directory, Leg};
use media_sip::{Invitation, Peer, Refusal};
use routing::Arrival;
use runtime::{Kind, Tasks};
use tokio::sync::mpsc;

use crate::adapters::catalogue::Reach;
use crate::adapters::entry::{Way, join, request};
use crate::adapters::spending::Spending;
use crate::adapters::transfers::ByRefer;
use crate::switchboard::Switchboard;

/// Calls that no agent took, by `reason`: `unknown` (no route), `unserved` (nothing is published where the route leads), `budget`, `full`.
pub(crate) const REFUSED: &str = "phone_calls_refused_total";

const RINGING: Kind = Kind::new("phones.ringing");

pub(crate) struct Phones {
    pub(crate) board: Arc<Switchboard>,
    pub(crate) directory: Directory,
    pub(crate) spending: Arc<Spending>,
    pub(crate) tasks: Arc<Tasks>,
    /// Whose the trunks are.
    pub(crate) home: OrgId,
    /// Who is led nowhere by a route reaches the agent that they name.
    pub(crate) open: bool,
}

impl Phones {
    pub(crate) fn answer(self, mut ringing: mpsc::Receiver<Invitation>) {
        let tasks = Arc::clone(&self.tasks);
        tasks.spawn(RINGING, async move {
            while let Some(invitation) = ringing.recv().await {
                self.take(invitation).await;
            }
        });
    }

    async fn take(&self, invitation: Invitation) {
        let agent = match self.whom(&invitation) {
            Ok(agent) => agent,
            Err(reason) => return refuse(invitation, reason, Refusal::Unknown),
        };
        if self.board.catalogue().owner(&agent).is_some_and(|org| self.spending.is_stopped(org)) {
            return refuse(invitation, "budget", Refusal::Unavailable);
        }
        let Ok(slot) = self.directory.reserve() else { return refuse(invitation, "full", Refusal::Busy) };
        let from = Some(invitation.source.ip());
        let call = request(SessionId::generate(), agent, from, told(&invitation));
        let leg = leg(invitation.accept());
        // A session that cannot begin drops the leg, which hangs up.
        let _ended = join(&self.board, &self.spending, &self.tasks, Way::New(slot), &call, leg).await;
    }

    /// The agent, as the catalogue knows it, or why there is none.
    fn whom(&self, invitation: &Invitation) -> Result<String, &'static str> {
        let called = invitation.called.0.as_str();
        let arrival = Arrival {
            // Trunks are the default organization's: what comes in by them reaches no other.
            org: invitation.trunk.as_ref().map(|_| self.home),
            trunk: invitation.trunk.clone(),
            number: Some(called.to_owned()),
            ..Arrival::default()
        };
        match self.board.catalogue().reach(&arrival) {
            Reach::Route(name) => Ok(name),
            Reach::Unserved => Err("unserved"),
            Reach::Nobody if self.open && self.board.has(called) => Ok(called.to_owned()),
            Reach::Nobody => Err("unknown"),
        }
    }
}

pub(crate) fn leg(peer: Peer) -> Leg {
    Leg {
        transport: "sip",
        delivery: Delivery::Datagrams,
        codec: peer.codec,
        events: peer.events,
        commands: peer.commands,
        refer: Some(Arc::new(ByRefer(peer.control))),
    }
}

fn refuse(invitation: Invitation, reason: &'static str, refusal: Refusal) {
    metrics::counter!(REFUSED, "reason" => reason).increment(1);
    // The number is one of ours, or means to be. Scanners may fill no log.
    match &invitation.trunk {
        Some(trunk) => tracing::info!(reason, trunk, called = invitation.called.0, "a call was refused"),
        None => tracing::debug!(reason, called = invitation.called.0, "a call was refused"),
    }
    invitation.refuse(refusal);
}

/// As greetings may use it. Who calls is a claim.
fn told(invitation: &Invitation) -> Caller {
    let mut caller = Caller::default();
    for (name, number) in
        [("caller.number", &invitation.caller), ("session.called_number", &invitation.called)]
    {
        caller.tell(name, number.0.clone());
    }
    caller
}
