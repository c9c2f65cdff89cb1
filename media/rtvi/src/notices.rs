//! Names of our own notices: `server-message` with `{"t": NAME, "d": {..}}`. Our widget, console and caller read them.

/// `{session_id, resume_token, resume_within_ms}`, once after `bot-ready`.
pub const SESSION: &str = "session";
/// `{state}`: `initializing`, `listening`, `thinking`, `speaking`; at every change, and after `bot-ready`.
pub const AGENT_STATE: &str = "agent-state";
/// `{turn, text, typed}`: what the agent was given to answer.
pub const CALLER_TURN: &str = "caller-turn";
/// `{turn, text, interrupted}`: what the caller really heard.
pub const AGENT_TURN: &str = "agent-turn";
/// `{turn, marks_ms: {name: ms}, latencies_ms: {name: ms}}`; `latencies_ms` is absent where there was no answer.
pub const TURN_FINISHED: &str = "turn-finished";
/// `{name, value}`: a structured result, such as a booked appointment.
pub const NOTED: &str = "noted";
/// `{gap_ms}`: the caller came back after a lost connection.
pub const REATTACHED: &str = "reattached";
/// `{reason}`: the call is over; nothing follows.
pub const CALL_ENDED: &str = "call-ended";
