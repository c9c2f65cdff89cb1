//! `google.cloud.speech.v2.Speech/StreamingRecognize`, over HTTP/2: a word for every 300 ms of voice, interims as it goes, a final at each
//! longer pause and, exactly late, when the client ends the stream.

mod recognition;
mod wire;

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use http_body::Frame;
use prost::Message;
use providers_api::conformance::Adversity;

use super::is_authorized;
use crate::Stage;

/// Codes of gRPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Code {
    Ok = 0,
    InvalidArgument = 3,
    ResourceExhausted = 8,
    Aborted = 10,
    OutOfRange = 11,
    Unavailable = 14,
    Unauthenticated = 16,
}

/// How a call ends.
#[derive(Debug)]
struct Status {
    code: Code,
    message: String,
    retry_in_seconds: Option<i64>,
}

impl Status {
    fn new(code: Code, message: &str) -> Self {
        Self { code, message: message.to_owned(), retry_in_seconds: None }
    }

    fn trailers(&self) -> HeaderMap {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from(self.code as u16));
        if let Ok(message) = HeaderValue::from_str(&self.message) {
            trailers.insert("grpc-message", message);
        }
        if let Some(seconds) = self.retry_in_seconds {
            let retry = wire::Retry { delay: Some(wire::Span { seconds, nanos: 0 }) };
            let details = vec![wire::Detail {
                type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
                value: retry.encode_to_vec(),
            }];
            let rich = wire::Rich { code: self.code as i32, message: self.message.clone(), details };
            let encoded = STANDARD_NO_PAD.encode(rich.encode_to_vec());
            if let Ok(details) = HeaderValue::from_str(&encoded) {
                trailers.insert("grpc-status-details-bin", details);
            }
        }
        trailers
    }

    /// A call that is refused has no body: its trailers are its headers.
    fn refusal(&self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.headers_mut() = self.trailers();
        response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
        response
    }
}

pub(super) fn router(stage: Stage) -> Router {
    Router::new()
        .route("/google.cloud.speech.v2.Speech/StreamingRecognize", post(streaming_recognize))
        .with_state(stage)
}

async fn streaming_recognize(State(stage): State<Stage>, headers: HeaderMap, body: Body) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !header("content-type").starts_with("application/grpc") || header("te") != "trailers" {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let fate = stage.fate();
    if !is_authorized(&headers) {
        let why = "Request is missing required authentication credential.";
        return Status::new(Code::Unauthenticated, why).refusal();
    }
    if let Some(status) = fate.and_then(refusal) {
        return status.refusal();
    }
    if fate == Some(Adversity::Hang) {
        return std::future::pending().await;
    }
    let routed = header("x-goog-request-params").to_owned();
    let recognition = recognition::Recognition::new(stage, fate, routed, body.into_data_stream().boxed());
    let frames = stream::unfold(recognition, |mut recognition| async move {
        recognition.next().await.map(|frame| (frame, recognition))
    });
    let mut response = Response::new(Body::new(Answer(frames.boxed())));
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    response
}

fn refusal(fate: Adversity) -> Option<Status> {
    let minute = "Quota exceeded for quota metric 'Requests' and limit 'Requests per minute'.";
    let day = "Quota exceeded for quota metric 'Audio' and limit 'Audio seconds per day'.";
    Some(match fate {
        Adversity::Unauthorized => Status::new(Code::Unauthenticated, "Invalid credentials."),
        Adversity::Exhausted => Status::new(Code::ResourceExhausted, day),
        Adversity::Limited => {
            Status { retry_in_seconds: Some(3), ..Status::new(Code::ResourceExhausted, minute) }
        }
        Adversity::Overloaded => Status::new(Code::Unavailable, "The service is unavailable."),
        Adversity::Rejected => Status::new(Code::InvalidArgument, "Invalid resource field value."),
        _ => return None,
    })
}

/// The body of an answer: messages, then how the call ended.
struct Answer(BoxStream<'static, Result<Frame<Bytes>, std::io::Error>>);

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        self.0.poll_next_unpin(context)
    }
}
