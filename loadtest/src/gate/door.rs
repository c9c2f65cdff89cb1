//! How the callers of a run come: by the server's own page and sockets, as phones, or in the rooms of a LiveKit server.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use media_livekit::{Grant, Keys, Ticket, Trust};

use super::machine::{Place, Process};
use crate::link::{self, DialError, Link, Target, Transport, livekit, sip};

/// How callers come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Way {
    Webrtc,
    Websocket,
    Mulaw,
    Telnyx,
    /// Phones over UDP, with RTP and mu-law.
    Sip,
    /// Rooms of a LiveKit server that runs on the callers' cores.
    Livekit,
}

/// What a server of a run must be told to let these callers in.
pub(crate) struct Entrance {
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(&'static str, String)>,
    kind: Kind,
}

enum Kind {
    Http(Transport),
    Sip(SocketAddr),
    Rooms(Rooms),
}

pub(crate) struct Rooms {
    url: String,
    keys: Keys,
    server: Process,
}

/// Leads one caller in.
pub(crate) enum Door {
    Http(Target, Transport),
    Sip(sip::Phones, String),
    Rooms { rooms: Rooms, agent: String },
}

const KEY: &str = "loadtest";
const SECRET: &str = "a secret of the benchmark, long enough for LiveKit";
const TOKEN_LASTS: Duration = Duration::from_secs(600);

impl Entrance {
    pub(crate) async fn of(way: Way, place: &Place, livekit_server: &PathBuf) -> anyhow::Result<Self> {
        let http = |transport| Self { arguments: vec![], environment: vec![], kind: Kind::Http(transport) };
        Ok(match way {
            Way::Webrtc => http(Transport::Webrtc),
            Way::Websocket => http(Transport::Websocket),
            Way::Mulaw => http(Transport::Mulaw),
            Way::Telnyx => http(Transport::Telnyx),
            Way::Sip => Self::phones(super::machine::free_address()?),
            Way::Livekit => {
                let server = Process::livekit(place, livekit_server, KEY, SECRET).await?;
                let url = format!("ws://{}", server.port());
                let environment = vec![
                    ("LIVEKIT_URL", url.clone()),
                    ("LIVEKIT_API_KEY", KEY.to_owned()),
                    ("LIVEKIT_API_SECRET", SECRET.to_owned()),
                ];
                let keys = Keys { key: KEY.to_owned(), secret: domain::Secret::new(SECRET.to_owned()) };
                Self { arguments: vec![], environment, kind: Kind::Rooms(Rooms { url, keys, server }) }
            }
        })
    }

    /// For phones that call the server there.
    pub(crate) fn phones(address: SocketAddr) -> Self {
        let arguments = vec!["--sip-listen".to_owned(), address.to_string(), "--sip-open".to_owned()];
        Self { arguments, environment: vec![], kind: Kind::Sip(address) }
    }

    /// Once the server is there.
    pub(crate) async fn open(self, server: &Process, agent: &str) -> Result<Door, DialError> {
        let agent = agent.to_owned();
        Ok(match self.kind {
            Kind::Http(transport) => {
                Door::Http(Target { url: server.url(), agent, token: None, insecure: false }, transport)
            }
            Kind::Sip(address) => {
                Door::Sip(sip::Phones::open(&address.ip().to_string(), address.port()).await?, agent)
            }
            Kind::Rooms(rooms) => Door::Rooms { rooms, agent },
        })
    }
}

impl Door {
    /// `index` is the caller's own.
    pub(crate) async fn dial(&self, index: usize) -> Result<Link, DialError> {
        match self {
            Self::Http(target, transport) => link::dial(target, *transport).await,
            Self::Sip(phones, agent) => phones.dial(agent).await,
            Self::Rooms { rooms, agent } => {
                livekit::dial(rooms.ticket(agent, index)?, Trust::default()).await
            }
        }
    }
}

impl Rooms {
    fn ticket(&self, agent: &str, index: usize) -> Result<Ticket, DialError> {
        let id = self.server.id();
        let grant = Grant {
            room: format!("gate-{id}-{index}"),
            identity: format!("caller-{index}"),
            agents: vec![(agent.to_owned(), String::new())],
            ..Grant::default()
        };
        let token = self.keys.join(&grant, SystemTime::now(), TOKEN_LASTS)?;
        Ok(Ticket { url: self.url.clone(), token })
    }
}
