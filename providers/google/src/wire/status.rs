//! What Google says of a failure, over gRPC and over REST, and what it means.

use std::time::Duration;

use prost::Message;
use providers_api::ErrorKind;
use providers_link::Fault;
use tonic::Code;

use super::Refused;
use super::speech::ProtoDuration;

/// `google.rpc.Status`, as it comes in `grpc-status-details-bin`.
#[derive(Clone, PartialEq, Message)]
struct RichStatus {
    #[prost(message, repeated, tag = "3")]
    details: Vec<AnyDetail>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
struct AnyDetail {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct ErrorInfo {
    #[prost(string, tag = "1")]
    reason: String,
}

#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<ProtoDuration>,
}

/// What both ways say.
#[derive(Debug, Default)]
struct Said<'a> {
    message: &'a str,
    reason: String,
    retry: Option<Duration>,
}

/// Of a call over gRPC that ended.
pub(crate) fn grpc(status: &tonic::Status) -> Fault {
    let mut said = Said { message: status.message(), ..Said::default() };
    // Details that cannot be read say nothing; the code still does.
    let details = RichStatus::decode(status.details()).unwrap_or_default().details;
    for detail in details {
        if detail.type_url.ends_with("google.rpc.ErrorInfo") {
            said.reason = ErrorInfo::decode(detail.value.as_slice()).unwrap_or_default().reason;
        } else if detail.type_url.ends_with("google.rpc.RetryInfo") {
            let info = RetryInfo::decode(detail.value.as_slice()).unwrap_or_default();
            said.retry = info.retry_delay.map(Duration::from);
        }
    }
    // A connection that broke has no status of Google's, only our own reading of what happened.
    if std::error::Error::source(status).is_some() && status.code() != Code::OutOfRange {
        let kind =
            if status.code() == Code::Unavailable { ErrorKind::Unreachable } else { ErrorKind::Closed };
        return Fault::new(kind, status.message());
    }
    Fault::new(kind(status.code(), &said), reason(status.code(), &said))
}

/// Of a request over REST that was refused.
pub(crate) fn rest(http: u16, retry_after: Option<Duration>, body: &str) -> Fault {
    let refused: Refused = serde_json::from_str(body).unwrap_or_default();
    let error = refused.error;
    let find = |wanted: fn(&super::RestDetail) -> &str| {
        error.details.iter().map(wanted).find(|value| !value.is_empty()).unwrap_or_default()
    };
    let said = Said {
        message: &error.message,
        reason: find(|detail| &detail.reason).to_owned(),
        retry: seconds(find(|detail| &detail.retry_delay)).or(retry_after),
    };
    match code(&error.status) {
        Some(code) => Fault::new(kind(code, &said), reason(code, &said)),
        None => Fault::new(providers_link::codes::status(http, retry_after), format!("HTTP {http}")),
    }
}

fn kind(code: Code, said: &Said<'_>) -> ErrorKind {
    match said.reason.as_str() {
        "API_KEY_INVALID" | "ACCESS_TOKEN_EXPIRED" | "SERVICE_DISABLED" => return ErrorKind::Unauthorized,
        "BILLING_DISABLED" => return ErrorKind::Exhausted,
        _ => {}
    }
    match code {
        Code::Unauthenticated | Code::PermissionDenied => ErrorKind::Unauthorized,
        Code::ResourceExhausted if is_of_the_day(said.message) => ErrorKind::Exhausted,
        Code::ResourceExhausted => ErrorKind::Limited(said.retry),
        // A stream that was idle or old.
        Code::Aborted | Code::Cancelled => ErrorKind::Closed,
        Code::OutOfRange if is_of_the_stream(said.message) => ErrorKind::Closed,
        Code::DeadlineExceeded => ErrorKind::TimedOut,
        Code::Unavailable | Code::Internal | Code::Unknown | Code::DataLoss => ErrorKind::Unreachable,
        Code::FailedPrecondition if said.message.contains("billing") => ErrorKind::Exhausted,
        _ => ErrorKind::Rejected,
    }
}

/// A quota that will not be there again in this call: of a day or a month, or one that needs a payment.
fn is_of_the_day(message: &str) -> bool {
    let message = message.to_lowercase();
    ["per day", "per month", "billing", "credit"].iter().any(|word| message.contains(word))
}

/// "Exceeded maximum allowed stream duration of 305 seconds.", "Audio Timeout Error: Long duration elapsed without audio."
fn is_of_the_stream(message: &str) -> bool {
    let message = message.to_lowercase();
    message.contains("stream duration") || message.contains("timeout")
}

fn reason(code: Code, said: &Said<'_>) -> String {
    let message = if said.message.is_empty() { code.description() } else { said.message };
    if said.reason.is_empty() { message.to_owned() } else { format!("{message} ({})", said.reason) }
}

/// `3.5s` of JSON's durations.
fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.strip_suffix('s')?.parse().ok()?).ok()
}

fn code(name: &str) -> Option<Code> {
    Some(match name {
        "CANCELLED" => Code::Cancelled,
        "UNKNOWN" => Code::Unknown,
        "INVALID_ARGUMENT" => Code::InvalidArgument,
        "DEADLINE_EXCEEDED" => Code::DeadlineExceeded,
        "NOT_FOUND" => Code::NotFound,
        "PERMISSION_DENIED" => Code::PermissionDenied,
        "RESOURCE_EXHAUSTED" => Code::ResourceExhausted,
        "FAILED_PRECONDITION" => Code::FailedPrecondition,
        "ABORTED" => Code::Aborted,
        "OUT_OF_RANGE" => Code::OutOfRange,
        "UNIMPLEMENTED" => Code::Unimplemented,
        "INTERNAL" => Code::Internal,
        "UNAVAILABLE" => Code::Unavailable,
        "DATA_LOSS" => Code::DataLoss,
        "UNAUTHENTICATED" => Code::Unauthenticated,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_code_has_a_meaning() {
        let minute = "Quota exceeded for quota metric 'Requests' and limit 'Requests per minute'";
        let day = "Quota exceeded for quota metric 'Audio' and limit 'Audio seconds per day'";
        let cases = [
            (Code::InvalidArgument, "Invalid resource field value", ErrorKind::Rejected),
            (Code::NotFound, "no such recognizer", ErrorKind::Rejected),
            (Code::FailedPrecondition, "the model is deprecated", ErrorKind::Rejected),
            (Code::FailedPrecondition, "requires billing to be enabled", ErrorKind::Exhausted),
            (Code::Unimplemented, "", ErrorKind::Rejected),
            (Code::OutOfRange, "Exceeded maximum allowed stream duration of 305 seconds.", ErrorKind::Closed),
            (Code::OutOfRange, "sample rate out of range", ErrorKind::Rejected),
            (Code::Aborted, "Stream timed out after receiving no more client requests.", ErrorKind::Closed),
            (Code::Cancelled, "", ErrorKind::Closed),
            (Code::ResourceExhausted, minute, ErrorKind::Limited(None)),
            (Code::ResourceExhausted, day, ErrorKind::Exhausted),
            (Code::Unauthenticated, "", ErrorKind::Unauthorized),
            (Code::PermissionDenied, "", ErrorKind::Unauthorized),
            (Code::Unavailable, "", ErrorKind::Unreachable),
            (Code::Internal, "", ErrorKind::Unreachable),
            (Code::Unknown, "", ErrorKind::Unreachable),
            (Code::DeadlineExceeded, "", ErrorKind::TimedOut),
        ];
        for (code, message, expected) in cases {
            assert_eq!(grpc(&tonic::Status::new(code, message)).kind, expected, "{code:?}: {message}");
        }
    }

    #[test]
    fn the_details_of_a_status_say_when_to_come_back_and_that_the_key_is_wrong() {
        let any = |name: &str, value: Vec<u8>| AnyDetail {
            type_url: format!("type.googleapis.com/google.rpc.{name}"),
            value,
        };
        let retry = RetryInfo { retry_delay: Some(ProtoDuration { seconds: 3, nanos: 0 }) };
        let details = RichStatus { details: vec![any("RetryInfo", retry.encode_to_vec())] };
        let status =
            tonic::Status::with_details(Code::ResourceExhausted, "slow down", details.encode_to_vec().into());
        assert_eq!(grpc(&status).kind, ErrorKind::Limited(Some(Duration::from_secs(3))));

        let info = ErrorInfo { reason: "API_KEY_INVALID".to_owned() };
        let details = RichStatus { details: vec![any("ErrorInfo", info.encode_to_vec())] };
        let status = tonic::Status::with_details(
            Code::InvalidArgument,
            "API key not valid",
            details.encode_to_vec().into(),
        );
        assert_eq!(grpc(&status).kind, ErrorKind::Unauthorized);
        assert_eq!(grpc(&status).reason, "API key not valid (API_KEY_INVALID)");

        let unreadable = tonic::Status::with_details(Code::Aborted, "", vec![0xFF].into());
        assert_eq!(grpc(&unreadable).kind, ErrorKind::Closed);
    }

    #[test]
    fn refusals_over_rest_are_read_alike() {
        let limited = r#"{"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED","details":[
            {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"3.5s"}]}}"#;
        assert_eq!(rest(429, None, limited).kind, ErrorKind::Limited(Some(Duration::from_millis(3500))));
        let key = r#"{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT","details":[
            {"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}"#;
        assert_eq!(rest(400, None, key).kind, ErrorKind::Unauthorized);
        let billing = r#"{"error":{"code":403,"message":"This API method requires billing to be enabled.","status":"PERMISSION_DENIED",
            "details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"BILLING_DISABLED"}]}}"#;
        assert_eq!(rest(403, None, billing).kind, ErrorKind::Exhausted);
        assert_eq!(rest(502, None, "<html>").kind, ErrorKind::Unreachable);
        assert_eq!(rest(503, None, "").kind, ErrorKind::Limited(None));
    }
}
