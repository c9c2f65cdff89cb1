//! Thin handlers: extract, ask the rules, ask a port, answer.

pub(crate) mod agents;
pub(crate) mod calls;
mod extract;
pub(crate) mod health;
pub(crate) mod offer;
pub(crate) mod pages;
pub(crate) mod permission;
pub(crate) mod socket;
pub(crate) mod start;

pub use extract::Tls;

use std::sync::Arc;

use axum::extract::State;

use crate::Server;
use crate::error::Error;

type Shared = State<Arc<Server>>;
type Answer<T> = Result<T, Error>;
