//! Deepgram: `v1/listen` and `v1/speak`.

mod listen;
mod speak;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

use crate::Stage;

pub(crate) fn router(stage: Stage) -> Router {
    Router::new().route("/v1/listen", get(listening)).route("/v1/speak", get(speaking)).with_state(stage)
}

#[derive(Deserialize)]
struct Audio {
    sample_rate: u32,
}

async fn listening(
    upgrade: WebSocketUpgrade,
    State(stage): State<Stage>,
    Query(audio): Query<Audio>,
) -> Response {
    upgrade.on_upgrade(move |socket| listen::run(socket, audio.sample_rate, stage.delays()))
}

async fn speaking(
    upgrade: WebSocketUpgrade,
    State(stage): State<Stage>,
    Query(audio): Query<Audio>,
) -> Response {
    upgrade.on_upgrade(move |socket| speak::run(socket, audio.sample_rate, stage.delays()))
}
