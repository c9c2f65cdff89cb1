//! One file for each command of the binary.

pub(crate) mod call;
pub(crate) mod config;
pub(crate) mod doctor;
pub(crate) mod models;
pub(crate) mod serve;

/// Two crypto libraries may be linked; the process chooses one before the first connection.
pub(crate) fn install_crypto() {
    // A second call in the same process (tests) finds it installed already; that is what is wanted.
    let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// An error with its stable code in front, as who runs a command sees it; `docs/errors` has a page for each.
pub(crate) fn coded(
    failure: domain::Failure,
    error: impl std::error::Error + Send + Sync + 'static,
) -> anyhow::Error {
    anyhow::Error::new(error).context(failure.code)
}
