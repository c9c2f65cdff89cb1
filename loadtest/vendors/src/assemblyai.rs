//! AssemblyAI's streaming API, v3, under `/assemblyai`.

mod session;

use std::collections::HashMap;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use providers_api::conformance::Adversity;

use crate::Stage;

const VENDOR: &str = "assemblyai";

pub(crate) fn router(stage: Stage) -> Router {
    Router::new().route("/v3/ws", get(streaming)).with_state(stage)
}

/// The service takes every socket, and says in it what is wrong.
async fn streaming(
    State(stage): State<Stage>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let fate = stage.fate();
    if fate == Some(Adversity::Hang) {
        return std::future::pending().await;
    }
    let has_key =
        headers.get("authorization").is_some_and(|key| !key.is_empty()) || query.contains_key("token");
    let opening = if has_key { session::Setup::read(&query) } else { Err(session::unauthorized()) };
    upgrade.on_upgrade(move |socket| session::run(socket, stage, fate, opening))
}
