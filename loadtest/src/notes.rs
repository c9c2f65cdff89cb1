//! What the server tells about the call in RTVI, or in a LiveKit room, gathered turn by turn. A server that tells nothing is still measured
//! by ear.

use media_livekit::Notice;
use media_rtvi::notices;
use serde_json::{Map, Value};

/// What RTVI messages said since the last `take`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Notes {
    pub user_text: String,
    /// What was heard, where the server tells; what it meant to say otherwise.
    pub agent_text: String,
    heard: String,
    /// Marks and latencies of the server's own timeline, in ms, as it sent them.
    pub timeline: Option<Map<String, Value>>,
}

/// What the server told of a reply that the caller broke into. It comes while the caller's next line is spoken.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cut {
    turn: Option<u64>,
    pub heard: Option<String>,
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
    cut: Option<Cut>,
    /// In a room: the caller was heard since the bot began to speak.
    spoken_into: bool,
}

impl Notebook {
    pub fn read(&mut self, message: &str) {
        if let Ok(notice) = serde_json::from_str(message) {
            return self.room(notice);
        }
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
            "bot-interrupted" => _ = self.cut.get_or_insert_default(),
            "error" if data["fatal"].as_bool() == Some(true) => self.ended = Some(text("error").to_owned()),
            "server-message" => self.ours(data),
            _ => {}
        }
    }

    /// Of an agent in a LiveKit room. That a reply was broken off is not said there: it ends after the caller was heard.
    fn room(&mut self, notice: Notice) {
        match notice {
            Notice::State { state } if state == "speaking" => {
                (self.bot_speaking, self.tells_speaking, self.spoken_into) = (true, true, false);
            }
            Notice::State { .. } => {
                if std::mem::take(&mut self.bot_speaking) && self.spoken_into {
                    self.cut.get_or_insert_default();
                }
            }
            Notice::Caller { text, last, .. } => {
                self.spoken_into |= self.bot_speaking;
                if last {
                    join(&mut self.notes.user_text, &text);
                }
            }
            Notice::AgentDone { heard, .. } => join(&mut self.notes.agent_text, &heard),
            Notice::Agent { .. } => {}
        }
    }

    /// Notices of this product beyond RTVI's own.
    fn ours(&mut self, data: &Value) {
        let notice = &data["d"];
        match data["t"].as_str().unwrap_or_default() {
            notices::TURN_FINISHED => {
                let mut timeline = notice["marks_ms"].as_object().cloned().unwrap_or_default();
                timeline.extend(notice["latencies_ms"].as_object().cloned().unwrap_or_default());
                match &mut self.cut {
                    Some(cut) if cut.turn.is_some() && cut.turn == notice["turn"].as_u64() => {
                        cut.timeline = Some(timeline)
                    }
                    _ => self.notes.timeline = Some(timeline),
                }
            }
            notices::AGENT_TURN => {
                let text = notice["text"].as_str().unwrap_or_default();
                if notice["interrupted"].as_bool() == Some(true) {
                    let cut = self.cut.get_or_insert_default();
                    (cut.turn, cut.heard) = (notice["turn"].as_u64(), Some(text.to_owned()));
                } else {
                    join(&mut self.notes.heard, text);
                }
            }
            notices::SESSION => self.session = notice["session_id"].as_str().map(str::to_owned),
            notices::CALL_ENDED => self.ended = Some(notice["reason"].as_str().unwrap_or("ended").to_owned()),
            _ => {}
        }
    }

    /// The interruption that the agent told of, since this was last asked.
    pub fn take_cut(&mut self) -> Option<Cut> {
        self.cut.take()
    }

    pub fn take(&mut self) -> Notes {
        let mut notes = std::mem::take(&mut self.notes);
        if !notes.heard.is_empty() {
            notes.agent_text = std::mem::take(&mut notes.heard);
        }
        notes
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
    fn a_reply_that_was_broken_off_is_what_was_heard_of_it() {
        let mut book = Notebook::default();
        let tell = |book: &mut Notebook, t: &str, d: &str| {
            book.read(&format!(r#"{{"type":"server-message","data":{{"t":"{t}","d":{d}}}}}"#));
        };
        book.read(r#"{"type":"bot-transcription","data":{"text":"We open at nine and close at six."}}"#);
        let planned = book.take();
        assert_eq!(planned.agent_text, "We open at nine and close at six.");
        book.read(r#"{"type":"bot-interrupted"}"#);
        tell(&mut book, notices::AGENT_TURN, r#"{"turn":1,"text":"We open at nine","interrupted":true}"#);
        tell(&mut book, notices::TURN_FINISHED, r#"{"turn":1,"marks_ms":{"interrupted":5}}"#);
        tell(&mut book, notices::TURN_FINISHED, r#"{"turn":2,"marks_ms":{"agent_ended":9}}"#);
        let cut = book.take_cut().expect("told");
        assert_eq!(cut.heard.as_deref(), Some("We open at nine"));
        assert_eq!(cut.timeline.expect("told")["interrupted"], 5);
        assert_eq!(book.take().timeline.expect("told")["agent_ended"], 9);
        assert_eq!(book.take_cut(), None);
    }

    #[test]
    fn in_a_room_a_reply_that_ends_after_the_caller_was_heard_was_broken_off() {
        let mut book = Notebook::default();
        let tell = |book: &mut Notebook, notice: Notice| {
            book.read(&serde_json::to_string(&notice).expect("JSON"));
        };
        let state = |state: &str| Notice::State { state: state.to_owned() };
        let caller =
            |text: &str, last| Notice::Caller { segment: "1".to_owned(), text: text.to_owned(), last };
        let done = |heard: &str| Notice::AgentDone { segment: "2".to_owned(), heard: heard.to_owned() };
        tell(&mut book, state("speaking"));
        assert!(book.bot_speaking && book.tells_speaking);
        tell(&mut book, state("listening"));
        tell(&mut book, done("Hello."));
        assert_eq!((book.take_cut(), book.take().agent_text.as_str()), (None, "Hello."));
        tell(&mut book, state("speaking"));
        tell(&mut book, caller("wait", false));
        tell(&mut book, state("listening"));
        tell(&mut book, caller("Wait a moment.", true));
        assert_eq!(book.take_cut(), Some(Cut::default()));
        assert_eq!(book.take().user_text, "Wait a moment.");
    }

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
