//! One file for each command of the binary.

pub(crate) mod admin_link;
pub(crate) mod call;
pub(crate) mod config;
pub(crate) mod dial;
pub(crate) mod doctor;
pub(crate) mod drill;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod key;
pub(crate) mod models;
pub(crate) mod openapi;
pub(crate) mod organization;
pub(crate) mod serve;

use std::net::{IpAddr, SocketAddr};

use crate::config::Config;
use crate::store::Visit;

/// As the audit log and the keys name who made them.
const ACTOR: &str = "command";

/// Two crypto libraries may be linked; the process chooses one before the first connection.
pub(crate) fn install_crypto() {
    // A second call in the same process (tests) finds it installed already; that is what is wanted.
    let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// For a command that works on what is stored, beside the server that runs on it or without one.
pub(crate) fn with_store<T>(
    config: &Config,
    work: impl AsyncFnOnce(&Visit) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    install_crypto();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let visit = Visit::pay(config).await?;
        let done = work(&visit).await;
        visit.end().await;
        done
    })
}

/// As a browser on the server's machine reaches it.
fn address(listen: SocketAddr, tls: bool) -> String {
    let ip = listen.ip();
    let local = ip.is_loopback() || ip.is_unspecified();
    let host = if local { "localhost".to_owned() } else { bracketed(ip) };
    format!("{}://{host}:{}", if tls { "https" } else { "http" }, listen.port())
}

fn bracketed(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

/// An error with its stable code in front, as who runs a command sees it; `docs/errors` has a page for each.
pub(crate) fn coded(
    failure: domain::Failure,
    error: impl std::error::Error + Send + Sync + 'static,
) -> anyhow::Error {
    anyhow::Error::new(error).context(failure.code)
}
