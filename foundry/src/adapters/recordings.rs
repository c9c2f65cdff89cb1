//! Recordings of calls as files of the data directory: `SESSION/caller-1.ogg`, and beside each a note of what the file
//! itself does not tell (`SESSION/caller-1.json`): where it lies on the call's clock, and whether it is complete.
//!
//! A note without a length belongs to a part that is being written, or that a crash cut off: `mend` tells the second, at
//! start, from the first.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use control_api::recording::{Container, Name};
use control_server::ports::{self, RecordedPart, RecordingError, RecordingFile};
use domain::{Encoding, Role, SessionEvent, SessionId};
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, stream};
use media_core::recording;
use runtime::{Kind, Tasks};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use crate::adapters::sink::Before;

/// Of what is the owner's alone.
const OWN_FOLDER: u32 = 0o700;
const OWN_FILE: u32 = 0o600;
/// Piece of a file handed to the network at once.
const CHUNK: u64 = 64 * 1024;
const SECONDS_A_DAY: u64 = 24 * 60 * 60;

const READ: Kind = Kind::new("recordings.read");

pub(crate) struct Recordings {
    folder: PathBuf,
    /// Owner of the work on files.
    tasks: Tasks,
}

/// What lies beside a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    codec: Encoding,
    /// From the call's beginning, in microseconds.
    offset_us: u64,
    /// In microseconds; absent until the part has ended.
    length_us: Option<u64>,
    complete: bool,
    /// The server died while it was written.
    #[serde(default)]
    cut_off: bool,
}

/// Where a call writes its recording to, after what another session has recorded of it. Nothing is made before the first part begins.
pub(crate) fn shelf(folder: &Path, id: SessionId, before: Before) -> Box<dyn media_session::Recordings> {
    Box::new(Shelf { folder: folder.join(id.to_string()), before })
}

/// What lies here of a call that goes on: parts of either leg.
pub(crate) fn parts_before(folder: &Path, id: SessionId) -> u32 {
    let names = names(&folder.join(id.to_string())).unwrap_or_default();
    names.iter().map(|name| name.part).max().unwrap_or_default()
}

struct Shelf {
    /// Of the call.
    folder: PathBuf,
    before: Before,
}

impl Shelf {
    fn name(&self, part: &media_session::RecordedPart) -> Name {
        Name::new(part.leg, self.before.parts + part.part, part.codec)
    }
}

impl media_session::Recordings for Shelf {
    fn begin(
        &mut self,
        part: &media_session::RecordedPart,
    ) -> io::Result<Box<dyn media_session::RecordingFile>> {
        DirBuilder::new().recursive(true).mode(OWN_FOLDER).create(&self.folder)?;
        let name = self.name(part);
        let path = self.folder.join(name.to_string());
        let file = OpenOptions::new().write(true).create_new(true).mode(OWN_FILE).open(path)?;
        let offset_us = us(self.before.since + part.offset);
        let note = Note { codec: part.codec, offset_us, length_us: None, complete: false, cut_off: false };
        keep(&self.folder, name, &note)?;
        Ok(Box::new(file))
    }

    fn end(&mut self, part: &media_session::RecordedPart) -> io::Result<()> {
        let note = Note {
            codec: part.codec,
            offset_us: us(self.before.since + part.offset),
            length_us: Some(us(part.length)),
            complete: part.complete,
            cut_off: false,
        };
        let name = self.name(part);
        keep(&self.folder, name, &note)
    }
}

/// The note takes the place of the one before as a whole.
fn keep(folder: &Path, name: Name, note: &Note) -> io::Result<()> {
    let (path, new) = (note_of(folder, name, "json"), note_of(folder, name, "new"));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(OWN_FILE).open(&new)?;
    file.write_all(&serde_json::to_vec(note)?)?;
    fs::rename(new, path)
}

fn note_of(folder: &Path, name: Name, ending: &str) -> PathBuf {
    folder.join(name.to_string()).with_extension(ending)
}

/// Completes what a crash left behind. Call before the first call begins. A file with which that fails is skipped, and the
/// operator told.
///
/// # Errors
/// When the folder cannot be read.
pub(crate) fn mend(folder: &Path) -> io::Result<()> {
    for (id, path) in sessions(folder)? {
        let mended =
            names(&path).and_then(|names| names.into_iter().try_for_each(|name| mend_part(&path, name)));
        if let Err(error) = mended {
            tracing::warn!(session = %id, %error, "the recording that a crash left behind could not be completed");
        }
    }
    Ok(())
}

fn mend_part(folder: &Path, name: Name) -> io::Result<()> {
    let note = note(folder, name);
    if note.length_us.is_some() {
        return Ok(());
    }
    let mut file = OpenOptions::new().read(true).write(true).open(folder.join(name.to_string()))?;
    recording::mend(&mut file)?;
    let length = recording::length(&mut file)?.unwrap_or_default();
    keep(folder, name, &Note { length_us: Some(us(length)), cut_off: true, ..note })
}

/// Removes recordings that were last written to this many days before `now`; 0 keeps all. One with which that fails is
/// skipped, and the operator told.
///
/// # Errors
/// When the folder cannot be read.
pub(crate) fn tidy(folder: &Path, keep_days: u32, now: SystemTime) -> io::Result<()> {
    let Some(oldest) = now.checked_sub(Duration::from_secs(u64::from(keep_days) * SECONDS_A_DAY)) else {
        return Ok(());
    };
    if keep_days == 0 {
        return Ok(());
    }
    for (id, path) in sessions(folder)? {
        let removed = written(&path)
            .and_then(|written| if written < oldest { fs::remove_dir_all(&path) } else { Ok(()) });
        if let Err(error) = removed {
            tracing::warn!(session = %id, %error, "an old recording could not be removed");
        }
    }
    Ok(())
}

/// When anything of a call's recording was last written.
fn written(folder: &Path) -> io::Result<SystemTime> {
    let mut latest = fs::metadata(folder)?.modified()?;
    for entry in fs::read_dir(folder)? {
        latest = latest.max(entry?.metadata()?.modified()?);
    }
    Ok(latest)
}

/// Folders of calls. What is none of ours is left alone.
fn sessions(folder: &Path) -> io::Result<Vec<(SessionId, PathBuf)>> {
    let entries = fs::read_dir(folder)?.filter_map(|entry| {
        let path = entry.ok()?.path();
        let id = path.file_name()?.to_str()?.parse().ok()?;
        Some((id, path))
    });
    Ok(entries.collect())
}

/// The caller's parts in order, then the agent's. Files that are none of ours are left out.
fn names(folder: &Path) -> io::Result<Vec<Name>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names: Vec<Name> =
        entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    names.sort_unstable_by_key(|name| (name.leg == Role::Agent, name.part));
    Ok(names)
}

/// A part whose note was lost, or not yet written, still has its sound.
fn note(folder: &Path, name: Name) -> Note {
    let read = fs::read(note_of(folder, name, "json")).ok();
    let kept = read.and_then(|json| serde_json::from_slice(&json).ok());
    kept.unwrap_or_else(|| {
        let codec = match name.container {
            Container::Ogg => Encoding::Opus,
            Container::Wav => Encoding::Pcm16,
        };
        Note { codec, offset_us: 0, length_us: None, complete: false, cut_off: false }
    })
}

/// What lies there of a call, as the event that a part's end would have been. Blocks.
pub(crate) fn found(folder: &Path, id: SessionId) -> Vec<SessionEvent> {
    let parts = parts(&folder.join(id.to_string())).unwrap_or_default();
    let event = |part: RecordedPart| SessionEvent::Recorded {
        leg: part.name.leg,
        part: part.name.part,
        codec: part.codec,
        offset: part.offset,
        length: part.length,
        bytes: part.bytes,
        complete: part.complete,
    };
    parts.into_iter().map(event).collect()
}

fn parts(folder: &Path) -> io::Result<Vec<RecordedPart>> {
    let part = |name| {
        let note = note(folder, name);
        let mut file = File::open(folder.join(Name::to_string(&name)))?;
        let bytes = file.metadata()?.len();
        let length = match note.length_us {
            Some(length_us) => Duration::from_micros(length_us),
            None => recording::length(&mut file)?.unwrap_or_default(),
        };
        let offset = Duration::from_micros(note.offset_us);
        let Note { codec, complete, cut_off, .. } = note;
        Ok(RecordedPart { name, codec, offset, length, bytes, complete, cut_off })
    };
    names(folder)?.into_iter().map(part).collect()
}

/// The name is typed, not text: it cannot lead out of the folder.
async fn open(folder: &Path, name: Name) -> io::Result<Option<RecordingFile>> {
    let file = match tokio::fs::File::open(folder.join(name.to_string())).await {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let about = file.metadata().await?;
    let written = about.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    Ok(Some(RecordingFile {
        length: about.len(),
        tag: format!("{:x}-{written:x}", about.len()),
        read: Box::new(move |range| stretch(file, range)),
    }))
}

fn stretch(mut file: tokio::fs::File, range: Range<u64>) -> BoxStream<'static, io::Result<Bytes>> {
    let length = range.end.saturating_sub(range.start);
    let begin = async move { file.seek(SeekFrom::Start(range.start)).await.map(|_| file.take(length)) };
    let pieces = begin.map(|begun| {
        stream::try_unfold(begun, |begun| async move {
            let mut file = begun?;
            let mut piece = Vec::new();
            (&mut file).take(CHUNK).read_to_end(&mut piece).await?;
            Ok((!piece.is_empty()).then(|| (Bytes::from(piece), Ok(file))))
        })
    });
    pieces.flatten_stream().boxed()
}

fn us(length: Duration) -> u64 {
    u64::try_from(length.as_micros()).unwrap_or(u64::MAX)
}

impl Recordings {
    pub(crate) fn new(folder: PathBuf, tasks: Tasks) -> Self {
        Self { folder, tasks }
    }

    fn of(&self, id: SessionId) -> PathBuf {
        self.folder.join(id.to_string())
    }
}

impl ports::Recordings for Recordings {
    fn parts(&self, id: SessionId) -> BoxFuture<'_, Result<Vec<RecordedPart>, RecordingError>> {
        let folder = self.of(id);
        async move {
            let read = self.tasks.spawn_blocking(READ, move || parts(&folder)).await;
            let read = read.unwrap_or_else(|panic| Err(io::Error::other(panic)));
            read.map_err(|source| RecordingError { id, source })
        }
        .boxed()
    }

    fn remove(&self, id: SessionId) -> BoxFuture<'_, Result<(), RecordingError>> {
        let folder = self.of(id);
        async move {
            match tokio::fs::remove_dir_all(&folder).await {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(RecordingError { id, source: error })
                }
                _ => Ok(()),
            }
        }
        .boxed()
    }

    fn open(
        &self,
        id: SessionId,
        name: Name,
    ) -> BoxFuture<'_, Result<Option<RecordingFile>, RecordingError>> {
        let folder = self.of(id);
        async move { open(&folder, name).await.map_err(|source| RecordingError { id, source }) }.boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use control_server::ports::Recordings as _;

    use super::*;

    fn part(leg: Role, part: u32, codec: Encoding) -> media_session::RecordedPart {
        let (offset, length) = (Duration::from_millis(1_500), Duration::ZERO);
        media_session::RecordedPart { leg, part, codec, offset, length, bytes: 0, complete: true }
    }

    /// The header of a WAV file of 16 kHz that says it is empty, and 100 samples.
    fn stale() -> Vec<u8> {
        let mut file = io::Cursor::new(Vec::new());
        let codec = media_core::Codec::Pcm16 { rate_hz: 16_000 };
        drop(recording::Track::new(&mut file, codec, 1).expect("writable"));
        let mut bytes = file.into_inner();
        bytes.extend([7; 200]);
        bytes
    }

    async fn all(found: RecordingFile, range: Range<u64>) -> Vec<u8> {
        let pieces: Vec<_> = (found.read)(range).collect().await;
        pieces.into_iter().flat_map(|piece| piece.expect("readable").to_vec()).collect()
    }

    #[tokio::test]
    async fn a_part_is_listed_and_read_while_it_is_written_and_after() {
        let folder = tempfile::tempdir().expect("a folder");
        let id = SessionId::generate();
        let here = Recordings::new(folder.path().to_owned(), Tasks::new());
        assert_eq!(here.parts(id).await.expect("nothing is kept"), []);
        let mut shelf = shelf(folder.path(), id, Before::default());
        let mut agent = shelf.begin(&part(Role::Agent, 1, Encoding::Opus)).expect("writable");
        let mut caller = shelf.begin(&part(Role::Caller, 2, Encoding::Pcm16)).expect("writable");
        agent.write_all(b"not whole").expect("writable");
        caller.write_all(&stale()).expect("writable");
        let listed = here.parts(id).await.expect("readable");
        let [first, second] = &listed[..] else { unreachable!("{listed:?}") };
        let name = Name::new(Role::Caller, 2, Encoding::Pcm16);
        let expected = RecordedPart {
            name,
            codec: Encoding::Pcm16,
            offset: Duration::from_millis(1_500),
            length: Duration::from_micros(6_250),
            bytes: 244,
            complete: false,
            cut_off: false,
        };
        assert_eq!(*first, expected);
        assert_eq!((second.name.to_string().as_str(), second.complete), ("agent-1.ogg", false));

        let open = async || here.open(id, name).await.expect("readable").expect("it is there");
        let before = open().await;
        assert_eq!((before.length, all(open().await, 44..50).await), (244, vec![7; 6]));
        caller.write_all(&[8; 100_000]).expect("writable");
        assert_eq!(all(before, 0..244).await, stale(), "as it was when it was opened");
        let after = open().await;
        assert_eq!((after.length, all(open().await, 240..100_244).await.len()), (100_244, 100_004));
        assert_ne!(after.tag, "f4-0");
        shelf
            .end(&media_session::RecordedPart {
                length: Duration::from_secs(3),
                ..part(Role::Caller, 2, Encoding::Pcm16)
            })
            .expect("writable");
        let ended = &here.parts(id).await.expect("readable")[0];
        assert_eq!((ended.length, ended.complete), (Duration::from_secs(3), true));
        let unknown = Name::new(Role::Caller, 1, Encoding::Pcm16);
        assert!(here.open(id, unknown).await.expect("readable").is_none());
        assert!(shelf.begin(&part(Role::Agent, 1, Encoding::Opus)).is_err(), "nothing is written over");
    }

    #[test]
    fn a_recording_is_the_owners_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let id = SessionId::generate();
        drop(
            shelf(folder.path(), id, Before::default())
                .begin(&part(Role::Caller, 1, Encoding::Opus))
                .expect("writable"),
        );
        let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        let call = folder.path().join(id.to_string());
        assert_eq!(mode(&call), OWN_FOLDER);
        for file in ["caller-1.ogg", "caller-1.json"] {
            assert_eq!(mode(&call.join(file)), OWN_FILE, "{file}");
        }
    }

    #[test]
    fn what_a_crash_left_behind_is_mended_and_what_is_foreign_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let call = folder.path().join(SessionId::generate().to_string());
        let mut shelf = Shelf { folder: call.clone(), before: Before::default() };
        let file = media_session::Recordings::begin(&mut shelf, &part(Role::Caller, 1, Encoding::Pcm16));
        file.expect("writable").write_all(&stale()).expect("writable");
        fs::write(call.join("notes.txt"), b"mine").expect("writable");
        fs::create_dir(folder.path().join("elsewhere")).expect("writable");
        mend(folder.path()).expect("readable");
        let bytes = fs::read(call.join("caller-1.wav")).expect("it is there");
        assert_eq!(bytes[40..44], 200_u32.to_le_bytes());
        let note = note(&call, Name::new(Role::Caller, 1, Encoding::Pcm16));
        assert_eq!((note.length_us, note.complete, note.offset_us), (Some(6_250), false, 1_500_000));
        assert!(note.cut_off, "it was no disk");
        assert_eq!(fs::read(call.join("notes.txt")).expect("it is there"), b"mine");
    }

    #[test]
    fn what_another_session_records_of_a_call_follows_what_is_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let id = SessionId::generate();
        assert_eq!(parts_before(folder.path(), id), 0);
        let first = |before| shelf(folder.path(), id, before).begin(&part(Role::Caller, 1, Encoding::Opus));
        drop(first(Before::default()).expect("writable"));
        mend(folder.path()).expect("readable");
        let parts = parts_before(folder.path(), id);
        assert_eq!(parts, 1);
        let before = Before { sequence: 9, since: Duration::from_secs(60), parts };
        drop(first(before).expect("writable"));
        let listed = super::parts(&folder.path().join(id.to_string())).expect("readable");
        let shown: Vec<_> =
            listed.iter().map(|part| (part.name.part, part.offset.as_millis(), part.cut_off)).collect();
        assert_eq!(shown, [(1, 1_500, true), (2, 61_500, false)]);
    }

    #[test]
    fn recordings_go_when_they_are_too_old_and_not_before() {
        let folder = tempfile::tempdir().expect("a folder");
        let call = folder.path().join(SessionId::generate().to_string());
        let mut shelf = Shelf { folder: call.clone(), before: Before::default() };
        drop(media_session::Recordings::begin(&mut shelf, &part(Role::Caller, 1, Encoding::Opus)));
        fs::create_dir(folder.path().join("elsewhere")).expect("writable");
        let in_days = |days: u64| SystemTime::now() + Duration::from_secs(days * SECONDS_A_DAY);
        for (keep_days, days, stays) in
            [(30, 29, true), (0, 10_000, true), (u32::MAX, 10_000, true), (30, 31, false)]
        {
            tidy(folder.path(), keep_days, in_days(days)).expect("readable");
            assert_eq!(call.exists(), stays, "kept {keep_days} days, after {days}");
        }
        assert!(folder.path().join("elsewhere").exists());
    }
}
