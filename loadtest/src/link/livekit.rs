//! A caller in a LiveKit room: a participant like any other, who waits there for an agent.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use media_livekit::{Ended, Options, Ticket, Trust, Visit, With, enter};
use media_rtc::link::Credentials;
use runtime::Tasks;

use super::{DialError, Link};

/// An agent is dispatched within a second; a server that is full passes its room on.
const AGENT_WITHIN: Duration = Duration::from_secs(20);

/// All callers of a process have one: making it costs more than everything else of a set-up.
static CREDENTIALS: OnceLock<Arc<Credentials>> = OnceLock::new();

/// Enters the room; servers behind TLS are verified by `trust`. Returns when an agent is there.
///
/// # Errors
/// When the room cannot be entered, or no agent comes into it.
pub async fn dial(ticket: Ticket, trust: Trust) -> Result<Link, DialError> {
    let url = ticket.url.clone();
    let tasks = Tasks::new();
    let within = u64::try_from(AGENT_WITHIN.as_millis()).unwrap_or(u64::MAX);
    let options = Options { with: With::Agents, caller_within_ms: within, trust, ..Options::default() };
    let credentials = CREDENTIALS.get_or_init(|| Arc::new(Credentials::generate()));
    let Visit { peer, begun, ended } = enter(ticket, credentials, options, &tasks);
    if begun.await.is_err() {
        return Err(match ended.await {
            Ok(Ended::Failed(error)) => DialError::Room(error),
            _ => DialError::NoAgent { url, within: AGENT_WITHIN },
        });
    }
    Ok(Link { codec: peer.codec, events: peer.events, commands: peer.commands, _tasks: tasks })
}
