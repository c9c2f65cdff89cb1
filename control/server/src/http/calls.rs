//! `GET /v1/calls`, one of them, and its raw log.

use axum::Json as Body;
use axum::body::Body as Bytes;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use control_api::call::{Call, Calls};
use domain::SessionId;

use super::extract::{Path, Query, Visitor};
use super::{Answer, Shared};
use crate::app::{access, calls};

#[derive(serde::Deserialize)]
pub(crate) struct Page {
    limit: Option<usize>,
    cursor: Option<SessionId>,
}

pub(crate) async fn list(server: Shared, visitor: Visitor, Query(page): Query<Page>) -> Answer<Body<Calls>> {
    access::may_read(&server, &visitor.client)?;
    Ok(Body(calls::list(&server, page.cursor, page.limit.unwrap_or(calls::LIMIT_DEFAULT)).await?))
}

pub(crate) async fn one(server: Shared, visitor: Visitor, Path(id): Path<String>) -> Answer<Body<Call>> {
    access::may_read(&server, &visitor.client)?;
    Ok(Body(calls::one(&server, &id).await?))
}

pub(crate) async fn events(server: Shared, visitor: Visitor, Path(id): Path<String>) -> Answer<Response> {
    access::may_read(&server, &visitor.client)?;
    let (session, log) = calls::raw(&server, &id).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{session}.jsonl\"")),
        (header::CACHE_CONTROL, "private, no-store".to_owned()),
    ];
    let mut response = (headers, Bytes::from_stream(log.bytes)).into_response();
    if let Some(length) = log.length {
        response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    }
    Ok(response)
}
