//! Tokens to call with, and the operator's sign-in.

use axum::Json as Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use control_api::problem;
use control_api::widget::{OperatorSignIn, TokenAnswer, TokenRequest};

use super::extract::{Json, OPERATOR_COOKIE, Visitor, agent};
use super::{Answer, Shared};
use crate::app::access;
use crate::error::Error;

pub(crate) async fn widget_token(
    server: Shared,
    visitor: Visitor,
    Json(request): Json<TokenRequest>,
) -> Answer<Body<TokenAnswer>> {
    let agent = agent(&server, [request.agent, None]);
    if !server.ports.calls.agents().iter().any(|known| known.name == agent) {
        return Err(Error::new(
            &problem::AGENT_UNKNOWN,
            format!("no agent is called {agent:?}; GET /v1/agents lists those there are"),
        ));
    }
    let (token, expires) = access::call_token(&server, &visitor.client, &agent, request.ttl_s)?;
    let ice_servers = server.options.ice_servers.clone();
    Ok(Body(TokenAnswer { token, agent, expires_at: expires.to_string(), ice_servers }))
}

/// Answers with a cookie that scripts cannot read and other sites cannot send.
pub(crate) async fn operator_session(
    server: Shared,
    visitor: Visitor,
    Json(request): Json<OperatorSignIn>,
) -> Answer<Response> {
    let value = access::sign_in(&server, &visitor.client, request.token.expose())?;
    let secure = if visitor.secure { "; Secure" } else { "" };
    let age = access::OPERATOR_SESSION_SECONDS;
    let cookie =
        format!("{OPERATOR_COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age}{secure}");
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}
