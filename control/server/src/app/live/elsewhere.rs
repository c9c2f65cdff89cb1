//! Calls of other servers, as they are on record. The database is asked once in a while for all who look, and where it does not answer
//! these calls are unknown: nothing waits for them for long.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use control_api::live::LiveCall;
use control_store::session as store;
use domain::OrgId;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use crate::Server;
use crate::app::ctx::Ctx;
use crate::app::sessions;
use crate::error::Error;

/// For so long an answer is given to everybody who looks, and so is that there was none.
const BELIEVED: SignedDuration = SignedDuration::from_secs(3);
/// What takes longer is no answer.
const WITHIN: Duration = Duration::from_secs(1);
/// A call that said nothing for so long is not shown: its server may have died.
const SILENT: SignedDuration = SignedDuration::from_mins(10);
/// At most so many are shown.
const MOST: i64 = 200;

/// What was last heard of each organization's.
#[derive(Default)]
pub(crate) struct Elsewhere(std::sync::Mutex<HashMap<OrgId, Arc<Mutex<Option<Heard>>>>>);

struct Heard {
    at: Timestamp,
    /// `None`: the database did not answer.
    calls: Option<Vec<LiveCall>>,
}

impl Heard {
    fn counts(&self, now: Timestamp) -> bool {
        self.at <= now && now.duration_since(self.at) < BELIEVED
    }
}

impl Elsewhere {
    /// The organization's, the newest first. `None`: nobody knows. Cancel-safe: whoever looks next asks in the place of one who left.
    pub(crate) async fn calls(&self, ctx: &Ctx, server: &Server) -> Option<Vec<LiveCall>> {
        let now = server.ports.clock.now();
        let of_org = self.of(ctx.org, now);
        let mut heard = of_org.lock().await;
        if let Some(heard) = heard.as_ref().filter(|heard| heard.counts(now)) {
            return heard.calls.clone();
        }
        let calls = match tokio::time::timeout(WITHIN, ask(ctx, server, now)).await {
            Ok(Ok(calls)) => Some(calls),
            Ok(Err(error)) => {
                tracing::warn!(org = %ctx.org, error = error.detail, "calls of other servers are unknown");
                None
            }
            Err(_late) => {
                tracing::warn!(org = %ctx.org, "calls of other servers are unknown: the database is late");
                None
            }
        };
        *heard = Some(Heard { at: now, calls: calls.clone() });
        calls
    }

    /// Of those whom nobody looks at any more nothing is kept.
    fn of(&self, org: OrgId, now: Timestamp) -> Arc<Mutex<Option<Heard>>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = |heard: &Option<Heard>| heard.as_ref().is_some_and(|heard| heard.counts(now));
        all.retain(|_, heard| {
            Arc::strong_count(heard) > 1 || heard.try_lock().is_ok_and(|heard| counts(&heard))
        });
        Arc::clone(all.entry(org).or_default())
    }
}

async fn ask(ctx: &Ctx, server: &Server, now: Timestamp) -> Result<Vec<LiveCall>, Error> {
    let mut tx = ctx.tx(server).await?;
    let others = store::elsewhere(&mut tx, server.ports.live.server(), now - SILENT, MOST).await?;
    tx.commit().await?;
    Ok(others.into_iter().map(shown).collect())
}

fn shown(call: store::Elsewhere) -> LiveCall {
    let (direction, party) = sessions::other_side(call.opposite.as_ref());
    LiveCall {
        id: call.id,
        agent: call.agent_name,
        transport: call.transport,
        direction,
        party,
        started_at: call.started_at.to_string(),
        server_id: call.server,
        here: false,
        state: "elsewhere".to_owned(),
        connected: true,
        turns: call.turns.unsigned_abs(),
        listeners: 0,
    }
}
