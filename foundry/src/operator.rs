//! The operator's token: given by the configuration, or made once and kept in the data directory for its owner alone.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use domain::{Failure, Retry, Secret};

const FILE: &str = "operator-token";
/// What the HTTP surface takes at least.
const LEAST: usize = 16;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the file of the operator's token {} cannot be read or written", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{} holds no token of {LEAST} characters: remove it to have another made", path.display())]
    Short { path: PathBuf },
}

impl Error {
    pub(crate) const fn failure(&self) -> Failure {
        match self {
            Self::File { .. } | Self::Short { .. } => {
                Failure::platform("OPERATOR_TOKEN_UNUSABLE", Retry::Never)
            }
        }
    }
}

/// The token that lies in the data directory, made now where there is none.
pub(crate) fn kept(data: &Path) -> Result<Secret<String>, Error> {
    let path = data.join(FILE);
    let failed = |source| Error::File { path: path.clone(), source };
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
        Ok(mut file) => {
            let token = format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>());
            file.write_all(token.as_bytes()).map_err(failed)?;
            return Ok(Secret::new(token));
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(error)),
    }
    if fs::metadata(&path).map_err(failed)?.permissions().mode() & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "others could read the operator's token; its file is closed to them now");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
    }
    let token = fs::read_to_string(&path).map_err(failed)?.trim().to_owned();
    if token.len() < LEAST { Err(Error::Short { path }) } else { Ok(Secret::new(token)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("there").permissions().mode() & 0o777
    }

    #[test]
    fn a_token_is_made_once_and_for_its_owner_alone() {
        let data = tempfile::tempdir().expect("a folder");
        let token = kept(data.path()).expect("made");
        assert_eq!(token.expose().len(), 64);
        assert_eq!(kept(data.path()).expect("kept"), token);
        let path = data.path().join(FILE);
        assert_eq!(mode(&path), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("writable");
        assert_eq!(kept(data.path()).expect("kept"), token);
        assert_eq!(mode(&path), 0o600, "what was open is closed");
        let other = tempfile::tempdir().expect("a folder");
        assert_ne!(kept(other.path()).expect("made"), token);
    }

    #[test]
    fn a_file_without_a_token_and_a_folder_that_is_none_are_named() {
        let data = tempfile::tempdir().expect("a folder");
        fs::write(data.path().join(FILE), "short\n").expect("writable");
        let short = kept(data.path()).expect_err("no token");
        assert_eq!(short.failure().code.0, "OPERATOR_TOKEN_UNUSABLE");
        assert!(short.to_string().contains(FILE) && !short.to_string().contains("short"), "{short}");
        assert!(matches!(kept(&data.path().join("none")), Err(Error::File { .. })));
    }
}
