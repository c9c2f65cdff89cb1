//! Logs of calls as files of the data directory: written while a call runs, listed and read once it has ended.
//!
//! A running call's file ends in `.live` and takes its final name when its writer is dropped, so that whoever lists
//! finished calls never reads half of one. What a crash left behind takes its final name at the next start.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use control_server::ports::{self, LogError, RawLog, Recorded};
use domain::SessionId;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use media_flight::{Reader, Record};
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

    /// Gives what a crash left behind its final name, and removes the oldest logs beyond `keep` (0 keeps all).
    ///
    /// # Errors
    /// When the folder cannot be read or written.
    pub(crate) fn tidy(folder: &Path, keep: usize, after_crash: bool) -> io::Result<()> {
        if after_crash {
            for id in listed(folder, LIVE)? {
                fs::rename(path(folder, id, LIVE), path(folder, id, ENDED))?;
            }
        }
        let ended = listed(folder, ENDED)?;
        for id in ended.iter().skip(if keep == 0 { usize::MAX } else { keep }) {
            fs::remove_file(path(folder, *id, ENDED))?;
        }
        Ok(())
    }
}

/// The file that a new call writes its log to. Without it the call goes on and is not kept; the operator is told.
pub(crate) fn create(folder: &Path, id: SessionId) -> Option<Box<dyn Write + Send>> {
    match File::create(path(folder, id, LIVE)) {
        Ok(file) => Some(Box::new(Live { file: BufWriter::new(file), folder: folder.to_owned(), id })),
        Err(error) => {
            tracing::error!(session = %id, %error, "the log of this call cannot be written");
            None
        }
    }
}

struct Live {
    file: BufWriter<File>,
    folder: PathBuf,
    id: SessionId,
}

impl Write for Live {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let ended = self
            .file
            .flush()
            .and_then(|()| fs::rename(path(&self.folder, self.id, LIVE), path(&self.folder, self.id, ENDED)));
        if let Err(error) = ended {
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

fn read(folder: &Path, id: SessionId) -> Result<Option<Recorded>, LogError> {
    let failed = |reason: String, source: Option<io::Error>| LogError { id: Some(id), reason, source };
    let file = match File::open(path(folder, id, ENDED)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("the file cannot be opened".to_owned(), Some(error))),
    };
    let reader = Reader::new(BufReader::new(file)).map_err(|error| failed(error.to_string(), None))?;
    let header = reader.header().clone();
    let mut events = Vec::new();
    for record in reader {
        match record.map_err(|error| failed(error.to_string(), None))? {
            // What the turn machine tells observers stands in the log as its decision.
            Record::Event(at, event) | Record::Output(at, media_turn::Output::Event(event)) => {
                events.push((at, event))
            }
            _ => {}
        }
    }
    Ok(Some(Recorded {
        id,
        agent: header.agent,
        transport: header.transport,
        started_at: header.started,
        events,
    }))
}

impl ports::CallLog for CallLog {
    fn recent(
        &self,
        before: Option<SessionId>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<SessionId>, LogError>> {
        let folder = self.folder.clone();
        async move {
            let ids = tokio::task::spawn_blocking(move || listed(&folder, ENDED)).await;
            let ids = ids
                .map_err(|error| error.to_string())
                .and_then(|listed| listed.map_err(|error| error.to_string()));
            let ids = ids.map_err(|reason| LogError { id: None, reason, source: None })?;
            Ok(ids.into_iter().filter(|id| before.is_none_or(|before| *id < before)).take(limit).collect())
        }
        .boxed()
    }

    fn load(&self, id: SessionId) -> BoxFuture<'_, Result<Option<Recorded>, LogError>> {
        let folder = self.folder.clone();
        async move {
            match tokio::task::spawn_blocking(move || read(&folder, id)).await {
                Ok(recorded) => recorded,
                Err(error) => Err(LogError { id: Some(id), reason: error.to_string(), source: None }),
            }
        }
        .boxed()
    }

    fn raw(&self, id: SessionId) -> BoxFuture<'_, Result<Option<RawLog>, LogError>> {
        async move {
            let failed = |error: io::Error| LogError {
                id: Some(id),
                reason: "the file cannot be read".to_owned(),
                source: Some(error),
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

    #[tokio::test]
    async fn a_running_call_is_not_listed_and_the_oldest_go_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let ids: Vec<SessionId> = (0..3).map(|_| SessionId::generate()).collect();
        for id in &ids {
            drop(create(folder.path(), *id));
        }
        let running = SessionId::generate();
        let live = create(folder.path(), running);
        let log = CallLog::new(folder.path().to_owned());
        let newest_first: Vec<SessionId> = ids.iter().rev().copied().collect();
        assert_eq!(ports::CallLog::recent(&log, None, 10).await.expect("listed"), newest_first);
        std::mem::forget(live); // the process was killed
        CallLog::tidy(folder.path(), 2, true).expect("tidied");
        assert_eq!(ports::CallLog::recent(&log, None, 10).await.expect("listed"), [running, ids[2]]);
    }

    #[tokio::test]
    async fn a_call_that_never_was_is_none_and_a_damaged_log_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = CallLog::new(folder.path().to_owned());
        let id = SessionId::generate();
        assert!(ports::CallLog::load(&log, id).await.expect("readable").is_none());
        fs::write(path(folder.path(), id, ENDED), b"nonsense\n").expect("writable");
        assert!(ports::CallLog::load(&log, id).await.is_err());
    }
}
