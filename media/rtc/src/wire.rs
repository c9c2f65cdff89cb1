//! The UDP socket: batches of datagrams in, stamped when read; datagrams out, from the address they came in by.
//!
//! Sends never wait: real-time audio that the system has no room for is worth nothing later.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use bytes::Bytes;
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use crate::metrics::DATAGRAMS_DROPPED;

/// The system may hand over several datagrams of one sender as one (GRO): room for the largest such bundle.
const BUNDLE_BYTES: usize = 64 * 1024;

/// A datagram of a peer.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    pub(crate) at: Instant,
    pub(crate) source: SocketAddr,
    /// Our address that it was sent to, where the system says so.
    pub(crate) local: Option<IpAddr>,
    pub(crate) bytes: Bytes,
}

pub(crate) struct Wire {
    socket: UdpSocket,
    state: UdpSocketState,
    address: SocketAddr,
}

impl Wire {
    pub(crate) fn bind(address: SocketAddr, buffer_bytes: usize) -> io::Result<Self> {
        let socket = std::net::UdpSocket::bind(address)?;
        let state = UdpSocketState::new((&socket).into())?;
        // Best effort: the system caps both, and a smaller buffer only means earlier loss under a burst.
        let _ = state.set_recv_buffer_size((&socket).into(), buffer_bytes);
        let _ = state.set_send_buffer_size((&socket).into(), buffer_bytes);
        socket.set_nonblocking(true)?;
        let socket = UdpSocket::from_std(socket)?;
        let address = socket.local_addr()?;
        Ok(Self { socket, state, address })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn send(&self, source: Option<IpAddr>, destination: SocketAddr, contents: &[u8]) {
        let destination = self.native(destination);
        let transmit = Transmit { destination, ecn: None, contents, segment_size: None, src_ip: source };
        let sent =
            self.socket.try_io(Interest::WRITABLE, || self.state.try_send((&self.socket).into(), &transmit));
        if let Err(error) = sent {
            metrics::counter!(DATAGRAMS_DROPPED, "why" => "unsent").increment(1);
            tracing::trace!(%error, "datagram not sent");
        }
    }

    /// A socket of IPv6 addresses IPv4 peers by their mapped addresses.
    fn native(&self, address: SocketAddr) -> SocketAddr {
        match (self.address, address) {
            (SocketAddr::V6(_), SocketAddr::V4(v4)) => {
                SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port())
            }
            _ => address,
        }
    }

    /// Reads one batch and hands each datagram to `each`. Cancel-safe: nothing is read until data is there.
    pub(crate) async fn receive(
        &self,
        buffers: &mut Buffers,
        mut each: impl FnMut(Instant, SocketAddr, Option<IpAddr>, &[u8]),
    ) -> io::Result<()> {
        let mut slices: Vec<_> = buffers.bytes.iter_mut().map(|buffer| IoSliceMut::new(buffer)).collect();
        let metas = &mut buffers.metas;
        let read = self
            .socket
            .async_io(Interest::READABLE, || self.state.recv((&self.socket).into(), &mut slices, metas))
            .await?;
        drop(slices);
        let at = tokio::time::Instant::now().into_std();
        for (meta, buffer) in buffers.metas.iter().zip(&buffers.bytes).take(read) {
            let source = SocketAddr::new(meta.addr.ip().to_canonical(), meta.addr.port());
            let local = meta.dst_ip.map(|ip| ip.to_canonical());
            let whole = buffer.get(..meta.len).unwrap_or_default();
            for datagram in whole.chunks(meta.stride.max(1)) {
                each(at, source, local, datagram);
            }
        }
        Ok(())
    }
}

/// Where a batch is read to.
pub(crate) struct Buffers {
    bytes: Vec<Box<[u8]>>,
    metas: Vec<RecvMeta>,
}

impl Buffers {
    /// For as many datagrams (or bundles) at once as the system gives.
    pub(crate) fn batch() -> Self {
        Self::of(BATCH_SIZE)
    }

    pub(crate) fn of(count: usize) -> Self {
        Self {
            bytes: (0..count).map(|_| vec![0; BUNDLE_BYTES].into_boxed_slice()).collect(),
            metas: vec![RecvMeta::default(); count],
        }
    }
}
