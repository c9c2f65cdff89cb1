//! A real TURN server (coturn) on an address of this machine, with credentials that a shared secret makes.

use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::process;

/// It opens a few sockets, on a machine that may be busy.
const READY_WITHIN: Duration = Duration::from_secs(30);

pub struct Server {
    child: Child,
    address: IpAddr,
    port: u16,
    tls_port: u16,
    folder: TempDir,
}

impl Server {
    /// Starts it and waits until it listens.
    #[must_use]
    pub fn start(secret: &str) -> Self {
        let access = ["--use-auth-secret", "--static-auth-secret", secret, "--no-tls"];
        Self::start_on(outward(), &access)
    }

    /// On loopback, for one user.
    #[must_use]
    pub fn start_for(user: &str, password: &str) -> Self {
        let account = format!("{user}:{password}");
        Self::start_on(Ipv4Addr::LOCALHOST.into(), &["--lt-cred-mech", "--user", &account, "--no-tls"])
    }

    /// As `start_for`, one that is reached by TCP and by TLS with this certificate, and by no datagram.
    #[must_use]
    pub fn start_without_udp(user: &str, password: &str, cert: &Path, key: &Path) -> Self {
        let account = format!("{user}:{password}");
        let (cert, key) = (cert.to_str().expect("plain"), key.to_str().expect("plain"));
        let access = ["--lt-cred-mech", "--user", &account, "--no-udp", "--cert", cert, "--pkey", key];
        Self::start_on(Ipv4Addr::LOCALHOST.into(), &access)
    }

    fn start_on(address: IpAddr, access: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        // Free now; another process could take it before the server does, which the wait below would show.
        let port =
            UdpSocket::bind((address, 0)).and_then(|socket| socket.local_addr()).expect("a port").port();
        let tls = TcpListener::bind((address, 0)).and_then(|socket| socket.local_addr());
        let tls_port = tls.expect("a port").port();
        let log = || {
            let path = folder.path().join("log");
            std::fs::File::options().create(true).append(true).open(path).expect("writable")
        };
        let child = Command::new("turnserver")
            // No configuration of the machine's, no remote control, nothing that is logged elsewhere.
            .args(["-n", "--no-cli", "--no-dtls", "--log-file", "stdout", "--simple-log"])
            .args(["--realm", "test", "--verbose"])
            .args(access)
            .args(["--listening-ip", &address.to_string(), "--relay-ip", &address.to_string()])
            .args(["--listening-port", &port.to_string(), "--allow-loopback-peers"])
            .args(["--tls-listening-port", &tls_port.to_string()])
            .arg("--pidfile")
            .arg(folder.path().join("pid"))
            .arg("--userdb")
            .arg(folder.path().join("users"))
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log())
            .stderr(log())
            .spawn()
            .unwrap_or_else(|error| {
                unreachable!("cannot start turnserver: {error} (scripts/setup.sh test installs coturn)")
            });
        let mut server = Self { child, address, port, tls_port, folder };
        process::wait_for("a TURN server that listens", READY_WITHIN, || {
            assert!(!matches!(server.child.try_wait(), Ok(Some(_))), "coturn ended:\n{}", server.log());
            TcpStream::connect((address, port)).ok()
        });
        server
    }

    /// As clients are told of it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("turn:{}:{}?transport=udp", self.address, self.port)
    }

    #[must_use]
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    #[must_use]
    pub const fn tls_port(&self) -> u16 {
        self.tls_port
    }

    /// Everything it has written so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// The address that this machine would be reached by: browsers gather no candidates on loopback. Nothing is sent.
fn outward() -> IpAddr {
    let socket = UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
        socket.connect("192.0.2.1:9")?;
        socket.local_addr()
    });
    socket.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address| address.ip())
}
