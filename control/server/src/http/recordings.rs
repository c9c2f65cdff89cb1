//! `GET /v1/sessions/{id}/recordings`, and the files themselves, whole or in ranges.

use axum::Json as Body;
use axum::body::Body as Bytes;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use control_api::recording::Recordings;
use control_api::{paths, problem};

use super::documented::FindRecording;
use super::extract::{Path, Query};
use super::{Answer, Shared};
use crate::app::ctx::Ctx;
use crate::app::recordings::{self, Wanted};
use crate::error::Error;

#[derive(serde::Deserialize)]
pub(crate) struct As {
    /// Anything but nothing and `0`: to be kept as a file.
    #[serde(default)]
    download: String,
}

/// Both legs, part by part; so far, where the call is under way.
#[utoipa::path(get, path = paths::SESSION_RECORDINGS, operation_id = "list_recordings", tag = "sessions", params(("id" = String, Path, description = "The call's id")),
    responses((status = 200, description = "The caller's parts, then the agent's", body = Recordings), FindRecording))]
pub(crate) async fn list(server: Shared, ctx: Ctx, Path(id): Path<String>) -> Answer<Body<Recordings>> {
    Ok(Body(recordings::list(&ctx, &server, &id).await?))
}

/// One file, whole or a range of it.
#[utoipa::path(get, path = paths::SESSION_RECORDING, operation_id = "get_recording", tag = "sessions",
    params(("id" = String, Path, description = "The call's id"), ("file" = String, Path, description = "Such as `caller-1.ogg`"),
        ("download" = Option<String>, Query, description = "Anything but `0`: to be kept as a file"),
        ("range" = Option<String>, Header, description = "Such as `bytes=0-65535`")),
    responses((status = 200, description = "The file", content_type = "audio/ogg", body = Vec<u8>), (status = 206, description = "A range of it"),
        (status = 304, description = "As it was"), FindRecording))]
pub(crate) async fn file(
    server: Shared,
    ctx: Ctx,
    Path((id, file)): Path<(String, String)>,
    Query(wish): Query<As>,
    method: Method,
    request: HeaderMap,
) -> Answer<Response> {
    let (session, name, found) = recordings::open(&ctx, &server, &id, &file).await?;
    let tag = format!("\"{}\"", found.tag);
    let mut response = if names(&request, header::IF_NONE_MATCH, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let range = range(&method, &request, &tag);
        let length = found.length;
        match recordings::wanted(range, length) {
            Wanted::All => part(StatusCode::OK, (found.read)(0..length), length),
            Wanted::Part(range) => {
                let said = format!("bytes {}-{}/{length}", range.start, range.end.saturating_sub(1));
                let size = range.end - range.start;
                let response = part(StatusCode::PARTIAL_CONTENT, (found.read)(range), size);
                with(response, header::CONTENT_RANGE, &said)
            }
            Wanted::Nothing => {
                let detail = format!("the recording has {length} bytes; the range asks for others");
                let refused = Error::new(&problem::RANGE_UNSATISFIABLE, detail).into_response();
                return Ok(with(refused, header::CONTENT_RANGE, &format!("bytes */{length}")));
            }
        }
    };
    if !matches!(wish.download.as_str(), "" | "0") {
        let named = format!("attachment; filename=\"{session}-{name}\"");
        response = with(response, header::CONTENT_DISPOSITION, &named);
    }
    for (header, value) in [
        (header::CONTENT_TYPE, name.container.content_type()),
        (header::ACCEPT_RANGES, "bytes"),
        (header::ETAG, &tag),
        (header::CACHE_CONTROL, "private, no-cache"),
    ] {
        response = with(response, header, value);
    }
    Ok(response)
}

/// The range that counts: of a GET, and of the file as the client knows it.
fn range<'a>(method: &Method, request: &'a HeaderMap, tag: &str) -> Option<&'a str> {
    let same = !request.contains_key(header::IF_RANGE)
        || request.get(header::IF_RANGE).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let range = request.get(header::RANGE).filter(|_| *method == Method::GET && same)?;
    range.to_str().ok()
}

fn names(request: &HeaderMap, header: header::HeaderName, tag: &str) -> bool {
    let known = request.get(header).and_then(|known| known.to_str().ok()).unwrap_or_default();
    known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag)
}

fn part(
    status: StatusCode,
    bytes: futures::stream::BoxStream<'static, std::io::Result<bytes::Bytes>>,
    length: u64,
) -> Response {
    let mut response = (status, Bytes::from_stream(bytes)).into_response();
    response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    response
}

fn with(mut response: Response, name: header::HeaderName, value: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}
