//! Adapters between rooms that do not know each other: each implements one room's port with another room's work.

pub(crate) mod accounts;
pub(crate) mod alone;
pub(crate) mod at_once;
pub(crate) mod attempts;
pub(crate) mod background;
pub(crate) mod call_log;
pub(crate) mod catalogue;
pub(crate) mod control;
pub(crate) mod dialogue;
pub(crate) mod drills;
pub(crate) mod entry;
pub(crate) mod follow;
pub(crate) mod greeter;
pub(crate) mod health;
pub(crate) mod ledger;
pub(crate) mod paces;
pub(crate) mod phones;
pub(crate) mod protocol;
pub(crate) mod recordings;
pub(crate) mod returning;
pub(crate) mod shared;
pub(crate) mod shelf;
pub(crate) mod sink;
pub(crate) mod speech_to_speech;
pub(crate) mod spending;
pub(crate) mod summaries;
