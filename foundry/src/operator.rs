//! Secrets of a server that the configuration does not give: made once and kept in the data directory for its owner alone.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use domain::{Failure, Retry, Secret};

/// The operator's token.
pub(crate) const TOKEN: &str = "operator-token";
/// Signs what clients are given to come back with: a caller whose server died comes back to the next.
pub(crate) const KEY: &str = "token-key";
/// Seals vendors' keys in the database.
pub(crate) const MASTER_KEY: &str = "master-key";
/// What the HTTP surface takes at least.
const LEAST: usize = 16;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the secret in {} cannot be read or written", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{} holds no secret of {LEAST} characters: remove it to have another made", path.display())]
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

/// The secret that lies in the data directory, made now where there is none.
pub(crate) fn kept(data: &Path, file: &str) -> Result<Secret<String>, Error> {
    let path = data.join(file);
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
        tracing::warn!(path = %path.display(), "others could read a secret of this server; its file is closed to them now");
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
        let token = kept(data.path(), TOKEN).expect("made");
        assert_eq!(token.expose().len(), 64);
        assert_eq!(kept(data.path(), TOKEN).expect("kept"), token);
        let path = data.path().join(TOKEN);
        assert_eq!(mode(&path), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("writable");
        assert_eq!(kept(data.path(), TOKEN).expect("kept"), token);
        assert_eq!(mode(&path), 0o600, "what was open is closed");
        let other = tempfile::tempdir().expect("a folder");
        assert_ne!(kept(other.path(), TOKEN).expect("made"), token);
    }

    #[test]
    fn a_file_without_a_token_and_a_folder_that_is_none_are_named() {
        let data = tempfile::tempdir().expect("a folder");
        fs::write(data.path().join(TOKEN), "short\n").expect("writable");
        let short = kept(data.path(), TOKEN).expect_err("no token");
        assert_eq!(short.failure().code.0, "OPERATOR_TOKEN_UNUSABLE");
        assert!(short.to_string().contains(TOKEN) && !short.to_string().contains("short"), "{short}");
        assert!(matches!(kept(&data.path().join("none"), TOKEN), Err(Error::File { .. })));
    }
}
