//! Whose certificates count: the system's authorities, and one's own besides.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// The system's authorities as the process first found them.
static SYSTEM: OnceLock<Arc<ClientConfig>> = OnceLock::new();

/// Whom servers behind TLS are verified by. Cheap to clone; the system's authorities are read when they are first needed.
#[derive(Debug, Clone, Default)]
pub struct Trust(Option<Arc<ClientConfig>>);

/// Why a file of authorities is none.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{path} cannot be read as certificates (PEM)")]
    Unreadable {
        path: PathBuf,
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    #[error("{path} has no certificate of an authority")]
    Empty { path: PathBuf },
}

impl Trust {
    /// The system's authorities and those of this file.
    ///
    /// # Errors
    /// When the file cannot be read, or has none.
    pub fn with(path: &Path) -> Result<Self, Error> {
        let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
        let mut roots = system();
        let mut added = 0;
        for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
            added += usize::from(roots.add(certificate.map_err(unreadable)?).is_ok());
        }
        match added {
            0 => Err(Error::Empty { path: path.to_owned() }),
            _ => Ok(Self(Some(config(roots)))),
        }
    }

    /// For a connection. Reads the system's authorities the first time.
    #[must_use]
    pub fn config(&self) -> Arc<ClientConfig> {
        match &self.0 {
            Some(own) => Arc::clone(own),
            None => Arc::clone(SYSTEM.get_or_init(|| config(system()))),
        }
    }
}

impl PartialEq for Trust {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        }
    }
}

impl Eq for Trust {}

/// What a certificate is refused for, where that is why a connection failed.
pub(crate) fn refusal(error: &io::Error) -> Option<String> {
    match error.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(why) => Some(why.to_string()),
        _ => None,
    }
}

fn system() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (_taken, _unfit) = roots.add_parsable_certificates(found.certs);
    roots
}

fn config(roots: RootCertStore) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_authorities_is_no_trust() {
        let folder = std::env::temp_dir();
        let path = folder.join(format!("no-authority-{}.pem", std::process::id()));
        assert!(matches!(Trust::with(&path), Err(Error::Unreadable { .. })));
        std::fs::write(&path, "nothing").expect("writable");
        assert!(matches!(Trust::with(&path), Err(Error::Empty { .. })));
        std::fs::remove_file(&path).expect("it is there");
    }
}
