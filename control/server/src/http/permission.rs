//! Tokens to call with, and the operator's sign-in.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json as Answered};
use control_api::paths;
use control_api::widget::{OperatorSignIn, TokenAnswer, TokenRequest};

use super::documented::{Permit, Public, SignIn};
use super::extract::{Json, OPERATOR_COOKIE, Visitor, agent};
use super::{Answer, Shared};
use crate::app::access::{self, Proof};
use crate::error::agent_unknown;
use crate::middleware::RequestId;

/// A token to start a call with, for the asking page or program.
#[utoipa::path(post, path = paths::WIDGET_TOKEN, operation_id = "create_call_token", tag = "widget", request_body = Option<TokenRequest>,
    security((), ("operator" = []), ("operator_cookie" = [])),
    responses((status = 200, description = "The token", body = TokenAnswer), Permit))]
pub(crate) async fn widget_token(
    server: Shared,
    mut visitor: Visitor,
    Json(request): Json<TokenRequest>,
) -> Answer<Answered<TokenAnswer>> {
    access::recognise(&server, &mut visitor.client).await;
    let agent = agent(&server, &visitor, [request.agent, None], None);
    access::may_name(&server, &visitor.client, &agent)?;
    server.ports.calls.prepare(&agent).await?;
    if !server.ports.calls.has(&agent) {
        return Err(agent_unknown(&agent));
    }
    let (token, expires) = access::call_token(&server, &visitor.client, &agent, request.ttl_s)?;
    let ice_servers = server.options.ice_for_caller(server.ports.clock.now());
    Ok(Answered(TokenAnswer { token, agent, expires_at: expires.to_string(), ice_servers }))
}

/// Signs a browser in as the operator: answers with a cookie that scripts cannot read and other sites cannot send.
#[utoipa::path(post, path = paths::OPERATOR_SESSION, operation_id = "sign_in", tag = "operator", request_body = OperatorSignIn, security(()),
    responses((status = 204, description = "Signed in", headers(("set-cookie" = String, description = "`foundry_operator`, for twelve hours"))), SignIn))]
pub(crate) async fn sign_in(
    server: Shared,
    visitor: Visitor,
    Extension(request_id): Extension<RequestId>,
    Json(request): Json<OperatorSignIn>,
) -> Answer<Response> {
    let proof = match &request {
        OperatorSignIn::Token(by) => Proof::Token(by.token.expose()),
        OperatorSignIn::Code(by) => Proof::Code(by.code.expose()),
    };
    let value = access::sign_in(&server, &visitor.client, &proof, &request_id.0).await?;
    Ok(cookie(&visitor, &value, access::OPERATOR_SESSION_SECONDS))
}

/// Signs the browser out.
#[utoipa::path(delete, path = paths::OPERATOR_SESSION, operation_id = "sign_out", tag = "operator", security(()),
    responses((status = 204, description = "Signed out"), Public))]
pub(crate) async fn sign_out(visitor: Visitor) -> Response {
    cookie(&visitor, "", 0)
}

fn cookie(visitor: &Visitor, value: &str, seconds: u64) -> Response {
    let secure = if visitor.secure { "; Secure" } else { "" };
    let cookie =
        format!("{OPERATOR_COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response()
}
