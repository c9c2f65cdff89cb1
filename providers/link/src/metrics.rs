//! Names of what is measured on the way to vendors. Labels are closed sets, named beside each.

/// Connections that were taken for a stream, a turn or a conversation. `provider`: `Manners::name`; `reused`: `true`, `false`.
pub const CONNECTIONS_TOTAL: &str = "provider_connections_total";
/// Connections that were replaced under a running recognition. `provider`: `Manners::name`; `why`: `broken`, `age`.
pub const REPLACED_TOTAL: &str = "provider_connections_replaced_total";

pub(crate) fn connected(provider: &'static str, reused: bool) {
    let reused = if reused { "true" } else { "false" };
    metrics::counter!(CONNECTIONS_TOTAL, "provider" => provider, "reused" => reused).increment(1);
}

pub(crate) fn replaced(provider: &'static str, why: &'static str) {
    metrics::counter!(REPLACED_TOTAL, "provider" => provider, "why" => why).increment(1);
}
