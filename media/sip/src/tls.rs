//! SIP over TLS: connections that others make to us, and ours to trunks, whose certificates are verified.
//!
//! By rustls with the crypto provider of this house. The stack is given connections that are made already (`stream`), and makes none.

mod stream;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use domain::{Failure, Retry};
use rsipstack::transaction::endpoint::EndpointInnerRef;
use rsipstack::transport::SipConnection;
use runtime::Tasks;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tokio_util::sync::CancellationToken;

use crate::knocks;
use crate::pace::Paces;
use crate::reading::By;
use crate::trunk::{Transport, Trunk};

/// Whoever connects has shown and agreed on keys by then.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Why the certificates by which trunks are verified cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    #[error("cannot read the certificates in {} (PEM expected), by which the trunk {trunk} is verified", path.display())]
    Unreadable { trunk: String, path: PathBuf, source: rustls::pki_types::pem::Error },
    #[error("there is no certificate in {} that the trunk {trunk} could be verified by (PEM expected)", path.display())]
    Empty { trunk: String, path: PathBuf },
    #[error(
        "this machine has no root certificates: install them (ca-certificates), or give the trunk {trunk} a file with `ca`"
    )]
    NoneHere { trunk: String },
}

/// Why there is no connection to a trunk.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreached {
    #[error(
        "its certificate is not to be trusted as one of {name}: {why} (name it as its certificate does, or give the authority that signed it with `ca`)"
    )]
    Untrusted { name: String, why: String },
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
}

impl Unreached {
    pub(crate) const fn failure(&self) -> Failure {
        match self {
            Self::Untrusted { .. } => Failure::provider("SIP_CERTIFICATE_UNTRUSTED", Retry::Never),
            Self::Unreachable(_) => Failure::provider("SIP_TRUNK_UNREACHABLE", Retry::Now),
        }
    }
}

/// The way to trunks that are called over TLS.
#[derive(Default)]
pub(crate) struct Ways {
    to: HashMap<String, Way>,
    paces: Paces,
}

struct Way {
    name: ServerName<'static>,
    config: Arc<ClientConfig>,
    /// One for all calls and registrations of a trunk, for as long as it lasts.
    open: Mutex<Option<SipConnection>>,
}

impl Ways {
    /// Reads what trunks are verified by.
    ///
    /// # Errors
    /// When that cannot be read.
    pub(crate) fn to(trunks: &[Trunk], paces: Paces) -> Result<Self, RootsError> {
        let mut here = None;
        let mut ways = HashMap::new();
        for trunk in trunks.iter().filter(|trunk| trunk.transport == Transport::Tls) {
            let roots = match (&trunk.ca, &here) {
                (Some(path), _) => Arc::new(roots_of(path, &trunk.name)?),
                (None, Some(here)) => Arc::clone(here),
                (None, None) => Arc::clone(here.insert(Arc::new(system_roots(&trunk.name)?))),
            };
            let Ok(name) = ServerName::try_from(trunk.host.trim_matches(['[', ']']).to_owned()) else {
                continue;
            };
            let config = Arc::new(client(roots));
            ways.insert(trunk.name.clone(), Way { name, config, open: Mutex::default() });
        }
        Ok(Self { to: ways, paces })
    }

    /// The connection to a trunk: the one that is there, or a new one to where its name leads.
    pub(crate) async fn connection(
        &self,
        trunk: &Trunk,
        address: SocketAddr,
        endpoint: &EndpointInnerRef,
        stack: &CancellationToken,
    ) -> Result<SipConnection, Unreached> {
        let Some(way) = self.to.get(&trunk.name) else {
            return Err(Unreached::Unreachable("its name is none that a certificate could have".to_owned()));
        };
        let mut open = way.open.lock().await;
        if let Some(connection) = open.as_ref().filter(|open| lives(open)) {
            return Ok(connection.clone());
        }
        let failed = |error: io::Error| Unreached::Unreachable(error.to_string());
        let tcp = TcpStream::connect(address).await.map_err(failed)?;
        let connector = TlsConnector::from(Arc::clone(&way.config));
        let tls = connector.connect(way.name.clone(), tcp).await;
        let tls = tls.map_err(|error| untrusted(&trunk.host, &error).unwrap_or_else(|| failed(error)))?;
        let connection = stream::handed(tls.into(), By::Us, &self.paces, stack).await;
        let connection = connection.map_err(|error| Unreached::Unreachable(error.to_string()))?;
        endpoint.transport_layer.add_connection(connection.clone());
        Ok(open.insert(connection).clone())
    }
}

/// The stack cancels the token of a connection that has ended.
pub(crate) fn lives(connection: &SipConnection) -> bool {
    connection.cancel_token().is_some_and(|token| !token.is_cancelled())
}

/// What a certificate is refused for.
fn untrusted(name: &str, error: &io::Error) -> Option<Unreached> {
    let inner = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    let rustls::Error::InvalidCertificate(why) = inner else { return None };
    Some(Unreached::Untrusted { name: name.to_owned(), why: why.to_string() })
}

fn roots_of(path: &Path, trunk: &str) -> Result<RootCertStore, RootsError> {
    let unreadable =
        |source| RootsError::Unreadable { trunk: trunk.to_owned(), path: path.to_owned(), source };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
        let _unfit = roots.add(certificate.map_err(unreadable)?);
    }
    if roots.is_empty() {
        return Err(RootsError::Empty { trunk: trunk.to_owned(), path: path.to_owned() });
    }
    Ok(roots)
}

fn system_roots(trunk: &str) -> Result<RootCertStore, RootsError> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (_taken, _unfit) = roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err(RootsError::NoneHere { trunk: trunk.to_owned() });
    }
    Ok(roots)
}

fn client(roots: Arc<RootCertStore>) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// Takes connections of others until `tasks` is cancelled.
pub(crate) fn serve(
    listener: TcpListener,
    identity: Arc<ServerConfig>,
    endpoint: EndpointInnerRef,
    paces: Paces,
    stack: CancellationToken,
    tasks: &Arc<Tasks>,
) {
    let acceptor = TlsAcceptor::from(identity);
    knocks::accept(listener, tasks, move |tcp, peer, place| {
        let (acceptor, endpoint, stack) = (acceptor.clone(), Arc::clone(&endpoint), stack.clone());
        let paces = paces.clone();
        async move {
            let tls = match tokio::time::timeout(HANDSHAKE, acceptor.accept(tcp)).await {
                Ok(Ok(tls)) => tls,
                Ok(Err(error)) => return tracing::debug!(%peer, %error, "no TLS came of a connection"),
                Err(_late) => return tracing::debug!(%peer, "no TLS came of a connection in time"),
            };
            match stream::handed(tls.into(), By::Them(place), &paces, &stack).await {
                Ok(connection) => endpoint.transport_layer.add_connection(connection),
                Err(error) => tracing::debug!(%peer, %error, "a connection ended at once"),
            }
        }
    });
}
