//! What a link has besides its socket: streams to servers that relay, and to TCP ports of the far end. They are tried when datagrams have
//! found no path.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Instant;

use str0m::Rtc;
use str0m::net::{Protocol, TcpType};

use super::Link;
use crate::pipe::{Framing, Pipe, Piped};
use crate::relay::Relay;
use crate::wire::Arrived;

/// TCP ports of the far end that are connected to.
const MOST_STRAIGHT: usize = 2;
/// Messages of streams that are taken in at once.
const MESSAGES_AT_ONCE: usize = 16;
/// The port of a candidate that only connects to others (RFC 6544).
const DISCARD: u16 = 9;

/// By which of our ways something came.
#[derive(Debug, Clone, Copy)]
pub(super) enum Way {
    Wire,
    /// By the stream to the server of a relay.
    Relay(usize),
    /// By a stream to the far end.
    Straight,
}

impl Link {
    /// Datagrams have found no path in time: streams may.
    pub(super) fn fall_back(&mut self) {
        self.looking = None;
        let streams = std::mem::take(&mut self.streams);
        self.ask(&streams);
        if !self.only {
            // To be paired with the TCP ports that the far end names, which needs to hear of none of ours. One stands for all of our
            // addresses: by which a stream goes out is the system's to choose.
            let host = self.connecting();
            let active = str0m::Candidate::builder().tcp().host(host).tcptype(TcpType::Active).build();
            if let Ok(active) = active {
                self.rtc.add_local_candidate(active);
            }
            self.has_ports = true;
            for port in std::mem::take(&mut self.ports) {
                self.rtc.add_remote_candidate(port);
            }
        }
    }

    /// What stands for us where we connect to others.
    pub(super) fn connecting(&self) -> SocketAddr {
        SocketAddr::new(self.addresses.announced()[0].ip(), DISCARD)
    }

    /// To a TCP port of the far end, by the stream that leads there.
    pub(super) fn send_straight(&mut self, to: SocketAddr, contents: &[u8]) {
        let known = self.straight.iter().position(|(address, _)| *address == to);
        let at = known.unwrap_or(self.straight.len());
        if at == MOST_STRAIGHT {
            return;
        }
        if known.is_none() {
            self.straight.push((to, Pipe::dial(to, None, Framing::Counted)));
        }
        self.straight[at].1.send(contents);
    }
}

/// What came by streams, and what became of those that broke.
pub(super) fn messages(
    relays: &mut [Relay],
    straight: &mut Vec<(SocketAddr, Pipe)>,
    rtc: &mut Rtc,
    now: Instant,
    arrived: &mut VecDeque<(Way, Arrived)>,
    context: &mut Context<'_>,
) -> Poll<()> {
    let at = tokio::time::Instant::now().into_std();
    let mut some = false;
    for (index, relay) in relays.iter_mut().enumerate() {
        let (source, local) = (relay.server(), relay.local());
        for _ in 0..MESSAGES_AT_ONCE {
            let Some(Poll::Ready(piped)) = relay.pipe().map(|pipe| pipe.poll(context)) else { break };
            some = true;
            match piped {
                Piped::Message(bytes) => {
                    let arrival = Arrived { at, source, local: None, bytes };
                    arrived.push_back((Way::Relay(index), arrival));
                }
                Piped::Broken(error) => {
                    let gone = relay.broke(&error, now);
                    let gone =
                        gone.and_then(|gone| str0m::Candidate::relayed(gone, local, Protocol::Udp).ok());
                    if let Some(gone) = gone {
                        rtc.direct_api().invalidate_candidate(&gone);
                    }
                }
            }
        }
    }
    straight.retain_mut(|(source, pipe)| {
        for _ in 0..MESSAGES_AT_ONCE {
            let Poll::Ready(piped) = pipe.poll(context) else { break };
            some = true;
            match piped {
                Piped::Message(bytes) => {
                    arrived.push_back((Way::Straight, Arrived { at, source: *source, local: None, bytes }));
                }
                // The next check dials anew, or ICE finds another path.
                Piped::Broken(error) => {
                    tracing::debug!(%error, "a stream to the far end broke");
                    return false;
                }
            }
        }
        true
    });
    if some { Poll::Ready(()) } else { Poll::Pending }
}
