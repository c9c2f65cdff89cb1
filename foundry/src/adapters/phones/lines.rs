//! Which session each phone call is, and what its other side may ask for: to be gone on with in another call, or to be put through to somebody
//! whom the agent itself would put callers through to.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::SessionId;
use media_session::{Directory, Handle};
use media_sip::{CallKey, Control, Peer, Referral, Server};
use routing::dialled;

use super::Phones;

/// Wishes of phones to be put through, by `outcome`: `connected`, `unanswered`, `declined` (to somebody whom the agent would not call).
pub(crate) const REFERRALS: &str = "phone_referrals_total";
/// How long whoever is to be put through lets it ring.
const RING: Duration = Duration::from_secs(45);

/// The calls that are open.
pub(crate) struct Lines {
    open: Mutex<HashMap<CallKey, Line>>,
    directory: Directory,
}

struct Line {
    session: SessionId,
    /// As the catalogue knows it.
    agent: String,
    control: Control,
}

/// What is kept of a call whose session has its leg.
pub(crate) struct Held(CallKey, Control);

impl Held {
    pub(crate) fn of(peer: &Peer) -> Self {
        Self(peer.key.clone(), peer.control.clone())
    }
}

impl Lines {
    pub(crate) fn new(directory: Directory) -> Self {
        Self { open: Mutex::default(), directory }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<CallKey, Line>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session, which runs, speaks in this call from now on.
    pub(crate) fn opened(&self, call: Held, session: SessionId, agent: &str) {
        let Held(key, control) = call;
        let line = Line { session, agent: agent.to_owned(), control };
        let mut open = self.open();
        // A session that has ended has no calls.
        open.retain(|_, line| self.directory.get(line.session).is_some());
        open.insert(key, line);
    }

    /// The session of a call, and whose it is.
    pub(crate) fn session(&self, call: &CallKey) -> Option<(Handle, SessionId, String)> {
        let open = self.open();
        let line = open.get(call)?;
        Some((self.directory.get(line.session)?, line.session, line.agent.clone()))
    }

    /// Of the session's call, where it has one.
    pub(crate) fn control(&self, session: SessionId) -> Option<Control> {
        let open = self.open();
        let mut of_session = open.values().filter(|line| line.session == session);
        // Of a session that was moved only one is open, and which it is nobody knows here.
        let (one, other) = (of_session.next(), of_session.next());
        one.filter(|_| other.is_none()).map(|line| line.control.clone())
    }

    /// `peer` takes the place of `before` in its session.
    pub(crate) async fn moved(&self, before: &CallKey, peer: Peer) -> bool {
        let Some((handle, session, agent)) = self.session(before) else { return false };
        self.opened(Held::of(&peer), session, &agent);
        self.open().remove(before);
        // The leg before is hung up by the session.
        handle.attach(super::leg(peer)).await.is_ok()
    }
}

impl Phones {
    /// Puts the session of a call through to whom its other side names, where its agent might do that by itself, by the trunk that the call goes by.
    pub(super) async fn follow(&self, referral: Referral, server: &Server) {
        let Some(trunk) = self.way_to(&referral) else {
            tracing::info!("a phone asked to be put through to somebody whom the agent does not call");
            metrics::counter!(REFERRALS, "outcome" => "declined").increment(1);
            return referral.decline();
        };
        let call = referral.call.clone();
        let connected = match server.follow(referral, trunk, RING).await {
            Ok(peer) => self.lines.moved(&call, peer).await,
            Err(_) => false,
        };
        let outcome = if connected { "connected" } else { "unanswered" };
        metrics::counter!(REFERRALS, "outcome" => outcome).increment(1);
    }

    /// The trunk to call by. Somebody who is in a call already (an attended transfer) is no stranger to the rule: the number counts.
    fn way_to(&self, referral: &Referral) -> Option<String> {
        let trunk = referral.trunk.clone()?;
        let (_, _, agent) = self.lines.session(&referral.call)?;
        let callable = self.board.catalogue().find(&agent)?;
        let wanted = dialled(&referral.to.0);
        let named = callable.ready.agent.graph().destinations();
        let allowed = self.rights.may(callable.org, &trunk) && named.iter().any(|to| dialled(to) == wanted);
        allowed.then_some(trunk)
    }
}
