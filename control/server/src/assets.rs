//! The built pages and the widget, inside the binary. Built from `web/`; in debug builds they are read from disk at each request.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use control_api::Problem;
use rust_embed::{Embed, EmbeddedFile};
use sha2::{Digest, Sha256};

use crate::manual;

#[derive(Embed)]
#[folder = "../../web/pages/dist"]
struct Pages;

#[derive(Embed)]
#[folder = "../../web/widget/dist"]
struct Widget;

#[derive(Embed)]
#[folder = "../../web/console/dist"]
struct Console;

#[derive(Embed)]
#[folder = "../../docs/errors"]
struct Errors;

/// How long a browser may use its copy without asking.
#[derive(Clone, Copy)]
pub(crate) enum Keep {
    /// The name changes with the content.
    Forever,
    /// Ask each time; unchanged costs one small answer.
    Revalidate,
}

pub(crate) fn page(name: &str, request: &HeaderMap) -> Option<Response> {
    Pages::get(name).map(|file| serve(file, Keep::Revalidate, request))
}

pub(crate) fn asset(name: &str, request: &HeaderMap) -> Option<Response> {
    Pages::get(&format!("assets/{name}")).map(|file| serve(file, Keep::Forever, request))
}

pub(crate) fn console(request: &HeaderMap) -> Option<Response> {
    Console::get("index.html").map(|file| serve(file, Keep::Revalidate, request))
}

pub(crate) fn console_asset(name: &str, request: &HeaderMap) -> Option<Response> {
    Console::get(&format!("assets/{name}")).map(|file| serve(file, Keep::Forever, request))
}

pub(crate) fn widget(request: &HeaderMap) -> Option<Response> {
    let mut response = Widget::get("widget.js").map(|file| serve(file, Keep::Revalidate, request))?;
    // Loaded by pages elsewhere, that is its purpose; module scripts and integrity attributes need the first of these.
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
    Some(response)
}

/// How a program that asks for text names it.
const MARKDOWN: &str = "text/markdown";
const PLAIN: &str = "text/plain";

/// The page of an error code, or the list of all (`README`): HTML, or its Markdown for a program that asks for text.
pub(crate) fn error_page(name: &str, request: &HeaderMap) -> Option<Response> {
    let file = Errors::get(&format!("{name}.md"))?;
    let title = if name == "README" { "Errors" } else { name };
    let text = if accepts(request, MARKDOWN) { MARKDOWN } else { PLAIN };
    let wants_text = !wants_page(request) && accepts(request, text);
    let html = if wants_text { None } else { in_frame(title, &file) };
    let mut response = match html {
        Some(page) => {
            let tag = tag(&Sha256::digest(page.as_bytes()));
            send(page.into_bytes(), "text/html; charset=utf-8", tag, Keep::Revalidate, request)
        }
        None => {
            let tag = tag(&file.metadata.sha256_hash());
            let kind = format!("{text}; charset=utf-8");
            send(file.data.into_owned(), &kind, tag, Keep::Revalidate, request)
        }
    };
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    Some(response)
}

/// Text of ours in the pages' frame.
pub(crate) fn manual_page(title: &str, markdown: &str, request: &HeaderMap) -> Option<Response> {
    let page = manual::page(&frame()?, title, markdown)?;
    let tag = tag(&Sha256::digest(page.as_bytes()));
    Some(send(page.into_bytes(), "text/html; charset=utf-8", tag, Keep::Revalidate, request))
}

/// What a problem says, as a page.
pub(crate) fn problem_page(problem: &Problem) -> Option<String> {
    manual::problem(&frame()?, problem)
}

fn in_frame(title: &str, file: &EmbeddedFile) -> Option<String> {
    manual::page(&frame()?, title, std::str::from_utf8(&file.data).ok()?)
}

fn frame() -> Option<String> {
    String::from_utf8(Pages::get("manual.html")?.data.into_owned()).ok()
}

/// Browsers name HTML when somebody opens an address; programs and the pages' own scripts do not.
pub(crate) fn wants_page(request: &HeaderMap) -> bool {
    accepts(request, "text/html")
}

fn accepts(request: &HeaderMap, kind: &str) -> bool {
    let accepted = request.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains(kind))
}

fn serve(file: EmbeddedFile, keep: Keep, request: &HeaderMap) -> Response {
    let tag = tag(&file.metadata.sha256_hash());
    let mime = file.metadata.mimetype();
    let kind = if mime.starts_with("text/") && !mime.contains("charset") {
        format!("{mime}; charset=utf-8")
    } else {
        mime.to_owned()
    };
    send(file.data.into_owned(), &kind, tag, keep, request)
}

fn tag(hash: &[u8]) -> String {
    hash[..16].iter().fold(String::from("\""), |tag, byte| tag + &format!("{byte:02x}")) + "\""
}

fn send(body: Vec<u8>, kind: &str, tag: String, keep: Keep, request: &HeaderMap) -> Response {
    let unchanged = request
        .get(header::IF_NONE_MATCH)
        .and_then(|known| known.to_str().ok())
        .is_some_and(|known| known.contains(&tag));
    let mut response =
        if unchanged { StatusCode::NOT_MODIFIED.into_response() } else { Body::from(body).into_response() };
    let cache = match keep {
        Keep::Forever => "public, max-age=31536000, immutable",
        Keep::Revalidate => "no-cache",
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    for (name, value) in [(header::ETAG, tag.as_str()), (header::CONTENT_TYPE, kind)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    response
}
