//! Thin handlers: extract, ask the rules, ask a port, answer.

pub(crate) mod about;
pub(crate) mod agents;
pub(crate) mod alerts;
mod answer;
pub(crate) mod api_keys;
pub(crate) mod audit;
pub(crate) mod calls;
pub(crate) mod campaigns;
pub(crate) mod carriers;
pub(crate) mod channels;
pub(crate) mod costs;
mod documented;
pub(crate) mod domains;
pub(crate) mod drafts;
pub(crate) mod drills;
pub(crate) mod environments;
mod extract;
pub(crate) mod greetings;
pub(crate) mod health;
pub(crate) mod latency;
pub(crate) mod live;
pub(crate) mod livekit;
pub(crate) mod offer;
pub(crate) mod organizations;
pub(crate) mod pages;
pub(crate) mod permission;
pub(crate) mod prices;
pub(crate) mod provider_accounts;
pub(crate) mod recordings;
pub(crate) mod releases;
pub(crate) mod routes;
pub(crate) mod sessions;
pub(crate) mod socket;
pub(crate) mod start;
pub(crate) mod trunks;
pub(crate) mod versions;
pub(crate) mod whip;
pub(crate) mod widget;

pub use extract::Tls;
pub(crate) use extract::{OPERATOR_COOKIE, Visitor, nobody, whole};

use std::sync::Arc;

use axum::extract::State;

use crate::Server;
use crate::error::Error;

type Shared = State<Arc<Server>>;
type Answer<T> = Result<T, Error>;
