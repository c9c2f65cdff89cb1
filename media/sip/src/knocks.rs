//! Connections that others make to us, over TCP and TLS: so many of one address and in all, and each says something soon (`reading`).

mod places;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use runtime::{Kind, Tasks};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};

pub(crate) use places::Place;
use places::Places;

use crate::metrics::REFUSED;
use crate::pace::BUFFER;

const ACCEPT: Kind = Kind::new("sip.accept");
const CONNECTION: Kind = Kind::new("sip.connection");

/// Whoever connects says something by then.
pub(crate) const FIRST: Duration = Duration::from_secs(30);
/// A machine that is gone without a word is found out by its system's silence.
const PROBE: Duration = Duration::from_secs(60);
/// Out of descriptors: the calls that run matter more than the one that knocks.
const BREATH: Duration = Duration::from_millis(100);

/// Takes connections until `tasks` is cancelled; `each` has one, for which there is a place.
pub(crate) fn accept<F>(
    listener: TcpListener,
    tasks: &Arc<Tasks>,
    each: impl Fn(TcpStream, SocketAddr, Place) -> F + Send + Sync + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let (places, own) = (Places::default(), Arc::clone(tasks));
    tasks.spawn(ACCEPT, async move {
        loop {
            let (tcp, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection of SIP");
                    tokio::time::sleep(BREATH).await;
                    continue;
                }
            };
            let Some(place) = places.take(peer.ip()) else {
                metrics::counter!(REFUSED, "why" => "connections").increment(1);
                continue;
            };
            own.spawn(CONNECTION, each(tcp, peer, place));
        }
    });
}

/// Small messages go out at once, there is room for long ones, and one that is gone without a word is missed.
///
/// # Errors
/// When the connection has ended.
pub(crate) fn watched(tcp: &TcpStream) -> std::io::Result<()> {
    tcp.set_nodelay(true)?;
    let socket = SockRef::from(tcp);
    socket.set_send_buffer_size(BUFFER)?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(PROBE).with_interval(PROBE / 4))?;
    socket.set_tcp_user_timeout(Some(PROBE))
}
