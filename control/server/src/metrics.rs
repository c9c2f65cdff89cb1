//! Names of this crate's metrics.

/// Labels: `route` (the pattern, never the path), `method`, `status`.
pub(crate) const REQUESTS: &str = "foundry_http_requests_total";
/// Until the response's head, in seconds. Labels: `route`.
pub(crate) const DURATION_SECONDS: &str = "foundry_http_request_duration_seconds";
/// Calls that were not let in. Labels: `code`, from the closed list of `control-api`.
pub(crate) const REFUSED: &str = "foundry_http_refused_total";
/// Requests to models about ended calls. Labels: `outcome` (`kept`, `again`, `given_up`, `no_model`, `late`).
pub(crate) const MODEL_SUMMARIES: &str = "foundry_model_summaries_total";
