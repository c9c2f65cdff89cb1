//! Calls over a WebSocket: Pipecat's frames, and carriers' media streams. Everything is decided before the upgrade, so that
//! a refusal is an HTTP answer with a code. Who comes back to a call is a page as a rule, and browsers hide that answer:
//! a refused return is opened and closed with 4000 + the status, and the code as the reason.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use control_api::problem;
use domain::ProviderAccountId;

use super::extract::{Path, Query, Visitor};
use super::offer::{Named, admit};
use super::{Answer, Shared};
use crate::app::ctx::missing;
use crate::app::{access, carriers};
use crate::error::Error;
use crate::middleware;
use crate::ports::{Accept, Announced, Framing};

/// How long the far end may take to read why it was refused.
const GOODBYE: Duration = Duration::from_secs(2);

/// Whose media streams are understood.
#[derive(Clone, Copy, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Carrier {
    Twilio,
    Telnyx,
}

impl Carrier {
    const fn framing(self) -> Framing {
        match self {
            Self::Twilio => Framing::Twilio,
            Self::Telnyx => Framing::Telnyx,
        }
    }
}

pub(crate) type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

pub(crate) async fn pipecat(
    server: Shared,
    visitor: Visitor,
    Query(named): Query<Named>,
    upgrade: Upgrade,
) -> Answer<Response> {
    open(&server, visitor, named, Framing::Pipecat, upgrade).await
}

pub(crate) async fn carrier(
    server: Shared,
    visitor: Visitor,
    Path(carrier): Path<Carrier>,
    Query(named): Query<Named>,
    upgrade: Upgrade,
) -> Answer<Response> {
    let named = Named { agent: named.agent, token: named.token, ..Named::default() };
    open(&server, visitor, named, carrier.framing(), upgrade).await
}

pub(crate) async fn carrier_agent(
    server: Shared,
    visitor: Visitor,
    Path((carrier, agent)): Path<(Carrier, String)>,
    upgrade: Upgrade,
) -> Answer<Response> {
    if agent.parse::<ProviderAccountId>().is_ok() {
        return announced(&server, &agent, carrier.framing(), upgrade).await;
    }
    let named = Named { agent: Some(agent), ..Named::default() };
    open(&server, visitor, named, carrier.framing(), upgrade).await
}

/// The audio of a call that a carrier has announced. The stream itself brings its token, after the upgrade.
async fn announced(server: &Shared, id: &str, framing: Framing, upgrade: Upgrade) -> Answer<Response> {
    let upgrade = upgrading(upgrade, server.ports.calls.longest_message_bytes())?;
    let (account, known) = carriers::account(server, id).await?;
    if known != framing {
        return Err(missing("account at this carrier", id));
    }
    let (asked, whose) = (Arc::clone(&server.0), (account.id, account.org));
    let admit = Box::new(move |token: &str, call: &str| carriers::admitted(&asked, whose, call, token));
    let accept = server.ports.calls.announced(Announced { account, framing, admit })?;
    Ok(upgrade.on_upgrade(accept))
}

/// What clients send over it has at most so many bytes a message.
pub(crate) fn upgrading(upgrade: Upgrade, limit: usize) -> Answer<WebSocketUpgrade> {
    let upgrade =
        upgrade.map_err(|rejection| Error::new(&problem::UPGRADE_REQUIRED, rejection.body_text()))?;
    Ok(upgrade.max_message_size(limit).max_frame_size(limit))
}

pub(crate) async fn carrier_token(
    server: Shared,
    visitor: Visitor,
    Path((carrier, agent, token)): Path<(Carrier, String, String)>,
    upgrade: Upgrade,
) -> Answer<Response> {
    let named = Named { agent: Some(agent), token: Some(token), ..Named::default() };
    open(&server, visitor, named, carrier.framing(), upgrade).await
}

async fn open(
    server: &Shared,
    mut visitor: Visitor,
    named: Named,
    framing: Framing,
    upgrade: Upgrade,
) -> Answer<Response> {
    let upgrade = upgrading(upgrade, server.ports.calls.longest_message_bytes())?
        .on_failed_upgrade(|error| tracing::debug!(%error, "the upgrade failed"));
    access::recognise(server, &mut visitor.client).await;
    let returns = named.resume.is_some();
    match accept(server, &visitor, named, framing).await {
        Ok(accept) => Ok(upgrade.on_upgrade(accept)),
        Err(error) if returns => Ok(upgrade.on_upgrade(move |socket| refuse(socket, error))),
        Err(error) => Err(error),
    }
}

async fn accept(server: &Shared, visitor: &Visitor, named: Named, framing: Framing) -> Answer<Accept> {
    let call = admit(server, visitor, named)?;
    if !call.resumes {
        server.ports.calls.prepare(&call.agent).await?;
    }
    Ok(server.ports.calls.socket(call, framing)?)
}

async fn refuse(mut socket: WebSocket, error: Error) {
    middleware::problem::count(&error);
    let code = 4000 + error.definition.status;
    let reason = error.definition.code().0.into();
    let goodbye = async {
        socket.send(Message::Close(Some(CloseFrame { code, reason }))).await?;
        // Until the far end has read it: what it still sends would be answered by a reset, which takes the goodbye along.
        while let Some(Ok(_)) = socket.recv().await {}
        Ok::<(), axum::Error>(())
    };
    let _gone = tokio::time::timeout(GOODBYE, goodbye).await;
}
