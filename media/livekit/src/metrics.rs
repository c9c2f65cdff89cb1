//! Names of what this crate counts.

/// Rooms that an agent is in, or on its way into.
pub const ROOMS: &str = "livekit_rooms";
/// Visits that ended, by `how`: `left` (the caller), `dropped` (the session), `lost`, `refused`, `nobody` (no caller came).
pub const VISITS_ENDED: &str = "livekit_visits_ended_total";
/// Connections that broke, by `what` brought them back: `resume`, `rejoin`.
pub const RECONNECTS: &str = "livekit_reconnects_total";
/// Jobs that LiveKit offered, by `answer`: `taken`, `refused`, `done` (the agent was in the room).
pub const JOBS_OFFERED: &str = "livekit_jobs_offered_total";
