//! Every path of the surface. `{id}`, `{agent}`, `{code}` are parameters.

/// The demo page.
pub const HOME: &str = "/";
/// The one script that an embedding page loads.
pub const WIDGET: &str = "/widget.js";
pub const ASSETS: &str = "/assets/{*file}";
pub const CALLS_PAGE: &str = "/calls";
pub const CALL_PAGE: &str = "/calls/{id}";
/// All codes with their meanings.
pub const ERROR_PAGES: &str = "/docs/errors";
pub const ERROR_PAGE: &str = "/docs/errors/{code}";

/// Bootstrap of a Pipecat client.
pub const START: &str = "/start";
pub const OFFER: &str = "/api/offer";
/// The same for a session that `/start` named.
pub const SESSION_OFFER: &str = "/sessions/{id}/api/offer";
/// Pipecat's protobuf frames over a WebSocket.
pub const SOCKET: &str = "/ws";
/// A carrier's media stream. Carriers do not forward the query, hence the agent and token in the path.
pub const TWILIO: &str = "/media/twilio";
pub const TWILIO_AGENT: &str = "/media/twilio/{agent}";
pub const TWILIO_TOKEN: &str = "/media/twilio/{agent}/{token}";

pub const AGENTS: &str = "/v1/agents";
pub const CALLS: &str = "/v1/calls";
pub const CALL: &str = "/v1/calls/{id}";
pub const CALL_EVENTS: &str = "/v1/calls/{id}/events";
pub const WIDGET_TOKEN: &str = "/v1/widget/token";
/// Exchanges the operator's token for a cookie, so that the pages can show calls.
pub const OPERATOR_SESSION: &str = "/v1/operator/session";

pub const HEALTH: &str = "/healthz";
pub const READY: &str = "/readyz";
pub const METRICS: &str = "/metrics";
