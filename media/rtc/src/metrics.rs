//! Names of what this crate counts.

/// Peers now, and of them those that have not connected yet.
pub const PEERS: &str = "rtc_peers";
pub const PEERS_HALF_OPEN: &str = "rtc_peers_half_open";
/// Entries of the routing table, by address and by ICE user fragment.
pub const ROUTES: &str = "rtc_routes";
/// Datagrams dropped, by `why`: `unknown` (no peer), `inbox_full` (peer too slow), `unsent` (socket buffer full).
pub const DATAGRAMS_DROPPED: &str = "rtc_datagrams_dropped_total";
/// Audio packets dropped because the session did not take them.
pub const PACKETS_DROPPED: &str = "rtc_packets_dropped_total";
/// Messages dropped because the peer's data channel never opened or its buffer stayed full.
pub const MESSAGES_DROPPED: &str = "rtc_messages_dropped_total";
/// Peers that ended, by `how`: `closed`, `lost`, `never_connected`, `failed`, `dropped` (by the session).
pub const PEERS_ENDED: &str = "rtc_peers_ended_total";
