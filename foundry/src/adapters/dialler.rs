//! Calls that we make: whoever is in the queue gets a place for the session, the trunk or carrier, and an agent for whoever answers; what becomes of
//! it is written down. The queue outlives the server.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::carriers::e164;
use control_api::provider_account::Vendor;
use control_api::trunk::{self, TrunkKind, TrunkState};
use control_server::ports::{self, Account, CallRequest, NotDialled, Refusal, WantedCall};
use control_store::outbound::{self, Call, End, Step, Wanted};
use control_store::{Db, Reason};
use domain::{AtMachine, Callee, EndReason, OrgId, Pii, ServerId, SessionId, wire_name};
use greetings::Caller;
use jiff::Timestamp;
use media_session::directory::Kept;
use media_session::{Directory, Handle, Screened, Slot};
use media_sip::{DialError, Dialling, Outgoing, Peer, Progress, Registration, Server};
use runtime::{Kind, Tasks};
use tokio::sync::{Notify, mpsc};

mod by_carrier;
mod person;

pub(crate) use by_carrier::Carriers;
pub(crate) use person::OnBehalf;

use crate::adapters::entry::{Way, join, request};
use crate::adapters::phones;
use crate::adapters::spending::Spending;
use crate::switchboard::Switchboard;

const QUEUE: Kind = Kind::new("phones.queue");
const DIALLING: Kind = Kind::new("phones.dialling");
const NOTES: Kind = Kind::new("phones.notes");
/// The queue is looked at so often, and at once where this server put something into it.
const LOOK_EVERY: Duration = Duration::from_millis(400);
/// Steps of one call that wait to be written.
const STEPS: usize = 8;
/// A step that the database does not take is tried again so often.
const WRITE_ATTEMPTS: u32 = 60;
const WRITE_AGAIN: Duration = Duration::from_secs(1);
/// Stands for a number where none is known yet.
const ANY_NUMBER: &str = "0";

pub(crate) struct Dialler(pub(crate) Arc<Desk>);

pub(crate) struct Desk {
    /// Absent: SIP is not listened for.
    pub(crate) sip: Option<Server>,
    pub(crate) board: Arc<Switchboard>,
    pub(crate) directory: Directory,
    pub(crate) spending: Arc<Spending>,
    pub(crate) tasks: Arc<Tasks>,
    pub(crate) db: Db,
    pub(crate) server: ServerId,
    pub(crate) rights: Arc<Rights>,
    /// Accounts at carriers, which are trunks of their organizations.
    pub(crate) carriers: Carriers,
    pub(crate) lines: Arc<phones::Lines>,
    /// What calls out leave to callers.
    pub(crate) kept: Kept,
    pub(crate) queued: Notify,
    /// Whose call was begun last: organizations take turns.
    pub(crate) last: Mutex<Option<OrgId>>,
}

/// What a call goes by.
enum Trunk<'a> {
    Sip(&'a Server),
    Carrier(Box<Account>),
}

/// Which trunks of the configuration an organization may call by.
pub(crate) struct Rights {
    /// Whose the trunks of the configuration are.
    pub(crate) home: OrgId,
    pub(crate) trunks: Vec<String>,
    /// What callees see of calls by each that do not say.
    pub(crate) callers: BTreeMap<String, String>,
    /// Who else may call by a trunk.
    pub(crate) lent: BTreeMap<String, BTreeSet<OrgId>>,
}

impl Rights {
    pub(crate) fn may(&self, org: OrgId, trunk: &str) -> bool {
        org == self.home || self.lent.get(trunk).is_some_and(|orgs| orgs.contains(&org))
    }

    pub(crate) fn of(&self, org: OrgId) -> Vec<String> {
        self.trunks.iter().filter(|trunk| self.may(org, trunk)).cloned().collect()
    }

    /// One that is lent is called out by: what comes in by it is the owner's.
    fn ways_in(&self, org: OrgId) -> Vec<String> {
        if org == self.home { self.trunks.clone() } else { Vec::new() }
    }
}

impl ports::Dialler for Dialler {
    fn may_dial(&self, org: OrgId, wanted: &WantedCall) -> Result<(), NotDialled> {
        let desk = &self.0;
        let unknown = || NotDialled::TrunkUnknown(wanted.trunk.clone());
        match desk.trunk(org, &wanted.trunk).ok_or_else(unknown)? {
            Trunk::Sip(sip) => {
                let number = wanted.to.clone().unwrap_or_else(|| Pii(ANY_NUMBER.to_owned()));
                let of = |number, caller| Outgoing {
                    trunk: wanted.trunk.clone(),
                    number,
                    caller,
                    ring: Duration::ZERO,
                };
                let may = |outgoing: &Outgoing, field| {
                    sip.may_dial(outgoing).map_err(|error| not_dialled(&wanted.trunk, field, &error))
                };
                may(&of(number, None), "/to")?;
                may(&of(Pii(ANY_NUMBER.to_owned()), wanted.from.clone()), "/from")?;
            }
            Trunk::Carrier(account) => desk.carriers.may_dial(&account, wanted)?,
        }
        if desk.agent(org, &wanted.agent).is_none() {
            return Err(NotDialled::AgentUnknown(wanted.agent.clone()));
        }
        if desk.spending.is_stopped(org) {
            return Err(NotDialled::Refused(Refusal::BudgetSpent));
        }
        Ok(())
    }

    fn trunks(&self, org: OrgId) -> Vec<trunk::Trunk> {
        let desk = &self.0;
        let mut trunks = Vec::new();
        if let Some(sip) = &desk.sip {
            let known = sip.registrations();
            trunks.extend(desk.rights.of(org).into_iter().map(|name| {
                let seen =
                    known.iter().find(|(trunk, _)| *trunk == name).map(|(_, state)| state.borrow().clone());
                let (state, detail) = light(seen);
                let caller = desk.rights.callers.get(&name).cloned();
                trunk::Trunk { name, kind: TrunkKind::Sip, account_id: None, caller, state, detail }
            }));
        }
        for name in desk.carriers.of(org) {
            let Some(account) = desk.carriers.account(org, &name) else { continue };
            let lacks = if trunks.iter().any(|trunk| trunk.name == name) {
                Some("a trunk of the server's configuration has its name, and is meant by it".to_owned())
            } else {
                desk.carriers.lacks(&account)
            };
            trunks.push(trunk::Trunk {
                name,
                kind: if account.vendor == Vendor::Telnyx { TrunkKind::Telnyx } else { TrunkKind::Twilio },
                account_id: Some(account.id),
                caller: None,
                state: if lacks.is_some() { TrunkState::Unfit } else { TrunkState::Ready },
                detail: lacks,
            });
        }
        trunks
    }

    fn ways_in(&self, org: OrgId) -> Vec<String> {
        self.0.rights.ways_in(org)
    }

    fn queued(&self) {
        self.0.queued.notify_one();
    }
}

/// How a trunk stands, by how it sees us; `None`: this server does not register there.
fn light(seen: Option<Registration>) -> (TrunkState, Option<String>) {
    match seen {
        None => (TrunkState::Ready, None),
        Some(Registration::Registered { .. }) => (TrunkState::Registered, None),
        Some(Registration::Asking) => (TrunkState::Registering, None),
        Some(Registration::Failed { why: Some(why), .. }) => {
            (TrunkState::Refused, Some(format!("it cannot be reached: {why}")))
        }
        // 408 is what the stack says of whoever says nothing.
        Some(Registration::Failed { status: 0 | 408, .. }) => {
            (TrunkState::Refused, Some("it does not answer".to_owned()))
        }
        Some(Registration::Failed { status, .. }) => {
            (TrunkState::Refused, Some(format!("it answers {status} to REGISTER")))
        }
        Some(Registration::Ended) => (TrunkState::Refused, Some("the server stops".to_owned())),
    }
}

impl Desk {
    /// Closes what this server left under way when it died, and goes on with the queue.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn open(self: &Arc<Self>) -> Result<(), control_store::Error> {
        let mut tx = self.db.system_tx(Reason::Outbound).await?;
        let cut = outbound::interrupted(&mut tx, self.server).await?;
        tx.commit().await?;
        if cut > 0 {
            tracing::warn!(
                calls = cut,
                "calls of ours were cut off when the server died; they are closed as interrupted"
            );
        }
        let desk = Arc::clone(self);
        self.tasks.spawn(QUEUE, async move {
            loop {
                // Elapsed or told: either way it is time to look.
                let _told = tokio::time::timeout(LOOK_EVERY, desk.queued.notified()).await;
                // Without a trunk nobody is called; accounts come and go.
                if !desk.has_trunks() {
                    continue;
                }
                if let Err(error) = desk.look().await {
                    tracing::debug!(
                        error = &error as &dyn std::error::Error,
                        "the queue of calls could not be looked at"
                    );
                }
            }
        });
        Ok(())
    }

    /// Begins what may begin: one call of each organization in turn, while there are places.
    async fn look(self: &Arc<Self>) -> Result<(), control_store::Error> {
        let mut tx = self.db.system_tx(Reason::Outbound).await?;
        let mut waiting = outbound::waiting(&mut tx).await?;
        tx.commit().await?;
        waiting.retain(|org| !self.spending.is_stopped(*org) && !self.trunks(*org).is_empty());
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let behind = waiting.partition_point(|org| last.is_some_and(|last| *org <= last));
        waiting.rotate_left(behind);
        while !waiting.is_empty() {
            let mut left = Vec::new();
            for org in waiting {
                let Ok(slot) = self.directory.reserve_leaving(self.kept) else { return Ok(()) };
                let mut tx = self.db.org_tx(org).await?;
                let call = outbound::claim(&mut tx, self.server, &self.trunks(org)).await?;
                tx.commit().await?;
                if let Some(call) = call {
                    *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(org);
                    if self.begin(org, call, slot).await? {
                        left.push(org);
                    }
                }
            }
            waiting = left;
        }
        Ok(())
    }

    fn has_trunks(&self) -> bool {
        let by_sip = self.sip.is_some() && !self.rights.trunks.is_empty();
        by_sip || (self.carriers.public_url.is_some() && self.carriers.bench.has_carriers())
    }

    /// What the organization may call by now: trunks of the server, and its accounts at carriers as their pace allows.
    fn trunks(&self, org: OrgId) -> Vec<String> {
        let mut trunks = if self.sip.is_some() { self.rights.of(org) } else { Vec::new() };
        if self.carriers.public_url.is_some() {
            // Calls of others stay in the queue, where they can still be paused.
            trunks.extend(self.carriers.free(org, LOOK_EVERY));
        }
        trunks
    }

    /// Others may not call at the expense of whoever runs the server, unless they were lent the trunk. Of a trunk and an account of one name the
    /// trunk is meant.
    fn trunk(&self, org: OrgId, name: &str) -> Option<Trunk<'_>> {
        let by_sip = self.sip.as_ref().filter(|_| self.rights.of(org).iter().any(|trunk| trunk == name));
        let by_carrier = || self.carriers.account(org, name).map(|account| Trunk::Carrier(Box::new(account)));
        by_sip.map(Trunk::Sip).or_else(by_carrier)
    }

    /// The agent, as the catalogue names it.
    fn agent(&self, org: OrgId, agent: &str) -> Option<String> {
        let name = if org == self.rights.home { agent.to_owned() } else { format!("{org}/{agent}") };
        let owned = self.board.catalogue().owner(&name) == Some(org);
        (owned && self.board.has(&name)).then_some(name)
    }

    /// `false`: it went back, since there is no room now.
    async fn begin(
        self: &Arc<Self>,
        org: OrgId,
        call: Call,
        slot: Slot,
    ) -> Result<bool, control_store::Error> {
        let pen = self.pen(org, call.id);
        let Some(agent) = self.agent(org, &call.set.agent) else {
            pen.ended("agent_unknown", None);
            return Ok(true);
        };
        let sip = match self.trunk(org, &call.set.trunk) {
            Some(Trunk::Sip(sip)) => sip,
            Some(Trunk::Carrier(account)) => {
                let desk = Arc::clone(self);
                // Now, or the next look would find the same one free.
                let at = desk.carriers.paces.place(&account);
                let dialled = desk.dialled_by_carrier(call, agent, slot, (*account, at), pen);
                self.tasks.spawn_graceful(DIALLING, dialled);
                return Ok(true);
            }
            // It was taken away since the call was claimed.
            None => {
                pen.ended("forbidden", None);
                return Ok(true);
            }
        };
        let outgoing = Outgoing {
            trunk: call.set.trunk.clone(),
            number: call.set.number.clone(),
            caller: call.set.caller.clone(),
            ring: Duration::from_secs(u64::from(call.set.ring_s.unsigned_abs())),
        };
        match sip.dial(outgoing) {
            Ok(dialling) => {
                let desk = Arc::clone(self);
                self.tasks.spawn_graceful(DIALLING, desk.dialled(call, agent, slot, dialling, pen));
                Ok(true)
            }
            Err(DialError::Busy) => {
                let mut tx = self.db.org_tx(org).await?;
                outbound::put_back(&mut tx, call.id).await?;
                tx.commit().await?;
                Ok(false)
            }
            Err(error) => {
                tracing::warn!(call = %call.id, %error, "a call could not be begun");
                pen.ended("failed", None);
                Ok(true)
            }
        }
    }

    async fn dialled(
        self: Arc<Self>,
        call: Call,
        agent: String,
        slot: Slot,
        mut dialling: Dialling,
        pen: Pen,
    ) {
        let stopping = self.tasks.token();
        loop {
            let progress = tokio::select! {
                progress = dialling.next() => progress,
                () = stopping.cancelled() => None,
            };
            match progress {
                Some(Progress::Ringing { .. }) => pen.note(Step::Rings),
                Some(Progress::Answered(peer)) => return self.answered(&call, agent, slot, peer, &pen).await,
                Some(Progress::Ended(outcome)) => {
                    let status = (outcome.status > 0).then_some(outcome.status.into());
                    return pen.ended(outcome.why.name(), status);
                }
                // The server stops: whoever rings is let go.
                None => return pen.ended("cancelled", None),
            }
        }
    }

    async fn answered(&self, call: &Call, agent: String, slot: Slot, peer: Peer, pen: &Pen) {
        pen.note(Step::Answered { at: Timestamp::now() });
        let call_of = call_of(call, agent);
        let screens = call_of.at_machine.is_some();
        let (held, leg) = (phones::Held::of(&peer), phones::leg(peer));
        // A session that cannot begin drops the leg, which hangs up.
        let begun = join(&self.board, &self.spending, &self.tasks, Way::New(slot), &call_of, leg).await;
        self.lines.opened(held, call.id, &call_of.agent);
        let session = self.directory.get(call.id);
        let (Ok(()), Some(session)) = (&begun, session) else {
            tracing::warn!(call = %call.id, ?begun, "a call that was answered found no agent");
            return pen.ended("failed", None);
        };
        if screens && let Some(screened) = session.screened().await {
            pen.screened(screened);
        }
        let reason = session.ended().await;
        self.over(&session, reason, pen);
    }

    fn over(&self, session: &Handle, reason: Option<EndReason>, pen: &Pen) {
        let media_session::Status { screened, heard, .. } = session.status();
        if let Some(screened) = screened.filter(|screened| screened.message.is_some()) {
            pen.screened(screened);
        }
        let end_reason = reason.map(|reason| wire_name(&reason));
        let outcome = outcome(heard, screened, reason).to_owned();
        pen.note(Step::Ended(End { outcome, sip_status: None, end_reason }));
    }

    /// Whoever writes down what happens to a call, in order; the call does not wait for the database.
    fn pen(&self, org: OrgId, id: SessionId) -> Pen {
        let (steps, mut to_write) = mpsc::channel::<Step>(STEPS);
        let (db, stopping) = (self.db.clone(), self.tasks.token());
        self.tasks.spawn_graceful(NOTES, async move {
            while let Some(step) = to_write.recv().await {
                for _ in 0..WRITE_ATTEMPTS {
                    match write(&db, org, id, &step).await {
                        Err(error) if error.passes() && !stopping.is_cancelled() => {
                            tokio::time::sleep(WRITE_AGAIN).await;
                        }
                        Err(error) => {
                            tracing::warn!(call = %id, error = &error as &dyn std::error::Error, "what became of a call could not be written");
                            break;
                        }
                        Ok(()) => break,
                    }
                }
            }
        });
        Pen(steps)
    }
}

struct Pen(mpsc::Sender<Step>);

impl Pen {
    fn note(&self, step: Step) {
        // A call has fewer steps than there is room for.
        let _kept = self.0.try_send(step);
    }

    fn ended(&self, why: &str, sip_status: Option<i32>) {
        self.note(Step::Ended(End { outcome: why.to_owned(), sip_status, end_reason: None }));
    }

    fn screened(&self, screened: Screened) {
        self.note(Step::Screened { by: screened.callee.name(), beep: screened.message });
    }
}

async fn write(db: &Db, org: OrgId, id: SessionId, step: &Step) -> Result<(), control_store::Error> {
    let mut tx = db.org_tx(org).await?;
    outbound::step(&mut tx, id, step).await?;
    tx.commit().await
}

/// Of a call that was answered.
const fn outcome(heard: bool, screened: Option<Screened>, reason: Option<EndReason>) -> &'static str {
    match (screened, reason) {
        (
            Some(Screened { callee: Callee::Machine, message: Some(_) }),
            Some(EndReason::AnsweredByMachine),
        ) => "message_left",
        (Some(Screened { callee: Callee::Machine, .. }), _) => "machine",
        (_, None) => "interrupted",
        // Whoever took it, the agent spoke to nobody.
        _ if !heard => "no_audio",
        _ => "completed",
    }
}

fn at_machine(set: &Wanted) -> Option<AtMachine> {
    match (set.at_machine.as_str(), &set.message) {
        ("speak", _) => None,
        ("leave_message", Some(message)) => Some(AtMachine::LeaveMessage(message.0.clone())),
        _ => Some(AtMachine::HangUp),
    }
}

fn not_dialled(trunk: &str, field: &'static str, error: &DialError) -> NotDialled {
    match error {
        DialError::UnknownTrunk(_) => NotDialled::TrunkUnknown(trunk.to_owned()),
        DialError::NotDialable => NotDialled::NotDialable { field },
        DialError::Busy => NotDialled::Refused(Refusal::Full { retry_after: Duration::from_secs(1) }),
    }
}

/// A number as it is put on record: one is written one way, however it was dialled.
pub(super) fn called(number: &str) -> Pii<String> {
    Pii(e164(number).unwrap_or_else(|| number.to_owned()))
}

/// As a session takes it, once it is answered.
fn call_of(call: &Call, agent: String) -> CallRequest {
    let number = &call.set.number.0;
    CallRequest {
        at_machine: at_machine(&call.set),
        called: Some(called(number)),
        ..request(call.id, agent, None, told(&call.set))
    }
}

/// The callee, as greetings may use it.
fn told(set: &Wanted) -> Caller {
    let mut caller = Caller::default();
    caller.tell("caller.number", set.number.0.clone());
    for (name, value) in &set.variables {
        caller.tell(name, value.0.clone());
    }
    caller
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trunks_are_the_default_organizations_and_those_of_whom_they_are_lent_to() {
        let (home, friend, other) = (OrgId::generate(), OrgId::generate(), OrgId::generate());
        let lent = BTreeMap::from([("carrier".to_owned(), BTreeSet::from([friend]))]);
        let rights = Rights {
            home,
            trunks: vec!["carrier".to_owned(), "pbx".to_owned()],
            callers: BTreeMap::new(),
            lent,
        };
        assert_eq!(rights.of(home), ["carrier", "pbx"]);
        assert_eq!(rights.of(friend), ["carrier"]);
        assert!(rights.of(other).is_empty() && !rights.may(friend, "pbx"));
        assert_eq!(rights.ways_in(home), ["carrier", "pbx"]);
        assert!(rights.ways_in(friend).is_empty(), "it may call out by it, and nobody calls it by it");
    }

    #[test]
    fn what_is_told_of_a_callee_has_the_names_that_greetings_and_graphs_know() {
        let told_of = [("due", "Monday"), ("caller.name", "Maria")];
        let set = Wanted {
            agent: "front-desk".to_owned(),
            trunk: "carrier".to_owned(),
            number: Pii("+4930123".to_owned()),
            caller: None,
            ring_s: 30,
            at_machine: "speak".to_owned(),
            message: None,
            variables: told_of.map(|(name, text)| (name.to_owned(), Pii(text.to_owned()))).into(),
        };
        let known = told(&set).variables;
        let known: Vec<_> = known.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(
            known,
            [("caller.number", "+4930123"), ("caller.name", "Maria"), ("session.due", "Monday")]
        );
    }

    #[test]
    fn a_trunks_light_is_how_it_sees_us() {
        let again = Duration::from_secs(2);
        assert_eq!(light(None), (TrunkState::Ready, None));
        assert_eq!(light(Some(Registration::Registered { expires_s: 60 })).0, TrunkState::Registered);
        assert_eq!(light(Some(Registration::Asking)).0, TrunkState::Registering);
        let (state, why) = light(Some(Registration::Failed { status: 403, why: None, again }));
        assert_eq!((state, why.as_deref()), (TrunkState::Refused, Some("it answers 403 to REGISTER")));
        for status in [0, 408] {
            let (_, why) = light(Some(Registration::Failed { status, why: None, again }));
            assert_eq!(why.as_deref(), Some("it does not answer"));
        }
        let nowhere = Some("no such name".into());
        let (_, why) = light(Some(Registration::Failed { status: 0, why: nowhere, again }));
        assert_eq!(why.as_deref(), Some("it cannot be reached: no such name"));
    }

    #[test]
    fn what_came_of_a_call_that_was_answered() {
        let screened = |callee, message| Some(Screened { callee, message });
        let machine = Some(EndReason::AnsweredByMachine);
        assert_eq!(outcome(true, None, Some(EndReason::CallerLeft)), "completed");
        assert_eq!(outcome(true, screened(Callee::Human, None), Some(EndReason::AgentEnded)), "completed");
        assert_eq!(outcome(true, screened(Callee::Machine, None), machine), "machine");
        assert_eq!(outcome(true, screened(Callee::Machine, Some(true)), machine), "message_left");
        // It hung up in mid-message.
        assert_eq!(
            outcome(true, screened(Callee::Machine, Some(true)), Some(EndReason::CallerLeft)),
            "machine"
        );
        assert_eq!(outcome(true, None, None), "interrupted");
        let left = Some(EndReason::CallerLeft);
        assert_eq!(outcome(false, None, left), "no_audio");
        assert_eq!(
            outcome(false, screened(Callee::Unknown, None), Some(EndReason::CallerSilent)),
            "no_audio"
        );
        assert_eq!(outcome(false, None, None), "interrupted", "nobody knows what would have come");
    }
}
