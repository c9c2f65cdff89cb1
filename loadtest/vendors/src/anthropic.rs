//! anthropic: not served yet.

use axum::Router;

use crate::Stage;

pub(crate) fn router(stage: Stage) -> Router {
    let _ = stage;
    Router::new()
}
