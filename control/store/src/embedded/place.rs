//! Where the cluster's files lie, whose they are, and what runs on them already.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tokio::process::Command;

use super::{Error, LOOK_EVERY, STOP_WITHIN, closed_folder, signal};

/// Longest path of a socket's folder: what the system takes less the socket's own name.
const SOCKET_PATH: usize = 88;
/// Where root's clusters lie whose data directory the `postgres` user cannot enter.
const SYSTEM_PLACE: &str = "/var/lib/agent-foundry";

#[derive(Debug)]
pub(super) struct Place {
    folder: PathBuf,
    socket: PathBuf,
    /// Whom Postgres runs as, where we are root: user and group.
    runs_as: Option<(u32, u32)>,
}

impl Place {
    pub(super) const PORT: u16 = 5432;

    /// `wanted`, or a place of the same name where the one who runs Postgres may go.
    pub(super) fn choose(wanted: &Path) -> Result<Self, Error> {
        let unusable = |path: &Path| {
            let path = path.to_owned();
            |source| Error::Folder { path, source }
        };
        fs::create_dir_all(wanted).map_err(unusable(wanted))?;
        let wanted = fs::canonicalize(wanted).map_err(unusable(wanted))?;
        let runs_as = if owner(&wanted).map_err(unusable(&wanted))? == 0 && is_root() {
            Some(postgres_user().ok_or(Error::NoUser)?)
        } else if is_root() {
            // A folder that was made for another user by hand: as that user.
            let metadata = fs::metadata(&wanted).map_err(unusable(&wanted))?;
            Some((metadata.uid(), metadata.gid()))
        } else {
            None
        };
        // What lies there already is used where it lies, as its owner.
        let there = wanted.join("data/PG_VERSION").is_file();
        let folder = if runs_as.is_none() || there || may_be_entered(&wanted) {
            wanted
        } else {
            Path::new(SYSTEM_PLACE).join(short_name(&wanted))
        };
        closed_folder(&folder).map_err(unusable(&folder))?;
        let near = folder.join("socket");
        let socket = if near.as_os_str().len() <= SOCKET_PATH {
            near
        } else {
            // Root's own place where we are root: a name below /tmp could be somebody else's.
            let short = if runs_as.is_some() { PathBuf::from(SYSTEM_PLACE) } else { std::env::temp_dir() };
            short.join(format!("s-{}", short_name(&folder)))
        };
        closed_folder(&socket).map_err(unusable(&socket))?;
        if let Some((user, group)) = runs_as {
            for path in [&folder, &socket] {
                chown(path, Some(user), Some(group)).map_err(unusable(path))?;
            }
        }
        Ok(Self { folder, socket, runs_as })
    }

    pub(super) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    pub(super) fn log(&self) -> PathBuf {
        self.folder.join("postgres.log")
    }

    pub(super) fn is_made(&self) -> bool {
        self.data().join("PG_VERSION").is_file()
    }

    pub(super) fn check_version(&self, installed: u32) -> Result<(), Error> {
        let Ok(found) = fs::read_to_string(self.data().join("PG_VERSION")) else { return Ok(()) };
        let found = found.trim().to_owned();
        if found == installed.to_string() {
            return Ok(());
        }
        Err(Error::OtherVersion { path: self.data(), found, installed })
    }

    /// To run as whoever Postgres runs as. With `ends_with_us` the system stops it when this process dies in whichever way.
    pub(super) fn command(&self, program: &Path, ends_with_us: bool) -> Command {
        let bound = ends_with_us && Path::new("/usr/bin/setpriv").is_file();
        let mut command = if bound {
            let mut command = Command::new("/usr/bin/setpriv");
            command.args(["--pdeathsig", "INT"]);
            if let Some((user, group)) = self.runs_as {
                command.args([
                    format!("--reuid={user}"),
                    format!("--regid={group}"),
                    "--clear-groups".to_owned(),
                ]);
            }
            command.arg("--").arg(program);
            command
        } else {
            let mut command = Command::new(program);
            if let Some((user, group)) = self.runs_as {
                command.uid(user).gid(group);
            }
            command
        };
        command.current_dir(&self.folder).env_clear().env("LC_ALL", "C.UTF-8").env("PATH", "/usr/bin:/bin");
        command
    }

    /// Stops what a server that was killed left running on these files.
    pub(super) async fn end_leftover(&self) -> Result<(), Error> {
        let Some(pid) = self.leftover() else { return Ok(()) };
        tracing::warn!(pid, "a database was left running by a server that died; it is stopped first");
        let _gone = signal(pid, "INT").await;
        let deadline = tokio::time::Instant::now() + STOP_WITHIN;
        while self.leftover().is_some() {
            if tokio::time::Instant::now() > deadline {
                return Err(Error::Failed {
                    what: "stopping the database that another server left",
                    said: format!("process {pid} does not end"),
                });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Whether a Postgres runs on these files.
    pub(super) fn runs(&self) -> bool {
        self.leftover().is_some()
    }

    /// The process that holds the files, if it is a Postgres of ours.
    fn leftover(&self) -> Option<u32> {
        let file = fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        let pid: u32 = file.lines().next()?.trim().parse().ok()?;
        let command = fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
        command.contains(self.data().to_str()?).then_some(pid)
    }
}

fn is_root() -> bool {
    owner(Path::new("/proc/self")).is_ok_and(|owner| owner == 0)
}

fn owner(path: &Path) -> std::io::Result<u32> {
    Ok(fs::metadata(path)?.uid())
}

/// Whether everyone may pass through all folders above.
fn may_be_entered(path: &Path) -> bool {
    let above = path.ancestors().skip(1);
    above
        .into_iter()
        .all(|folder| fs::metadata(folder).is_ok_and(|folder| folder.permissions().mode() & 0o001 != 0))
}

fn postgres_user() -> Option<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let named = fields.next()? == "postgres";
        let user = fields.nth(1)?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        named.then_some((user, group))
    })
}

/// The same for the same path, and of no other in practice.
fn short_name(path: &Path) -> String {
    hex::encode(&Sha256::digest(path.as_os_str().as_encoded_bytes())[..8])
}
