//! What Anthropic's errors mean.

use std::time::Duration;

use providers_api::ErrorKind;
use providers_link::http::Answer;
use providers_link::{Fault, codes};

use crate::wire::{Problem, Refusal};

/// Of the vendor's message, so much is told.
const LONGEST_REASON: usize = 300;

/// Of an answer whose status is not 2xx.
pub(crate) fn refused(answer: &Answer, body: &str) -> Fault {
    let Refusal { error } = serde_json::from_str(body).unwrap_or_default();
    let kind =
        kind(&error, answer.retry_after).unwrap_or_else(|| codes::status(answer.status, answer.retry_after));
    let mut reason = format!("status {}", answer.status);
    for more in [&*error.kind, &*error.message].into_iter().filter(|more| !more.is_empty()) {
        reason.push_str(", ");
        reason.extend(more.chars().take(LONGEST_REASON));
    }
    if let Some(id) = answer.header("request-id") {
        reason.push_str(&format!(" ({id})"));
    }
    Fault::new(kind, reason)
}

/// Of an `error` event in the middle of a stream, whose status was good.
pub(crate) fn broken_off(error: &Problem) -> Fault {
    let kind = kind(error, None).unwrap_or(ErrorKind::Closed);
    let message: String = error.message.chars().take(LONGEST_REASON).collect();
    Fault::new(kind, format!("{}: {message}", error.kind))
}

fn kind(error: &Problem, retry_after: Option<Duration>) -> Option<ErrorKind> {
    Some(match &*error.kind {
        // Documented as `billing_error`, given as a wrong request.
        "invalid_request_error" if is_about_money(&error.message) => ErrorKind::Exhausted,
        "billing_error" => ErrorKind::Exhausted,
        "invalid_request_error" | "not_found_error" | "request_too_large" => ErrorKind::Rejected,
        "authentication_error" | "permission_error" => ErrorKind::Unauthorized,
        "rate_limit_error" | "overloaded_error" => ErrorKind::Limited(retry_after),
        "timeout_error" => ErrorKind::TimedOut,
        "api_error" => ErrorKind::Unreachable,
        _ => return None,
    })
}

fn is_about_money(message: &str) -> bool {
    let message = message.to_lowercase();
    message.contains("credit balance") || message.contains("usage limits")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16) -> Answer {
        Answer {
            status,
            content_type: "application/json".to_owned(),
            retry_after: (status == 429).then_some(Duration::from_secs(3)),
            headers: vec![("request-id".to_owned(), "req_1".to_owned())],
        }
    }

    fn body(kind: &str, message: &str) -> String {
        serde_json::json!({ "type": "error", "error": { "type": kind, "message": message } }).to_string()
    }

    #[test]
    fn each_documented_error_has_its_kind() {
        let table = [
            (400, "invalid_request_error", "max_tokens: Field required", ErrorKind::Rejected),
            (
                400,
                "invalid_request_error",
                "Your credit balance is too low to access the API.",
                ErrorKind::Exhausted,
            ),
            (
                400,
                "invalid_request_error",
                "You have reached your specified API usage limits.",
                ErrorKind::Exhausted,
            ),
            (401, "authentication_error", "invalid x-api-key", ErrorKind::Unauthorized),
            (402, "billing_error", "Payment required", ErrorKind::Exhausted),
            (403, "permission_error", "not allowed", ErrorKind::Unauthorized),
            (404, "not_found_error", "model: no-such-model", ErrorKind::Rejected),
            (413, "request_too_large", "too large", ErrorKind::Rejected),
            (429, "rate_limit_error", "slow down", ErrorKind::Limited(Some(Duration::from_secs(3)))),
            (500, "api_error", "Internal server error", ErrorKind::Unreachable),
            (504, "timeout_error", "timed out", ErrorKind::TimedOut),
            (529, "overloaded_error", "Overloaded", ErrorKind::Limited(None)),
        ];
        for (status, kind, message, expected) in table {
            let fault = refused(&answer(status), &body(kind, message));
            assert_eq!(fault.kind, expected, "{kind} {message}");
            assert_eq!(fault.reason, format!("status {status}, {kind}, {message} (req_1)"));
        }
    }

    #[test]
    fn a_status_alone_is_enough() {
        assert_eq!(refused(&answer(402), "<html>").kind, ErrorKind::Exhausted);
        assert_eq!(refused(&answer(529), "").kind, ErrorKind::Limited(None));
        assert_eq!(refused(&answer(418), "{}").kind, ErrorKind::Rejected);
    }

    #[test]
    fn an_error_in_mid_stream_is_told_for_what_it_is() {
        let problem = |kind: &str| Problem { kind: kind.to_owned(), message: "Overloaded".to_owned() };
        assert_eq!(broken_off(&problem("overloaded_error")).kind, ErrorKind::Limited(None));
        assert_eq!(broken_off(&problem("something_new")).kind, ErrorKind::Closed);
    }
}
