//! Trickled ICE candidates, as browsers and the Pipecat client send them.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use str0m::net::{Protocol, TcpType};

/// Candidates taken from one peer over its life; a browser has a handful, more is an attack on our pair table.
pub(crate) const MOST_CANDIDATES: usize = 32;

/// One candidate line. Both spellings of the media index are accepted, and neither is needed: everything is bundled.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Candidate {
    pub candidate: String,
    #[serde(alias = "sdpMid", skip_serializing_if = "Option::is_none")]
    pub sdp_mid: Option<String>,
    #[serde(alias = "sdpMLineIndex", skip_serializing_if = "Option::is_none")]
    pub sdp_mline_index: Option<u32>,
}

impl Candidate {
    /// `None` for what we cannot use and need not: TCP, names (mDNS), the end-of-candidates line, nonsense. A peer
    /// behind any of them is found when its first connectivity check arrives.
    pub(crate) fn parse(&self) -> Option<str0m::Candidate> {
        self.reachable().filter(|candidate| candidate.proto() == Protocol::Udp)
    }

    /// As `parse`, for who can connect to others: TCP ports at which they are waited for, too.
    pub(crate) fn parse_any(&self) -> Option<str0m::Candidate> {
        self.reachable().filter(|candidate| match candidate.proto() {
            Protocol::Udp => true,
            Protocol::Tcp => candidate.tcptype() == Some(TcpType::Passive),
            _ => false,
        })
    }

    fn reachable(&self) -> Option<str0m::Candidate> {
        let line = self.candidate.trim().trim_start_matches("a=");
        let candidate = str0m::Candidate::from_sdp_string(line).ok()?;
        is_reachable(candidate.addr()).then_some(candidate)
    }
}

fn is_reachable(address: SocketAddr) -> bool {
    address.port() != 0 && !address.ip().is_unspecified() && !address.ip().is_multicast()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Option<str0m::Candidate> {
        Candidate { candidate: line.to_owned(), ..Candidate::default() }.parse()
    }

    #[test]
    fn udp_candidates_are_taken_and_the_rest_is_ignored() {
        assert!(
            parse("candidate:1 1 udp 2113937151 192.0.2.7 50000 typ host generation 0 ufrag abcd").is_some()
        );
        assert!(parse("a=candidate:1 1 udp 2113937151 192.0.2.7 50000 typ host").is_some());
        for ignored in [
            "",
            "end-of-candidates",
            "candidate:1 1 tcp 1518280447 192.0.2.7 9 typ host tcptype active",
            "candidate:1 1 udp 2113937151 0b6a9d2e-1c8a-4a6d-9e0b-0d8e6a7e1f11.local 50000 typ host",
            "candidate:1 1 udp 2113937151 0.0.0.0 50000 typ host",
            "candidate:1 1 udp 2113937151 192.0.2.7 0 typ host",
            "candidate:\u{0} x y z",
        ] {
            assert!(parse(ignored).is_none(), "{ignored:?}");
        }
    }

    #[test]
    fn who_can_connect_takes_tcp_ports_that_wait() {
        let line = |kind: &str| Candidate {
            candidate: format!("candidate:1 1 tcp 1518280447 192.0.2.7 7881 typ host tcptype {kind}"),
            ..Candidate::default()
        };
        assert!(line("passive").parse_any().is_some() && line("passive").parse().is_none());
        assert!(line("active").parse_any().is_none() && line("so").parse_any().is_none());
    }

    proptest::proptest! {
        #[test]
        fn no_line_panics(line in ".{0,200}") {
            parse(&line);
            parse(&format!("candidate:{line}"));
        }
    }
}
