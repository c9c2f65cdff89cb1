//! Names of what this crate counts.

/// Sockets that ended, by `framing` (`pipecat`, `twilio`) and `how` (`closed`, `lost`, `slow`, `refused`, `silent`, `dropped`).
pub const SOCKETS_ENDED: &str = "socket_ended_total";
