//! Finished calls: the list, and one of them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use control_api::call::{Call, CallSummary, Calls};
use control_api::problem;
use domain::SessionId;

use crate::Server;
use crate::app::summary;
use crate::error::Error;
use crate::ports::RawLog;

pub(crate) const LIMIT_DEFAULT: usize = 50;
pub(crate) const LIMIT_MOST: usize = 100;

/// Summaries of finished calls, which never change. Past this many, the oldest call's is forgotten and read again when asked for.
const SUMMARIES: usize = 2000;

#[derive(Default)]
pub(crate) struct Summaries(Mutex<BTreeMap<SessionId, CallSummary>>);

impl Summaries {
    fn find(&self, id: SessionId) -> Option<CallSummary> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    fn keep(&self, summary: &CallSummary) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(summary.id, summary.clone());
        if known.len() > SUMMARIES {
            known.pop_first();
        }
    }
}

/// Newest first. A log that cannot be read is left out of the list, and said in the server's log: one bad file must not hide the others.
pub(crate) async fn list(server: &Server, before: Option<SessionId>, limit: usize) -> Result<Calls, Error> {
    let limit = limit.clamp(1, LIMIT_MOST);
    let mut ids = server.ports.log.recent(before, limit + 1).await?;
    let has_more = ids.len() > limit;
    ids.truncate(limit);
    let mut data = Vec::with_capacity(ids.len());
    for id in &ids {
        match summarise(server, *id).await {
            Ok(Some(summary)) => data.push(summary),
            Ok(None) => {}
            Err(error) => tracing::warn!(%id, %error, "call left out of the list"),
        }
    }
    let next_cursor = if has_more { ids.last().copied() } else { None };
    Ok(Calls { data, next_cursor, has_more })
}

async fn summarise(server: &Server, id: SessionId) -> Result<Option<CallSummary>, Error> {
    if let Some(summary) = server.summaries.find(id) {
        return Ok(Some(summary));
    }
    let Some(recorded) = server.ports.log.load(id).await? else { return Ok(None) };
    let summary = summary::of(&recorded);
    server.summaries.keep(&summary);
    Ok(Some(summary))
}

pub(crate) async fn one(server: &Server, id: &str) -> Result<Call, Error> {
    let session = parse(id)?;
    let recorded = server.ports.log.load(session).await?.ok_or_else(|| missing(server, session))?;
    Ok(summary::call(&recorded))
}

pub(crate) async fn raw(server: &Server, id: &str) -> Result<(SessionId, RawLog), Error> {
    let session = parse(id)?;
    let log = server.ports.log.raw(session).await?.ok_or_else(|| missing(server, session))?;
    Ok((session, log))
}

fn parse(id: &str) -> Result<SessionId, Error> {
    id.parse().map_err(|_| unknown(id))
}

fn missing(server: &Server, session: SessionId) -> Error {
    if server.ports.calls.knows(session) {
        let detail = "the call is still going on or has just ended; it is on record once it has ended";
        return Error::new(&problem::CALL_UNFINISHED, detail);
    }
    unknown(&session.to_string())
}

fn unknown(id: &str) -> Error {
    Error::new(
        &problem::CALL_UNKNOWN,
        format!("no finished call {id:?} is on record; a call is listed once it has ended"),
    )
}
