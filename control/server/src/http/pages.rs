//! Pages and scripts from the binary, and the answers to paths that are not ours.

use axum::extract::OriginalUri;
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Redirect, Response};
use control_api::problem;
use domain::SessionId;

use super::Answer;
use super::extract::Path;
use crate::assets;
use crate::error::Error;
use crate::openapi;

pub(crate) async fn home(headers: HeaderMap) -> Answer<Response> {
    found(assets::page("index.html", &headers), "/")
}

/// Where calls were read before there was a console; addresses that people kept still lead there.
pub(crate) async fn calls() -> Redirect {
    Redirect::permanent("/console/calls")
}

pub(crate) async fn call(Path(id): Path<SessionId>) -> Redirect {
    Redirect::permanent(&format!("/console/calls/{id}"))
}

/// The console's script finds its page by the address, and says so where there is none.
pub(crate) async fn console(headers: HeaderMap) -> Answer<Response> {
    found(assets::console(&headers), "/console")
}

pub(crate) async fn console_asset(Path(file): Path<String>, headers: HeaderMap) -> Answer<Response> {
    found(assets::console_asset(&file, &headers), &file)
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

/// The document, as it was made when the server began.
pub(crate) async fn document() -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")];
    (headers, openapi::json()).into_response()
}

/// The document to read: no script of another host, which our pages' policy forbids.
pub(crate) async fn docs(headers: HeaderMap) -> Answer<Response> {
    found(assets::manual_page("API", &openapi::markdown(), &headers), "/docs")
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
