//! A real LiveKit server on loopback ports of its own, and LiveKit's own client for Python as a caller in its rooms.

use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::http;
use crate::process;

/// Its keys, as configured below.
pub const KEY: &str = "devkey";
pub const SECRET: &str = "a secret of the tests, long enough for LiveKit";

/// A Go program that opens a few sockets, on a machine that may be busy.
const READY_WITHIN: Duration = Duration::from_secs(30);
const VERSION: &str = "1.11.0";
const CLIENT_VERSION: &str = "1.2.1";

pub struct LiveKit {
    child: Child,
    port: u16,
    media: u16,
    folder: TempDir,
}

impl LiveKit {
    /// Starts it and waits until it answers.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// As `start`, one that looks for nobody's address: whoever wants audio comes to the candidates that it names.
    #[must_use]
    pub fn start_passive() -> Self {
        Self::start_with("  use_ice_lite: true\n")
    }

    /// As `start`, one that names this TURN server to whoever comes.
    #[must_use]
    pub fn start_with_turn(turn: &crate::turn::Server, user: &str, password: &str) -> Self {
        Self::start_with_turns(&[(&turn.address().to_string(), turn.port(), "udp")], user, password)
    }

    /// As `start`, one that names these TURN servers: host, port, and `udp`, `tcp` or `tls`.
    #[must_use]
    pub fn start_with_turns(turns: &[(&str, u16, &str)], user: &str, password: &str) -> Self {
        let server = |(host, port, protocol): &(&str, u16, &str)| {
            format!(
                "    - host: {host}\n      port: {port}\n      protocol: {protocol}\n      username: {user}\n      credential: {password}\n"
            )
        };
        let servers: String = turns.iter().map(server).collect();
        Self::start_with(&format!("  turn_servers:\n{servers}"))
    }

    /// As `start`, one that has audio by TCP alone.
    #[must_use]
    pub fn start_without_udp() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let port = port.expect("a port").port();
        Self::start_with(&format!("  force_tcp: true\n  tcp_port: {port}\n"))
    }

    /// With more settings of its part for media.
    fn start_with(media_settings: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        // Free now; another process could take them before the server does, which the wait below would show.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let port = port.expect("a port").port();
        let media = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let media = media.expect("a port").port();
        let tcp = if media_settings.contains("tcp_port") { "" } else { "  tcp_port: 0\n" };
        // `interfaces` and `node_ip` keep the sockets for audio on loopback too.
        let config = format!(
            "port: {port}\nbind_addresses: [\"127.0.0.1\"]\nrtc:\n  udp_port: {media}\n{tcp}  node_ip: 127.0.0.1\n  \
             use_external_ip: false\n  enable_loopback_candidate: true\n  interfaces:\n    includes: [lo]\n{media_settings}\
             room:\n  departure_timeout: 30\nkeys:\n  {KEY}: \"{SECRET}\"\nlogging:\n  level: info\n"
        );
        std::fs::write(folder.path().join("livekit.yaml"), config).expect("writable");
        let child = spawn(folder.path());
        let mut server = Self { child, port, media, folder };
        server.get_ready();
        server
    }

    /// As `LIVEKIT_URL` has it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }

    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Where it has audio, by UDP.
    #[must_use]
    pub const fn media_port(&self) -> u16 {
        self.media
    }

    /// Ends it as a power cut would, and starts it again on the same ports. It remembers no room.
    pub fn restart(&mut self) {
        self.end();
        self.child = spawn(self.folder.path());
        self.get_ready();
    }

    /// Everything it has written so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn get_ready(&mut self) {
        let url = format!("http://127.0.0.1:{}", self.port);
        process::wait_for("a LiveKit server that is ready", READY_WITHIN, || {
            assert!(!matches!(self.child.try_wait(), Ok(Some(_))), "LiveKit ended:\n{}", self.log());
            http::request(&url, "GET", "/", &[], b"").ok().filter(|reply| reply.status == 200)
        });
    }

    fn end(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Drop for LiveKit {
    fn drop(&mut self) {
        self.end();
    }
}

/// LiveKit's client for Python, which runs the script with these arguments; it finds the modules of `testkit/livekit`.
#[must_use]
pub fn python(script: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(cache().join(format!("livekit-python-{CLIENT_VERSION}/bin/python")));
    command
        .env("PYTHONPATH", concat!(env!("CARGO_MANIFEST_DIR"), "/livekit"))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    command.arg(script).args(arguments);
    command
}

fn spawn(folder: &Path) -> Child {
    let program = cache().join(format!("bin/livekit-server-{VERSION}"));
    let log =
        || std::fs::File::options().create(true).append(true).open(folder.join("log")).expect("writable");
    Command::new(&program)
        .arg("--config")
        .arg(folder.join("livekit.yaml"))
        .stdin(Stdio::null())
        .stdout(log())
        .stderr(log())
        .spawn()
        .unwrap_or_else(|error| {
            unreachable!("cannot start {}: {error} (scripts/setup.sh test makes it)", program.display())
        })
}

/// As `scripts/setup.sh` says.
fn cache() -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("AGENT_FOUNDRY_CACHE").unwrap_or_else(|| {
        let base = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
        base.expect("a home").join("agent-foundry")
    })
}
