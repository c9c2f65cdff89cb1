//! Every route of the surface.

use std::sync::Arc;

use axum::Router;
use axum::routing::{any, get, post};
use control_api::paths;

use crate::Server;
use crate::http::{agents, calls, health, offer, pages, permission, socket, start};
use crate::middleware;

pub(crate) fn router(server: Arc<Server>) -> Router {
    // Used by pages elsewhere that embed the widget.
    let calling = Router::new()
        .route(paths::START, post(start::start))
        .route(paths::OFFER, post(offer::offer).patch(offer::candidates))
        .route(paths::SESSION_OFFER, post(offer::session_offer).patch(offer::session_candidates))
        .route(paths::AGENTS, get(agents::list))
        .method_not_allowed_fallback(pages::method_unknown) // before the layer, which would not see OPTIONS otherwise
        .layer(middleware::cors::allowed(&server.options));
    // Answers every page, so that one that may not use the server can read why.
    let asking = Router::new()
        .route(paths::WIDGET_TOKEN, post(permission::widget_token))
        .method_not_allowed_fallback(pages::method_unknown)
        .layer(middleware::cors::anyone());
    let sockets = Router::new()
        .route(paths::SOCKET, any(socket::pipecat))
        .route(paths::TWILIO, any(socket::twilio))
        .route(paths::TWILIO_AGENT, any(socket::twilio_agent))
        .route(paths::TWILIO_TOKEN, any(socket::twilio_token));
    let operating = Router::new()
        .route(paths::CALLS, get(calls::list))
        .route(paths::CALL, get(calls::one))
        .route(paths::CALL_EVENTS, get(calls::events))
        .route(paths::METRICS, get(health::metrics))
        .route(paths::OPERATOR_SESSION, post(permission::operator_session))
        .route(paths::HEALTH, get(health::live))
        .route(paths::READY, get(health::ready));
    let pages = Router::new()
        .route(paths::HOME, get(pages::home))
        .route(paths::CALLS_PAGE, get(pages::calls))
        .route(paths::CALL_PAGE, get(pages::call))
        .route(paths::WIDGET, get(pages::widget))
        .route(paths::ASSETS, get(pages::asset))
        .route(paths::ERROR_PAGES, get(pages::errors))
        .route(paths::ERROR_PAGE, get(pages::error));
    let routes = calling
        .merge(asking)
        .merge(sockets)
        .merge(operating)
        .merge(pages)
        .fallback(pages::unknown)
        .method_not_allowed_fallback(pages::method_unknown)
        .with_state(server);
    middleware::around(routes)
}
