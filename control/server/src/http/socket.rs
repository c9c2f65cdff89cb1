//! Calls over a WebSocket: Pipecat's frames, and carriers' media streams. Everything is decided before the upgrade, so that
//! a refusal is an HTTP answer with a code.

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::response::Response;
use control_api::problem;

use super::extract::{Path, Query, Visitor};
use super::offer::{Named, admit};
use super::{Answer, Shared};
use crate::error::Error;
use crate::ports::Framing;

type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

pub(crate) async fn pipecat(
    server: Shared,
    visitor: Visitor,
    Query(named): Query<Named>,
    upgrade: Upgrade,
) -> Answer<Response> {
    open(&server, &visitor, named, Framing::Pipecat, upgrade)
}

pub(crate) async fn twilio(
    server: Shared,
    visitor: Visitor,
    Query(named): Query<Named>,
    upgrade: Upgrade,
) -> Answer<Response> {
    let named = Named { agent: named.agent, token: named.token, ..Named::default() };
    open(&server, &visitor, named, Framing::Twilio, upgrade)
}

pub(crate) async fn twilio_agent(
    server: Shared,
    visitor: Visitor,
    Path(agent): Path<String>,
    upgrade: Upgrade,
) -> Answer<Response> {
    open(&server, &visitor, Named { agent: Some(agent), ..Named::default() }, Framing::Twilio, upgrade)
}

pub(crate) async fn twilio_token(
    server: Shared,
    visitor: Visitor,
    Path((agent, token)): Path<(String, String)>,
    upgrade: Upgrade,
) -> Answer<Response> {
    let named = Named { agent: Some(agent), token: Some(token), ..Named::default() };
    open(&server, &visitor, named, Framing::Twilio, upgrade)
}

fn open(
    server: &Shared,
    visitor: &Visitor,
    named: Named,
    framing: Framing,
    upgrade: Upgrade,
) -> Answer<Response> {
    let upgrade =
        upgrade.map_err(|rejection| Error::new(&problem::UPGRADE_REQUIRED, rejection.body_text()))?;
    let call = admit(server, visitor, named)?;
    let accept = server.ports.calls.socket(call, framing)?;
    let limit = server.options.socket_message_bytes;
    let upgrade = upgrade.max_message_size(limit).max_frame_size(limit);
    Ok(upgrade.on_failed_upgrade(|error| tracing::debug!(%error, "the upgrade failed")).on_upgrade(accept))
}
