//! What Deepgram's refusals and close codes mean.

use providers_api::ErrorKind;
use providers_link::codes;
use providers_link::socket::{Manners, Refusal};

use crate::options::Options;
use crate::wire;

pub(crate) const NAME: &str = "deepgram";

pub(crate) fn manners(options: &Options) -> Manners {
    Manners { connect_within: options.connect_timeout, refused, closed, ..Manners::new(NAME) }
}

/// A refused handshake says why in the header `dg-error`.
fn refused(refusal: &Refusal<'_>) -> (ErrorKind, String) {
    let kind = codes::status(refusal.status, refusal.retry_after);
    let said = refusal.headers.iter().find(|(name, _)| name == "dg-error");
    (kind, said.map_or_else(|| wire::refusal(refusal.body).reason, |(_, said)| said.clone()))
}

/// 1008 `DATA-0000`: the audio cannot be read. 1011 `NET-0000`, `NET-0001`: the server failed, or heard nothing for too long.
fn closed(code: u16, reason: &str) -> ErrorKind {
    if code == 1008 && reason.contains("DATA-") { ErrorKind::Rejected } else { codes::close(code) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_documented_close_code_has_its_kind() {
        for (code, reason, kind) in [
            (1008, "DATA-0000", ErrorKind::Rejected),
            (1008, "", ErrorKind::Unauthorized),
            (1011, "NET-0000", ErrorKind::Closed),
            (1011, "NET-0001", ErrorKind::Closed),
            (1012, "", ErrorKind::Closed),
            (1013, "", ErrorKind::Limited(None)),
            (1000, "", ErrorKind::Closed),
        ] {
            assert_eq!(closed(code, reason), kind, "{code} {reason}");
        }
    }

    #[test]
    fn every_documented_refusal_has_its_kind_and_its_reason() {
        let wait = Some(Duration::from_secs(3));
        for (status, kind) in [
            (400, ErrorKind::Rejected),
            (401, ErrorKind::Unauthorized),
            (402, ErrorKind::Exhausted),
            (403, ErrorKind::Unauthorized),
            (429, ErrorKind::Limited(wait)),
            (503, ErrorKind::Limited(wait)),
            (500, ErrorKind::Unreachable),
        ] {
            let headers = [("dg-error".to_owned(), "why".to_owned())];
            let refusal = Refusal { status, retry_after: wait, headers: &headers, body: "" };
            assert_eq!(refused(&refusal), (kind, "why".to_owned()));
        }
        let body = r#"{"err_code":"INVALID_AUTH","err_msg":"Invalid credentials.","request_id":"r"}"#;
        let refusal = Refusal { status: 401, retry_after: None, headers: &[], body };
        assert_eq!(refused(&refusal).1, "INVALID_AUTH: Invalid credentials.");
    }
}
