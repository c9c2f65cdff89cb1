//! `POST /start`.

use axum::Json as Body;
use control_api::start::{IceConfig, StartAnswer, StartRequest, Transport};
use domain::SessionId;

use super::extract::{Json, Query, Visitor, agent};
use super::{Answer, Shared};
use crate::Server;
use crate::app::access;

#[derive(serde::Deserialize)]
pub(crate) struct Named {
    agent: Option<String>,
    token: Option<String>,
}

/// Where to connect. Nothing is reserved yet: a client that never comes takes no slot.
pub(crate) async fn start(
    server: Shared,
    visitor: Visitor,
    Query(query): Query<Named>,
    Json(request): Json<StartRequest>,
) -> Answer<Body<StartAnswer>> {
    let agent = agent(&server, [request.body.agent, query.agent]);
    let token = request.body.token.or(query.token).or_else(|| visitor.bearer.clone());
    access::may_call(&server, &visitor.client, &agent, token.as_deref())?;
    server.ports.calls.start(&agent)?;
    let session = SessionId::generate();
    server.starts.insert(
        session,
        agent,
        access::later(server.ports.clock.now(), server.options.token_ttl_seconds),
    );
    Ok(Body(match request.transport {
        Transport::WebSocket => {
            StartAnswer::WebSocket { ws_url: socket_url(&server, &visitor, session), token: None }
        }
        Transport::WebRtc => {
            StartAnswer::WebRtc { session_id: session.to_string(), ice_config: ice(&server) }
        }
    }))
}

/// The session's id in the URL is the permission: it was given to this client and is forgotten soon.
fn socket_url(server: &Server, visitor: &Visitor, session: SessionId) -> String {
    let base = match &server.options.public_url {
        Some(url) => url.trim_end_matches('/').replacen("http", "ws", 1),
        None => format!("{}://{}", if visitor.secure { "wss" } else { "ws" }, visitor.client.host),
    };
    format!("{base}{}?session={session}", control_api::paths::SOCKET)
}

fn ice(server: &Server) -> Option<IceConfig> {
    let servers = &server.options.ice_servers;
    (!servers.is_empty()).then(|| IceConfig { ice_servers: servers.clone() })
}
