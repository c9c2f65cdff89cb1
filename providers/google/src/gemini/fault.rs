//! What Gemini's errors mean.

use std::time::Duration;

use providers_api::ErrorKind;
use providers_link::http::Answer;
use providers_link::{Fault, codes};

use crate::wire_gemini::{Problem, Refusal};

/// Of the vendor's message, so much is told.
const LONGEST_REASON: usize = 300;

/// Of an answer whose status is not 2xx.
pub(crate) fn refused(answer: &Answer, body: &str) -> Fault {
    let problem = Refusal::parse(body).unwrap_or_default();
    let kind = kind(&problem, answer.retry_after)
        .unwrap_or_else(|| codes::status(answer.status, answer.retry_after));
    Fault::new(kind, reason(&format!("status {}", answer.status), &problem))
}

/// Of an error in the middle of a stream, whose status was good.
pub(crate) fn broken_off(problem: &Problem) -> Fault {
    Fault::new(kind(problem, None).unwrap_or(ErrorKind::Closed), reason("in mid-stream", problem))
}

fn reason(place: &str, problem: &Problem) -> String {
    let mut reason = place.to_owned();
    for more in [&*problem.status, &*problem.message].into_iter().filter(|more| !more.is_empty()) {
        reason.push_str(", ");
        reason.extend(more.chars().take(LONGEST_REASON));
    }
    reason
}

fn kind(problem: &Problem, retry_after: Option<Duration>) -> Option<ErrorKind> {
    let message = problem.message.to_lowercase();
    Some(match &*problem.status {
        "INVALID_ARGUMENT" if problem.reasons().any(|reason| reason == "API_KEY_INVALID") => {
            ErrorKind::Unauthorized
        }
        // No free use where the request comes from: nothing helps but billing.
        "FAILED_PRECONDITION" if message.contains("billing") => ErrorKind::Exhausted,
        "INVALID_ARGUMENT" | "FAILED_PRECONDITION" | "NOT_FOUND" | "OUT_OF_RANGE" | "UNIMPLEMENTED" => {
            ErrorKind::Rejected
        }
        "UNAUTHENTICATED" | "PERMISSION_DENIED" => ErrorKind::Unauthorized,
        "RESOURCE_EXHAUSTED" => exhausted(problem, &message, retry_after),
        "UNAVAILABLE" => ErrorKind::Limited(problem.retry_delay().or(retry_after)),
        "DEADLINE_EXCEEDED" => ErrorKind::TimedOut,
        "INTERNAL" | "UNKNOWN" | "DATA_LOSS" => ErrorKind::Unreachable,
        "ABORTED" | "CANCELLED" => ErrorKind::Closed,
        _ => return None,
    })
}

/// One name for limits that pass within a minute and for those that do not: told apart by the quota that was violated, by whether a wait
/// is said, and by what the message says.
fn exhausted(problem: &Problem, message: &str, retry_after: Option<Duration>) -> ErrorKind {
    let wait = problem.retry_delay().or(retry_after);
    let of_the_day = problem.quotas().any(|quota| quota.contains("PerDay"));
    let without_end = wait.is_none() && message.contains("exceeded your current quota");
    let is_paid_out = message.contains("credit") || message.contains("limit: 0,");
    if of_the_day || without_end || is_paid_out { ErrorKind::Exhausted } else { ErrorKind::Limited(wait) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn answer(status: u16) -> Answer {
        Answer { status, content_type: "application/json".to_owned(), retry_after: None, headers: Vec::new() }
    }

    fn body(status: &str, message: &str, details: Value) -> String {
        json!({ "error": { "code": 0, "message": message, "status": status, "details": details } })
            .to_string()
    }

    fn quota(id: &str) -> Value {
        let violations = json!([{ "quotaMetric": "generate_content", "quotaId": id, "quotaValue": "20" }]);
        json!({ "@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": violations })
    }

    fn retry(delay: &str) -> Value {
        json!({ "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay })
    }

    #[test]
    fn each_documented_error_has_its_kind() {
        let current = "You exceeded your current quota, please check your plan and billing details.";
        let invalid_key =
            json!([{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID" }]);
        let minute = json!([quota("GenerateRequestsPerMinutePerProjectPerModel"), retry("3.5s")]);
        let day = json!([quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier"), retry("40s")]);
        let none = || json!([]);
        let table = [
            (400, "INVALID_ARGUMENT", "bad schema", none(), ErrorKind::Rejected),
            (400, "INVALID_ARGUMENT", "API key not valid.", invalid_key, ErrorKind::Unauthorized),
            (
                400,
                "FAILED_PRECONDITION",
                "Please enable billing on your project.",
                none(),
                ErrorKind::Exhausted,
            ),
            (400, "FAILED_PRECONDITION", "User location is not supported.", none(), ErrorKind::Rejected),
            (401, "UNAUTHENTICATED", "no credentials", none(), ErrorKind::Unauthorized),
            (403, "PERMISSION_DENIED", "no access", none(), ErrorKind::Unauthorized),
            (404, "NOT_FOUND", "no such model", none(), ErrorKind::Rejected),
            (
                429,
                "RESOURCE_EXHAUSTED",
                current,
                minute,
                ErrorKind::Limited(Some(Duration::from_millis(3_500))),
            ),
            (429, "RESOURCE_EXHAUSTED", current, day, ErrorKind::Exhausted),
            (429, "RESOURCE_EXHAUSTED", current, none(), ErrorKind::Exhausted),
            (
                429,
                "RESOURCE_EXHAUSTED",
                "Your prepayment credits are depleted.",
                none(),
                ErrorKind::Exhausted,
            ),
            (429, "RESOURCE_EXHAUSTED", "Resource has been exhausted.", none(), ErrorKind::Limited(None)),
            (499, "CANCELLED", "cancelled", none(), ErrorKind::Closed),
            (500, "INTERNAL", "internal", none(), ErrorKind::Unreachable),
            (503, "UNAVAILABLE", "The model is overloaded.", none(), ErrorKind::Limited(None)),
            (504, "DEADLINE_EXCEEDED", "too slow", none(), ErrorKind::TimedOut),
        ];
        for (code, status, message, details, expected) in table {
            let fault = refused(&answer(code), &body(status, message, details));
            assert_eq!(fault.kind, expected, "{status} {message}");
            assert_eq!(fault.reason, format!("status {code}, {status}, {message}"));
        }
    }

    #[test]
    fn a_refusal_in_a_list_is_read_and_a_status_alone_is_enough() {
        let listed = format!("[{}]", body("NOT_FOUND", "no such model", json!([])));
        assert_eq!(refused(&answer(404), &listed).kind, ErrorKind::Rejected);
        assert_eq!(refused(&answer(503), "<html>").kind, ErrorKind::Limited(None));
        assert_eq!(refused(&answer(403), "").kind, ErrorKind::Unauthorized);
    }

    #[test]
    fn an_error_in_mid_stream_is_told_for_what_it_is() {
        let problem = |status| Refusal::parse(&body(status, "", json!([]))).expect("a refusal");
        assert_eq!(broken_off(&problem("UNAVAILABLE")).kind, ErrorKind::Limited(None));
        assert_eq!(broken_off(&problem("SOMETHING_NEW")).kind, ErrorKind::Closed);
    }
}
