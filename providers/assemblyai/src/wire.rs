//! The vendor's JSON.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

/// What the service sends.
#[derive(Debug, Deserialize)]
#[serde(tag = "type")]
pub(crate) enum Message {
    Begin,
    Turn(Turn),
    /// With `audio_duration_seconds` and `session_duration_seconds`.
    Termination,
    Error(Refusal),
    /// `SpeechStarted` and whatever comes to be.
    #[serde(other)]
    Other,
}

/// All that is known of a turn of the caller, again with every message.
#[derive(Debug, Deserialize)]
pub(crate) struct Turn {
    #[serde(default)]
    pub(crate) turn_order: u64,
    #[serde(default)]
    pub(crate) turn_is_formatted: bool,
    #[serde(default)]
    pub(crate) end_of_turn: bool,
    #[serde(default)]
    transcript: String,
    #[serde(default)]
    pub(crate) end_of_turn_confidence: f32,
    #[serde(default)]
    pub(crate) words: Vec<Word>,
    #[serde(default)]
    pub(crate) language_code: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Word {
    pub(crate) text: String,
    /// In ms from the first audio.
    start: u64,
    end: u64,
    confidence: Option<f32>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Refusal {
    #[serde(default)]
    pub(crate) error_code: u16,
    #[serde(default)]
    pub(crate) error: String,
}

impl Word {
    pub(crate) const fn from(&self) -> Duration {
        Duration::from_millis(self.start)
    }

    pub(crate) const fn to(&self) -> Duration {
        Duration::from_millis(self.end)
    }
}

impl Turn {
    /// While a turn goes on, the transcript of some models leaves out words that are not certain: the list has them.
    pub(crate) fn text(&self) -> String {
        let listed = self.words.iter().filter(|word| !word.text.is_empty()).count();
        if self.transcript.split_whitespace().count() >= listed {
            return self.transcript.trim().to_owned();
        }
        let words: Vec<&str> = self.words.iter().map(|word| word.text.as_str()).collect();
        words.join(" ")
    }

    /// The words' mean.
    pub(crate) fn confidence(&self) -> Option<f32> {
        let known: Vec<f32> = self.words.iter().filter_map(|word| word.confidence).collect();
        let count = f32::from(u16::try_from(known.len()).ok()?);
        (!known.is_empty()).then(|| (known.iter().sum::<f32>() / count).clamp(0.0, 1.0))
    }
}

pub(crate) fn force_endpoint() -> String {
    json!({ "type": "ForceEndpoint" }).to_string()
}

pub(crate) fn terminate() -> String {
    json!({ "type": "Terminate" }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(json: &str) -> Turn {
        match serde_json::from_str(json).expect("as documented") {
            Message::Turn(turn) => turn,
            other => panic!("no turn: {other:?}"),
        }
    }

    #[test]
    fn words_that_are_not_certain_are_in_the_text() {
        let turn = turn(
            r#"{"turn_order":0,"turn_is_formatted":false,"end_of_turn":false,"transcript":"hi my",
            "end_of_turn_confidence":0.001,"words":[
            {"start":1920,"end":2000,"text":"hi","confidence":0.8,"word_is_final":true},
            {"start":2800,"end":2880,"text":"my","confidence":0.8,"word_is_final":true},
            {"start":2960,"end":3040,"text":"name","confidence":0.5,"word_is_final":false}],
            "utterance":"","type":"Turn"}"#,
        );
        assert_eq!(turn.text(), "hi my name");
        assert!(turn.confidence().is_some_and(|confidence| (confidence - 0.7).abs() < 1e-6));
        assert_eq!(turn.words[2].from(), Duration::from_millis(2_960));
    }

    #[test]
    fn a_formatted_transcript_is_taken_as_it_is_written() {
        let turn = turn(
            r#"{"type":"Turn","turn_order":1,"end_of_turn":true,"turn_is_formatted":true,"transcript":"Room 12, please.",
            "words":[{"start":0,"end":9,"text":"Room"},{"start":9,"end":10,"text":"12,"},{"start":10,"end":20,"text":"please."}]}"#,
        );
        assert_eq!((turn.text().as_str(), turn.confidence()), ("Room 12, please.", None));
    }

    #[test]
    fn messages_of_tomorrow_are_passed_over() {
        assert!(matches!(
            serde_json::from_str(r#"{"type":"SpeechStarted","timestamp":5}"#),
            Ok(Message::Other)
        ));
        assert!(matches!(
            serde_json::from_str(r#"{"type":"Begin","id":"a","expires_at":1}"#),
            Ok(Message::Begin)
        ));
    }
}
