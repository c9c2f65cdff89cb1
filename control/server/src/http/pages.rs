//! Pages and scripts from the binary, and the answers to paths that are not ours.

use axum::extract::OriginalUri;
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use control_api::problem;

use super::Answer;
use super::extract::Path;
use crate::assets;
use crate::error::Error;

pub(crate) async fn home(headers: HeaderMap) -> Answer<Response> {
    found(assets::page("index.html", &headers), "/")
}

pub(crate) async fn calls(headers: HeaderMap) -> Answer<Response> {
    found(assets::page("calls.html", &headers), "/calls")
}

/// The page asks for the call itself and says so when there is none.
pub(crate) async fn call(headers: HeaderMap) -> Answer<Response> {
    found(assets::page("call.html", &headers), "/calls")
}

pub(crate) async fn widget(headers: HeaderMap) -> Answer<Response> {
    found(assets::widget(&headers), "/widget.js")
}

pub(crate) async fn asset(Path(file): Path<String>, headers: HeaderMap) -> Answer<Response> {
    found(assets::asset(&file, &headers), &file)
}

pub(crate) async fn errors(headers: HeaderMap) -> Answer<Response> {
    found(assets::error_page("README", &headers), "/docs/errors")
}

pub(crate) async fn error(Path(code): Path<String>, headers: HeaderMap) -> Answer<Response> {
    found(assets::error_page(&code, &headers), &code)
}

pub(crate) async fn unknown(OriginalUri(uri): OriginalUri) -> Error {
    Error::new(&problem::PATH_UNKNOWN, format!("there is nothing at {}", uri.path()))
}

pub(crate) async fn method_unknown(method: Method, OriginalUri(uri): OriginalUri) -> Error {
    Error::new(&problem::METHOD_UNKNOWN, format!("{} does not answer {method}", uri.path()))
}

fn found(response: Option<Response>, what: &str) -> Answer<Response> {
    response.ok_or_else(|| Error::new(&problem::PATH_UNKNOWN, format!("there is nothing at {what}")))
}
