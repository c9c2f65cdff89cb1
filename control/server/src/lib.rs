//! The HTTP surface: a readable list of routes, thin handlers, rules in `app`.
//!
//! Knows neither media nor agents: what a call is lies behind `ports`, which `foundry` implements. Listening and TLS are
//! `foundry`'s too; `Server::new` gives it a router.

mod app;
mod assets;
mod error;
mod http;
mod manual;
mod metrics;
mod middleware;
pub mod options;
pub mod ports;
mod router;

use std::sync::Arc;

pub use http::Tls;
pub use options::Options;
pub use ports::Ports;

/// What every handler shares.
pub struct Server {
    options: Options,
    ports: Ports,
    tokens: app::token::Tokens,
    summaries: app::calls::Summaries,
}

impl Server {
    /// The whole surface. Serve it with `into_make_service_with_connect_info::<SocketAddr>()`, so that calls know their peer.
    ///
    /// # Errors
    /// What is wrong with the options, by name.
    #[expect(
        clippy::new_ret_no_self,
        reason = "the router is the server; nothing else of it is of use outside"
    )]
    pub fn new(options: Options, ports: Ports) -> Result<axum::Router, options::Error> {
        options.validate()?;
        let options = options.normal();
        let tokens = app::token::Tokens::new(options.token_key.as_ref(), options.operator_token.as_ref());
        let summaries = app::calls::Summaries::default();
        Ok(router::router(Arc::new(Self { options, ports, tokens, summaries })))
    }
}
