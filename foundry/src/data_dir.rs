//! The directory in which a server keeps its calls and appointments. One server at a time: a second would take the logs of
//! the first one's running calls for what a crash left behind.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use domain::{Failure, Retry};

/// Held as long as the server runs. Its lock ends with the process, however that ends; the file stays.
const LOCK: &str = "server.lock";

/// How the server is reached, for commands beside it. Means something as long as the lock is held.
const URL: &str = "server.url";

/// Of a directory that is the owner's alone.
const OWN: u32 = 0o700;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot write {}: give another with --data-dir DIR, or mend its permissions", path.display())]
    Unusable { path: PathBuf, source: io::Error },
    #[error("another server (process {holder}) uses {}: stop it, or give another directory with --data-dir DIR", path.display())]
    InUse { path: PathBuf, holder: String },
    #[error("no server has kept anything in {} yet: name the server's directory with --data-dir DIR, or start `foundry serve` there once", path.display())]
    Empty { path: PathBuf },
}

impl Error {
    pub(crate) const fn failure(&self) -> Failure {
        let code = match self {
            Self::Unusable { .. } => "DATA_DIR_UNUSABLE",
            Self::InUse { .. } => "DATA_DIR_IN_USE",
            Self::Empty { .. } => "DATA_DIR_EMPTY",
        };
        Failure::platform(code, Retry::Never)
    }
}

#[derive(Debug)]
pub(crate) struct DataDir {
    calls: PathBuf,
    recordings: PathBuf,
    url: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes what is missing, and takes the directory for this process.
    pub(crate) fn take(root: &Path) -> Result<Self, Error> {
        let unusable = |path: &Path| {
            let path = path.to_owned();
            |source| Error::Unusable { path, source }
        };
        let [calls, recordings, journal] = ["calls", "recordings", "journal"].map(|name| root.join(name));
        fs::create_dir_all(root).map_err(unusable(root))?;
        // What was said in calls, names and phone numbers: for nobody else on this machine.
        for folder in [&calls, &recordings, &journal] {
            DirBuilder::new().recursive(true).mode(OWN).create(folder).map_err(unusable(folder))?;
            fs::set_permissions(folder, Permissions::from_mode(OWN)).map_err(unusable(folder))?;
        }
        let path = root.join(LOCK);
        let opened = OpenOptions::new().read(true).append(true).create(true).open(&path);
        let mut lock = opened.map_err(unusable(&path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::InUse { path: root.to_owned(), holder: named(&mut lock) });
            }
            // Some network file systems have no locks; whoever keeps data there knows how many servers run on it.
            Err(TryLockError::Error(error)) => {
                tracing::warn!(%error, path = %path.display(), "the data directory cannot be locked: let no other server use it");
            }
        }
        let written = lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id()));
        written.map_err(unusable(&path))?;
        let url = root.join(URL);
        // Of a server that was here before.
        let _none = fs::remove_file(&url);
        Ok(Self { calls, recordings, url, _lock: lock })
    }

    /// The server is reached so, from now on.
    pub(crate) fn reached_at(&self, url: &str) -> io::Result<()> {
        fs::write(&self.url, url)
    }

    /// Where the logs of calls lie.
    pub(crate) fn calls(&self) -> &Path {
        &self.calls
    }

    /// Where what was heard in them lies.
    pub(crate) fn recordings(&self) -> &Path {
        &self.recordings
    }
}

/// The process that runs a server there, if one does. Changes nothing.
pub(crate) fn holder(root: &Path) -> Option<String> {
    let mut lock = File::open(root.join(LOCK)).ok()?;
    // Shared: two who look at once are no servers to each other.
    matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)).then(|| named(&mut lock))
}

/// How the server that runs there is reached, where it has said so. Changes nothing.
pub(crate) fn reached_at(root: &Path) -> Option<String> {
    holder(root)?;
    fs::read_to_string(root.join(URL)).ok().filter(|url| !url.is_empty())
}

fn named(lock: &mut File) -> String {
    let mut holder = String::new();
    let _unknown = lock.read_to_string(&mut holder);
    holder.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_the_owners_alone_also_where_they_were_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let calls = folder.path().join("calls");
        fs::create_dir(&calls).expect("writable");
        fs::set_permissions(&calls, Permissions::from_mode(0o755)).expect("it is ours");
        let held = DataDir::take(folder.path()).expect("nobody has it");
        for folder in [held.calls(), held.recordings()] {
            let mode = fs::metadata(folder).expect("it is there").permissions().mode();
            assert_eq!(mode & 0o777, OWN, "{mode:o}");
        }
    }

    #[test]
    fn one_server_at_a_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = DataDir::take(folder.path()).expect("nobody has it");
        let refused = DataDir::take(folder.path()).expect_err("it is in use");
        assert_eq!(refused.failure().code.0, "DATA_DIR_IN_USE");
        let process = format!("process {})", std::process::id());
        assert!(refused.to_string().contains(&process), "{refused}");
        assert_eq!(holder(folder.path()), Some(std::process::id().to_string()));
        drop(first);
        assert_eq!(holder(folder.path()), None);
        assert!(DataDir::take(folder.path()).is_ok(), "the lock goes with its holder, the file may stay");
    }

    #[test]
    fn how_a_server_is_reached_is_known_as_long_as_it_runs() {
        let folder = tempfile::tempdir().expect("a folder");
        let server = DataDir::take(folder.path()).expect("nobody has it");
        assert_eq!(reached_at(folder.path()), None, "it listens nowhere yet");
        server.reached_at("http://localhost:21007").expect("writable");
        assert_eq!(reached_at(folder.path()).as_deref(), Some("http://localhost:21007"));
        drop(server);
        assert_eq!(reached_at(folder.path()), None);
        let _next = DataDir::take(folder.path()).expect("nobody has it");
        assert_eq!(reached_at(folder.path()), None, "what was said before it is not its own");
    }

    #[test]
    fn a_place_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("data");
        fs::write(&file, b"").expect("writable");
        let refused = DataDir::take(&file).expect_err("a file is no folder");
        assert_eq!(refused.failure().code.0, "DATA_DIR_UNUSABLE");
    }
}
