//! What is kept: the only SQL of the house, and the private Postgres cluster that a server starts where it is given none.
//!
//! A connection is had in two ways alone: an organization's transaction (`Db::org_tx`), which row-level security confines to its rows, and a
//! system transaction (`Db::system_tx`), which names its reason and is counted. No transaction is held while anything else is waited for.

mod db;
pub mod embedded;
mod error;
mod tx;

pub use db::{Access, Db};
pub use embedded::Embedded;
pub use error::Error;
pub use tx::{OrgTx, Reason, SystemTx};
