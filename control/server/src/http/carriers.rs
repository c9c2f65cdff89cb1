//! What carriers say of calls: `POST /carriers/{account}/voice`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::RawQuery;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use control_api::{paths, problem};
use domain::ProviderAccountId;

use super::extract::{Path, Raw, Visitor};
use super::{Answer, Shared};
use crate::Server;
use crate::app::carriers as app;
use crate::error::Error;
use crate::ports::{Framing, Unheard, Webhook};

pub(crate) async fn voice(
    server: Shared,
    visitor: Visitor,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Answer<Response> {
    let (account, framing) = app::account(&server, &id).await?;
    let webhook = webhook(&server, &visitor, account, framing, query.as_deref(), headers, body);
    match server.ports.carriers.rings(webhook).await {
        Ok(reply) => Ok(([(header::CONTENT_TYPE, reply.content_type)], reply.body).into_response()),
        Err(Unheard::Forged(detail)) => Err(Error::new(&problem::WEBHOOK_UNSIGNED, detail)),
        Err(Unheard::Unreadable(detail)) => Err(Error::new(&problem::BODY_INVALID, detail)),
        Err(Unheard::Elsewhere(detail)) => Err(Error::new(&problem::CALL_ELSEWHERE, detail)),
        Err(Unheard::Failed(detail)) => Err(Error::new(&problem::VENDOR_FAILED, detail)),
    }
}

fn webhook(
    server: &Arc<Server>,
    visitor: &Visitor,
    account: crate::ports::Account,
    framing: Framing,
    query: Option<&str>,
    headers: HeaderMap,
    body: Bytes,
) -> Webhook {
    let id: ProviderAccountId = account.id;
    let named = base(server, visitor);
    let base = server.options.own_url.clone().unwrap_or_else(|| named.clone());
    let socket = base.replacen("http", "ws", 1);
    let carrier = if framing == Framing::Telnyx { "telnyx" } else { "twilio" };
    let stream = paths::CARRIER_AGENT.replace("{carrier}", carrier).replace("{agent}", &id.to_string());
    let permits = Arc::clone(server);
    Webhook {
        account,
        sent_to: [&base, &named].map(|base| sent_to(base, id, query)).into(),
        url: app::webhook(&base, id),
        headers,
        body,
        stream: format!("{socket}{stream}"),
        now: server.ports.clock.now(),
        permit: Arc::new(move |agent, call| app::permit(&permits, id, agent, call)),
    }
}

/// With what we gave along, which is signed as the rest of the address.
fn sent_to(base: &str, account: ProviderAccountId, query: Option<&str>) -> String {
    let url = app::webhook(base, account);
    query.map_or_else(|| url.clone(), |query| format!("{url}?{query}"))
}

/// How the carrier reaches us: as the operator says it, or as it says itself.
fn base(server: &Server, visitor: &Visitor) -> String {
    match &server.options.public_url {
        Some(url) => url.clone(),
        None => format!("{}://{}", if visitor.secure { "https" } else { "http" }, visitor.client.host),
    }
}
