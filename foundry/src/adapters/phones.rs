//! Phones that ring, connected to agents: whom a route or, on trial, an address names, a place for the call, its leg.

use std::collections::HashSet;
use std::sync::Arc;

use domain::{Pii, SessionId};
use greetings::Caller;
use media_core::Delivery;
use media_session::{Directory, Leg};
use media_sip::{Invitation, Peer, Referral, Refusal, Server};
use routing::Arrival;
use runtime::{Kind, Tasks};
use tokio::sync::mpsc;

use crate::adapters::catalogue::Reach;
use crate::adapters::dialler::Rights;
use crate::adapters::entry::{Way, join, request};
use crate::adapters::keypads::ByPhone;
use crate::adapters::spending::Spending;
use crate::adapters::transfers::ByRefer;
use crate::switchboard::Switchboard;

mod lines;

pub(crate) use lines::{Held, Lines};

/// Calls that no agent took, by `reason`: `unknown` (no route), `unserved` (nothing is published where the route leads), `budget`, `full`.
pub(crate) const REFUSED: &str = "phone_calls_refused_total";

const RINGING: Kind = Kind::new("phones.ringing");
const WISHES: Kind = Kind::new("phones.wishes");
const WISH: Kind = Kind::new("phones.wish");

pub(crate) struct Phones {
    pub(crate) board: Arc<Switchboard>,
    pub(crate) directory: Directory,
    pub(crate) spending: Arc<Spending>,
    pub(crate) tasks: Arc<Tasks>,
    pub(crate) lines: Arc<Lines>,
    pub(crate) rights: Arc<Rights>,
    /// Who is led nowhere by a route reaches the agent that they name.
    pub(crate) open: bool,
}

impl Phones {
    pub(crate) fn answer(self, server: Server, mut ringing: mpsc::Receiver<Invitation>) {
        let phones = Arc::new(self);
        let (tasks, wishes) = (Arc::clone(&phones.tasks), server.referrals());
        let listening = Arc::clone(&phones);
        tasks.spawn(RINGING, async move {
            while let Some(invitation) = ringing.recv().await {
                phones.take(invitation).await;
            }
        });
        if let Some(wishes) = wishes {
            tasks.spawn(WISHES, listening.listen_to(wishes, server));
        }
    }

    /// What phones ask for, each by itself: it may ring for long.
    async fn listen_to(self: Arc<Self>, mut wishes: mpsc::Receiver<Referral>, server: Server) {
        while let Some(referral) = wishes.recv().await {
            let (phones, server) = (Arc::clone(&self), server.clone());
            self.tasks.spawn(WISH, async move { phones.follow(referral, &server).await });
        }
    }

    async fn take(&self, invitation: Invitation) {
        if let Some(before) = invitation.replaces.clone() {
            if self.lines.session(&before).is_none() {
                return refuse(invitation, "unknown", Refusal::Unavailable);
            }
            // Whoever holds that call has this one in its place; no agent is begun.
            let moved = self.lines.moved(&before, invitation.accept()).await;
            return tracing::debug!(moved, "a call takes the place of another");
        }
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
        let peer = invitation.accept();
        let (held, leg) = (Held::of(&peer), leg(peer));
        // A session that cannot begin drops the leg, which hangs up.
        let _ended = join(&self.board, &self.spending, &self.tasks, Way::New(slot), &call, leg).await;
        self.lines.opened(held, call.session, &call.agent);
    }

    /// The agent, as the catalogue knows it, or why there is none.
    fn whom(&self, invitation: &Invitation) -> Result<String, &'static str> {
        let called = invitation.called.0.as_str();
        let arrival = Arrival {
            // Trunks are the default organization's: what comes in by them reaches no other.
            org: invitation.trunk.as_ref().map(|_| self.rights.home),
            trunk: invitation.trunk.clone(),
            number: Some(called.to_owned()),
            headers: invitation.headers.iter().map(header).collect(),
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
        refer: Some(Arc::new(ByRefer(peer.control.clone()))),
        keypad: Some(Arc::new(ByPhone(peer.control))),
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
    let mut known = HashSet::new();
    for (name, value) in &invitation.headers {
        // Of one that is there twice the first counts, as it was put there last.
        if known.insert(name.to_ascii_lowercase()) {
            caller.tell(&variable(name), value.0.clone());
        }
    }
    caller
}

fn header((name, value): &(String, Pii<String>)) -> routing::Header {
    routing::Header { name: name.clone(), value: value.0.clone() }
}

/// `X-Line` is `session.header_x_line`.
fn variable(name: &str) -> String {
    format!("session.header_{}", name.to_ascii_lowercase().replace('-', "_"))
}
