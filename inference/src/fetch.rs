//! Brings the models of the lock into the store: by pip from whatever registry this machine is set up for, or from a
//! directory of wheels or files. Keeps nothing whose sha256 is not in the lock.
//!
//! Names no host: pip's own configuration (`PIP_*`, pip.conf, proxies, certificates) decides where wheels come from.
//! Blocking; for the command line.

mod extract;
mod pip;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::cut;
use crate::error::Error;
use crate::lock::{Member, Wheel, WheelFile};
use crate::store::{Depth, Stamp, Stamps, Store, sha256_of, size_and_time, write_atomically};

/// Where to take wheels from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The Python package registry that pip on this machine uses.
    Registry,
    /// A directory with the wheels, or with the files that are in them, at any depth.
    Dir(PathBuf),
}

/// What happens, for whoever shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Everything this wheel carries is there and sound.
    Present {
        wheel: String,
    },
    /// Bytes of the wheel so far.
    Downloading {
        wheel: String,
        bytes: u64,
        of: u64,
    },
    Extracting {
        wheel: String,
        member: Member,
    },
    /// A file is being made from another on this machine.
    Making {
        member: Member,
    },
    Done,
}

/// Fetches whatever is missing or damaged; everything sound stays. An interrupted pull goes on where it stopped, wheel
/// by wheel.
///
/// # Errors
/// `Fetch` says what was tried and how to go on; `Disk` when the store cannot be written.
pub fn pull(store: &Store, source: &Source, progress: &mut dyn FnMut(Progress)) -> Result<(), Error> {
    fs::create_dir_all(store.directory()).map_err(Error::disk("create", store.directory()))?;
    let mut stamps = Stamps::read(store.directory());
    for wheel in &store.lock().wheels {
        let wanted = unsound(store, wheel, &mut stamps)?;
        if wanted.is_empty() {
            progress(Progress::Present { wheel: wheel.to_string() });
            continue;
        }
        let file = wheel.file(store.arch()).ok_or(Error::Architecture(store.arch()))?;
        match source {
            Source::Registry => from_registry(store, wheel, file, &wanted, progress)?,
            Source::Dir(directory) => from_directory(store, directory, wheel, file, &wanted, progress)?,
        }
        for member in wanted {
            store.check(member, Depth::Deep, &mut stamps)?;
        }
        save(&stamps, store)?;
    }
    make_voice_halves(store, &mut stamps, progress)?;
    save(&stamps, store)?;
    progress(Progress::Done);
    Ok(())
}

/// The members of `wheel` that are not there or not right.
fn unsound(store: &Store, wheel: &Wheel, stamps: &mut Stamps) -> Result<BTreeSet<Member>, Error> {
    let mut wanted = BTreeSet::new();
    for pinned in wheel.members(store.arch()) {
        match store.check(pinned.member, Depth::Quick, stamps) {
            Ok(()) => {}
            Err(Error::Missing { .. } | Error::Corrupt { .. }) => {
                wanted.insert(pinned.member);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(wanted)
}

fn from_registry(
    store: &Store,
    wheel: &Wheel,
    file: &WheelFile,
    wanted: &BTreeSet<Member>,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), Error> {
    // Inside the store: the downloads are large, and the system's temporary directory may be memory.
    let scratch = tempfile::Builder::new()
        .prefix(".pull-")
        .tempdir_in(store.directory())
        .map_err(Error::disk("write to", store.directory()))?;
    let downloaded = pip::download(scratch.path(), wheel, file, &mut |bytes| {
        progress(Progress::Downloading { wheel: wheel.to_string(), bytes, of: file.size });
    })?;
    extract::members(store, &downloaded, wheel, wanted, progress)
}

fn from_directory(
    store: &Store,
    directory: &Path,
    wheel: &Wheel,
    file: &WheelFile,
    wanted: &BTreeSet<Member>,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), Error> {
    let files = files_below(directory).map_err(Error::disk("read", directory))?;
    let with_sha256 = |sha256: &str, size: u64| {
        let same_size = |path: &&PathBuf| fs::metadata(path).is_ok_and(|m| m.len() == size);
        files.iter().filter(same_size).find(|path| sha256_of(path).is_ok_and(|found| found == sha256))
    };
    if let Some(path) = with_sha256(&file.sha256, file.size) {
        return extract::members(store, path, wheel, wanted, progress);
    }
    for pinned in wheel.members(store.arch()).filter(|pinned| wanted.contains(&pinned.member)) {
        let Some(path) = with_sha256(&pinned.sha256, pinned.size) else {
            let reason = format!(
                "{} holds neither its wheel (sha256 {}) nor {} (sha256 {}). On a machine with a network, `pip download \
                 --no-deps {}=={}` gets the wheel",
                directory.display(),
                file.sha256,
                pinned.file_name(),
                pinned.sha256,
                wheel.package,
                wheel.version,
            );
            return Err(Error::Fetch { wheel: wheel.to_string(), reason });
        };
        progress(Progress::Extracting { wheel: wheel.to_string(), member: pinned.member });
        let content = fs::read(path).map_err(Error::disk("read", path))?;
        let place = store.place(pinned.member)?;
        write_atomically(&place, &content).map_err(Error::disk("write", &place))?;
    }
    Ok(())
}

fn files_below(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    /// Models lie at most package/version/file deep; a mistaken `--from /` must not read the whole disk.
    const DEPTH_MAX: usize = 4;
    let mut files = Vec::new();
    let mut open = vec![(directory.to_owned(), 0)];
    while let Some((directory, depth)) = open.pop() {
        for entry in fs::read_dir(&directory)? {
            let path = entry?.path();
            if path.is_file() {
                files.push(path);
            } else if depth < DEPTH_MAX && path.is_dir() {
                open.push((path, depth + 1));
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Cuts the voice in two, so that its second half can run on windows while the caller already hears the first.
fn make_voice_halves(
    store: &Store,
    stamps: &mut Stamps,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), Error> {
    const HALVES: [Member; 2] = [Member::PiperFront, Member::PiperBack];
    if HALVES.iter().all(|half| store.check(*half, Depth::Quick, stamps).is_ok()) {
        return Ok(());
    }
    let whole = store.path(Member::PiperVoice)?;
    let onnx = fs::read(&whole).map_err(Error::disk("read", &whole))?;
    let (front, back) = cut::cut_piper(&onnx).map_err(|error| Error::Corrupt {
        member: Member::PiperVoice,
        path: whole,
        reason: error.to_string(),
    })?;
    let origin = &store.pinned(Member::PiperVoice)?.1.sha256;
    for (half, content) in HALVES.into_iter().zip([front, back]) {
        progress(Progress::Making { member: half });
        let path = store.place(half)?;
        write_atomically(&path, &content).map_err(Error::disk("write", &path))?;
        let (size, modified_ns) = size_and_time(&path).map_err(Error::disk("read", &path))?;
        let sha256 = sha256_of(&path).map_err(Error::disk("read", &path))?;
        let stamp = Stamp { size, modified_ns, sha256, origin_sha256: Some(origin.clone()) };
        stamps.0.insert(half, stamp);
    }
    Ok(())
}

fn save(stamps: &Stamps, store: &Store) -> Result<(), Error> {
    stamps.write(store.directory()).map_err(Error::disk("write to", store.directory()))
}

#[cfg(test)]
mod tests;
