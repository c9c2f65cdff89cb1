//! The vendor's JSON.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::options::Options;

/// Offsets and durations come in these.
fn ticks(count: u64) -> Duration {
    Duration::from_nanos(count.saturating_mul(100))
}

/// What the service is told about whoever connects.
pub(crate) fn speech_config(rate_hz: u32) -> Value {
    json!({ "context": {
        "system": {
            "name": "agent-foundry", "version": env!("CARGO_PKG_VERSION"), "build": "rust", "lang": "rust",
        },
        "os": { "platform": std::env::consts::OS, "name": std::env::consts::OS, "version": "unknown" },
        "audio": { "source": {
            "type": "Stream", "connectivity": "Unknown", "manufacturer": "unknown", "model": "unknown",
            "samplerate": rate_hz, "bitspersample": 16, "channelcount": 1,
        } },
    } })
}

/// How one request is recognised.
pub(crate) fn speech_context(options: &Options, keywords: &[String]) -> Value {
    let mode = options.mode.path();
    let mut context = json!({
        "phraseOutput": { "format": "Detailed", "detailed": { "options": ["WordTimings"] } },
        "phraseDetection": { "mode": mode },
    });
    if let Some(silence_ms) = options.segmentation_silence_ms {
        context["phraseDetection"][mode] = json!({ "segmentation": {
            "mode": "Custom", "segmentationSilenceTimeoutMs": silence_ms.clamp(100, 5_000),
        } });
    }
    if !keywords.is_empty() {
        let items: Vec<Value> = keywords.iter().map(|text| json!({ "Text": text })).collect();
        context["dgi"] = json!({ "Groups": [{ "Type": "Generic", "Items": items }] });
    }
    context
}

/// `speech.hypothesis` and `speech.fragment`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Hypothesis {
    pub(crate) text: String,
    #[serde(default)]
    offset: u64,
    #[serde(default)]
    duration: u64,
}

impl Hypothesis {
    pub(crate) fn span(&self) -> (Duration, Duration) {
        (ticks(self.offset), ticks(self.offset.saturating_add(self.duration)))
    }
}

/// `speech.phrase`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Phrase {
    pub(crate) recognition_status: Status,
    #[serde(default)]
    offset: u64,
    #[serde(default)]
    duration: u64,
    /// In the simple format.
    #[serde(default)]
    display_text: String,
    /// In the detailed format: the best comes first.
    #[serde(default, rename = "NBest")]
    n_best: Vec<Alternative>,
    #[serde(default)]
    primary_language: Option<Spoken>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum Status {
    Success,
    /// Speech, and no words of this language.
    NoMatch,
    InitialSilenceTimeout,
    BabbleTimeout,
    EndOfDictation,
    Error,
    TooManyRequests,
    BadRequest,
    Forbidden,
    /// Of a newer service.
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Alternative {
    #[serde(default)]
    confidence: Option<f32>,
    #[serde(default)]
    display: String,
    #[serde(default)]
    words: Vec<Word>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Word {
    word: String,
    offset: u64,
    duration: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Spoken {
    language: String,
}

/// A word as it is written and when it was said.
pub(crate) type Timed = (String, Duration, Duration);

impl Phrase {
    pub(crate) fn span(&self) -> (Duration, Duration) {
        (ticks(self.offset), ticks(self.offset.saturating_add(self.duration)))
    }

    pub(crate) fn text(&self) -> &str {
        self.n_best.first().map_or(&self.display_text, |best| &best.display)
    }

    pub(crate) fn confidence(&self) -> Option<f32> {
        self.n_best.first()?.confidence.map(|confidence| confidence.clamp(0.0, 1.0))
    }

    pub(crate) fn language(&self) -> Option<&str> {
        self.primary_language.as_ref().map(|spoken| spoken.language.as_str()).filter(|tag| !tag.is_empty())
    }

    /// The service times words as they were said ("twenty five"), and writes them otherwise ("25,"): where there are as many, the
    /// written ones are given.
    pub(crate) fn words(&self) -> Vec<Timed> {
        let Some(best) = self.n_best.first() else { return Vec::new() };
        let written: Vec<&str> = best.display.split_whitespace().collect();
        let as_many = written.len() == best.words.len();
        best.words
            .iter()
            .enumerate()
            .map(|(n, word)| {
                let text = if as_many { written[n].to_owned() } else { word.word.clone() };
                (text, ticks(word.offset), ticks(word.offset.saturating_add(word.duration)))
            })
            .collect()
    }
}

/// Of the list of voices.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct VoiceEntry {
    pub(crate) short_name: String,
    pub(crate) locale: String,
    #[serde(default)]
    pub(crate) gender: String,
    #[serde(default)]
    pub(crate) style_list: Vec<String>,
    #[serde(default)]
    pub(crate) secondary_locale_list: Vec<String>,
}

/// What a refusal says, where it is JSON: `{"error":{"message":…}}` or `{"message":…}`.
pub(crate) fn refusal(body: &str) -> Option<String> {
    let body: Value = serde_json::from_str(body).ok()?;
    let message = body["error"]["message"].as_str().or_else(|| body["message"].as_str())?;
    Some(message.to_owned())
}

#[cfg(test)]
mod tests {
    use domain::Secret;

    use super::*;

    #[test]
    fn the_written_words_are_timed_where_there_are_as_many_as_were_said() {
        let phrase = |display: &str| -> Phrase {
            serde_json::from_value(json!({
                "RecognitionStatus": "Success", "Offset": 1_000_000, "Duration": 9_000_000,
                "PrimaryLanguage": { "Language": "en-US", "Confidence": "High" },
                "NBest": [{ "Confidence": 0.9, "Lexical": "room twelve", "Display": display, "Words": [
                    { "Word": "room", "Offset": 1_000_000, "Duration": 3_000_000 },
                    { "Word": "twelve", "Offset": 4_000_000, "Duration": 6_000_000 },
                ] }],
            }))
            .expect("as documented")
        };
        let ms = Duration::from_millis;
        assert_eq!(
            phrase("Room 12.").words(),
            [("Room".to_owned(), ms(100), ms(400)), ("12.".to_owned(), ms(400), ms(1_000))]
        );
        assert_eq!(phrase("Room 1 2.").words()[1].0, "twelve");
        let phrase = phrase("Room 12.");
        assert_eq!(
            (phrase.language(), phrase.confidence(), phrase.span().1),
            (Some("en-US"), Some(0.9), ms(1_000))
        );
    }

    #[test]
    fn the_simple_format_and_a_status_of_tomorrow_are_read() {
        let phrase: Phrase = serde_json::from_str(
            r#"{"RecognitionStatus":"NewOne","DisplayText":"Hi.","Offset":0,"Duration":5}"#,
        )
        .expect("unknown statuses are read");
        assert_eq!((phrase.recognition_status, phrase.text()), (Status::Unknown, "Hi."));
    }

    #[test]
    fn the_context_has_what_was_asked_for_and_no_more() {
        let mut options = Options::new(Secret::new(String::new()), "eastus");
        let plain = speech_context(&options, &[]);
        assert_eq!(plain["phraseDetection"], json!({ "mode": "conversation" }));
        assert!(plain.get("dgi").is_none());
        options.segmentation_silence_ms = Some(50);
        let full = speech_context(&options, &["Agent Foundry".to_owned()]);
        assert_eq!(
            full["phraseDetection"]["conversation"]["segmentation"],
            json!({ "mode": "Custom", "segmentationSilenceTimeoutMs": 100 })
        );
        assert_eq!(full["dgi"]["Groups"][0]["Items"], json!([{ "Text": "Agent Foundry" }]));
    }

    #[test]
    fn a_refusal_is_read_where_it_says_something() {
        let long = r#"{"error":{"code":"401","message":"Access denied."}}"#;
        assert_eq!(refusal(long).as_deref(), Some("Access denied."));
        assert_eq!(refusal(r#"{"message":"Quota."}"#).as_deref(), Some("Quota."));
        assert_eq!(refusal("<html>"), None);
    }
}
