//! Sessions that `/start` named and that have not called yet: which agent they are for, until when.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use domain::SessionId;
use jiff::Timestamp;

/// Past this many, the oldest is forgotten: its client gets SESSION_UNKNOWN and starts again.
const CAPACITY: usize = 4096;

#[derive(Default)]
pub(crate) struct Starts(Mutex<BTreeMap<SessionId, Start>>);

struct Start {
    agent: String,
    expires: Timestamp,
}

impl Starts {
    pub(crate) fn insert(&self, session: SessionId, agent: String, expires: Timestamp) {
        let mut starts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        starts.insert(session, Start { agent, expires });
        if starts.len() > CAPACITY {
            starts.pop_first();
        }
    }

    /// The agent it was started for. Stays known until it expires, since clients repeat an offer that was lost.
    pub(crate) fn agent(&self, session: SessionId, now: Timestamp) -> Option<String> {
        let mut starts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        starts.retain(|_, start| start.expires >= now);
        starts.get(&session).map(|start| start.agent.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_expire_and_are_bounded() {
        let starts = Starts::default();
        let at = |second| Timestamp::from_second(second).expect("in range");
        let first = SessionId::generate();
        starts.insert(first, "a".into(), at(10));
        assert_eq!(starts.agent(first, at(10)).as_deref(), Some("a"));
        assert_eq!(starts.agent(first, at(11)), None);
        let ids: Vec<_> = (0..=CAPACITY).map(|_| SessionId::generate()).collect();
        ids.iter().for_each(|id| starts.insert(*id, "b".into(), at(100)));
        assert_eq!(starts.agent(ids[0], at(11)), None, "the oldest made room");
        assert_eq!(starts.agent(ids[CAPACITY], at(11)).as_deref(), Some("b"));
    }
}
