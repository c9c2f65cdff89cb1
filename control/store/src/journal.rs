//! The bounded buffer on disk between calls and the database: lines are appended at once and taken when the database has them.
//!
//! Segments are numbered files. One thread appends, one task takes; a segment goes when all of it was taken and it is not the newest.
//! What a crash leaves is taken from its beginning at the next start, since writing twice has one effect. A line that the crash
//! cut off is passed over.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::entry::Entry;

const ENDING: &str = "jsonl";

#[derive(Debug, Clone)]
pub struct Options {
    /// A segment of this size is followed by another.
    pub segment_bytes: u64,
    /// With this much waiting on disk, what comes is dropped and counted: hours of a busy server. A tenth of it is for the beginnings and
    /// ends of calls and for what was asked of vendors.
    pub limit_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes: 4 << 20, limit_bytes: 1 << 30 }
    }
}

/// Of the limit, a tenth is kept for entries without which a call would never begin or end on record, or its costs be lost.
const RESERVE: u64 = 10;

/// Makes the files of segments.
pub(crate) trait Disk {
    type File: Write;

    fn create(&self, path: &Path) -> io::Result<Self::File>;
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Files;

impl Disk for Files {
    type File = File;

    fn create(&self, path: &Path) -> io::Result<File> {
        File::create(path)
    }
}

/// Appends.
#[derive(Debug)]
pub(crate) struct Appender<D: Disk = Files> {
    disk: D,
    folder: PathBuf,
    options: Options,
    number: u64,
    file: D::File,
    written: u64,
    /// The last line may be half of one.
    torn: bool,
    /// Of all segments, as far as this side knows; `taken_up_to` of the other side makes it smaller.
    waiting: u64,
}

/// The disk took only some of what it was given.
#[derive(Debug)]
pub(crate) struct Cut {
    /// Lines that are there whole.
    pub(crate) kept: usize,
    pub(crate) source: io::Error,
}

/// What an entry may fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// All but the reserve.
    Ordinary,
    Reserve,
}

impl Appender {
    /// Opens the folder for appending; what lies there already stays for the taker.
    pub(crate) fn open(folder: &Path, options: Options) -> io::Result<Self> {
        Self::on(Files, folder, options)
    }
}

impl<D: Disk> Appender<D> {
    fn on(disk: D, folder: &Path, options: Options) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let segments = segments(folder)?;
        let number = segments.last().map_or(1, |number| number + 1);
        let waiting = total(folder, &segments);
        let file = disk.create(&path(folder, number))?;
        Ok(Self { disk, folder: folder.to_owned(), options, number, file, written: 0, torn: false, waiting })
    }

    /// Whether there is room for `bytes` more. Looks again at the disk before it says no.
    pub(crate) fn has_room(&mut self, bytes: u64, room: Room) -> bool {
        let all = self.options.limit_bytes;
        let limit = match room {
            Room::Reserve => all,
            Room::Ordinary => all - all / RESERVE,
        };
        if self.waiting + bytes > limit {
            self.waiting =
                segments(&self.folder).map(|found| total(&self.folder, &found)).unwrap_or(self.waiting);
        }
        self.waiting + bytes <= limit
    }

    /// Whole lines. After an error another segment is begun; where the disk has no room for one either, the half line is ended before the
    /// next, so that it spoils no other.
    pub(crate) fn append(&mut self, lines: &[u8]) -> Result<(), Cut> {
        if (self.torn || self.written >= self.options.segment_bytes)
            && let Err(error) = self.next_segment()
        {
            tracing::debug!(%error, "no further segment of the journal can be begun; the last one goes on");
        }
        if self.torn {
            self.write(b"\n").map_err(|source| Cut { kept: 0, source })?;
            self.torn = false;
        }
        let before = self.written;
        self.write(lines).map_err(|source| {
            let there = usize::try_from(self.written - before).unwrap_or(usize::MAX).min(lines.len());
            let kept = lines[..there].iter().filter(|byte| **byte == b'\n').count();
            self.torn = !lines[..there].ends_with(b"\n") && there > 0;
            Cut { kept, source }
        })
    }

    /// As much as the disk takes.
    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.file.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    bytes = &bytes[count..];
                    self.written += count as u64;
                    self.waiting += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn next_segment(&mut self) -> io::Result<()> {
        self.file = self.disk.create(&path(&self.folder, self.number + 1))?;
        self.number += 1;
        self.written = 0;
        self.torn = false;
        Ok(())
    }
}

/// Takes, in order.
#[derive(Debug)]
pub(crate) struct Taker {
    folder: PathBuf,
    /// The segment that is read, and how far it was taken.
    at: Option<(u64, u64)>,
}

/// What was read and is not taken yet.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) entries: Vec<Entry>,
    /// Lines that could not be read.
    pub(crate) damaged: usize,
    upto: (u64, u64),
}

impl Taker {
    pub(crate) fn open(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), at: None }
    }

    /// The next whole lines, at most `most`; `None` when all was taken. The same again until `taken`.
    pub(crate) fn next(&mut self, most: usize) -> io::Result<Option<Piece>> {
        loop {
            let Some((number, offset)) = self.position()? else { return Ok(None) };
            let piece = read(&path(&self.folder, number), number, offset, most)?;
            if piece.upto.1 > offset {
                return Ok(Some(piece));
            }
            // Nothing more here. The newest may grow; an older one is done with, half a line at its end or not.
            if !self.leave(number)? {
                return Ok(None);
            }
        }
    }

    pub(crate) fn taken(&mut self, piece: &Piece) {
        self.at = Some(piece.upto);
    }

    fn position(&mut self) -> io::Result<Option<(u64, u64)>> {
        if self.at.is_none() {
            self.at = segments(&self.folder)?.first().map(|number| (*number, 0));
        }
        Ok(self.at)
    }

    /// Goes on to the segment after `number`, and removes that. `false`: there is none after it.
    fn leave(&mut self, number: u64) -> io::Result<bool> {
        let next = segments(&self.folder)?.into_iter().find(|later| *later > number);
        let Some(next) = next else { return Ok(false) };
        // The appender may have written between our reading and the beginning of the next segment.
        let length = fs::metadata(path(&self.folder, number))?.len();
        let (_, offset) = self.at.unwrap_or((number, 0));
        if read(&path(&self.folder, number), number, offset, 1)?.upto.1 > offset {
            return Ok(true);
        }
        if length > offset {
            tracing::warn!(
                segment = number,
                bytes = length - offset,
                "the last line of a journal segment was cut off"
            );
        }
        fs::remove_file(path(&self.folder, number))?;
        self.at = Some((next, 0));
        Ok(true)
    }
}

fn read(path: &Path, number: u64, offset: u64, most: usize) -> io::Result<Piece> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut reader = BufReader::with_capacity(256 * 1024, file);
    let mut piece = Piece { entries: Vec::new(), damaged: 0, upto: (number, offset) };
    let mut line = Vec::new();
    while piece.entries.len() < most {
        line.clear();
        let count = reader.read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            break;
        }
        piece.upto.1 += count as u64;
        match serde_json::from_slice(&line) {
            Ok(entry) => piece.entries.push(entry),
            Err(_) => piece.damaged += 1,
        }
    }
    Ok(piece)
}

fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:012}.{ENDING}"))
}

/// Their numbers, the oldest first.
fn segments(folder: &Path) -> io::Result<Vec<u64>> {
    let mut found: Vec<u64> = fs::read_dir(folder)?
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let fits = path.extension().is_some_and(|ending| ending == ENDING);
            path.file_stem()?.to_str()?.parse().ok().filter(|_| fits)
        })
        .collect();
    found.sort_unstable();
    Ok(found)
}

fn total(folder: &Path, segments: &[u64]) -> u64 {
    segments.iter().filter_map(|number| fs::metadata(path(folder, *number)).ok()).map(|file| file.len()).sum()
}

#[cfg(test)]
mod tests {
    use domain::SessionId;
    use serde_json::json;

    use super::*;
    use crate::entry::Checkpoint;

    fn entry(n: i32) -> Entry {
        let session = SessionId::from_uuid(uuid::Uuid::from_u128(7));
        Entry::Checkpoint(Checkpoint { session, state: json!(n) })
    }

    fn lines(numbers: std::ops::Range<i32>) -> Vec<u8> {
        numbers
            .flat_map(|n| [serde_json::to_vec(&entry(n)).expect("JSON"), b"\n".to_vec()].concat())
            .collect()
    }

    fn all(taker: &mut Taker) -> Vec<Entry> {
        let mut found = Vec::new();
        while let Some(piece) = taker.next(3).expect("readable") {
            taker.taken(&piece);
            found.extend(piece.entries);
        }
        found
    }

    fn entries(numbers: std::ops::Range<i32>) -> Vec<Entry> {
        numbers.map(entry).collect()
    }

    #[test]
    fn what_is_appended_is_taken_in_order_and_its_files_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = Options { segment_bytes: 200, ..Options::default() };
        let mut appender = Appender::open(folder.path(), options).expect("writable");
        let mut taker = Taker::open(folder.path());
        for n in 0..20 {
            appender.append(&lines(n..n + 1)).expect("written");
            if n == 4 {
                assert_eq!(all(&mut taker), entries(0..5));
            }
        }
        assert_eq!(all(&mut taker), entries(5..20));
        assert_eq!(segments(folder.path()).expect("readable").len(), 1);
        appender.append(&lines(20..22)).expect("written");
        assert_eq!(all(&mut taker), entries(20..22), "the newest grows");
    }

    #[test]
    fn what_was_not_taken_comes_again_also_after_a_crash_that_cut_off_a_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut appender = Appender::open(folder.path(), Options::default()).expect("writable");
        appender.append(&lines(0..4)).expect("written");
        let mut taker = Taker::open(folder.path());
        let first = taker.next(2).expect("readable").expect("some");
        assert_eq!(taker.next(2).expect("readable").expect("some").entries, first.entries);
        taker.taken(&first);
        let half = lines(4..5);
        appender.append(&half[..half.len() / 2]).expect("written");
        drop((appender, taker)); // the process is killed
        let mut appender = Appender::open(folder.path(), Options::default()).expect("writable");
        appender.append(&lines(5..6)).expect("written");
        let found = all(&mut Taker::open(folder.path()));
        assert_eq!(found, [entries(0..4), entries(5..6)].concat());
    }

    #[test]
    fn a_line_that_is_no_entry_is_passed_over_and_counted() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut appender = Appender::open(folder.path(), Options::default()).expect("writable");
        appender.append(&[lines(0..1), b"nonsense\n".to_vec(), lines(1..2)].concat()).expect("written");
        let piece = Taker::open(folder.path()).next(10).expect("readable").expect("some");
        assert_eq!((piece.entries, piece.damaged), (entries(0..2), 1));
    }

    #[test]
    fn a_full_journal_has_no_room_until_something_was_taken() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = Options { segment_bytes: 100, limit_bytes: 1000 };
        let mut appender = Appender::open(folder.path(), options).expect("writable");
        let mut taker = Taker::open(folder.path());
        let line = lines(0..1);
        let mut written = 0;
        while appender.has_room(line.len() as u64, Room::Ordinary) {
            appender.append(&line).expect("written");
            written += 1;
        }
        assert!(written > 3);
        assert!(appender.has_room(line.len() as u64, Room::Reserve), "for what a call cannot do without");
        assert_eq!(all(&mut taker).len(), written);
        assert!(appender.has_room(line.len() as u64, Room::Ordinary));
    }

    /// A disk with so many bytes left, that makes no file without any.
    #[derive(Clone)]
    struct Small(std::rc::Rc<std::cell::Cell<usize>>);

    struct OnSmall(File, Small);

    impl Write for OnSmall {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let left = self.1.0.get();
            if left == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let count = self.0.write(&bytes[..bytes.len().min(left)])?;
            self.1.0.set(left - count);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            self.0.flush()
        }
    }

    impl Disk for Small {
        type File = OnSmall;

        fn create(&self, path: &Path) -> io::Result<OnSmall> {
            if self.0.get() == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            Ok(OnSmall(File::create(path)?, self.clone()))
        }
    }

    #[test]
    fn on_a_full_disk_half_a_line_takes_no_other_with_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let left = std::rc::Rc::new(std::cell::Cell::new(lines(0..3).len() + lines(3..4).len() / 2));
        let small = Small(std::rc::Rc::clone(&left));
        let mut appender = Appender::on(small, folder.path(), Options::default()).expect("writable");
        appender.append(&lines(0..2)).expect("written");
        let cut = appender.append(&lines(2..6)).expect_err("the disk is full");
        assert_eq!((cut.kept, cut.source.kind()), (1, io::ErrorKind::StorageFull));
        let mut taker = Taker::open(folder.path());
        assert_eq!(all(&mut taker), entries(0..3), "what is whole is taken meanwhile");
        assert_eq!(appender.append(&lines(6..7)).expect_err("still full").kept, 0);
        left.set(10_000);
        appender.append(&lines(7..9)).expect("written");
        assert_eq!(all(&mut taker), entries(7..9));
    }

    /// Where no further file can be made, the half line is ended in its own.
    #[test]
    fn without_room_for_another_segment_the_half_line_is_ended_before_the_next() {
        struct OneFile(Small, std::cell::Cell<bool>);
        impl Disk for OneFile {
            type File = OnSmall;

            fn create(&self, path: &Path) -> io::Result<OnSmall> {
                if self.1.replace(true) {
                    Err(io::ErrorKind::StorageFull.into())
                } else {
                    self.0.create(path)
                }
            }
        }
        let folder = tempfile::tempdir().expect("a folder");
        let left = std::rc::Rc::new(std::cell::Cell::new(lines(0..1).len() + 10));
        let disk = OneFile(Small(std::rc::Rc::clone(&left)), std::cell::Cell::new(false));
        let mut appender = Appender::on(disk, folder.path(), Options::default()).expect("writable");
        assert_eq!(appender.append(&lines(0..2)).expect_err("full").kept, 1);
        assert_eq!(appender.append(&lines(2..3)).expect_err("full").kept, 0);
        left.set(10_000);
        appender.append(&lines(3..5)).expect("written");
        let piece = Taker::open(folder.path()).next(10).expect("readable").expect("some");
        assert_eq!((piece.entries, piece.damaged), ([entries(0..1), entries(3..5)].concat(), 1));
    }
}
