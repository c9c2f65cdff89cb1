//! Every route of the surface.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{any, get, patch, post};
use control_api::paths;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::{
    about, agents, alerts, api_keys, audit, calls, campaigns, carriers, channels, costs, domains, drafts,
    drills, environments, greetings, health, latency, live, livekit, offer, organizations, pages, permission,
    prices, provider_accounts, recordings, releases, routes, sessions, socket, start, trunks, versions, whip,
    widget,
};
use crate::middleware::{self, idempotency, principal};
use crate::{Server, openapi};

type Documented = OpenApiRouter<Arc<Server>>;

pub(crate) fn router(server: Arc<Server>) -> Router {
    // Used by pages elsewhere that embed the widget.
    let calling = Router::new()
        .route(paths::START, post(start::start))
        .route(paths::OFFER, post(offer::offer).patch(offer::candidates))
        .route(paths::WHIP, post(whip::call))
        .route(paths::WHIP_PEER, patch(whip::candidates).delete(whip::leave))
        .route(paths::WHEP, post(whip::listen))
        .route(paths::SESSION_OFFER, post(offer::session_offer).patch(offer::session_candidates))
        .merge(embedded().split_for_parts().0)
        .method_not_allowed_fallback(pages::method_unknown) // before the layer, which would not see OPTIONS otherwise
        .layer(middleware::cors::allowed(&server.options));
    // Answers every page, so that one that may not use the server can read why.
    let asking = Router::new()
        .merge(permitting().split_for_parts().0)
        .method_not_allowed_fallback(pages::method_unknown)
        .layer(middleware::cors::anyone());
    let sockets = Router::new()
        .route(paths::SOCKET, any(socket::pipecat))
        .route(paths::LISTEN_SOCKET, any(live::hear))
        .route(paths::CARRIER, any(socket::carrier))
        .route(paths::CARRIER_AGENT, any(socket::carrier_agent))
        .route(paths::CARRIER_TOKEN, any(socket::carrier_token))
        .route(paths::CARRIER_VOICE, post(carriers::voice));
    let operating = Router::new()
        .route(paths::METRICS, get(health::metrics))
        .route(paths::HEALTH, get(health::live))
        .route(paths::READY, get(health::ready))
        .merge(signing_in().split_for_parts().0);
    // The last layer is the outermost: whose request it is comes first.
    let controlling = control()
        .split_for_parts()
        .0
        .method_not_allowed_fallback(pages::method_unknown)
        .route_layer(from_fn_with_state(Arc::clone(&server), idempotency::once))
        .route_layer(from_fn_with_state(Arc::clone(&server), principal::identify));
    let pages = Router::new()
        .route(paths::HOME, get(pages::home))
        .route(paths::CALLS_PAGE, get(pages::calls))
        .route(paths::CALL_PAGE, get(pages::call))
        .route(paths::CONSOLE, get(pages::console))
        .route(paths::CONSOLE_HOME, get(pages::console))
        .route(paths::CONSOLE_PAGE, get(pages::console))
        .route(paths::CONSOLE_ASSETS, get(pages::console_asset))
        .route(paths::WIDGET, get(pages::widget))
        .route(paths::ASSETS, get(pages::asset))
        .route(paths::OPENAPI, get(pages::document))
        .route(paths::DOCS, get(pages::docs))
        .route(paths::ERROR_PAGES, get(pages::errors))
        .route(paths::ERROR_PAGE, get(pages::error));
    let routes = calling
        .merge(asking)
        .merge(sockets)
        .merge(operating)
        .merge(controlling)
        .merge(pages)
        .fallback(pages::unknown)
        .method_not_allowed_fallback(pages::method_unknown)
        .with_state(server);
    middleware::around(routes)
}

/// All that the OpenAPI document describes.
pub(crate) fn documented() -> Documented {
    let whole = Documented::with_openapi(openapi::Whole::openapi());
    whole.merge(control()).merge(embedded()).merge(permitting()).merge(signing_in())
}

fn embedded() -> Documented {
    Documented::new().routes(routes!(widget::agents))
}

fn permitting() -> Documented {
    Documented::new().routes(routes!(permission::widget_token))
}

fn signing_in() -> Documented {
    Documented::new().routes(routes!(permission::sign_in, permission::sign_out))
}

/// What needs a key, or the operator.
fn control() -> Documented {
    Documented::new()
        .routes(routes!(organizations::list, organizations::create))
        .routes(routes!(organizations::one, organizations::change))
        .routes(routes!(domains::list, domains::create))
        .routes(routes!(domains::one, domains::change, domains::delete))
        .routes(routes!(environments::list, environments::create))
        .routes(routes!(environments::one, environments::change, environments::delete))
        .routes(routes!(agents::templates))
        .routes(routes!(agents::list, agents::create))
        .routes(routes!(agents::one, agents::change, agents::delete))
        .routes(routes!(drafts::one, drafts::save))
        .routes(routes!(drafts::publish))
        .routes(routes!(versions::list))
        .routes(routes!(versions::one))
        .routes(routes!(drafts::restore))
        .routes(routes!(versions::compare))
        .routes(routes!(releases::list))
        .routes(routes!(releases::put))
        .routes(routes!(releases::roll_back))
        .routes(routes!(releases::list_releases))
        .routes(routes!(greetings::list, greetings::create))
        .routes(routes!(greetings::one, greetings::change, greetings::delete))
        .routes(routes!(greetings::results))
        .routes(routes!(greetings::measures))
        .routes(routes!(greetings::preview))
        .routes(routes!(greetings::audio))
        .routes(routes!(greetings::calendar, greetings::set_calendar))
        .routes(routes!(livekit::token))
        .routes(routes!(channels::list, channels::create))
        .routes(routes!(channels::one, channels::change, channels::delete))
        .routes(routes!(routes::list, routes::create))
        .routes(routes!(routes::test))
        .routes(routes!(routes::one, routes::change, routes::delete))
        .routes(routes!(provider_accounts::vendors))
        .routes(routes!(provider_accounts::list, provider_accounts::create))
        .routes(routes!(provider_accounts::one, provider_accounts::change, provider_accounts::delete))
        .routes(routes!(provider_accounts::try_out))
        .routes(routes!(provider_accounts::voices))
        .routes(routes!(provider_accounts::health))
        .routes(routes!(prices::shipped))
        .routes(routes!(prices::list, prices::create))
        .routes(routes!(prices::import))
        .routes(routes!(prices::one, prices::change, prices::delete))
        .routes(routes!(costs::costs))
        .routes(routes!(costs::of_call))
        .routes(routes!(costs::budget, costs::set_budget))
        .routes(routes!(alerts::list))
        .routes(routes!(alerts::close))
        .routes(routes!(drills::list, drills::start))
        .routes(routes!(drills::stop))
        .routes(routes!(drills::report))
        .routes(routes!(api_keys::list, api_keys::create))
        .routes(routes!(api_keys::one, api_keys::revoke))
        .routes(routes!(api_keys::rotate))
        .routes(routes!(audit::list))
        .routes(routes!(calls::list, calls::place))
        .routes(routes!(calls::one))
        .routes(routes!(trunks::list))
        .routes(routes!(campaigns::list, campaigns::create))
        .routes(routes!(campaigns::one, campaigns::change))
        .routes(routes!(campaigns::start))
        .routes(routes!(campaigns::pause))
        .routes(routes!(campaigns::resume))
        .routes(routes!(campaigns::cancel))
        .routes(routes!(campaigns::contacts, campaigns::import))
        .routes(routes!(campaigns::change_contact, campaigns::remove_contact))
        .routes(routes!(campaigns::results))
        .routes(routes!(sessions::list))
        .routes(routes!(sessions::one))
        .routes(routes!(sessions::turns))
        .routes(routes!(sessions::events))
        .routes(routes!(sessions::log))
        .routes(routes!(live::list))
        .routes(routes!(live::listen))
        .routes(routes!(live::whisper))
        .routes(routes!(live::end))
        .routes(routes!(recordings::list))
        .routes(routes!(recordings::file))
        .routes(routes!(latency::latency))
        .routes(routes!(latency::activity))
        .routes(routes!(about::providers))
        .routes(routes!(about::about))
}
