//! `oauth2.googleapis.com/token`: exchanges the assertion of a service account for a token. Looks at everything but the signature, since it
//! knows no accounts. What goes wrong next is meant for the services, so this asks for no fate.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{TOKEN_PREFIX, VENDOR};
use crate::Stage;

pub(super) fn router(stage: Stage) -> Router {
    Router::new().route("/token", post(exchange)).with_state(stage)
}

#[derive(Deserialize)]
struct Exchange {
    grant_type: String,
    assertion: String,
}

async fn exchange(State(stage): State<Stage>, Form(exchange): Form<Exchange>) -> Response {
    if exchange.grant_type != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
        return denied("unsupported_grant_type", "Invalid grant_type");
    }
    match read(&exchange.assertion).and_then(|(header, claims)| judge(&header, &claims).map(|()| claims)) {
        Ok(claims) => {
            stage.note(VENDOR, "token", claims);
            let token = format!("{TOKEN_PREFIX}timed");
            Json(json!({ "access_token": token, "expires_in": 3599, "token_type": "Bearer" })).into_response()
        }
        Err(why) => denied("invalid_grant", why),
    }
}

fn read(assertion: &str) -> Result<(Value, Value), &'static str> {
    let parts: Vec<&str> = assertion.split('.').collect();
    let [header, claims, signature] = parts.as_slice() else { return Err("Invalid JWT: Wrong segments") };
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| "Invalid JWT: no base64");
    let json =
        |part: &str| serde_json::from_slice::<Value>(&decode(part)?).map_err(|_| "Invalid JWT: no JSON");
    // RSA with 2048 bits or more.
    if decode(signature)?.len() < 256 {
        return Err("Invalid JWT Signature.");
    }
    Ok((json(header)?, json(claims)?))
}

fn judge(header: &Value, claims: &Value) -> Result<(), &'static str> {
    let seconds = |name: &str| claims[name].as_i64().unwrap_or_default();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()) as i64;
    if header["alg"] != "RS256" || header["kid"].as_str().is_none_or(str::is_empty) {
        return Err("Invalid JWT Signature.");
    }
    if claims["aud"] != "https://oauth2.googleapis.com/token" {
        return Err("Invalid JWT: Failed audience check.");
    }
    if !claims["scope"].as_str().is_some_and(|scope| scope.contains("cloud-platform")) {
        return Err("Invalid OAuth scope or ID token audience provided.");
    }
    if !claims["iss"].as_str().is_some_and(|iss| iss.ends_with(".iam.gserviceaccount.com")) {
        return Err("Invalid grant: account not found");
    }
    let (iat, exp) = (seconds("iat"), seconds("exp"));
    if (now - iat).abs() > 300 || exp <= now || exp - iat > 3_600 {
        return Err(
            "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.",
        );
    }
    Ok(())
}

fn denied(error: &str, why: &str) -> Response {
    let body = json!({ "error": error, "error_description": why });
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}
