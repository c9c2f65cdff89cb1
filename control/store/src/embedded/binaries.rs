//! Where this machine has its PostgreSQL.

use std::fs;
use std::path::{Path, PathBuf};

use tokio::process::Command;

const OLDEST: u32 = 15;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Installed {
    pub(super) folder: PathBuf,
    pub(super) major: u32,
}

/// The given folder, or the first fit one of those where `initdb` is usually found.
pub(super) async fn find(given: Option<&Path>) -> Option<Installed> {
    let candidates = match given {
        Some(folder) => vec![folder.to_owned()],
        None => usual().await,
    };
    for folder in candidates {
        if let Some(major) = version(&folder).await.filter(|major| *major >= OLDEST) {
            return Some(Installed { folder, major });
        }
    }
    None
}

async fn usual() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    let path = std::env::var_os("PATH").unwrap_or_default();
    // What stands on the path is often a link from elsewhere; `postgres` lies beside the file itself.
    let linked =
        std::env::split_paths(&path).filter_map(|folder| fs::canonicalize(folder.join("initdb")).ok());
    folders.extend(linked.filter_map(|initdb| initdb.parent().map(Path::to_owned)));
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output().await {
        folders.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    for (parent, prefix) in [
        ("/usr/lib/postgresql", ""),
        ("/usr", "pgsql-"),
        ("/opt/homebrew/opt", "postgresql@"),
        ("/usr/local/opt", "postgresql@"),
    ] {
        folders.extend(versions(Path::new(parent), prefix));
    }
    folders
}

/// Folders such as `/usr/lib/postgresql/17/bin`, the newest first.
fn versions(parent: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(parent) else { return Vec::new() };
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let major = path.file_name()?.to_str()?.strip_prefix(prefix)?.parse().ok()?;
            Some((major, path.join("bin")))
        })
        .collect();
    found.sort_unstable_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, folder)| folder).collect()
}

async fn version(folder: &Path) -> Option<u32> {
    if !folder.join("initdb").is_file() {
        return None;
    }
    let output = Command::new(folder.join("postgres")).arg("--version").output().await.ok()?;
    major(&String::from_utf8_lossy(&output.stdout))
}

/// Of "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)".
fn major(said: &str) -> Option<u32> {
    let number = said.split_once("(PostgreSQL) ")?.1;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_from_what_postgres_says() {
        assert_eq!(major("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(major("postgres (PostgreSQL) 17beta1"), Some(17));
        assert_eq!(major("something else"), None);
    }

    #[test]
    fn the_newest_of_several_is_the_first() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["9", "15", "17", "doc"] {
            fs::create_dir(folder.path().join(name)).expect("writable");
        }
        let found = versions(folder.path(), "");
        assert_eq!(found, ["17", "15", "9"].map(|name| folder.path().join(name).join("bin")));
    }

    #[tokio::test]
    async fn a_folder_without_binaries_is_no_postgres() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(find(Some(folder.path())).await, None);
        assert!(find(None).await.is_some(), "the tests' setup installs it");
    }
}
