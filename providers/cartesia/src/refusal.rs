//! What Cartesia means when it refuses: codes of errors, statuses of HTTP and of messages, close codes.

use std::time::Duration;

use providers_api::ErrorKind;
use providers_link::codes::{self, Fault};
use providers_link::http::Answer;
use providers_link::socket::Refusal;

use crate::wire::Wrong;

/// An error on the socket.
pub(crate) fn message(wrong: &Wrong) -> Fault {
    let status = wrong.status_code.unwrap_or(0);
    let kind = named(&wrong.names(), None)
        .unwrap_or_else(|| if status == 0 { ErrorKind::Protocol } else { codes::status(status, None) });
    Fault::new(kind, format!("{status}: {}", wrong.reason()))
}

/// An answer over HTTP.
pub(crate) fn answer(answer: &Answer, body: &str) -> Fault {
    let (kind, reason) = told(answer.status, answer.retry_after, body);
    Fault::new(kind, reason)
}

/// A handshake that was refused.
pub(crate) fn handshake(refusal: &Refusal<'_>) -> (ErrorKind, String) {
    told(refusal.status, refusal.retry_after, refusal.body)
}

pub(crate) fn closed(code: u16, reason: &str) -> ErrorKind {
    match code {
        1008 => named(reason, None).unwrap_or(ErrorKind::Rejected),
        other => codes::close(other),
    }
}

fn told(status: u16, retry_after: Option<Duration>, body: &str) -> (ErrorKind, String) {
    let wrong = Wrong::read(body);
    let by_status = codes::status(status, retry_after);
    // Only where the status leaves it open: 429 is a limit or a quota, 403 a plan or a key.
    let kind = match status {
        400..=499 => named(&wrong.names(), retry_after).unwrap_or(by_status),
        _ => by_status,
    };
    (kind, format!("HTTP {status}: {}", wrong.reason()))
}

fn named(names: &str, retry_after: Option<Duration>) -> Option<ErrorKind> {
    let names = names.to_lowercase();
    let any = |signs: &[&str]| signs.iter().any(|sign| names.contains(sign));
    if any(&["quota", "credit", "payment", "insufficient_funds"]) {
        Some(ErrorKind::Exhausted)
    } else if any(&["concurren", "rate_limit", "rate limit", "too many"]) {
        Some(ErrorKind::Limited(retry_after))
    } else if any(&["api_key", "api key", "unauthorized", "unauthenticated", "forbidden"]) {
        Some(ErrorKind::Unauthorized)
    } else if any(&["idle", "timeout", "timed out"]) {
        Some(ErrorKind::Closed)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_over_http_is_told_for_what_it_is() {
        let wait = Some(Duration::from_secs(3));
        for (status, code, expected) in [
            (400, "null", ErrorKind::Rejected),
            (401, "null", ErrorKind::Unauthorized),
            (402, "null", ErrorKind::Exhausted),
            (402, "\"quota_exceeded\"", ErrorKind::Exhausted),
            (403, "\"plan_upgrade_required\"", ErrorKind::Unauthorized),
            (404, "\"voice_not_found\"", ErrorKind::Rejected),
            (404, "\"model_not_found\"", ErrorKind::Rejected),
            (408, "null", ErrorKind::TimedOut),
            (422, "null", ErrorKind::Rejected),
            (429, "\"concurrency_limited\"", ErrorKind::Limited(wait)),
            (429, "\"quota_exceeded\"", ErrorKind::Exhausted),
            (429, "null", ErrorKind::Limited(wait)),
            (500, "null", ErrorKind::Unreachable),
            (503, "null", ErrorKind::Limited(wait)),
        ] {
            let body = format!(r#"{{"error_code":{code},"title":"T","message":"M","request_id":"r"}}"#);
            assert_eq!(told(status, wait, &body).0, expected, "{status} {code}");
        }
    }

    #[test]
    fn every_error_on_the_socket_is_told_for_what_it_is() {
        for (body, expected) in [
            (r#"{"status_code":400,"error_code":null,"title":"Invalid transcript"}"#, ErrorKind::Rejected),
            (r#"{"status_code":404,"error_code":"model_not_found"}"#, ErrorKind::Rejected),
            (r#"{"status_code":429,"error_code":"concurrency_limited"}"#, ErrorKind::Limited(None)),
            (r#"{"status_code":402,"error_code":"quota_exceeded"}"#, ErrorKind::Exhausted),
            (r#"{"status_code":401,"error":"Invalid API key: m"}"#, ErrorKind::Unauthorized),
            (r#"{"status_code":500,"title":"Internal error"}"#, ErrorKind::Unreachable),
            (r#"{"title":"Something new"}"#, ErrorKind::Protocol),
        ] {
            assert_eq!(message(&Wrong::read(body)).kind, expected, "{body}");
        }
    }

    #[test]
    fn close_codes_are_told_for_what_they_are() {
        for (code, reason, expected) in [
            (1000, "", ErrorKind::Closed),
            (1001, "idle timeout", ErrorKind::Closed),
            (1008, "connection idle", ErrorKind::Closed),
            (1008, "quota exceeded", ErrorKind::Exhausted),
            (1008, "Unauthorized", ErrorKind::Unauthorized),
            (1008, "", ErrorKind::Rejected),
            (1011, "", ErrorKind::Closed),
            (1013, "", ErrorKind::Limited(None)),
        ] {
            assert_eq!(closed(code, reason), expected, "{code} {reason}");
        }
    }
}
