//! What an SDP offer must have before any media code looks at it.

use control_api::offer::OfferRequest;
use control_api::problem;

use crate::error::{Error, NO_AUDIO};

pub(crate) fn check(offer: &OfferRequest) -> Result<(), Error> {
    let invalid = |detail: &str| Err(Error::new(&problem::OFFER_INVALID, detail));
    if offer.kind != "offer" {
        return invalid("`type` must be \"offer\"");
    }
    if !offer.sdp.trim_start().starts_with("v=0") {
        return invalid("`sdp` is not a session description: it must begin with v=0");
    }
    let audio = media(&offer.sdp).any(|section| section.starts_with("m=audio") && flows_both_ways(section));
    if audio { Ok(()) } else { Err(Error::new(&problem::OFFER_WITHOUT_AUDIO, NO_AUDIO)) }
}

fn media(sdp: &str) -> impl Iterator<Item = &str> {
    let starts: Vec<usize> = sdp.match_indices("\nm=").map(|(at, _)| at + 1).collect();
    let ends: Vec<usize> = starts.iter().skip(1).copied().chain([sdp.len()]).collect();
    starts.into_iter().zip(ends).map(|(from, to)| &sdp[from..to])
}

/// `sendrecv` is what no attribute means (RFC 8866, 6.7). Port 0 rejects the line.
fn flows_both_ways(section: &str) -> bool {
    let rejected = section.split_ascii_whitespace().nth(1) == Some("0");
    !rejected
        && !section.lines().any(|line| matches!(line.trim_end(), "a=recvonly" | "a=sendonly" | "a=inactive"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(sdp: &str) -> OfferRequest {
        OfferRequest { sdp: sdp.to_owned(), kind: "offer".to_owned(), ..OfferRequest::default() }
    }

    #[test]
    fn an_offer_needs_audio_that_flows_both_ways() {
        let audio = "v=0\r\ns=-\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=recvonly\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n";
        assert_eq!(check(&offer(&format!("{audio}a=sendrecv\r\n"))), Ok(()));
        assert_eq!(check(&offer(audio)), Ok(()));
        for sdp in [
            "v=0\r\ns=-\r\n",
            "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=sendrecv\r\n",
            "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=recvonly\r\n",
            "v=0\r\nm=audio 0 UDP/TLS/RTP/SAVPF 111\r\n",
        ] {
            assert_eq!(
                check(&offer(sdp)).expect_err("refused").definition.code().0,
                "OFFER_WITHOUT_AUDIO",
                "{sdp}"
            );
        }
        assert_eq!(check(&offer("hello")).expect_err("refused").definition.code().0, "OFFER_INVALID");
    }
}
