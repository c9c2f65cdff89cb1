//! What the vendor's complaints mean, wherever they come: with a status, in a good answer's place, in mid-stream, on a socket.

use std::time::Duration;

use providers_api::ErrorKind;
use providers_link::http::Answer;
use providers_link::socket::Refusal;
use providers_link::{Fault, codes};

use crate::wire::Complaint;

/// Of a vendor's message, so much is passed on, in characters.
const MESSAGE: usize = 240;

/// An answer that is not 2xx.
pub(crate) fn refused(answer: &Answer, body: &str) -> Fault {
    let retry_after = answer.retry_after.or_else(|| milliseconds(answer.header("retry-after-ms")));
    by_status(answer.status, retry_after, body)
}

/// A handshake that ended in something else than a socket.
pub(crate) fn handshake(refusal: &Refusal<'_>) -> (ErrorKind, String) {
    let named = refusal.headers.iter().find(|(name, _)| name == "retry-after-ms");
    let retry_after = refusal.retry_after.or_else(|| milliseconds(named.map(|(_, value)| value.as_str())));
    let fault = by_status(refusal.status, retry_after, refusal.body);
    (fault.kind, fault.reason)
}

/// A close code that is not ours. The reason names the error's type and code where there is one.
pub(crate) fn closed(code: u16, reason: &str) -> ErrorKind {
    let says = |word: &str| reason.contains(word);
    if says("insufficient_quota") {
        ErrorKind::Exhausted
    } else if says("invalid_api_key") {
        ErrorKind::Unauthorized
    } else if says("session_expired") {
        ErrorKind::Closed
    } else if says("invalid_request_error") {
        ErrorKind::Rejected
    } else {
        codes::close(code)
    }
}

/// A complaint in the place of a good answer, before anything of it came.
pub(crate) fn instead(complaint: &Complaint) -> Fault {
    Fault::new(kind(complaint, ErrorKind::Unreachable), describe(complaint))
}

/// A complaint after the answer began: what has no better name is a stream that the vendor ended.
pub(crate) fn midway(complaint: &Complaint) -> Fault {
    Fault::new(kind(complaint, ErrorKind::Closed), describe(complaint))
}

fn by_status(status: u16, retry_after: Option<Duration>, body: &str) -> Fault {
    let complaint = Complaint::in_text(body).unwrap_or_default();
    let kind = match complaint.code.as_str() {
        _ if complaint.is_about_money() => ErrorKind::Exhausted,
        _ => codes::status(status, retry_after),
    };
    // A refusal of a key quotes its ends.
    if kind == ErrorKind::Unauthorized {
        return Fault::new(kind, format!("HTTP {status} {}", complaint.code).trim_end());
    }
    Fault::new(kind, format!("HTTP {status} {}", describe(&complaint)).trim_end())
}

fn kind(complaint: &Complaint, otherwise: ErrorKind) -> ErrorKind {
    if complaint.is_about_money() {
        return ErrorKind::Exhausted;
    }
    for word in [complaint.code.as_str(), complaint.class.as_str()] {
        match word {
            "invalid_api_key" | "authentication_error" | "permission_error" | "permission_denied" => {
                return ErrorKind::Unauthorized;
            }
            "rate_limit_exceeded" | "rate_limit_error" | "tokens" | "requests" | "too_many_requests" => {
                return ErrorKind::Limited(None);
            }
            "overloaded" | "overloaded_error" | "service_unavailable" | "engine_overloaded" => {
                return ErrorKind::Limited(None);
            }
            "session_expired" => return ErrorKind::Closed,
            "context_length_exceeded"
            | "model_not_found"
            | "content_filter"
            | "invalid_request_error"
            | "not_found_error"
            | "BadRequestError"
            | "exceed_context_size_error" => return ErrorKind::Rejected,
            "server_error" | "api_error" | "internal_error" | "internal_server_error" => return otherwise,
            _ => {}
        }
    }
    match complaint.status {
        Some(status) if status < 500 => codes::status(status, None),
        _ => otherwise,
    }
}

fn describe(complaint: &Complaint) -> String {
    let code = if complaint.code.is_empty() { &complaint.class } else { &complaint.code };
    let message = passable(&complaint.message);
    [code.as_str(), message.as_str()]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(": ")
}

/// What may be shown of a message: compatible servers' validators quote the request, which holds what people said, after `input`.
fn passable(message: &str) -> String {
    let quoted = ["'input'", "\"input\"", "input_value"];
    let end = quoted.iter().filter_map(|word| message.find(word)).min().unwrap_or(message.len());
    message[..end].chars().take(MESSAGE).collect::<String>().trim().to_owned()
}

fn milliseconds(value: Option<&str>) -> Option<Duration> {
    value.and_then(|value| value.trim().parse().ok()).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)]) -> Answer {
        let headers: Vec<(String, String)> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let retry_after = headers
            .iter()
            .find(|(name, _)| name == "retry-after")
            .and_then(|(_, value)| value.parse().ok())
            .map(Duration::from_secs);
        Answer { status, content_type: "application/json".to_owned(), retry_after, headers }
    }

    fn body(class: &str, code: &str) -> String {
        serde_json::json!({ "error": { "message": "no", "type": class, "param": null, "code": code } })
            .to_string()
    }

    #[test]
    fn every_documented_refusal_has_its_kind() {
        let after = |secs| ErrorKind::Limited(Some(Duration::from_secs(secs)));
        for (status, class, code, expected) in [
            (400, "invalid_request_error", "context_length_exceeded", ErrorKind::Rejected),
            (401, "invalid_request_error", "invalid_api_key", ErrorKind::Unauthorized),
            (403, "request_forbidden", "unsupported_country_region_territory", ErrorKind::Unauthorized),
            (404, "invalid_request_error", "model_not_found", ErrorKind::Rejected),
            (422, "invalid_request_error", "", ErrorKind::Rejected),
            (429, "requests", "rate_limit_exceeded", after(3)),
            (429, "insufficient_quota", "insufficient_quota", ErrorKind::Exhausted),
            (429, "billing_not_active", "billing_not_active", ErrorKind::Exhausted),
            (500, "server_error", "", ErrorKind::Unreachable),
            (502, "", "", ErrorKind::Unreachable),
            (503, "server_error", "", after(3)),
        ] {
            let fault = refused(&answer(status, &[("retry-after", "3")]), &body(class, code));
            assert_eq!(fault.kind, expected, "{status} {class} {code}");
        }
        let soon =
            refused(&answer(429, &[("retry-after-ms", "250")]), &body("tokens", "rate_limit_exceeded"));
        assert_eq!(soon.kind, ErrorKind::Limited(Some(Duration::from_millis(250))));
        assert_eq!(refused(&answer(502, &[]), "<html>bad gateway</html>").reason, "HTTP 502");
    }

    #[test]
    fn every_complaint_in_a_stream_has_its_kind() {
        for (json, expected) in [
            (serde_json::json!({"error": {"type": "server_error", "message": "x"}}), ErrorKind::Closed),
            (serde_json::json!({"error": {"code": "rate_limit_exceeded"}}), ErrorKind::Limited(None)),
            (serde_json::json!({"error": {"type": "insufficient_quota"}}), ErrorKind::Exhausted),
            (serde_json::json!({"error": {"code": "invalid_api_key"}}), ErrorKind::Unauthorized),
            (serde_json::json!({"error": {"code": "context_length_exceeded"}}), ErrorKind::Rejected),
            (serde_json::json!({"error": {"code": 400, "message": "x"}}), ErrorKind::Rejected),
            (serde_json::json!({"error": {"code": 503, "message": "x"}}), ErrorKind::Closed),
            (serde_json::json!({"error": "out of memory"}), ErrorKind::Closed),
            (serde_json::json!({"object": "error", "code": 404, "message": "x"}), ErrorKind::Rejected),
            (serde_json::json!({"error": {"message": "x", "status_code": 429}}), ErrorKind::Limited(None)),
        ] {
            let complaint = Complaint::of(&json).expect("a complaint");
            assert_eq!(midway(&complaint).kind, expected, "{json}");
        }
    }

    #[test]
    fn every_close_has_its_kind() {
        for (code, reason, expected) in [
            (1000, "", ErrorKind::Closed),
            (1001, "session_expired", ErrorKind::Closed),
            (1008, "", ErrorKind::Unauthorized),
            (1009, "", ErrorKind::Rejected),
            (1011, "", ErrorKind::Closed),
            (1012, "", ErrorKind::Closed),
            (1013, "", ErrorKind::Limited(None)),
            (3000, "invalid_request_error.invalid_api_key", ErrorKind::Unauthorized),
            (3000, "invalid_request_error", ErrorKind::Rejected),
            (4000, "insufficient_quota", ErrorKind::Exhausted),
        ] {
            assert_eq!(closed(code, reason), expected, "{code} {reason}");
        }
    }

    #[test]
    fn neither_a_key_nor_what_was_said_is_passed_on() {
        let quoted = serde_json::json!({ "error": { "code": "invalid_api_key", "message": "Incorrect API key: sk-12" } });
        let fault = refused(&answer(401, &[]), &quoted.to_string());
        assert_eq!(fault.reason, "HTTP 401 invalid_api_key");
        let echo = "[{'type': 'missing', 'loc': ('body', 'model'), 'input': {'messages': 'I am Maria'}}]";
        let fault = refused(
            &answer(400, &[]),
            &serde_json::json!({ "object": "error", "message": echo }).to_string(),
        );
        assert!(fault.reason.contains("missing") && !fault.reason.contains("Maria"), "{}", fault.reason);
        let detail = serde_json::json!({ "detail": [{ "msg": "Field required", "input": "I am Maria" }] });
        assert_eq!(refused(&answer(422, &[]), &detail.to_string()).reason, "HTTP 422");
    }
}
