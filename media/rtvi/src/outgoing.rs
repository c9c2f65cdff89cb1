//! Messages to the client, as text.

use serde_json::{Value, json};

use crate::incoming::{Error, LABEL};

/// Makes messages with ids of our own, in order.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    sent: u64,
}

impl Writer {
    pub(crate) fn say(&mut self, kind: &str, data: Value) -> String {
        self.sent += 1;
        envelope(kind, &format!("srv-{}", self.sent), data)
    }

    pub(crate) fn plain(&mut self, kind: &str) -> String {
        self.say(kind, json!({}))
    }

    /// One of our own notices.
    pub(crate) fn notice(&mut self, t: &str, d: Value) -> String {
        self.say("server-message", json!({ "t": t, "d": d }))
    }

    /// Answers carry the id of what they answer; a message without one still gets an answer.
    pub(crate) fn answer(&mut self, kind: &str, id: &str, data: Value) -> String {
        if id.is_empty() { self.say(kind, data) } else { envelope(kind, id, data) }
    }

    pub(crate) fn refuse(&mut self, id: &str, error: &Error) -> String {
        self.answer("error-response", id, json!({ "error": error.to_string(), "code": error.code() }))
    }
}

fn envelope(kind: &str, id: &str, data: Value) -> String {
    json!({ "label": LABEL, "type": kind, "id": id, "data": data }).to_string()
}
