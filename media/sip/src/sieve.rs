//! The UDP socket as the stack reads it: what is no request in order is answered here, and goes no further.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use tokio::net::UdpSocket;
use tokio::time::Instant;

use crate::limits::Limits;
use crate::manners::{Inspector, Verdict};
use crate::metrics::REFUSED;

pub(crate) struct Sieve {
    socket: UdpSocket,
    inspector: Inspector,
    /// Of answers; more faults of one address are not answered.
    limits: Mutex<Limits>,
}

impl Sieve {
    pub(crate) fn new(socket: UdpSocket, answers_per_s: u32) -> Self {
        Self { socket, inspector: Inspector::default(), limits: Mutex::new(Limits::new(answers_per_s)) }
    }

    fn passes(&self, datagram: &[u8], from: SocketAddr) -> bool {
        match self.inspector.looks_at(datagram) {
            Verdict::Passes => return true,
            Verdict::Dropped => {}
            Verdict::Refused(answer) => {
                let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
                if limits.takes(from.ip(), Instant::now().into_std()) {
                    // Whoever finds no answer asks again.
                    let _lost = self.socket.try_send_to(&answer, from);
                }
            }
        }
        metrics::counter!(REFUSED, "why" => "malformed").increment(1);
        false
    }
}

#[async_trait]
impl rsipstack::platform::net::UdpSocket for Sieve {
    async fn recv_from(&self, buffer: &mut [u8]) -> rsipstack::Result<(usize, SocketAddr)> {
        loop {
            let (length, from) = self.socket.recv_from(buffer).await?;
            if self.passes(&buffer[..length], from) {
                return Ok((length, from));
            }
        }
    }

    async fn send_to(&self, bytes: &[u8], to: SocketAddr) -> rsipstack::Result<usize> {
        Ok(self.socket.send_to(bytes, to).await?)
    }

    fn local_addr(&self) -> rsipstack::Result<SocketAddr> {
        Ok(self.socket.local_addr()?)
    }
}
