//! What is kept: the only SQL of the house, and the private Postgres cluster that a server starts where it is given none.
//!
//! A connection is had in two ways alone: an organization's transaction (`Db::org_tx`), which row-level security confines to its rows, and a
//! system transaction (`Db::system_tx`), which names its reason and is counted. No transaction is held while anything else is waited for.
//! What calls leave behind goes through a journal on disk, so that the database may be away (`writer`).

pub mod admin_link;
pub mod agent;
pub mod alert;
pub mod alias;
pub mod api_key;
mod at;
pub mod audit;
pub mod budget;
pub mod campaign;
pub mod carrier_call;
pub mod channel;
pub mod cost;
mod db;
pub mod digest;
pub mod domain;
pub mod draft;
pub mod drill;
pub mod embedded;
pub mod entry;
pub mod environment;
mod error;
pub mod greeting;
pub mod histogram;
pub mod idempotency;
mod ingest;
pub mod journal;
pub mod latency;
pub mod lease;
mod metrics;
pub mod opposite;
pub mod org;
pub mod outbound;
pub mod outbox;
mod page;
pub mod price;
pub mod pricing;
pub mod provider_account;
pub mod route;
pub mod secret;
pub mod serving;
pub mod session;
mod tx;
pub mod version;
pub mod writer;

pub use at::floor;
pub use db::{Access, Db};
pub use embedded::Embedded;
pub use entry::{Checkpoint, Entry, Fenced, Happened, Opened, Outcome, ProviderRequest};
pub use error::Error;
pub use histogram::Histogram;
pub use page::{Page, Place};
pub use tx::{OrgTx, Reason, SystemTx};
pub use writer::{Fence, Recorder};
