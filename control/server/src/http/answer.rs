//! How what was done is answered.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::app::ctx::Done;

/// A whole resource, with its revision as `ETag`.
pub(crate) struct Whole<T>(pub(crate) Done<T>);

impl<T: Serialize> IntoResponse for Whole<T> {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::OK);
        let etag = self.0.etag().and_then(|etag| HeaderValue::from_str(&etag).ok());
        let mut response = (status, Json(self.0.body)).into_response();
        if let Some(etag) = etag {
            response.headers_mut().insert(header::ETAG, etag);
        }
        response
    }
}

/// It is not there any more.
pub(crate) struct Gone;

impl IntoResponse for Gone {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}
