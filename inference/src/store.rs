//! Where the models lie on disk, and whether they are what the lock says.
//!
//! Does not fetch (see `fetch`). A file is hashed once; a stamp remembers its size and modification time, so that the
//! check at start takes milliseconds.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::lock::{LOCK, Lock, Member, Wheel, WheelMember};

/// How much to trust the stamps of an earlier check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// A file whose size and modification time did not change since it was hashed counts as sound.
    Quick,
    /// Hash everything.
    Deep,
}

#[derive(Debug, Clone)]
pub struct Store {
    directory: PathBuf,
    arch: &'static str,
    lock: &'static Lock,
}

/// The usual place: `$XDG_CACHE_HOME` or `~/.cache`, below it `agent-foundry/models`. The caller reads the environment.
pub fn default_directory(environment: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, Error> {
    let set = |name| environment(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = set("XDG_CACHE_HOME").filter(|path| path.is_absolute());
    let cache = cache.or_else(|| set("HOME").map(|home| home.join(".cache")));
    let own = set("AGENT_FOUNDRY_CACHE").or_else(|| cache.map(|cache| cache.join("agent-foundry")));
    Ok(own.ok_or(Error::NoDirectory)?.join("models"))
}

impl Store {
    /// A store in `directory`, which need not exist yet.
    #[must_use]
    pub fn open(directory: impl Into<PathBuf>) -> Self {
        Self::of(directory, &LOCK)
    }

    /// A store of other files than those this binary was built for.
    pub(crate) fn of(directory: impl Into<PathBuf>, lock: &'static Lock) -> Self {
        Self { directory: directory.into(), arch: std::env::consts::ARCH, lock }
    }

    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where `member` lies.
    ///
    /// # Errors
    /// `Missing` when there is no such file; its content is not read here.
    pub fn path(&self, member: Member) -> Result<PathBuf, Error> {
        let path = self.place(member)?;
        if path.is_file() { Ok(path) } else { Err(Error::Missing { member, path }) }
    }

    /// Everything that is missing or damaged, in the order of `Member`. Empty: all models can be loaded.
    #[must_use]
    pub fn verify(&self, depth: Depth) -> Vec<Error> {
        let mut stamps = Stamps::read(&self.directory);
        let before = stamps.clone();
        let wrong = Member::ALL
            .into_iter()
            .filter_map(|member| self.check(member, depth, &mut stamps).err())
            .collect();
        if stamps != before
            && let Err(error) = stamps.write(&self.directory)
        {
            // Only costs the next start the time to hash again.
            tracing::warn!(%error, directory = %self.directory.display(), "could not remember the check of the models");
        }
        wrong
    }

    pub(crate) fn arch(&self) -> &'static str {
        self.arch
    }

    pub(crate) fn lock(&self) -> &'static Lock {
        self.lock
    }

    /// Where `member` belongs, whether or not it is there.
    pub(crate) fn place(&self, member: Member) -> Result<PathBuf, Error> {
        let (wheel, source) = self.pinned(member.made_from().unwrap_or(member))?;
        let name = match member {
            Member::PiperFront => "front.onnx",
            Member::PiperBack => "back.onnx",
            _ => source.file_name(),
        };
        Ok(self.directory.join(wheel.directory(self.arch)).join(name))
    }

    pub(crate) fn pinned(&self, member: Member) -> Result<(&'static Wheel, &'static WheelMember), Error> {
        let found = self.lock.wheels.iter().find_map(|wheel| {
            wheel.members(self.arch).find(|pinned| pinned.member == member).map(|pinned| (wheel, pinned))
        });
        found.ok_or(Error::Architecture(self.arch))
    }

    /// Whether `member` is there and sound; `stamps` learns what was hashed.
    pub(crate) fn check(&self, member: Member, depth: Depth, stamps: &mut Stamps) -> Result<(), Error> {
        let path = self.path(member)?;
        let (size, modified_ns) = size_and_time(&path).map_err(Error::disk("read", &path))?;
        let known = stamps.0.get(&member);
        let expected = match member.made_from() {
            None => self.pinned(member)?.1.sha256.clone(),
            // What is made here is right when it is what was made here from the sound original.
            Some(origin) => match known {
                Some(stamp) if stamp.origin_sha256.as_ref() == Some(&self.pinned(origin)?.1.sha256) => {
                    stamp.sha256.clone()
                }
                _ => {
                    let reason = "its origin is not on record".to_owned();
                    return Err(Error::Corrupt { member, path, reason });
                }
            },
        };
        let unchanged = known.is_some_and(|stamp| {
            stamp.size == size && stamp.modified_ns == modified_ns && stamp.sha256 == expected
        });
        if depth == Depth::Quick && unchanged {
            return Ok(());
        }
        let found = sha256_of(&path).map_err(Error::disk("read", &path))?;
        if found != expected {
            let reason = format!("its sha256 is {found}, expected {expected}, {size} bytes");
            return Err(Error::Corrupt { member, path, reason });
        }
        let origin_sha256 = known.and_then(|stamp| stamp.origin_sha256.clone());
        stamps.0.insert(member, Stamp { size, modified_ns, sha256: found, origin_sha256 });
        Ok(())
    }
}

/// What was hashed before, kept beside the models.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamps(pub(crate) BTreeMap<Member, Stamp>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    pub(crate) size: u64,
    pub(crate) modified_ns: u64,
    pub(crate) sha256: String,
    /// Of the file this one was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) origin_sha256: Option<String>,
}

impl Stamps {
    const FILE: &'static str = "stamps.json";

    /// Unreadable stamps are no stamps: everything is hashed again.
    pub(crate) fn read(directory: &Path) -> Self {
        let text = fs::read(directory.join(Self::FILE)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    pub(crate) fn write(&self, directory: &Path) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(self)?;
        write_atomically(&directory.join(Self::FILE), &text)
    }
}

/// Writes beside the target and renames: a reader sees the old content or the new, never half of it.
pub fn write_atomically(path: &Path, content: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    readable_by_all(file.path())?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Temporary files are private; models may be shared by users of one machine.
pub(crate) fn readable_by_all(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644))
}

pub(crate) fn size_and_time(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::metadata(path)?;
    let modified = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok((metadata.len(), u64::try_from(modified.as_nanos()).unwrap_or(u64::MAX)))
}

pub(crate) fn sha256_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0_u8; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex::encode(hash.finalize())),
            n => hash.update(&buffer[..n]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocabulary(text: &[u8]) -> (tempfile::TempDir, Store, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path());
        let path = store.place(Member::MiniLmVocabulary).unwrap();
        write_atomically(&path, text).unwrap();
        (directory, store, path)
    }

    #[test]
    fn the_usual_place_is_below_the_cache_of_the_user() {
        let only =
            |wanted: &'static str| move |name: &str| (name == wanted).then(|| OsString::from("/home/u"));
        assert_eq!(
            default_directory(only("HOME")).unwrap(),
            Path::new("/home/u/.cache/agent-foundry/models")
        );
        assert_eq!(
            default_directory(only("XDG_CACHE_HOME")).unwrap(),
            Path::new("/home/u/agent-foundry/models")
        );
        assert_eq!(
            default_directory(only("AGENT_FOUNDRY_CACHE")).unwrap(),
            Path::new("/home/u/models"),
            "as the scripts have it"
        );
        assert!(matches!(default_directory(|_| None), Err(Error::NoDirectory)));
    }

    #[test]
    fn an_empty_store_misses_everything_and_says_what_to_do() {
        let directory = tempfile::tempdir().unwrap();
        let wrong = Store::open(directory.path().join("none")).verify(Depth::Quick);
        assert_eq!(wrong.len(), Member::ALL.len());
        assert!(wrong.iter().all(|e| e.failure().code.0 == "MODEL_MISSING"));
        assert!(wrong[0].to_string().contains("foundry models pull"));
    }

    #[test]
    fn a_file_with_other_bytes_is_corrupt() {
        let (_directory, store, path) = vocabulary(b"not the vocabulary");
        let error = store.check(Member::MiniLmVocabulary, Depth::Quick, &mut Stamps::default()).unwrap_err();
        assert_eq!(error.failure().code.0, "MODEL_CORRUPT");
        assert!(error.to_string().contains(path.to_str().unwrap()));
    }

    #[test]
    fn a_stamp_spares_the_hash_until_the_file_changes_and_never_in_depth() {
        let (_directory, store, path) = vocabulary(b"not the vocabulary");
        let (size, modified_ns) = size_and_time(&path).unwrap();
        let sha256 = store.pinned(Member::MiniLmVocabulary).unwrap().1.sha256.clone();
        let trusted = Stamp { size, modified_ns, sha256, origin_sha256: None };
        let mut stamps = Stamps(BTreeMap::from([(Member::MiniLmVocabulary, trusted)]));
        let mut check = |depth| store.check(Member::MiniLmVocabulary, depth, &mut stamps).is_ok();
        assert!(check(Depth::Quick));
        assert!(!check(Depth::Deep));
        fs::write(&path, b"other bytes").unwrap();
        assert!(!check(Depth::Quick));
    }

    #[test]
    fn stamps_survive_a_restart_and_damage_to_them_is_harmless() {
        let directory = tempfile::tempdir().unwrap();
        let stamp = Stamp { size: 1, modified_ns: 2, sha256: "ab".to_owned(), origin_sha256: None };
        let stamps = Stamps(BTreeMap::from([(Member::SileroVad, stamp)]));
        stamps.write(directory.path()).unwrap();
        assert_eq!(Stamps::read(directory.path()), stamps);
        fs::write(directory.path().join(Stamps::FILE), b"{").unwrap();
        assert_eq!(Stamps::read(directory.path()), Stamps::default());
    }
}
