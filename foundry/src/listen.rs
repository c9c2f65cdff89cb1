//! The TCP door: accepts connections, with TLS where configured, and serves the router on each until drained.

mod room;
mod stream;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use domain::{Failure, Retry};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use runtime::{Kind, Tasks};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tower::Service;

use self::room::{Place, Room};
use self::stream::Stream;
use crate::config::Tls;

pub(crate) use control_server::counted;

const ACCEPT: Kind = Kind::vital("http.accept");
const CONNECTION: Kind = Kind::new("http.connection");

/// Open connections at most; each holds a descriptor and some memory. Further ones wait in the kernel's backlog.
const MAX_CONNECTIONS: usize = 4096;

/// A peer that has not finished its TLS handshake, or the head of a request, the first or the next, by then is dropped.
const HEAD_DEADLINE: Duration = Duration::from_secs(15);
/// As is one that takes nothing of our answer for this long.
const WRITE_PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Door {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    room: Room,
    patience: Patience,
}

#[derive(Clone, Copy)]
struct Patience {
    head: Duration,
    write: Duration,
}

/// Why the server cannot be reached.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("another program listens on {address}: stop it, or choose another address with --listen IP:PORT")]
    InUse { address: SocketAddr },
    #[error("cannot listen on {address}: choose another with --listen IP:PORT")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("cannot read the certificate {} (PEM expected)", path.display())]
    Certificate { path: PathBuf, source: pem::Error },
    #[error("{} holds no certificate (PEM expected)", path.display())]
    NoCertificate { path: PathBuf },
    #[error("the certificate {} is damaged", path.display())]
    DamagedCertificate { path: PathBuf, source: rustls::Error },
    #[error("cannot read the private key {} (PEM expected)", path.display())]
    Key { path: PathBuf, source: pem::Error },
    #[error("the private key {} is damaged or of a kind that cannot be used", path.display())]
    DamagedKey { path: PathBuf, source: rustls::Error },
    #[error("the certificate {} was not made for the key {}", cert.display(), key.display())]
    Mismatch { cert: PathBuf, key: PathBuf, source: rustls::Error },
    #[error("cannot make a certificate: give one with --tls-cert and --tls-key")]
    SelfSigned(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    pub(crate) const fn failure(&self) -> Failure {
        let code = match self {
            Self::InUse { .. } => "PORT_IN_USE",
            Self::Listen { .. } => "PORT_UNUSABLE",
            Self::Certificate { .. } | Self::NoCertificate { .. } | Self::DamagedCertificate { .. } => {
                "TLS_CERT_UNREADABLE"
            }
            Self::Key { .. } | Self::DamagedKey { .. } => "TLS_KEY_UNREADABLE",
            Self::Mismatch { .. } => "TLS_MISMATCH",
            Self::SelfSigned(_) => "TLS_SELF_SIGNED_FAILED",
        };
        Failure::platform(code, Retry::Never)
    }
}

impl Door {
    /// At most `per_address` connections at once from one address; 0 sets no limit.
    pub(crate) async fn open(
        address: SocketAddr,
        tls: &Tls,
        names: Vec<String>,
        per_address: usize,
    ) -> Result<Self, Error> {
        let listener = TcpListener::bind(address).await.map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => Error::InUse { address },
            _ => Error::Listen { address, source },
        })?;
        let patience = Patience { head: HEAD_DEADLINE, write: WRITE_PATIENCE };
        let room = Room::new(MAX_CONNECTIONS, per_address);
        Ok(Self { listener, tls: acceptor(tls, names)?, room, patience })
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
        let Self { listener, tls, room, patience } = self;
        tasks.spawn(ACCEPT, async move {
            loop {
                let Some(permit) = room.any().await else { return };
                let (stream, peer) = match listener.accept().await {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        // Out of descriptors: the calls that run matter more than the one that knocks.
                        tracing::warn!(%error, "could not accept a connection");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        continue;
                    }
                };
                let Some(place) = room.place(permit, peer.ip()) else {
                    tracing::debug!(%peer, "closed: the address has too many connections");
                    continue;
                };
                let (router, tls) = (router.clone(), tls.clone());
                connections.spawn(CONNECTION, async move {
                    if let Err(error) = connection(stream, place, peer, tls, router, patience).await {
                        tracing::debug!(%peer, %error, "connection ended");
                    }
                });
            }
        });
    }
}

async fn connection(
    stream: TcpStream,
    place: Place,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    router: Router,
    patience: Patience,
) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let stream = Stream::new(stream, patience.write, place);
    let secure = tls.is_some();
    let service = hyper::service::service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(axum::extract::ConnectInfo(peer));
        if secure {
            request.extensions_mut().insert(control_server::Tls);
        }
        router.clone().call(request)
    });
    // HTTP/1.1 alone, which is what we offer in TLS: a server that first finds out the version waits for that without an end.
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(patience.head);
    let served = match tls {
        Some(acceptor) => {
            let stream = tokio::time::timeout(patience.head, acceptor.accept(stream))
                .await
                .context("TLS handshake too slow")??;
            http.serve_connection(TokioIo::new(stream), service).with_upgrades().await
        }
        None => http.serve_connection(TokioIo::new(stream), service).with_upgrades().await,
    };
    Ok(served?)
}

/// Whether HTTPS could be served so.
pub(crate) fn check(tls: &Tls) -> Result<(), Error> {
    acceptor(tls, vec!["localhost".to_owned()]).map(drop)
}

fn acceptor(tls: &Tls, names: Vec<String>) -> Result<Option<TlsAcceptor>, Error> {
    let Some(mut config) = identity(tls, names)? else { return Ok(None) };
    // WebSockets want HTTP/1.1; the pages are few.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

/// Names of this machine that a certificate of its own is made for.
pub(crate) fn names(addresses: impl IntoIterator<Item = IpAddr>) -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let given = addresses.into_iter().filter(|ip| !ip.is_unspecified());
    names.extend(given.map(|ip| ip.to_string()));
    if let Ok(host) = std::fs::read_to_string("/etc/hostname") {
        names.push(host.trim().to_owned());
    }
    names.sort();
    names.dedup();
    names
}

/// What is shown to whoever connects over TLS, where anything is.
pub(crate) fn identity(tls: &Tls, names: Vec<String>) -> Result<Option<rustls::ServerConfig>, Error> {
    let builder = rustls::ServerConfig::builder().with_no_client_auth();
    let config = match (&tls.cert, &tls.key) {
        (Some(cert), Some(key)) => {
            let (chain, private) = read(cert, key)?;
            builder.with_single_cert(chain, private).map_err(|error| unfit(cert, key, error))?
        }
        _ if tls.self_signed => {
            let (chain, private) = self_signed(names)?;
            builder.with_single_cert(chain, private).map_err(|error| Error::SelfSigned(error.into()))?
        }
        _ => return Ok(None),
    };
    Ok(Some(config))
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn read(cert: &Path, key: &Path) -> Result<Identity, Error> {
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|source| Error::Certificate { path: cert.to_owned(), source })?;
    if chain.is_empty() {
        return Err(Error::NoCertificate { path: cert.to_owned() });
    }
    let key =
        PrivateKeyDer::from_pem_file(key).map_err(|source| Error::Key { path: key.to_owned(), source })?;
    Ok((chain, key))
}

fn unfit(cert: &Path, key: &Path, source: rustls::Error) -> Error {
    match source {
        rustls::Error::InvalidCertificate(_) => Error::DamagedCertificate { path: cert.to_owned(), source },
        rustls::Error::InconsistentKeys(_) => {
            Error::Mismatch { cert: cert.to_owned(), key: key.to_owned(), source }
        }
        _ => Error::DamagedKey { path: key.to_owned(), source },
    }
}

/// Browsers warn once about it; good for a first try from another machine, where the microphone needs HTTPS.
fn self_signed(names: Vec<String>) -> Result<Identity, Error> {
    let made = rcgen::generate_simple_self_signed(names).map_err(|error| Error::SelfSigned(error.into()))?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    Ok((vec![made.cert.der().clone()], key))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Serves `router` on a free port of this machine.
    async fn serving(tls: Tls, change: impl FnOnce(&mut Door), router: Router) -> (SocketAddr, Tasks) {
        crate::cmd::install_crypto();
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut door = Door::open(address, &tls, vec!["localhost".to_owned()], 0).await.expect("a free port");
        change(&mut door);
        let address = door.address().expect("bound");
        let tasks = Tasks::new();
        door.serve(router, &tasks);
        (address, tasks)
    }

    fn here() -> Router {
        Router::new().route("/", axum::routing::get(|| async { "here" }))
    }

    /// Says `said` and reads until the server closes.
    async fn said(address: SocketAddr, said: &str) -> String {
        let mut stream = TcpStream::connect(address).await.expect("accepted");
        stream.write_all(said.as_bytes()).await.expect("open");
        let mut answer = Vec::new();
        tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer))
            .await
            .expect("closed by the server")
            .expect("in order");
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// What a peer that writes `text` and then waits reads until the server closes, and after how long.
    async fn silent(tls: Tls, text: &str) -> (String, Duration) {
        let soon = |door: &mut Door| door.patience.head = Duration::from_millis(200);
        let (address, tasks) = serving(tls, soon, here()).await;
        let began = tokio::time::Instant::now();
        let answer = said(address, text).await;
        tasks.shutdown().await;
        (answer, began.elapsed())
    }

    const ONE_REQUEST: &str = "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

    #[tokio::test]
    async fn a_peer_that_never_reads_its_answer_gives_its_place_to_another() {
        let one_place = |door: &mut Door| {
            door.room = Room::new(1, 0);
            door.patience.write = Duration::from_millis(300);
        };
        // More than the system buffers.
        let large = here().route("/large", axum::routing::get(|| async { vec![0_u8; 64 << 20] }));
        let (address, tasks) = serving(Tls::default(), one_place, large).await;
        let mut greedy = TcpStream::connect(address).await.expect("accepted");
        greedy.write_all(b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("open");
        greedy.readable().await.expect("the answer begins");
        assert!(said(address, ONE_REQUEST).await.ends_with("here"));
        tasks.shutdown().await;
    }

    #[tokio::test]
    async fn an_open_socket_keeps_its_place() {
        let one_place = |door: &mut Door| door.room = Room::new(1, 0);
        let socket = axum::routing::any(|upgrade: axum::extract::ws::WebSocketUpgrade| async {
            upgrade.on_upgrade(|mut socket| async move { while socket.recv().await.is_some() {} })
        });
        let (address, tasks) = serving(Tls::default(), one_place, here().route("/ws", socket)).await;
        let mut open = TcpStream::connect(address).await.expect("accepted");
        let upgrade = "GET /ws HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
            sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
        open.write_all(upgrade.as_bytes()).await.expect("open");
        let mut status = [0; 12];
        open.read_exact(&mut status).await.expect("an answer");
        assert_eq!(&status, b"HTTP/1.1 101");
        let second = said(address, ONE_REQUEST);
        tokio::pin!(second);
        let early = tokio::time::timeout(Duration::from_millis(300), &mut second).await;
        assert!(early.is_err(), "the place was given away: {early:?}");
        drop(open);
        assert!(second.await.ends_with("here"));
        tasks.shutdown().await;
    }

    #[tokio::test]
    async fn a_peer_that_says_nothing_is_closed() {
        let (answer, after) = silent(Tls::default(), "").await;
        assert!(answer.is_empty() && after >= Duration::from_millis(150), "{answer} {after:?}");
        silent(Tls { self_signed: true, ..Tls::default() }, "").await;
    }

    #[tokio::test]
    async fn a_peer_that_stops_in_its_first_or_before_its_next_request_is_closed() {
        silent(Tls::default(), "GET / HTTP/1.1\r\nhost: a\r\n").await;
        let (answer, after) = silent(Tls::default(), "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        assert!(answer.ends_with("here") && after >= Duration::from_millis(150), "{answer} {after:?}");
    }
}
