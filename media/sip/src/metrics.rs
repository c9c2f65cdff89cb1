//! Names of what this crate counts.

/// Calls now, from their INVITE to their end.
pub const CALLS: &str = "sip_calls";
/// Ports of audio in use.
pub const PORTS: &str = "sip_rtp_ports";
/// Calls that ended, by `how`: `caller` (the other side, whoever called), `us`, `refused`, `unanswered`, `lost`, `media`.
pub const CALLS_ENDED: &str = "sip_calls_ended_total";
/// Requests that were refused or dropped before they became a call, by `why`: `busy`, `address` (one address asks too much), `connections` (it has too many, over TLS),
/// `unauthorized`, `forbidden`, `unmet` (it insists on what is not here), `repeated`, `unknown_call`, `method`, `malformed`.
pub const REFUSED: &str = "sip_requests_refused_total";
/// Datagrams on ports of audio that were nothing of the call's.
pub const STRAY: &str = "sip_rtp_stray_total";
/// Audio packets dropped because the session did not take them.
pub const PACKETS_DROPPED: &str = "sip_packets_dropped_total";
/// Calls of ours by `outcome`: `answered`, or the names of `Unanswered`.
pub const DIALLED: &str = "sip_calls_dialled_total";
/// 1 while calls to its user come here, by `trunk`: the names of the options.
pub const REGISTERED: &str = "sip_trunk_registered";
/// Answers to our REGISTERs, by `trunk` and `result`: `registered`, `failed`.
pub const REGISTRATIONS: &str = "sip_trunk_registrations_total";
/// Requests of ours that went out anew since their connection was lost.
pub const SENT_ANEW: &str = "sip_requests_sent_anew_total";
