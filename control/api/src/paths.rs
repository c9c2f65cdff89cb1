//! Every path of the surface. `{id}`, `{agent}`, `{code}` are parameters.

/// The demo page.
pub const HOME: &str = "/";
/// The one script that an embedding page loads.
pub const WIDGET: &str = "/widget.js";
pub const ASSETS: &str = "/assets/{*file}";
pub const CALLS_PAGE: &str = "/calls";
pub const CALL_PAGE: &str = "/calls/{id}";
/// The operator's console: one page, whose script reads the rest of the path.
pub const CONSOLE: &str = "/console";
pub const CONSOLE_HOME: &str = "/console/";
pub const CONSOLE_PAGE: &str = "/console/{*path}";
pub const CONSOLE_ASSETS: &str = "/console/assets/{*file}";
/// All codes with their meanings.
pub const ERROR_PAGES: &str = "/docs/errors";
pub const ERROR_PAGE: &str = "/docs/errors/{code}";

/// Bootstrap of a Pipecat client.
pub const START: &str = "/start";
pub const OFFER: &str = "/api/offer";
/// The same for a session that `/start` named.
pub const SESSION_OFFER: &str = "/sessions/{id}/api/offer";
/// WHIP (RFC 9725): the offer as it is, the answer as it is.
pub const WHIP: &str = "/whip/{agent}";
/// A peer that was answered there, or at `WHEP`.
pub const WHIP_PEER: &str = "/whip/peers/{peer}";
/// The agent's voice of a call whose caller, that peer, only sends.
pub const WHEP: &str = "/whep/{peer}";
/// Pipecat's protobuf frames over a WebSocket.
pub const SOCKET: &str = "/ws";
/// A carrier's media stream. Carriers do not forward the query, hence the agent and token in the path.
pub const CARRIER: &str = "/media/{carrier}";
pub const CARRIER_AGENT: &str = "/media/{carrier}/{agent}";
pub const CARRIER_TOKEN: &str = "/media/{carrier}/{agent}/{token}";

/// Calls that we make.
pub const CALLS: &str = "/v1/calls";
pub const CALL: &str = "/v1/calls/{id}";
/// What calls go by.
pub const TRUNKS: &str = "/v1/trunks";
pub const CAMPAIGNS: &str = "/v1/campaigns";
pub const CAMPAIGN: &str = "/v1/campaigns/{id}";
pub const CAMPAIGN_START: &str = "/v1/campaigns/{id}/start";
pub const CAMPAIGN_PAUSE: &str = "/v1/campaigns/{id}/pause";
pub const CAMPAIGN_RESUME: &str = "/v1/campaigns/{id}/resume";
pub const CAMPAIGN_CANCEL: &str = "/v1/campaigns/{id}/cancel";
pub const CAMPAIGN_CONTACTS: &str = "/v1/campaigns/{id}/contacts";
pub const CAMPAIGN_CONTACT: &str = "/v1/campaigns/{id}/contacts/{contact}";
/// As CSV.
pub const CAMPAIGN_RESULTS: &str = "/v1/campaigns/{id}/results";

/// What a carrier says of a call, by the id of the account there.
pub const CARRIER_VOICE: &str = "/carriers/{account}/voice";

pub const SESSIONS: &str = "/v1/sessions";
pub const SESSION: &str = "/v1/sessions/{id}";
pub const SESSION_TURNS: &str = "/v1/sessions/{id}/turns";
pub const SESSION_EVENTS: &str = "/v1/sessions/{id}/events";
/// The flight log.
pub const SESSION_LOG: &str = "/v1/sessions/{id}/log";
/// Calls under way.
pub const LIVE: &str = "/v1/live";
pub const SESSION_LISTEN: &str = "/v1/sessions/{id}/listen";
pub const SESSION_WHISPER: &str = "/v1/sessions/{id}/whisper";
pub const SESSION_END: &str = "/v1/sessions/{id}/end";
/// WebSocket: a call's sound.
pub const LISTEN_SOCKET: &str = "/live";
pub const SESSION_RECORDINGS: &str = "/v1/sessions/{id}/recordings";
/// One file of them.
pub const SESSION_RECORDING: &str = "/v1/sessions/{id}/recordings/{file}";
pub const LATENCY: &str = "/v1/latency";
pub const ACTIVITY: &str = "/v1/activity";
/// Whom the page or widget may offer to call. Public.
pub const WIDGET_AGENTS: &str = "/v1/widget/agents";
pub const WIDGET_TOKEN: &str = "/v1/widget/token";
/// Exchanges the operator's token for a cookie, so that the pages can show calls.
pub const OPERATOR_SESSION: &str = "/v1/operator/session";

pub const HEALTH: &str = "/healthz";
pub const READY: &str = "/readyz";
pub const METRICS: &str = "/metrics";

pub const OPENAPI: &str = "/openapi.json";
/// The document of `OPENAPI`, to read.
pub const DOCS: &str = "/docs";

pub const ORGANIZATIONS: &str = "/v1/organizations";
pub const ORGANIZATION: &str = "/v1/organizations/{id}";
pub const DOMAINS: &str = "/v1/domains";
pub const DOMAIN: &str = "/v1/domains/{id}";
pub const ENVIRONMENTS: &str = "/v1/environments";
pub const ENVIRONMENT: &str = "/v1/environments/{id}";
pub const TEMPLATES: &str = "/v1/templates";
pub const AGENTS: &str = "/v1/agents";
/// `{id}` of an agent is its id or its name.
pub const AGENT: &str = "/v1/agents/{id}";
pub const AGENT_DRAFT: &str = "/v1/agents/{id}/draft";
pub const AGENT_PUBLISH: &str = "/v1/agents/{id}/publish";
pub const AGENT_VERSIONS: &str = "/v1/agents/{id}/versions";
pub const AGENT_VERSION: &str = "/v1/agents/{id}/versions/{number}";
pub const AGENT_RESTORE: &str = "/v1/agents/{id}/versions/{number}/restore";
pub const AGENT_COMPARE: &str = "/v1/agents/{id}/compare";
pub const AGENT_ALIASES: &str = "/v1/agents/{id}/aliases";
pub const AGENT_ALIAS: &str = "/v1/agents/{id}/aliases/{environment}";
pub const AGENT_ROLLBACK: &str = "/v1/agents/{id}/rollback";
pub const AGENT_RELEASES: &str = "/v1/agents/{id}/releases";
pub const GREETINGS: &str = "/v1/greetings";
pub const GREETING: &str = "/v1/greetings/{id}";
pub const GREETING_RESULTS: &str = "/v1/greetings/{id}/results";
/// What would be said to a call, and why.
pub const GREETING_PREVIEW: &str = "/v1/greeting-preview";
pub const GREETING_AUDIO: &str = "/v1/greeting-audio";
pub const GREETING_CALENDAR: &str = "/v1/greeting-calendar";
pub const GREETING_MEASURES: &str = "/v1/greeting-measures";
/// A token to enter a LiveKit room with.
pub const LIVEKIT_TOKEN: &str = "/v1/livekit/token";
pub const CHANNELS: &str = "/v1/channels";
pub const CHANNEL: &str = "/v1/channels/{id}";
pub const ROUTES: &str = "/v1/routes";
/// What a call would reach, and why.
pub const ROUTE_TEST: &str = "/v1/routes/test";
pub const ROUTE: &str = "/v1/routes/{id}";
/// What this server can have accounts at.
pub const VENDORS: &str = "/v1/vendors";
pub const PROVIDER_ACCOUNTS: &str = "/v1/provider-accounts";
pub const PROVIDER_ACCOUNT: &str = "/v1/provider-accounts/{id}";
pub const PROVIDER_ACCOUNT_TRIAL: &str = "/v1/provider-accounts/{id}/test";
pub const PROVIDER_ACCOUNT_VOICES: &str = "/v1/provider-accounts/{id}/voices";
/// How accounts did in the last 24 hours.
pub const PROVIDER_HEALTH: &str = "/v1/provider-health";
/// Prices that the server ships.
pub const PRICE_LIST: &str = "/v1/price-list";
pub const PRICES: &str = "/v1/prices";
pub const PRICES_IMPORT: &str = "/v1/prices/import";
pub const PRICE: &str = "/v1/prices/{id}";
pub const COSTS: &str = "/v1/costs";
pub const SESSION_COSTS: &str = "/v1/sessions/{id}/costs";
pub const BUDGET: &str = "/v1/budget";
pub const ALERTS: &str = "/v1/alerts";
pub const ALERT: &str = "/v1/alerts/{id}";
pub const DRILLS: &str = "/v1/drills";
pub const DRILL_STOP: &str = "/v1/drills/{id}/stop";
pub const DRILL_REPORT: &str = "/v1/drills/{id}/report";
pub const API_KEYS: &str = "/v1/api-keys";
pub const API_KEY: &str = "/v1/api-keys/{id}";
pub const API_KEY_ROTATE: &str = "/v1/api-keys/{id}/rotate";
pub const AUDIT: &str = "/v1/audit";
pub const PROVIDERS: &str = "/v1/providers";
pub const ABOUT: &str = "/v1/about";
