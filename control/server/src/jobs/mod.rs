//! Work that no request asks for. Each job looks again after a while; an error is told and tried again.

mod afterwards;
mod campaigns;
mod digests;
mod forgetting;
mod retention;
mod spending;

use std::sync::Arc;

use control_store::Db;
use domain::ServerId;
use runtime::Tasks;

use crate::ports::{Dialler, Recordings, Summarizer};

/// Starts all of them; they end with `tasks`.
/// `recordings` are those of `server`.
pub fn start(
    db: &Db,
    server: ServerId,
    recordings: Arc<dyn Recordings>,
    summarizer: Arc<dyn Summarizer>,
    dialler: Arc<dyn Dialler>,
    tasks: &Tasks,
) {
    tasks.spawn(campaigns::KIND, campaigns::run(db.clone(), dialler));
    tasks.spawn(afterwards::KIND, afterwards::run(db.clone(), Arc::clone(&summarizer)));
    tasks.spawn(digests::KIND, digests::run(db.clone(), summarizer));
    tasks.spawn(forgetting::KIND, forgetting::run(db.clone()));
    tasks.spawn(spending::KIND, spending::run(db.clone()));
    tasks.spawn(retention::KIND, retention::run(db.clone(), server, recordings));
}
