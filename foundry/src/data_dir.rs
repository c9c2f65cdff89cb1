//! The directory in which a server keeps its calls and appointments. One server at a time: a second would take the logs of
//! the first one's running calls for what a crash left behind.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Held as long as the server runs. Its lock ends with the process, however that ends; the file stays.
const LOCK: &str = "server.lock";

pub(crate) struct DataDir {
    calls: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes what is missing, and takes the directory for this process.
    ///
    /// # Errors
    /// `DATA_DIR_UNUSABLE` or `DATA_DIR_IN_USE`, with what to do.
    pub(crate) fn take(root: &Path) -> anyhow::Result<Self> {
        let calls = root.join("calls");
        fs::create_dir_all(&calls).with_context(|| unusable("create", &calls))?;
        let path = root.join(LOCK);
        let mut lock = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(&path)
            .with_context(|| unusable("write", &path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _unknown = lock.read_to_string(&mut holder);
                anyhow::bail!(
                    "DATA_DIR_IN_USE: another server (process {}) uses {}: stop it, or give another directory with --data-dir DIR",
                    holder.trim(),
                    root.display()
                );
            }
            // Some network file systems have no locks; whoever keeps data there knows how many servers run on it.
            Err(TryLockError::Error(error)) => {
                tracing::warn!(%error, path = %path.display(), "the data directory cannot be locked: let no other server use it");
            }
        }
        lock.set_len(0)
            .and_then(|()| writeln!(lock, "{}", std::process::id()))
            .with_context(|| unusable("write", &path))?;
        Ok(Self { calls, _lock: lock })
    }

    /// Where the logs of calls lie.
    pub(crate) fn calls(&self) -> &Path {
        &self.calls
    }
}

fn unusable(what: &str, path: &Path) -> String {
    format!("DATA_DIR_UNUSABLE: cannot {what} {}: give another with --data-dir DIR", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_at_a_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = DataDir::take(folder.path()).expect("nobody has it");
        let refused = DataDir::take(folder.path()).err().expect("it is in use").to_string();
        assert!(refused.contains("DATA_DIR_IN_USE") && refused.contains("--data-dir"), "{refused}");
        assert!(refused.contains(&format!("process {})", std::process::id())), "{refused}");
        drop(first);
        assert!(DataDir::take(folder.path()).is_ok(), "the lock goes with its holder, the file may stay");
    }

    #[test]
    fn a_place_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("data");
        fs::write(&file, b"").expect("writable");
        let refused = DataDir::take(&file).err().expect("a file is no folder").to_string();
        assert!(refused.contains("DATA_DIR_UNUSABLE") && refused.contains("--data-dir"), "{refused}");
    }
}
