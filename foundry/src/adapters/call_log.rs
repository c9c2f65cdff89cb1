//! Logs of calls as files of the data directory: written while a call runs, listed and read once it has ended.
//!
//! A running call's file ends in `.live` and takes its final name when its writer is dropped, so that whoever lists
//! finished calls never reads half of one. What a crash left behind takes its final name at the next start. A log without
//! a line is no log and is removed.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use control_server::ports::{self, LogError, RawLog};
use domain::SessionId;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use tokio::io::AsyncReadExt;

const LIVE: &str = "live";
const ENDED: &str = "jsonl";

/// Piece of a raw log handed to the network at once.
const CHUNK: usize = 64 * 1024;

pub(crate) struct CallLog {
    folder: PathBuf,
}

impl CallLog {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Gives what a crash left behind its final name, and removes the oldest logs beyond `keep` (0 keeps all). A log with
    /// which that fails is skipped, and the operator told.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub(crate) fn tidy(folder: &Path, keep: usize, after_crash: bool) -> io::Result<()> {
        if after_crash {
            for id in listed(folder, LIVE)? {
                let written = fs::metadata(path(folder, id, LIVE)).map(|file| file.len() > 0);
                if let Err(error) = written.and_then(|written| complete(folder, id, written)) {
                    tracing::warn!(session = %id, %error, "the log that a crash left behind could not be completed");
                }
            }
        }
        let ended = listed(folder, ENDED)?;
        for id in ended.iter().skip(if keep == 0 { usize::MAX } else { keep }) {
            if let Err(error) = fs::remove_file(path(folder, *id, ENDED)) {
                tracing::warn!(session = %id, %error, "an old call log could not be removed");
            }
        }
        Ok(())
    }
}

/// A log that nothing more is written to takes its final name; one without a line is removed.
fn complete(folder: &Path, id: SessionId, written: bool) -> io::Result<()> {
    let live = path(folder, id, LIVE);
    if written { fs::rename(live, path(folder, id, ENDED)) } else { fs::remove_file(live) }
}

/// Where a new call writes its log to. The file is made with the first line, where whoever writes may block. Where that
/// fails, the call goes on and is not kept.
pub(crate) fn create(folder: &Path, id: SessionId) -> Box<dyn Write + Send> {
    Box::new(Live { file: None, written: false, folder: folder.to_owned(), id })
}

/// Whoever writes brings their own buffer.
struct Live {
    file: Option<File>,
    written: bool,
    folder: PathBuf,
    id: SessionId,
}

impl Write for Live {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(File::create(path(&self.folder, self.id, LIVE))?),
        };
        let count = file.write(bytes)?;
        self.written |= count > 0;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), File::flush)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if self.file.is_none() {
            return;
        }
        if let Err(error) = complete(&self.folder, self.id, self.written) {
            tracing::error!(session = %self.id, %error, "the log of this call could not be completed");
        }
    }
}

fn path(folder: &Path, id: SessionId, ending: &str) -> PathBuf {
    folder.join(format!("{id}.{ending}"))
}

/// Newest first: ids sort by the time they were made.
fn listed(folder: &Path, ending: &str) -> io::Result<Vec<SessionId>> {
    let mut ids: Vec<SessionId> = fs::read_dir(folder)?
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let fits = path.extension().is_some_and(|found| found == ending);
            path.file_stem()?.to_str()?.parse().ok().filter(|_| fits)
        })
        .collect();
    ids.sort_unstable_by(|a, b| b.cmp(a));
    Ok(ids)
}

impl ports::CallLog for CallLog {
    fn raw(&self, id: SessionId) -> BoxFuture<'_, Result<Option<RawLog>, LogError>> {
        async move {
            let failed = |error: io::Error| LogError {
                id: Some(id),
                reason: "the file cannot be read".to_owned(),
                source: Some(error.into()),
            };
            let file = match tokio::fs::File::open(path(&self.folder, id, ENDED)).await {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(failed(error)),
            };
            let length = file.metadata().await.map_err(failed)?.len();
            let bytes = stream::try_unfold(file, |mut file| async move {
                let mut piece = vec![0; CHUNK];
                let count = file.read(&mut piece).await?;
                piece.truncate(count);
                Ok((count > 0).then(|| (Bytes::from(piece), file)))
            });
            Ok(Some(RawLog { bytes: bytes.boxed(), length: Some(length) }))
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(folder: &tempfile::TempDir, id: SessionId) -> Box<dyn Write + Send> {
        let mut live = create(folder.path(), id);
        live.write_all(b"a line\n").expect("writable");
        live
    }

    fn listed_now(folder: &tempfile::TempDir) -> Vec<SessionId> {
        listed(folder.path(), ENDED).expect("readable")
    }

    #[test]
    fn a_running_call_is_not_listed_and_the_oldest_go_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let ids: Vec<SessionId> = (0..3).map(|_| SessionId::generate()).collect();
        for id in &ids {
            drop(begun(&folder, *id));
        }
        let running = SessionId::generate();
        let live = begun(&folder, running);
        let newest_first: Vec<SessionId> = ids.iter().rev().copied().collect();
        assert_eq!(listed_now(&folder), newest_first);
        std::mem::forget(live); // the process was killed
        CallLog::tidy(folder.path(), 2, true).expect("tidied");
        assert_eq!(listed_now(&folder), [running, ids[2]]);
    }

    #[test]
    fn a_log_without_a_line_is_removed_and_not_listed_as_a_call() {
        let folder = tempfile::tempdir().expect("a folder");
        drop(create(folder.path(), SessionId::generate()));
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 0, "made before its first line");
        fs::write(path(folder.path(), SessionId::generate(), LIVE), b"").expect("writable"); // a crash left it
        CallLog::tidy(folder.path(), 0, true).expect("tidied");
        assert_eq!(listed_now(&folder), []);
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 0);
    }

    #[test]
    fn a_log_that_cannot_be_removed_keeps_no_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let ids: Vec<SessionId> = (0..4).map(|_| SessionId::generate()).collect();
        for id in [ids[0], ids[2], ids[3]] {
            drop(begun(&folder, id));
        }
        fs::create_dir(path(folder.path(), ids[1], ENDED)).expect("writable");
        CallLog::tidy(folder.path(), 1, true).expect("the rest is tidied");
        assert_eq!(listed_now(&folder), [ids[3], ids[1]]);
    }
}
