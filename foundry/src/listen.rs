//! The TCP door: accepts connections, with TLS where configured, and serves the router on each until drained.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use runtime::{Kind, Tasks};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tower::Service;

use crate::config::Tls;

const ACCEPT: Kind = Kind::vital("http.accept");
const CONNECTION: Kind = Kind::new("http.connection");

/// Open connections at most; each holds a descriptor and some memory. Further ones wait in the kernel's backlog.
const MAX_CONNECTIONS: usize = 4096;

/// A peer that has not finished its TLS handshake or its request's head by then is dropped.
const HEAD_DEADLINE: Duration = Duration::from_secs(15);

pub(crate) struct Door {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
}

impl Door {
    pub(crate) async fn open(address: SocketAddr, tls: &Tls, names: Vec<String>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address).await.with_context(|| {
            format!("cannot listen on {address}: is another server running there? Choose another with --listen ADDR:PORT")
        })?;
        Ok(Self { listener, tls: acceptor(tls, names)? })
    }

    pub(crate) fn address(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Serves until `tasks` is cancelled; open WebSockets end with it.
    pub(crate) fn serve(self, router: Router, tasks: &Tasks) {
        let connections = tasks.child();
        let Self { listener, tls } = self;
        tasks.spawn(ACCEPT, async move {
            let room = Arc::new(tokio::sync::Semaphore::new(MAX_CONNECTIONS));
            loop {
                let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
                let (stream, peer) = match listener.accept().await {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        // Out of descriptors: the calls that run matter more than the one that knocks.
                        tracing::warn!(%error, "could not accept a connection");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        continue;
                    }
                };
                let (router, tls) = (router.clone(), tls.clone());
                connections.spawn(CONNECTION, async move {
                    let _permit = permit;
                    if let Err(error) = connection(stream, peer, tls, router).await {
                        tracing::debug!(%peer, %error, "connection ended");
                    }
                });
            }
        });
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    router: Router,
) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let secure = tls.is_some();
    let service = hyper::service::service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(axum::extract::ConnectInfo(peer));
        if secure {
            request.extensions_mut().insert(control_server::Tls);
        }
        router.clone().call(request)
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(hyper_util::rt::TokioTimer::new()).header_read_timeout(HEAD_DEADLINE);
    let served = match tls {
        Some(acceptor) => {
            let stream = tokio::time::timeout(HEAD_DEADLINE, acceptor.accept(stream))
                .await
                .context("TLS handshake too slow")??;
            builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await
        }
        None => builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await,
    };
    served.map_err(|error| anyhow::anyhow!(error))
}

fn acceptor(tls: &Tls, names: Vec<String>) -> anyhow::Result<Option<TlsAcceptor>> {
    let (chain, key) = match (&tls.cert, &tls.key) {
        (Some(cert), Some(key)) => read(cert, key)?,
        _ if tls.self_signed => self_signed(names)?,
        _ => return Ok(None),
    };
    let mut config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .context("the certificate and the key do not belong together")?;
    // WebSockets want HTTP/1.1; the pages are few.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn read(cert: &Path, key: &Path) -> anyhow::Result<Identity> {
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("reading the certificate {} (PEM expected)", cert.display()))?;
    anyhow::ensure!(!chain.is_empty(), "{} holds no certificate", cert.display());
    let key = PrivateKeyDer::from_pem_file(key)
        .with_context(|| format!("reading the private key {} (PEM expected)", key.display()))?;
    Ok((chain, key))
}

/// Browsers warn once about it; good for a first try from another machine, where the microphone needs HTTPS.
fn self_signed(names: Vec<String>) -> anyhow::Result<Identity> {
    let made = rcgen::generate_simple_self_signed(names).context("making a self-signed certificate")?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    Ok((vec![made.cert.der().clone()], key))
}
