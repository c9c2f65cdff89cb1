//! Names of what the store measures.

/// Transactions across organizations; `reason` is one of `Reason::name`.
pub(crate) const SYSTEM_TRANSACTIONS: &str = "store_system_transactions_total";
/// Events of calls that are in the database.
pub(crate) const EVENTS_WRITTEN: &str = "store_events_written_total";
/// Entries that were lost; `why` is `queue_full`, `journal_full`, `journal_failed`, `damaged`, `refused`
/// or `unknown_call` (what the call began with was lost).
pub(crate) const ENTRIES_LOST: &str = "store_entries_lost_total";
/// Connections to the database that are open, idle ones too. They come with load and go after ten idle minutes.
pub(crate) const CONNECTIONS: &str = "store_connections";
/// Requests to providers whose cost is not known, for want of a price; by `vendor`.
pub(crate) const REQUESTS_UNPRICED: &str = "store_provider_requests_unpriced_total";
