//! What an SDP offer must have before any media code looks at it.

use control_api::offer::OfferRequest;
use control_api::problem;

use crate::error::{Error, NO_AUDIO};

pub(crate) fn check(offer: &OfferRequest) -> Result<(), Error> {
    if offer.kind != "offer" {
        return Err(Error::new(&problem::OFFER_INVALID, "`type` must be \"offer\""));
    }
    match flow(&offer.sdp)? {
        Flow::Both => Ok(()),
        _ => Err(Error::new(&problem::OFFER_WITHOUT_AUDIO, NO_AUDIO)),
    }
}

/// Which way the audio of an offer flows, as its sender sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    Both,
    Sends,
    Receives,
    /// There is none that could flow.
    Absent,
}

/// Of the first audio that is not rejected.
pub(crate) fn flow(sdp: &str) -> Result<Flow, Error> {
    if !is_description(sdp) {
        let detail =
            "the offer is no session description: it must begin with v=0 and have the lines o=, s= and t=";
        return Err(Error::new(&problem::OFFER_INVALID, detail));
    }
    // Port 0 rejects a line.
    let taken = |section: &&str| section.split_ascii_whitespace().nth(1) != Some("0");
    let audio: Vec<Flow> =
        media(sdp).filter(|section| section.starts_with("m=audio")).filter(taken).map(direction).collect();
    let best = audio.iter().find(|flow| **flow == Flow::Both).or_else(|| audio.first());
    Ok(best.copied().unwrap_or(Flow::Absent))
}

/// Every description has these lines, in this order (RFC 8866, 5), and media lines with a port that is a number. Whether
/// the rest can be answered is for the media side to say.
fn is_description(sdp: &str) -> bool {
    let mut lines = sdp.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.next() == Some("v=0")
        && ["o=", "s=", "t="].iter().all(|start| lines.any(|line| line.starts_with(start)))
        && media(sdp).all(|section| {
            let port = section.split_ascii_whitespace().nth(1).and_then(|port| port.split('/').next());
            port.is_some_and(|port| port.parse::<u16>().is_ok())
        })
}

fn media(sdp: &str) -> impl Iterator<Item = &str> {
    let starts: Vec<usize> = sdp.match_indices("\nm=").map(|(at, _)| at + 1).collect();
    let ends: Vec<usize> = starts.iter().skip(1).copied().chain([sdp.len()]).collect();
    starts.into_iter().zip(ends).map(|(from, to)| &sdp[from..to])
}

/// `sendrecv` is what no attribute means (RFC 8866, 6.7).
fn direction(section: &str) -> Flow {
    let said = section.lines().find_map(|line| match line.trim_end() {
        "a=recvonly" => Some(Flow::Receives),
        "a=sendonly" => Some(Flow::Sends),
        "a=inactive" => Some(Flow::Absent),
        _ => None,
    });
    said.unwrap_or(Flow::Both)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(sdp: &str) -> OfferRequest {
        OfferRequest { sdp: sdp.to_owned(), kind: "offer".to_owned(), ..OfferRequest::default() }
    }

    #[test]
    fn an_offer_needs_audio_that_flows_both_ways() {
        let session = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";
        let video = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=recvonly\r\n";
        let audio = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n";
        assert_eq!(check(&offer(&format!("{session}{video}{audio}a=sendrecv\r\n"))), Ok(()));
        assert_eq!(check(&offer(&format!("{session}{video}{audio}"))), Ok(()));
        let code = |sdp: &str| check(&offer(sdp)).expect_err("refused").definition.code().0;
        for without in ["", video, &format!("{audio}a=recvonly\r\n"), "m=audio 0 UDP/TLS/RTP/SAVPF 111\r\n"] {
            assert_eq!(code(&format!("{session}{without}")), "OFFER_WITHOUT_AUDIO", "{without}");
        }
        let bare = format!("{session}m=audio\r\n");
        let no_port = format!("{session}m=audio x UDP/TLS/RTP/SAVPF 111\r\n");
        for no_description in ["", "hello", "v=0", "v=0\r\nm=audio\r\n", &session[3..], &bare, &no_port] {
            assert_eq!(code(no_description), "OFFER_INVALID", "{no_description}");
        }
    }
}
