//! Takes the listed members out of a wheel and nothing else; refuses bytes the lock does not name.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::Progress;
use crate::error::Error;
use crate::lock::{Member, Wheel, WheelMember};
use crate::store::{Store, readable_by_all};

pub(super) fn members(
    store: &Store,
    archive: &Path,
    wheel: &Wheel,
    wanted: &BTreeSet<Member>,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), Error> {
    let broken = |reason: String| Error::Fetch { wheel: wheel.to_string(), reason };
    let file = File::open(archive).map_err(Error::disk("read", archive))?;
    let mut zip =
        zip::ZipArchive::new(io::BufReader::new(file)).map_err(|e| broken(format!("no wheel: {e}")))?;
    for pinned in wheel.members(store.arch()).filter(|pinned| wanted.contains(&pinned.member)) {
        progress(Progress::Extracting { wheel: wheel.to_string(), member: pinned.member });
        let entry = zip.by_name(&pinned.path).map_err(|e| broken(format!("{}: {e}", pinned.path)))?;
        let place = store.place(pinned.member)?;
        let unpacked = copy_checked(entry, pinned, &place).map_err(Error::disk("write", &place))?;
        unpacked.map_err(|found| {
            broken(format!("{} has sha256 {found}, expected {}", pinned.path, pinned.sha256))
        })?;
    }
    Ok(())
}

/// Copies to a temporary file beside `place` and renames it when its sha256 is right; otherwise gives the wrong one.
fn copy_checked(entry: impl Read, pinned: &WheelMember, place: &Path) -> io::Result<Result<(), String>> {
    let directory = place.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    let mut target = tempfile::NamedTempFile::new_in(directory)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0_u8; 1 << 16];
    // One byte more than pinned is enough to see that it is not it; a bomb unpacks no further.
    let mut entry = entry.take(pinned.size + 1);
    loop {
        match entry.read(&mut buffer)? {
            0 => break,
            n => {
                hash.update(&buffer[..n]);
                target.write_all(&buffer[..n])?;
            }
        }
    }
    let found = hex::encode(hash.finalize());
    if found != pinned.sha256 {
        return Ok(Err(found));
    }
    target.as_file().sync_all()?;
    readable_by_all(target.path())?;
    target.persist(place).map_err(|error| error.error)?;
    Ok(Ok(()))
}
