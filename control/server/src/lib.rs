//! The HTTP surface: a readable list of routes, thin handlers, rules in `app`.
//!
//! Knows neither media nor agents: what a call is lies behind `ports`, which `foundry` implements. Listening and TLS are
//! `foundry`'s too; `Server::new` gives it a router.

mod app;
mod assets;
mod error;
mod http;
pub mod jobs;
mod manual;
mod metrics;
mod middleware;
mod openapi;
pub mod options;
pub mod ports;
mod router;
mod store;

use std::net::IpAddr;
use std::sync::Arc;

use domain::ApiKeyId;

pub use app::carriers::webhook as carrier_webhook;
pub use app::code::{AdminCode, AdminLink};
pub use app::definition::{pointer, problems};
pub use app::greetings::book::book as greeting_book;
pub use app::ice::IceSource;
pub use app::keys::NewKey;
pub use app::limit::counted;
pub use app::routes::table::{Leading as LeadingChannel, table as route_table};
pub use app::seed::accounts::{GivenAccount, seed_accounts};
pub use app::seed::{Definition, Source, seed};
pub use app::sessions::other_side;
pub use app::vault::{CannotOpen, Vault};
pub use http::Tls;
pub use openapi::json as openapi;
pub use options::Options;
pub use ports::Ports;
pub use store::Store;

/// What every handler shares.
pub struct Server {
    options: Options,
    ports: Ports,
    tokens: app::token::Tokens,
    store: Store,
    code: Arc<AdminCode>,
    keys: app::keys::Keys,
    /// `None` is the operator.
    limits: app::limit::Limits<Option<ApiKeyId>>,
    /// Credentials that are none, by where they came from; `None`: not counted.
    strangers: Option<app::limit::Limits<IpAddr>>,
    heavy: app::heavy::Heavy,
    elsewhere: app::live::Elsewhere,
    vault: Arc<Vault>,
}

impl Server {
    /// The whole surface. `store` may be opened later, and `code` signs one browser in; `vault` seals what is kept encrypted. Serve it with `into_make_service_with_connect_info::<SocketAddr>()`, so that calls know their peer.
    ///
    /// # Errors
    /// What is wrong with the options, by name.
    #[expect(
        clippy::new_ret_no_self,
        reason = "the router is the server; nothing else of it is of use outside"
    )]
    pub fn new(
        options: Options,
        ports: Ports,
        store: Store,
        code: Arc<AdminCode>,
        vault: Arc<Vault>,
    ) -> Result<axum::Router, options::Error> {
        options.validate()?;
        let options = options.normal();
        let tokens = app::token::Tokens::new(options.token_key.as_ref(), options.operator_token.as_ref());
        let keys = app::keys::Keys::default();
        let limits = app::limit::Limits::new(options.requests_per_minute);
        let strangers = (options.wrong_keys_per_address > 0)
            .then(|| app::limit::Limits::new(options.wrong_keys_per_address));
        let heavy = app::heavy::Heavy::new();
        Ok(router::router(Arc::new(Self {
            options,
            ports,
            tokens,
            store,
            code,
            keys,
            limits,
            strangers,
            heavy,
            elsewhere: app::live::Elsewhere::default(),
            vault,
        })))
    }
}
