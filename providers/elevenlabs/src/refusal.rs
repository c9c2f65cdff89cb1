//! What ElevenLabs means when it refuses: names of errors, statuses of HTTP, close codes.

use std::time::Duration;

use providers_api::ErrorKind;
use providers_link::codes::{self, Fault};
use providers_link::http::Answer;
use providers_link::socket::Refusal;

use crate::wire;

/// Of headers: how many requests the plan allows at once, and how many there were.
const AT_ONCE: &str = "current-concurrent-requests";
const AT_MOST: &str = "maximum-concurrent-requests";

/// By the names that errors have here, over HTTP (`detail.code`, `detail.status`, `detail.type`), in messages of the socket and in the
/// reasons of close frames. None: nothing that is known.
pub(crate) fn kind(words: &str, retry_after: Option<Duration>) -> Option<ErrorKind> {
    let words = words.to_lowercase();
    let any = |signs: &[&str]| signs.iter().any(|sign| words.contains(sign));
    // In this order: a text that is too long also "exceeds a limit", and a quota is an "authentication error" by its type.
    if any(&["max_character_limit_exceeded", "text_too_long", "maximum text length"]) {
        Some(ErrorKind::Rejected)
    } else if any(&["quota", "credit", "payment", "character_limit_reached", "subscription_required"]) {
        Some(ErrorKind::Exhausted)
    } else if any(&["concurren", "rate_limit", "rate limit", "too_many", "too many", "busy", "overload"]) {
        Some(ErrorKind::Limited(retry_after))
    } else if any(&[
        "api_key",
        "api key",
        "authentication",
        "authorization",
        "unauthorized",
        "missing_permissions",
        "unusual_activity",
    ]) {
        Some(ErrorKind::Unauthorized)
    } else if any(&["timeout", "inactiv", "not received"]) {
        Some(ErrorKind::Closed)
    } else if any(&["internal", "unavailable", "restart"]) {
        Some(ErrorKind::Unreachable)
    } else if any(&[
        "not_found",
        "not_exist",
        "invalid",
        "validation",
        "unsupported",
        "model",
        "voice",
        "context",
    ]) {
        Some(ErrorKind::Rejected)
    } else {
        None
    }
}

/// A message of the socket that says what is wrong.
pub(crate) fn message(names: &str, reason: &str) -> Fault {
    let kind = kind(names, None).or_else(|| kind(reason, None)).unwrap_or(ErrorKind::Protocol);
    Fault::new(kind, format!("{names}: {reason}"))
}

/// An answer over HTTP.
pub(crate) fn answer(answer: &Answer, body: &str) -> Fault {
    let (kind, reason) = told(answer.status, answer.retry_after, body, &|name| answer.header(name));
    Fault::new(kind, reason)
}

/// A handshake that was refused.
pub(crate) fn handshake(refusal: &Refusal<'_>) -> (ErrorKind, String) {
    let header = |name: &str| {
        let found = refusal.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    };
    told(refusal.status, refusal.retry_after, refusal.body, &header)
}

/// 1008 is a policy, of which the reason says which; 1012 is a restart, after which a new connection works.
pub(crate) fn closed(code: u16, reason: &str) -> ErrorKind {
    match code {
        1008 => kind(reason, None).unwrap_or(ErrorKind::Rejected),
        other => codes::close(other),
    }
}

fn told<'a>(
    status: u16,
    retry_after: Option<Duration>,
    body: &str,
    header: &dyn Fn(&str) -> Option<&'a str>,
) -> (ErrorKind, String) {
    let (names, said) = wire::refusal(body);
    let by_status = codes::status(status, retry_after);
    let kind = match status {
        // The vendor's own failures are no one's request, whatever they are called.
        500.. => by_status,
        _ => kind(&names, retry_after).unwrap_or(by_status),
    };
    let mut reason = format!("HTTP {status}");
    for part in [names, said].iter().filter(|part| !part.is_empty()) {
        reason.push_str(&format!(", {part}"));
    }
    if let (ErrorKind::Limited(_), Some(now), Some(most)) = (kind, header(AT_ONCE), header(AT_MOST)) {
        reason.push_str(&format!(" ({now} of {most} requests at once)"));
    }
    (kind, reason)
}

/// Whether the plan's last place was taken: the next request at the same time will be refused.
pub(crate) fn at_the_limit(answer: &Answer) -> bool {
    let count = |name: &str| answer.header(name).and_then(|value| value.parse::<u32>().ok());
    matches!((count(AT_ONCE), count(AT_MOST)), (Some(now), Some(most)) if most > 0 && now >= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_error_over_http_is_told_for_what_it_is() {
        let wait = Some(Duration::from_secs(3));
        for (status, name, expected) in [
            (400, "max_character_limit_exceeded", ErrorKind::Rejected),
            (400, "voice_not_found", ErrorKind::Rejected),
            (400, "invalid_parameters", ErrorKind::Rejected),
            (401, "invalid_api_key", ErrorKind::Unauthorized),
            (401, "missing_permissions", ErrorKind::Unauthorized),
            (401, "detected_unusual_activity", ErrorKind::Unauthorized),
            (401, "quota_exceeded", ErrorKind::Exhausted),
            (401, "payment_required", ErrorKind::Exhausted),
            (401, "", ErrorKind::Unauthorized),
            (402, "", ErrorKind::Exhausted),
            (403, "", ErrorKind::Unauthorized),
            (404, "", ErrorKind::Rejected),
            (422, "", ErrorKind::Rejected),
            (429, "too_many_concurrent_requests", ErrorKind::Limited(wait)),
            (429, "concurrent_limit_exceeded", ErrorKind::Limited(wait)),
            (429, "rate_limit_exceeded", ErrorKind::Limited(wait)),
            (429, "system_busy", ErrorKind::Limited(wait)),
            (429, "", ErrorKind::Limited(wait)),
            (500, "internal_server_error", ErrorKind::Unreachable),
            (503, "", ErrorKind::Limited(wait)),
        ] {
            let body = format!(r#"{{"detail":{{"status":"{name}","message":"m"}}}}"#);
            let (kind, _) = told(status, wait, &body, &|_| None);
            assert_eq!(kind, expected, "{status} {name}");
        }
    }

    #[test]
    fn a_limit_says_how_many_there_were() {
        let header = |name: &str| Some(if name == AT_ONCE { "5" } else { "4" });
        let (_, reason) =
            told(429, None, r#"{"detail":{"status":"too_many_concurrent_requests","message":"m"}}"#, &header);
        assert_eq!(reason, "HTTP 429, too_many_concurrent_requests, m (5 of 4 requests at once)");
        let head = |now: &str| Answer {
            status: 200,
            content_type: String::new(),
            retry_after: None,
            headers: vec![(AT_ONCE.to_owned(), now.to_owned()), (AT_MOST.to_owned(), "4".to_owned())],
        };
        assert!(at_the_limit(&head("4")) && !at_the_limit(&head("3")));
    }

    #[test]
    fn the_reason_of_a_close_frame_decides_what_a_policy_was() {
        for (code, reason, expected) in [
            (1008, "This request exceeds your quota of 10000.", ErrorKind::Exhausted),
            (1008, "Invalid API key", ErrorKind::Unauthorized),
            (1008, "Too many concurrent requests.", ErrorKind::Limited(None)),
            (1008, "Have not received a new text input within the timeout of 20 seconds.", ErrorKind::Closed),
            (1008, "A voice with this id does not exist.", ErrorKind::Rejected),
            (1008, "voice_settings can only be provided in the first message", ErrorKind::Rejected),
            (1008, "", ErrorKind::Rejected),
            (1011, "", ErrorKind::Closed),
            (1012, "service restart", ErrorKind::Closed),
            (1013, "", ErrorKind::Limited(None)),
        ] {
            assert_eq!(closed(code, reason), expected, "{code} {reason}");
        }
    }

    #[test]
    fn an_unknown_error_of_the_socket_is_a_breach() {
        assert_eq!(message("something_new", "who knows").kind, ErrorKind::Protocol);
        assert_eq!(message("1008", "You have run out of credits.").kind, ErrorKind::Exhausted);
        assert_eq!(message("input_timeout_exceeded 1008", "m").kind, ErrorKind::Closed);
    }
}
