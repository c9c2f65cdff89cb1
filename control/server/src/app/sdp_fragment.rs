//! Candidates as WHIP trickles them (RFC 8840, `application/trickle-ice-sdpfrag`).

use control_api::offer::Candidate;

/// Each with the media that it is for. What is no candidate is passed over: credentials stand beside them.
pub(crate) fn candidates(fragment: &str) -> Vec<Candidate> {
    let (mut found, mut mid, mut index) = (Vec::new(), None, None);
    for line in fragment.lines().map(str::trim_end) {
        if line.starts_with("m=") {
            index = Some(index.map_or(0, |last: u16| last.saturating_add(1)));
            mid = None;
        } else if let Some(name) = line.strip_prefix("a=mid:") {
            mid = Some(name.trim().to_owned());
        } else if let Some(candidate) = line.strip_prefix("a=").filter(|rest| rest.starts_with("candidate:"))
        {
            let candidate = candidate.to_owned();
            found.push(Candidate { candidate, sdp_mid: mid.clone(), sdp_mline_index: index });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 9725, 4.3.
    #[test]
    fn candidates_are_read_with_their_media() {
        let fragment = "a=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n\
            a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0\r\na=end-of-candidates\r\n\
            m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=candidate:1 1 udp 5 192.0.2.2 9 typ host\r\n";
        let found = candidates(fragment);
        assert_eq!(found.len(), 2);
        assert!(found[0].candidate.starts_with("candidate:1387637174 1 udp"), "{found:?}");
        assert_eq!((found[0].sdp_mid.as_deref(), found[0].sdp_mline_index), (Some("0"), Some(0)));
        assert_eq!((found[1].sdp_mid.as_deref(), found[1].sdp_mline_index), (Some("1"), Some(1)));
        assert!(candidates("nonsense").is_empty());
    }
}
