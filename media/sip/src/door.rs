//! Where we listen, and by which address of ours others reach us.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rsipstack::EndpointBuilder;
use rsipstack::transaction::Endpoint;
use rsipstack::transport::udp::{UdpConnection, UdpInner};
use rsipstack::transport::{SipAddr, SipConnection, TransportLayer};
use tokio::net::{TcpListener, UdpSocket};
use tokio_util::sync::CancellationToken;

use crate::closings::Closings;
use crate::dialog;
use crate::error::Error;
use crate::options::Options;
use crate::sieve::Sieve;

pub(crate) const USER_AGENT: &str = "Agent-Foundry";
/// Ports that are tried where any will do: few of them are taken.
const ANY_PORT_TRIES: u32 = 16;

/// Of SIP over UDP and TCP, in plain.
pub(crate) async fn listen(
    options: &Options,
    closings: Closings,
    token: &CancellationToken,
) -> Result<(Endpoint, TcpListener, SocketAddr), Error> {
    let (socket, tcp, address) = both(options.listen).await?;
    let transports = TransportLayer::new(token.clone());
    let named = SipAddr { r#type: Some(rsipstack::sip::Transport::Udp), addr: address.into() };
    let inner = UdpInner { conn: Arc::new(Sieve::new(socket, options.requests_per_address)), addr: named };
    let udp = UdpConnection::attach(inner, None, Some(token.clone())).await;
    transports.add_transport(udp.into());
    let mut builder = EndpointBuilder::new();
    builder.with_user_agent(USER_AGENT).with_transport_layer(transports).with_cancel_token(token.clone());
    builder.with_transport_inspector(Box::new(closings));
    Ok((builder.build(), tcp, address))
}

/// A port of UDP that TCP has free, too: where any port will do, another is looked for.
async fn both(asked: SocketAddr) -> Result<(UdpSocket, TcpListener, SocketAddr), Error> {
    let failed = |transport| move |source| Error::Listen { transport, address: asked, source };
    let mut left = if asked.port() == 0 { ANY_PORT_TRIES } else { 1 };
    loop {
        left -= 1;
        let socket = UdpSocket::bind(asked).await.map_err(failed("UDP"))?;
        let address = socket.local_addr().map_err(failed("UDP"))?;
        match TcpListener::bind(address).await {
            Ok(tcp) => return Ok((socket, tcp, address)),
            Err(source) if left == 0 => return Err(failed("TCP")(source)),
            Err(_taken) => {}
        }
    }
}

/// Of SIP over TLS.
pub(crate) async fn listener(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|source| Error::Listen { transport: "TLS", address, source })
}

/// The port of ours by which the other side of a connection reaches us: over TLS without a listener, that connection's.
pub(crate) fn port(connection: &SipConnection, plain: SocketAddr, tls: Option<SocketAddr>) -> u16 {
    if !dialog::is_by_tls(connection) {
        return plain.port();
    }
    let own = || connection.get_addr().get_socketaddr().ok();
    tls.or_else(own).unwrap_or(plain).port()
}

/// The address of ours by which a caller there reaches us. Connecting a datagram socket sends nothing.
pub(crate) fn reachable(bound: IpAddr, caller: SocketAddr) -> IpAddr {
    if !bound.is_unspecified() {
        return bound;
    }
    let way = std::net::UdpSocket::bind(SocketAddr::new(bound, 0)).and_then(|socket| {
        socket.connect(caller)?;
        socket.local_addr()
    });
    way.map_or(bound, |address| address.ip())
}
