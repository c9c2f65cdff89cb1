//! The database of a server: an existing one by its URL, or a private cluster that is watched, revived and stopped last.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use control_store::{Access, Db, Embedded, Recorder, embedded, journal, writer};
use domain::ServerId;
use runtime::{Kind, Tasks};

use crate::cmd::coded;
use crate::config::Config;
use crate::data_dir::{self, DataDir};

const WATCH: Kind = Kind::new("store.watch");
/// Between tries to start a cluster that died.
const REVIVE_EVERY: Duration = Duration::from_secs(1);

/// What is kept, and who keeps it.
pub(crate) struct Store {
    db: Db,
    recorder: Recorder,
    server: ServerId,
    /// Bring what calls leave behind to the database.
    writing: Tasks,
    /// Watches the private cluster.
    keeping: Tasks,
    private: bool,
}

impl Store {
    /// # Errors
    /// When there is no database to be had, or its schema does not fit.
    pub(crate) async fn open(config: &Config) -> anyhow::Result<Self> {
        let server = server_id(&config.data_dir)
            .context("DATA_DIR_UNUSABLE: reading server-id in the data directory")?;
        let keeping = Tasks::new();
        let (access, private) = match &config.store.url {
            Some(url) => (Access::url(url.expose()).map_err(|error| coded(error.failure(), error))?, false),
            None => {
                let cluster = start_private(config).await?;
                let access = cluster.access();
                keeping.spawn_graceful(WATCH, watch(cluster, keeping.token()));
                (access, true)
            }
        };
        let db = Db::open(&access).await.map_err(|error| coded(error.failure(), error))?;
        let writing = Tasks::new();
        let options = journal::Options {
            limit_bytes: config.store.journal_limit_mb << 20,
            ..journal::Options::default()
        };
        let folder = config.data_dir.join("journal");
        let recorder = writer::start(&folder, options, db.clone(), &writing)
            .with_context(|| format!("DATA_DIR_UNUSABLE: cannot use {}", folder.display()))?;
        Ok(Self { db, recorder, server, writing, keeping, private })
    }

    pub(crate) fn db(&self) -> &Db {
        &self.db
    }

    pub(crate) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Of the data directory.
    pub(crate) fn server(&self) -> ServerId {
        self.server
    }

    pub(crate) fn is_private(&self) -> bool {
        self.private
    }

    /// Writes what waits, closes every connection and stops the private cluster, in this order.
    pub(crate) async fn close(&self) {
        self.writing.shutdown().await;
        self.db.close().await;
        self.keeping.shutdown().await;
    }
}

/// The database for one command: of the server that runs on the data directory, or for as long as the command takes.
pub(crate) struct Visit {
    pub(crate) db: Db,
    /// Started for the command alone, on a directory that no server has.
    cluster: Option<(Embedded, DataDir)>,
}

impl Visit {
    /// # Errors
    /// As `Store::open`.
    pub(crate) async fn pay(config: &Config) -> anyhow::Result<Self> {
        let folder = config.data_dir.join("pg");
        let (access, cluster) = match &config.store.url {
            Some(url) => (Access::url(url.expose()).map_err(|error| coded(error.failure(), error))?, None),
            None => match Embedded::reach(&folder).map_err(|error| coded(error.failure(), error))? {
                Some(access) => (access, None),
                // A visit does not make a database: it would be one that nobody meant.
                None if !folder.is_dir() => {
                    let empty = data_dir::Error::Empty { path: config.data_dir.clone() };
                    return Err(coded(empty.failure(), empty));
                }
                None => {
                    let lock =
                        DataDir::take(&config.data_dir).map_err(|error| coded(error.failure(), error))?;
                    let cluster = start_private(config).await?;
                    (cluster.access(), Some((cluster, lock)))
                }
            },
        };
        let db = Db::open(&access).await.map_err(|error| coded(error.failure(), error))?;
        Ok(Self { db, cluster })
    }

    pub(crate) async fn end(self) {
        self.db.close().await;
        if let Some((cluster, _lock)) = self.cluster {
            cluster.stop().await;
        }
    }
}

async fn start_private(config: &Config) -> anyhow::Result<Embedded> {
    let options = embedded::Options { binaries: config.store.postgres_bin.clone() };
    let started = Embedded::start(&config.data_dir.join("pg"), &options).await;
    started.map_err(|error| coded(error.failure(), error))
}

/// Starts the cluster anew whenever it dies, until it is to end.
async fn watch(mut cluster: Embedded, token: tokio_util::sync::CancellationToken) {
    while token.run_until_cancelled(cluster.died()).await.is_some() {
        tracing::error!("the private database died; it is started again");
        while let Err(error) = cluster.revive().await {
            tracing::error!(error = &error as &dyn std::error::Error, "the private database does not start");
            if token.run_until_cancelled(tokio::time::sleep(REVIVE_EVERY)).await.is_none() {
                return cluster.stop().await;
            }
        }
    }
    cluster.stop().await;
}

/// Made once; what a crash leaves open is found by it.
fn server_id(data: &Path) -> io::Result<ServerId> {
    let path = data.join("server-id");
    match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let id = ServerId::generate();
            fs::write(&path, format!("{id}\n"))?;
            Ok(id)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_directory_keeps_its_id_and_a_damaged_one_is_no_other() {
        let data = tempfile::tempdir().expect("a folder");
        let id = server_id(data.path()).expect("made");
        assert_eq!(server_id(data.path()).expect("kept"), id);
        fs::write(data.path().join("server-id"), "nonsense").expect("writable");
        assert!(server_id(data.path()).is_err());
    }
}
