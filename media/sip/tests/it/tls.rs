//! SIP over TLS: baresip with enciphered audio, calling and called; certificates that are wrong; peers that speak no SIP.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use media_sip::{Outcome, Transport, Trunk, Unanswered};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned};
use testkit::process;

use crate::baresip::{configure, dial, loudest, start};
use crate::desk::Desk;
use crate::dial::{by, free, trunk};

const SOON: Duration = Duration::from_secs(10);
const RING: Duration = Duration::from_secs(10);

/// Somebody who signs certificates, and where its own lies.
struct Authority {
    folder: tempfile::TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("signed");
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).expect("writable");
        Self { folder, issuer }
    }

    fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    fn signs(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        (params.signed_by(&key, &self.issuer).expect("signed"), key)
    }

    fn identity(&self, name: &str) -> Arc<ServerConfig> {
        let (certificate, key) = self.signs(name);
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("known")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key);
        Arc::new(config.expect("fits"))
    }

    /// A connection of somebody who trusts it.
    fn connects(&self, desk: &Desk) -> StreamOwned<ClientConnection, TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).expect("a root");
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("known")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("127.0.0.1").expect("a name");
        let tls = ClientConnection::new(Arc::new(config), name).expect("a connection");
        let tcp = TcpStream::connect(desk.tls_address()).expect("listens");
        tcp.set_read_timeout(Some(SOON)).expect("set");
        StreamOwned::new(tls, tcp)
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// A server over TLS whose audio has to be enciphered.
fn open(identity: Arc<ServerConfig>) -> Desk {
    open_at(0, identity)
}

fn open_at(port: u16, identity: Arc<ServerConfig>) -> Desk {
    Desk::open_as(Some(identity), |options| {
        options.tls_listen = Some(([127, 0, 0, 1], port).into());
        options.srtp_required = true;
        options.opus = false;
    })
}

fn to(desk: &Desk, ca: PathBuf) -> Trunk {
    Trunk { transport: Transport::Tls, srtp: true, ca: Some(ca), ..trunk(desk.tls_address().port()) }
}

/// Beside what every baresip of the tests has.
fn also(folder: &Path, more: &str) {
    let path = folder.join("config");
    let config = std::fs::read_to_string(&path).expect("written before");
    std::fs::write(path, format!("{config}{more}\n")).expect("writable");
}

#[test]
fn baresip_calls_over_tls_with_enciphered_audio() {
    let authority = Authority::new();
    let desk = open(authority.identity("127.0.0.1"));
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    configure(folder.path(), "PCMU/8000/1", 0, ";mediaenc=srtp-mand");
    also(folder.path(), &format!("sip_cafile {}", authority.ca().display()));
    let log = dial(folder.path(), &format!("sip:front-desk@{};transport=tls", desk.tls_address()));
    desk.is_empty(SOON);
    let seen = desk.seen().pop().unwrap_or_default();
    assert!(seen.active && seen.closed && seen.loud > 100, "{seen:?}\n{log}");
    assert!(loudest(folder.path()) > 3_000.0, "heard {}\n{log}", loudest(folder.path()));
}

#[test]
fn baresip_is_called_over_tls_with_enciphered_audio_and_by_nobody_who_does_not_trust_it() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let port = free();
    configure(folder.path(), "PCMU/8000/1", port, ";mediaenc=srtp-mand");
    let (certificate, key) = authority.signs("127.0.0.1");
    let pem = folder.path().join("identity.pem");
    std::fs::write(&pem, certificate.pem() + &key.serialize_pem()).expect("writable");
    also(folder.path(), &format!("sip_certificate {}", pem.display()));
    let mut child = start(folder.path(), None);
    // Its TLS is one port up.
    process::wait_for("baresip to listen", SOON, || TcpStream::connect(("127.0.0.1", port + 1)).ok());
    let trunk = |ca| Trunk { transport: Transport::Tls, srtp: true, ca: Some(ca), ..trunk(port + 1) };
    let stranger = Authority::new();
    assert_eq!(by(trunk(stranger.ca())).dial("caller", RING).1, Err(UNTRUSTED));
    let desk = by(trunk(authority.ca()));
    assert_eq!(desk.dial("caller", RING).1, Ok(()));
    assert!(process::ended(&mut child, Duration::from_secs(30)).is_some(), "baresip ends by itself");
    desk.is_empty(SOON);
    let seen = desk.seen().pop().unwrap_or_default();
    assert!(seen.active && seen.closed && seen.loud > 50, "{seen:?}");
    assert!(loudest(folder.path()) > 3_000.0, "heard {}", loudest(folder.path()));
}

const UNTRUSTED: Outcome = Outcome { why: Unanswered::Untrusted, status: 0 };

#[test]
fn a_trunk_whose_certificate_is_anothers_is_not_called() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let far = open(authority.identity("127.0.0.1"));
    assert_eq!(
        by(to(&far, stranger.ca())).dial("front-desk", RING).1,
        Err(UNTRUSTED),
        "signed by somebody else"
    );
    let other = open(authority.identity("sip.example.com"));
    assert_eq!(by(to(&other, authority.ca())).dial("front-desk", RING).1, Err(UNTRUSTED), "of another name");
    let system = Trunk { ca: None, ..to(&far, authority.ca()) };
    assert_eq!(by(system).dial("front-desk", RING).1, Err(UNTRUSTED), "none that this machine knows");
    assert!(far.seen().is_empty() && other.seen().is_empty());
}

#[test]
fn calls_of_a_trunk_share_a_connection_and_a_new_one_is_made_when_it_is_gone() {
    let authority = Authority::new();
    let far = open(authority.identity("127.0.0.1"));
    let desk = by(to(&far, authority.ca()));
    for n in 1..=2 {
        assert_eq!(desk.dial("front-desk", RING).1, Ok(()));
        process::wait_for("the voice", SOON, || {
            far.seen().get(n - 1).filter(|seen| seen.loud > 25).map(drop)
        });
    }
    let port = far.tls_address().port();
    assert_eq!(connections(port), 1);
    desk.hang_up();
    desk.hang_up();
    far.is_empty(SOON);
    desk.is_empty(SOON);
    assert!(far.seen().iter().all(|seen| seen.closed), "{:?}", far.seen());
    drop(far);
    process::wait_for("the connection to end", SOON, || (connections(port) == 0).then_some(()));
    let far = open_at(port, authority.identity("127.0.0.1"));
    assert_eq!(desk.dial("front-desk", RING).1, Ok(()), "its trunk is back");
    desk.hang_up();
    far.is_empty(SOON);
}

/// A way to a server that can be cut while both its ends go on.
struct Cable {
    port: u16,
    ends: Arc<Mutex<Vec<TcpStream>>>,
    /// What is said to the server is lost.
    swallows: Arc<AtomicBool>,
    /// Bytes that were.
    swallowed: Arc<AtomicUsize>,
}

impl Cable {
    /// Until the test's process ends.
    fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let ends = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&ends);
        let (swallows, swallowed) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (mouth, eaten) = (Arc::clone(&swallows), Arc::clone(&swallowed));
        std::thread::spawn(move || {
            for near in listener.incoming() {
                let near = near.expect("a connection");
                let far = TcpStream::connect(server).expect("the server listens");
                let both = || (near.try_clone().expect("cloned"), far.try_clone().expect("cloned"));
                let (one, other) = both();
                kept.lock().expect("no panic").extend([one, other]);
                let (mut one, mut other) = both();
                let (mouth, eaten) = (Arc::clone(&mouth), Arc::clone(&eaten));
                std::thread::spawn(move || {
                    let mut bytes = [0; 4_096];
                    while let Ok(length @ 1..) = one.read(&mut bytes) {
                        if mouth.load(Ordering::Relaxed) {
                            eaten.fetch_add(length, Ordering::Relaxed);
                        } else if other.write_all(&bytes[..length]).is_err() {
                            break;
                        }
                    }
                    let _gone = other.shutdown(Shutdown::Both);
                });
                let (mut one, mut other) = both();
                std::thread::spawn(move || std::io::copy(&mut other, &mut one));
            }
        });
        Self { port, ends, swallows, swallowed }
    }

    fn cut(&self) {
        for end in self.ends.lock().expect("no panic").drain(..) {
            let _gone = end.shutdown(Shutdown::Both);
        }
    }
}

/// Who was called and is heard by a connection that can be cut, that connection, and who called; and by whom they trust each other.
fn called_by_cable() -> (Authority, Desk, Cable, Desk) {
    let authority = Authority::new();
    let far = open(authority.identity("127.0.0.1"));
    let cable = Cable::to(far.tls_address());
    let desk = by(Trunk { port: Some(cable.port), ..to(&far, authority.ca()) });
    assert_eq!(desk.dial("front-desk", RING).1, Ok(()));
    process::wait_for("the voice", SOON, || far.seen().first().filter(|seen| seen.loud > 25).map(drop));
    (authority, far, cable, desk)
}

#[test]
fn a_call_whose_connection_is_lost_says_its_goodbye_by_another() {
    let (_authority, far, cable, desk) = called_by_cable();
    cable.cut();
    process::wait_for("the connection to end", SOON, || (connections(cable.port) == 0).then_some(()));
    desk.hang_up();
    far.is_empty(SOON);
    desk.is_empty(SOON);
    assert!(far.seen().iter().all(|seen| seen.closed), "{:?}", far.seen());
}

#[test]
fn a_request_that_is_lost_with_its_connection_goes_out_anew_by_another() {
    let (_authority, far, cable, desk) = called_by_cable();
    cable.swallows.store(true, Ordering::Relaxed);
    desk.hang_up();
    process::wait_for("the goodbye", SOON, || (cable.swallowed.load(Ordering::Relaxed) > 200).then_some(()));
    assert_eq!(far.server.calls(), 1, "nobody has heard of it");
    cable.swallows.store(false, Ordering::Relaxed);
    cable.cut();
    far.is_empty(SOON);
    desk.is_empty(SOON);
    assert!(far.seen().iter().all(|seen| seen.closed), "{:?}", far.seen());
}

/// To a port of this machine, as the system sees them.
fn connections(port: u16) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").expect("Linux");
    let to = format!(":{port:04X} 01 ");
    table.lines().filter(|line| line.contains(&to)).count()
}

#[test]
fn keys_are_not_offered_in_plain() {
    let authority = Authority::new();
    let desk = open(authority.identity("127.0.0.1"));
    let invite = |sdp: &str| {
        format!(
            "INVITE sips:front-desk@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bK{0}\r\nFrom: <sip:a@b>;tag={0}\r\n\
             To: <sip:front-desk@127.0.0.1>\r\nCall-ID: {0}\r\nCSeq: 1 INVITE\r\nContact: <sip:a@127.0.0.1:9;transport=tls>\r\n\
             Max-Forwards: 70\r\nContent-Length: {1}\r\n\r\n{sdp}",
            fastrand::u64(..),
            sdp.len()
        )
    };
    let mut tls = authority.connects(&desk);
    tls.write_all(invite("").as_bytes()).expect("sent");
    let answer = read_until(&mut tls, "a=crypto:");
    assert!(answer.contains("RTP/SAVP"), "{answer}");
    let own = format!("Contact: <sips:127.0.0.1:{}>", desk.tls_address().port());
    assert!(answer.contains(&own), "{answer}");
    let mut tcp = TcpStream::connect(desk.address()).expect("listens");
    tcp.set_read_timeout(Some(SOON)).expect("set");
    let plain = invite("").replace("/TLS", "/TCP").replace("sips:", "sip:");
    tcp.write_all(plain.as_bytes()).expect("sent");
    let answer = read_until(&mut tcp, "SIP/2.0 488");
    assert!(!answer.contains("a=crypto"), "{answer}");
}

fn read_until(stream: &mut impl Read, wanted: &str) -> String {
    let mut answer = String::new();
    while !answer.contains(wanted) {
        let mut bytes = [0; 4_096];
        let length = stream.read(&mut bytes).expect("in time");
        assert!(length > 0, "closed after {answer}");
        answer.push_str(&String::from_utf8_lossy(&bytes[..length]));
    }
    answer
}

#[test]
fn who_speaks_no_tls_or_no_sip_disturbs_nobody() {
    let authority = Authority::new();
    let desk = open(authority.identity("127.0.0.1"));
    let mut garbage: Vec<TcpStream> = Vec::new();
    for n in 0..20 {
        let mut tcp = TcpStream::connect(desk.tls_address()).expect("listens");
        let _refused = tcp.write_all(&vec![n; 2_000]);
        garbage.push(tcp);
    }
    for wrong in ["GET / HTTP/1.1\r\n\r\n", "INVITE sip:a@b SIP/2.0\r\nContent-Length: -5\r\n\r\n"] {
        let mut tls = authority.connects(&desk);
        tls.write_all(wrong.as_bytes()).expect("sent");
        let mut rest = Vec::new();
        let _abrupt = tls.read_to_end(&mut rest);
        assert!(!String::from_utf8_lossy(&rest).contains(" 200 "), "{wrong}");
    }
    let mut tls = authority.connects(&desk);
    tls.write_all(b"\r\n\r\n").expect("sent");
    let mut pong = [0; 2];
    tls.read_exact(&mut pong).expect("an answer");
    assert_eq!(&pong, b"\r\n");
    let caller = by(to(&desk, authority.ca()));
    assert_eq!(caller.dial("front-desk", RING).1, Ok(()));
    caller.hang_up();
    desk.is_empty(SOON);
}
