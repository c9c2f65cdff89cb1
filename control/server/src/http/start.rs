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

/// Where to connect. Nothing is reserved or stored: a client that never comes takes neither slot nor memory.
pub(crate) async fn start(
    server: Shared,
    mut visitor: Visitor,
    Query(query): Query<Named>,
    Json(request): Json<StartRequest>,
) -> Answer<Body<StartAnswer>> {
    access::recognise(&server, &mut visitor.client).await;
    let token = request.body.token.or(query.token).or_else(|| visitor.bearer.clone());
    let agent = agent(&server, &visitor, [request.body.agent, query.agent], token.as_deref());
    access::may_call(&server, &visitor.client, &agent, token.as_deref())?;
    server.ports.calls.prepare(&agent).await?;
    server.ports.calls.start(&agent)?;
    let expires = access::later(server.ports.clock.now(), server.options.token_ttl_seconds);
    let named = server.tokens.start(SessionId::generate(), &agent, expires);
    Ok(Body(match request.transport {
        Transport::WebSocket => {
            StartAnswer::WebSocket { ws_url: socket_url(&server, &visitor, &named), token: None }
        }
        Transport::WebRtc => StartAnswer::WebRtc { session_id: named, ice_config: ice(&server) },
    }))
}

/// The named session in the URL is the permission: it was given to this client and expires soon.
fn socket_url(server: &Server, visitor: &Visitor, named: &str) -> String {
    let base = match &server.options.public_url {
        Some(url) => url.replacen("http", "ws", 1),
        None => format!("{}://{}", if visitor.secure { "wss" } else { "ws" }, visitor.client.host),
    };
    format!("{base}{}?session={named}", control_api::paths::SOCKET)
}

fn ice(server: &Server) -> Option<IceConfig> {
    let ice_servers = server.options.ice_for_caller(server.ports.clock.now());
    (!ice_servers.is_empty()).then_some(IceConfig { ice_servers })
}
