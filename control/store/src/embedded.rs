//! A private Postgres cluster for a server that was given no database: made at the first start, reached by a socket alone, stopped with us.
//!
//! Postgres refuses to run as root: then everything of the cluster belongs to the system's `postgres` user, and lies where that
//! user may go. The data directory's lock keeps two servers from one cluster. Another major version's files are left alone.

mod binaries;
mod place;

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use domain::{Failure, Retry};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tokio::process::{Child, Command};

use crate::db::Access;
use place::Place;

/// Owns the schema; no superuser.
pub(crate) const OWNER: &str = "foundry_owner";
pub(crate) const DATABASE: &str = "foundry";
/// The cluster's own superuser, which nothing but its setup uses.
const SUPERUSER: &str = "postgres";

/// A cluster is made in seconds, on a machine that may be busy starting.
const INIT_WITHIN: Duration = Duration::from_secs(120);
/// A start may have to recover first, which takes as long as there is log to read.
const START_WITHIN: Duration = Duration::from_secs(600);
/// A log longer than this is begun anew; one more of that size is kept.
const LOG_BYTES: u64 = 8 << 20;
const ROTATE_EVERY: Duration = Duration::from_secs(3600);
/// A fast shutdown writes a checkpoint.
const STOP_WITHIN: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(50);

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "no PostgreSQL of version 15 or newer is installed here (apt-get install postgresql), and no database was given (--database-url)"
    )]
    NotInstalled,
    #[error(
        "this process is root, and Postgres never runs as root: make a user for it (useradd --system postgres), start this server as another user, or give a database (--database-url)"
    )]
    NoUser,
    #[error("{} holds data of PostgreSQL {found}, and {installed} is installed: move it with pg_upgrade, or install PostgreSQL {found}", path.display())]
    OtherVersion { path: PathBuf, found: String, installed: u32 },
    #[error("the database's folder {} cannot be used", path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error("{what} did not succeed: {said}")]
    Failed { what: &'static str, said: String },
    #[error("the database cannot be set up")]
    Setup(#[source] sqlx::Error),
}

impl Error {
    #[must_use]
    pub const fn failure(&self) -> Failure {
        let code = match self {
            Self::NotInstalled => "POSTGRES_MISSING",
            Self::NoUser
            | Self::OtherVersion { .. }
            | Self::Folder { .. }
            | Self::Failed { .. }
            | Self::Setup(_) => "POSTGRES_UNUSABLE",
        };
        Failure::platform(code, Retry::Never)
    }
}

#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Folder of `initdb` and `postgres`; looked for where distributions put them unless given.
    pub binaries: Option<PathBuf>,
}

/// Major version of the PostgreSQL that a private cluster would run.
///
/// # Errors
/// When none is fit.
pub async fn installed(options: &Options) -> Result<u32, Error> {
    let found = binaries::find(options.binaries.as_deref()).await;
    found.map(|installed| installed.major).ok_or(Error::NotInstalled)
}

/// The running cluster.
#[derive(Debug)]
pub struct Embedded {
    place: Place,
    postgres: PathBuf,
    child: Child,
}

impl Embedded {
    /// Makes the cluster under `folder` where there is none, and starts it.
    ///
    /// # Errors
    /// What is missing on this machine, or what Postgres said.
    pub async fn start(folder: &Path, options: &Options) -> Result<Self, Error> {
        let installed = binaries::find(options.binaries.as_deref()).await.ok_or(Error::NotInstalled)?;
        let place = Place::choose(folder)?;
        place.check_version(installed.major)?;
        if !place.is_made() {
            make(&place, &installed.folder.join("initdb")).await?;
        }
        place.end_leftover().await?;
        let postgres = installed.folder.join("postgres");
        let mut child = launch(&place, &postgres)?;
        wait_ready(&place, &mut child).await?;
        set_up(&place).await.map_err(Error::Setup)?;
        tracing::info!(folder = %place.data().display(), version = installed.major, "the private database runs");
        Ok(Self { place, postgres, child })
    }

    /// How to reach the cluster under `folder` that another process runs; `None` where none does.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub fn reach(folder: &Path) -> Result<Option<Access>, Error> {
        if !folder.is_dir() {
            return Ok(None);
        }
        let place = Place::choose(folder)?;
        Ok(place.runs().then(|| Access::private(place.socket(), Place::PORT)))
    }

    /// How to reach it.
    #[must_use]
    pub fn access(&self) -> Access {
        Access::private(self.place.socket(), Place::PORT)
    }

    /// Waits for the cluster to end by itself, which it should not; keeps its log small meanwhile. Cancel-safe.
    pub async fn died(&mut self) {
        loop {
            match tokio::time::timeout(ROTATE_EVERY, self.child.wait()).await {
                Ok(Ok(_status)) => return,
                Ok(Err(error)) => {
                    tracing::error!(%error, "the private database cannot be watched");
                    return;
                }
                Err(_elapsed) => rotate(&self.place.log()),
            }
        }
    }

    /// Starts it anew after it died.
    ///
    /// # Errors
    /// What Postgres said.
    pub async fn revive(&mut self) -> Result<(), Error> {
        self.place.end_leftover().await?;
        self.child = launch(&self.place, &self.postgres)?;
        wait_ready(&self.place, &mut self.child).await
    }

    /// A fast shutdown: open transactions are undone, what was committed is kept.
    pub async fn stop(mut self) {
        let Some(pid) = self.child.id() else { return };
        if let Err(error) = signal(pid, "INT").await {
            tracing::warn!(%error, "the private database could not be told to stop");
        }
        if tokio::time::timeout(STOP_WITHIN, self.child.wait()).await.is_err() {
            tracing::error!("the private database did not stop in time; it recovers at the next start");
        }
    }
}

async fn make(place: &Place, initdb: &Path) -> Result<(), Error> {
    tracing::info!(folder = %place.data().display(), "making the private database");
    let mut command = place.command(initdb, false);
    command.arg("-D").arg(place.data());
    command.args([
        "-U",
        SUPERUSER,
        "-E",
        "UTF8",
        "--locale=C.UTF-8",
        "--auth-local=trust",
        "--auth-host=reject",
        "-N",
    ]);
    let output = tokio::time::timeout(INIT_WITHIN, command.output());
    let output = output
        .await
        .map_err(|_elapsed| Error::Failed { what: "initdb", said: "it took too long".to_owned() })?;
    let output = output.map_err(|error| Error::Failed { what: "initdb", said: error.to_string() })?;
    if output.status.success() {
        return Ok(());
    }
    // Half a cluster would be taken for a whole one.
    let _left = fs::remove_dir_all(place.data());
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::Failed { what: "initdb", said })
}

fn launch(place: &Place, postgres: &Path) -> Result<Child, Error> {
    let failed = |said: String| Error::Failed { what: "starting postgres", said };
    rotate(&place.log());
    let log = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(place.log())
        .map_err(|error| failed(error.to_string()))?;
    let again = log.try_clone().map_err(|error| failed(error.to_string()))?;
    let mut command = place.command(postgres, true);
    command.arg("-D").arg(place.data());
    let socket = format!("unix_socket_directories={}", place.socket().display());
    for setting in [
        "listen_addresses=",
        &socket,
        "unix_socket_permissions=0777", // the folder is closed to others
        "max_connections=40",
        "shared_buffers=64MB",
        "logging_collector=off",
        "log_min_messages=warning",
    ] {
        command.args(["-c", setting]);
    }
    // Not in our process group: Ctrl-C in a terminal must reach us first, so that calls can end in order.
    command.stdin(Stdio::null()).stdout(log).stderr(again).process_group(0);
    command.spawn().map_err(|error| failed(error.to_string()))
}

/// What is in a long log goes beside it, in the place of what went there before. Postgres writes at the end of the file, wherever that is.
fn rotate(log: &Path) {
    let is_long = fs::metadata(log).is_ok_and(|file| file.len() > LOG_BYTES);
    if !is_long {
        return;
    }
    let before = log.with_extension("log.1");
    let moved = fs::copy(log, &before).and_then(|_| fs::OpenOptions::new().write(true).open(log)?.set_len(0));
    if let Err(error) = moved {
        tracing::warn!(%error, log = %log.display(), "the private database's log cannot be rotated");
    }
}

async fn wait_ready(place: &Place, child: &mut Child) -> Result<(), Error> {
    let failed = |said: String| Error::Failed { what: "starting postgres", said };
    let deadline = tokio::time::Instant::now() + START_WITHIN;
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Err(failed(format!("it ended ({status}); {} says why", place.log().display())));
        }
        if let Ok(connection) = superuser(place, "postgres").connect().await {
            let _closed = connection.close().await;
            return Ok(());
        }
        if tokio::time::Instant::now() > deadline {
            return Err(failed(format!("it takes no connections; {} may say why", place.log().display())));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn superuser(place: &Place, database: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .socket(place.socket())
        .port(Place::PORT)
        .username(SUPERUSER)
        .database(database)
}

/// The owner, the two roles as logins, and the database. Idempotent.
async fn set_up(place: &Place) -> Result<(), sqlx::Error> {
    let mut connection = superuser(place, "postgres").connect().await?;
    sqlx::raw_sql(include_str!("embedded/logins.sql")).execute(&mut connection).await?;
    let there: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
        .bind(DATABASE)
        .fetch_one(&mut connection)
        .await?;
    if !there {
        sqlx::raw_sql("create database foundry owner foundry_owner").execute(&mut connection).await?;
    }
    connection.close().await
}

async fn signal(pid: u32, name: &str) -> io::Result<()> {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status().await?;
    if sent.success() { Ok(()) } else { Err(io::Error::other(format!("kill: {sent}"))) }
}

fn closed_folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_long_log_is_begun_anew_and_who_writes_it_goes_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("postgres.log");
        let mut writer = fs::OpenOptions::new().create(true).append(true).open(&log).expect("writable");
        writer.write_all(b"short\n").expect("written");
        rotate(&log);
        assert_eq!(fs::read(&log).expect("there"), b"short\n");
        writer.write_all(&vec![b'x'; LOG_BYTES as usize]).expect("written");
        rotate(&log);
        writer.write_all(b"after\n").expect("written");
        assert_eq!(fs::read(&log).expect("there"), b"after\n");
        let before = fs::read(folder.path().join("postgres.log.1")).expect("kept");
        assert!(before.starts_with(b"short\nxxx") && before.len() as u64 == LOG_BYTES + 6);
        rotate(&folder.path().join("missing.log"));
    }
}
