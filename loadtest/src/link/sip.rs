//! Callers by SIP: phones behind one address, which is a trunk's other end as the server sees it.

use std::time::Duration;

use domain::Pii;
use media_sip::{Invitation, Options, Outgoing, Peer, Server, Trunk};
use runtime::Tasks;
use serde_json::json;
use tokio::sync::mpsc;

use super::{DialError, Link};

/// Audio of callers: a server on the same machine has 20000 to 20999.
const RTP: (u16, u16) = (22_000, 25_999);
/// Whoever has not answered by then never will.
const RING: Duration = Duration::from_secs(20);
const SERVER: &str = "server";

/// Phones on one address of their own.
pub struct Phones {
    server: Server,
    /// Nobody calls them; who does is told that they are busy.
    _ringing: mpsc::Receiver<Invitation>,
    tasks: Tasks,
    to: String,
}

impl Phones {
    /// Phones that call the server at `host` and `port`, in G.711 mu-law over UDP.
    ///
    /// # Errors
    /// Where no address can be had, or that is none.
    pub async fn open(host: &str, port: u16) -> Result<Self, DialError> {
        let local = |reason: String| DialError::Local { reason };
        let trunk = json!({ "name": SERVER, "host": host, "port": port, "caller": "caller" });
        let trunk: Trunk = serde_json::from_value(trunk).map_err(|error| local(error.to_string()))?;
        let tasks = Tasks::new();
        let options = Options {
            listen: ([127, 0, 0, 1], 0).into(),
            rtp_first: RTP.0,
            rtp_last: RTP.1,
            opus: false,
            g722: false,
            trunks: vec![trunk],
            ..Options::default()
        };
        let bound = Server::bind(options, &tasks).await;
        let (server, ringing) = bound.map_err(|error| local(error.to_string()))?;
        Ok(Self { server, _ringing: ringing, tasks, to: format!("{host}:{port}") })
    }

    /// Returns when the call is answered.
    ///
    /// # Errors
    /// When it is not.
    pub async fn call(&self, number: &str) -> Result<Peer, DialError> {
        let outgoing =
            Outgoing { trunk: SERVER.to_owned(), number: Pii(number.to_owned()), caller: None, ring: RING };
        let dialling = self.server.dial(outgoing);
        let dialling = dialling.map_err(|error| DialError::Local { reason: error.to_string() })?;
        dialling.answered().await.map_err(|outcome| DialError::NotAnswered {
            address: format!("sip:{number}@{}", self.to),
            why: outcome.why.name(),
            status: outcome.status,
        })
    }

    /// As `call`, as a link.
    ///
    /// # Errors
    /// As `call`.
    pub async fn dial(&self, number: &str) -> Result<Link, DialError> {
        let peer = self.call(number).await?;
        Ok(Link {
            codec: peer.codec,
            events: peer.events,
            commands: peer.commands,
            _tasks: self.tasks.child(),
        })
    }
}
