//! ElevenLabs' JSON, as documented for `multi-stream-input`, `stream`, `stream/with-timestamps` and `v2/voices`. The only place that
//! knows it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use providers_link::Fault;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::options::{TextNormalization, VoiceSettings};

/// Of what the vendor says is wrong, so much is told.
const LONGEST_REASON: usize = 300;

/// Settings as they are sent: the voice's, and the pace of this turn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Settings {
    #[serde(flatten)]
    pub(crate) voice: VoiceSettings,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) speed: Option<f32>,
}

impl Settings {
    /// None where all is the voice's own.
    pub(crate) fn new(voice: VoiceSettings, speed: f32) -> Option<Self> {
        const PACES: std::ops::RangeInclusive<f32> = 0.7..=1.2;
        let speed = ((speed - 1.0).abs() > 0.001).then(|| speed.clamp(*PACES.start(), *PACES.end()));
        (voice != VoiceSettings::default() || speed.is_some()).then_some(Self { voice, speed })
    }
}

/// The first message of a context: a single space, and all that cannot be said later.
#[derive(Debug, Serialize)]
pub(crate) struct Open<'a> {
    pub(crate) text: &'static str,
    pub(crate) context_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) voice_settings: Option<Settings>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Say<'a> {
    pub(crate) text: &'a str,
    pub(crate) context_id: &'a str,
    pub(crate) flush: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct Close<'a> {
    pub(crate) context_id: &'a str,
    pub(crate) close_context: bool,
}

/// Keeps an idle socket open. It names no context: one that is named before its first message would keep the default voice settings,
/// and the settings that come later would be refused.
pub(crate) const KEEP_ALIVE: &str = r#"{"text":""}"#;

/// Anything that comes over the socket. Documentation and examples write some names in two ways.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Message {
    #[serde(rename = "contextId")]
    context_id: Option<String>,
    #[serde(rename = "context_id")]
    context_id_too: Option<String>,
    audio: Option<String>,
    #[serde(rename = "isFinal")]
    is_final: Option<bool>,
    #[serde(rename = "is_final")]
    is_final_too: Option<bool>,
    alignment: Option<Alignment>,
    #[serde(rename = "normalizedAlignment")]
    normalized: Option<Alignment>,
    #[serde(rename = "type")]
    kind: Option<String>,
    error: Option<Value>,
    message: Option<String>,
    code: Option<Value>,
}

/// Characters and when they sound, ms from the start of the chunk that they came with.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Alignment {
    chars: Vec<String>,
    #[serde(rename = "charStartTimesMs")]
    starts: Vec<f64>,
    #[serde(rename = "charDurationsMs")]
    durations: Vec<f64>,
    #[serde(rename = "charsDurationsMs")]
    durations_too: Vec<f64>,
}

/// A character (or what the vendor takes for one) and when it sounds, s from the start of its chunk.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Timed {
    pub(crate) text: String,
    pub(crate) from: f64,
    pub(crate) to: f64,
}

impl Message {
    pub(crate) fn read(text: &str) -> Result<Self, Fault> {
        serde_json::from_str(text).map_err(|error| unreadable(&error))
    }

    pub(crate) fn context(&self) -> Option<&str> {
        self.context_id.as_deref().or(self.context_id_too.as_deref())
    }

    pub(crate) fn is_final(&self) -> bool {
        self.is_final == Some(true) || self.is_final_too == Some(true)
    }

    pub(crate) fn is_flush_done(&self) -> bool {
        self.kind.as_deref() == Some("flush_done")
    }

    pub(crate) fn audio(&self) -> Result<Vec<u8>, Fault> {
        decoded(self.audio.as_deref())
    }

    /// The characters as they were sent and whether they are: else they are of the text as it was spelled out.
    pub(crate) fn timed(&self) -> Result<(Vec<Timed>, bool), Fault> {
        let original = self.alignment.as_ref().filter(|alignment| !alignment.chars.is_empty());
        let Some(alignment) = original.or(self.normalized.as_ref()) else { return Ok((Vec::new(), true)) };
        Ok((alignment.timed()?, original.is_some()))
    }

    /// What the vendor says is wrong: names of the error to tell it by, and a sentence for people.
    pub(crate) fn error(&self) -> Option<(String, String)> {
        let said = self.message.as_deref();
        match (&self.error, &self.code) {
            (None, None) => None,
            (error, code) => Some((
                [error, code].into_iter().flatten().map(worded).collect::<Vec<_>>().join(" "),
                shortened(said.map_or_else(|| worded(error.as_ref().unwrap_or(&Value::Null)), str::to_owned)),
            )),
        }
    }

    /// Whatever it says in words, also where it is not marked as an error.
    pub(crate) fn words(&self) -> String {
        let (names, reason) = self.error().unwrap_or_default();
        format!("{names} {reason} {}", self.message.as_deref().unwrap_or_default())
    }
}

impl Alignment {
    fn timed(&self) -> Result<Vec<Timed>, Fault> {
        let durations = if self.durations.is_empty() { &self.durations_too } else { &self.durations };
        if self.chars.len() != self.starts.len() || self.chars.len() != durations.len() {
            return Err(Fault::protocol("an alignment with another number of times than of characters"));
        }
        let times = self.starts.iter().zip(durations);
        Ok(self
            .chars
            .iter()
            .zip(times)
            .map(|(text, (start, length))| Timed {
                text: text.clone(),
                from: start / 1_000.0,
                to: (start + length) / 1_000.0,
            })
            .collect())
    }
}

/// The body of a request over HTTP.
#[derive(Debug, Serialize)]
pub(crate) struct Speech<'a> {
    pub(crate) text: &'a str,
    pub(crate) model_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) language_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) voice_settings: Option<Settings>,
    pub(crate) apply_text_normalization: TextNormalization,
}

/// A line of `stream/with-timestamps`. Times are from the start of the whole answer.
#[derive(Debug, Deserialize)]
pub(crate) struct Line {
    #[serde(default)]
    audio_base64: Option<String>,
    #[serde(default)]
    alignment: Option<Characters>,
    #[serde(default)]
    normalized_alignment: Option<Characters>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Characters {
    characters: Vec<String>,
    character_start_times_seconds: Vec<f64>,
    character_end_times_seconds: Vec<f64>,
}

impl Line {
    pub(crate) fn read(line: &[u8]) -> Result<Self, Fault> {
        serde_json::from_slice(line).map_err(|error| unreadable(&error))
    }

    pub(crate) fn audio(&self) -> Result<Vec<u8>, Fault> {
        decoded(self.audio_base64.as_deref())
    }

    pub(crate) fn timed(&self) -> Vec<Timed> {
        let original = self.alignment.as_ref().filter(|alignment| !alignment.characters.is_empty());
        let Some(all) = original.or(self.normalized_alignment.as_ref()) else { return Vec::new() };
        let times = all.character_start_times_seconds.iter().zip(&all.character_end_times_seconds);
        all.characters
            .iter()
            .zip(times)
            .map(|(text, (from, to))| Timed { text: text.clone(), from: *from, to: *to })
            .collect()
    }
}

/// What an answer over HTTP or a refused handshake says is wrong: `code` and `type` (newer) or `status` (older) to tell it by, and a
/// sentence for people. A text that was refused is never repeated: of a validation's entries only what and where is taken.
pub(crate) fn refusal(body: &str) -> (String, String) {
    let Ok(body) = serde_json::from_str::<Value>(body) else { return (String::new(), String::new()) };
    let detail = &body["detail"];
    let names = ["code", "status", "type"].iter().filter_map(|name| detail[name].as_str());
    let names = names.collect::<Vec<_>>().join(" ");
    let reason = match detail {
        Value::String(said) => said.clone(),
        Value::Array(entries) => entries.iter().map(invalid).collect::<Vec<_>>().join("; "),
        other => other["message"].as_str().unwrap_or_default().to_owned(),
    };
    (names, shortened(reason))
}

#[derive(Debug, Deserialize)]
pub(crate) struct Voices {
    #[serde(default)]
    pub(crate) voices: Vec<Voice>,
    #[serde(default)]
    pub(crate) has_more: bool,
    #[serde(default)]
    pub(crate) next_page_token: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Voice {
    pub(crate) voice_id: String,
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) preview_url: Option<String>,
    #[serde(default)]
    labels: Option<Value>,
    #[serde(default)]
    verified_languages: Option<Vec<Value>>,
}

impl Voice {
    /// The language that the voice was recorded in, or the first it was checked for.
    pub(crate) fn language(&self) -> Option<String> {
        let labelled = self.labels.as_ref().and_then(|labels| labels["language"].as_str());
        let verified = self.verified_languages.iter().flatten().next();
        let verified = verified.and_then(|entry| entry["locale"].as_str().or(entry["language"].as_str()));
        labelled.or(verified).map(str::to_owned)
    }
}

pub(crate) fn json<T: Serialize>(message: &T) -> String {
    serde_json::to_string(message).expect("these messages hold strings, numbers and flags alone")
}

fn unreadable(error: &serde_json::Error) -> Fault {
    // Without serde's text, which repeats values.
    Fault::protocol(format!("a message that is not as documented, at column {}", error.column()))
}

fn decoded(audio: Option<&str>) -> Result<Vec<u8>, Fault> {
    STANDARD.decode(audio.unwrap_or_default()).map_err(|_| Fault::protocol("audio that is not base64"))
}

fn worded(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn invalid(entry: &Value) -> String {
    let place = entry["loc"].as_array().into_iter().flatten().map(worded).collect::<Vec<_>>().join(".");
    format!("{place}: {}", entry["msg"].as_str().unwrap_or("invalid"))
}

fn shortened(mut reason: String) -> String {
    if let Some((end, _)) = reason.char_indices().nth(LONGEST_REASON) {
        reason.truncate(end);
    }
    reason
}

#[cfg(test)]
mod tests;
