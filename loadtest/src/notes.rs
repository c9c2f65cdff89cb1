//! What the server tells about the call in RTVI, gathered turn by turn. A server that tells nothing is still measured by ear.

use media_rtvi::notices;
use serde_json::{Map, Value};

/// What RTVI messages said since the last `take`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Notes {
    pub user_text: String,
    pub agent_text: String,
    /// Marks and latencies of the server's own timeline, in ms, as it sent them.
    pub timeline: Option<Map<String, Value>>,
}

/// Reads RTVI messages. Unknown ones are passed over: servers differ, and a measuring caller must not mind.
#[derive(Debug, Default)]
pub struct Notebook {
    notes: Notes,
    /// The bot is speaking, as far as it says.
    pub bot_speaking: bool,
    /// It has said so at least once: its word counts more than the ear.
    pub tells_speaking: bool,
    pub ready: bool,
    /// Fatal error or the end of the call, in the server's words.
    pub ended: Option<String>,
    pub session: Option<String>,
    interrupted: bool,
}

impl Notebook {
    pub fn read(&mut self, message: &str) {
        let Ok(message) = serde_json::from_str::<Value>(message) else { return };
        let data = &message["data"];
        let text = |key: &str| data[key].as_str().unwrap_or_default();
        match message["type"].as_str().unwrap_or_default() {
            "bot-ready" => self.ready = true,
            "user-transcription" if data["final"].as_bool() == Some(true) => {
                join(&mut self.notes.user_text, text("text"))
            }
            "bot-transcription" => join(&mut self.notes.agent_text, text("text")),
            "bot-started-speaking" => (self.bot_speaking, self.tells_speaking) = (true, true),
            "bot-stopped-speaking" => self.bot_speaking = false,
            "bot-interrupted" => self.interrupted = true,
            "error" if data["fatal"].as_bool() == Some(true) => self.ended = Some(text("error").to_owned()),
            "server-message" => self.ours(data),
            _ => {}
        }
    }

    /// Notices of this product beyond RTVI's own.
    fn ours(&mut self, data: &Value) {
        let notice = &data["d"];
        match data["t"].as_str().unwrap_or_default() {
            notices::TURN_FINISHED => {
                let mut timeline = notice["marks_ms"].as_object().cloned().unwrap_or_default();
                timeline.extend(notice["latencies_ms"].as_object().cloned().unwrap_or_default());
                self.notes.timeline = Some(timeline);
            }
            notices::SESSION => self.session = notice["session_id"].as_str().map(str::to_owned),
            notices::CALL_ENDED => self.ended = Some(notice["reason"].as_str().unwrap_or("ended").to_owned()),
            _ => {}
        }
    }

    /// Whether the agent said that it was interrupted, since this was last asked.
    pub fn take_interrupted(&mut self) -> bool {
        std::mem::take(&mut self.interrupted)
    }

    pub fn take(&mut self) -> Notes {
        std::mem::take(&mut self.notes)
    }
}

fn join(text: &mut String, more: &str) {
    let more = more.trim();
    if !text.is_empty() && !more.is_empty() {
        text.push(' ');
    }
    text.push_str(more);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finals_are_joined_partials_are_not() {
        let mut book = Notebook::default();
        for (text, fin) in [("What are", false), ("What are your", true), ("hours?", true)] {
            book.read(&format!(r#"{{"label":"rtvi-ai","type":"user-transcription","data":{{"text":"{text}","final":{fin}}}}}"#));
        }
        book.read("not json");
        assert_eq!(book.take().user_text, "What are your hours?");
        assert_eq!(book.take(), Notes::default());
    }
}
