//! The calls that run, by their Call-ID.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use crate::call::Told;
use crate::metrics::CALLS;

pub(crate) type Calls = Arc<Mutex<HashMap<String, Entry>>>;

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) tag: String,
    pub(crate) tell: mpsc::Sender<Told>,
    /// Of a caller, as limits know it.
    pub(crate) network: Option<IpAddr>,
}

/// A call's place in the table, for as long as it runs.
pub(crate) struct Listed {
    calls: Calls,
    call_id: String,
}

impl Listed {
    /// `None` where a call of that name is there.
    pub(crate) fn enter(calls: &Calls, call_id: &str, entry: Entry) -> Option<Self> {
        let mut table = calls.lock().unwrap_or_else(PoisonError::into_inner);
        if table.contains_key(call_id) {
            return None;
        }
        table.insert(call_id.to_owned(), entry);
        drop(table);
        metrics::gauge!(CALLS).increment(1.0);
        Some(Self { calls: Arc::clone(calls), call_id: call_id.to_owned() })
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.call_id);
        metrics::gauge!(CALLS).decrement(1.0);
    }
}
