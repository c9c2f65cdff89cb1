//! Cartesia's JSON, as documented for `tts/websocket`, `tts/bytes` and `voices`. The only place that knows it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use providers_link::Fault;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Of what the vendor says is wrong, so much is told.
const LONGEST_REASON: usize = 300;
/// Paces that the models have.
const PACES: std::ops::RangeInclusive<f32> = 0.6..=1.5;

/// What every request says of the voice. Within a context it must stay the same.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Manner {
    model_id: String,
    voice: VoiceId,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    output_format: Format,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation_config: Option<Generation>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct VoiceId {
    mode: &'static str,
    id: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Format {
    container: &'static str,
    encoding: &'static str,
    sample_rate: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Generation {
    speed: f32,
}

impl Manner {
    pub(crate) fn new(model: &str, voice: &str, language: Option<&str>, rate_hz: u32, speed: f32) -> Self {
        let paced = (speed - 1.0).abs() > 0.001;
        Self {
            model_id: model.to_owned(),
            voice: VoiceId { mode: "id", id: voice.to_owned() },
            language: language.map(str::to_owned),
            output_format: Format { container: "raw", encoding: "pcm_s16le", sample_rate: rate_hz },
            generation_config: paced.then(|| Generation { speed: speed.clamp(*PACES.start(), *PACES.end()) }),
        }
    }
}

/// Text for a context of the socket.
#[derive(Debug, Serialize)]
pub(crate) struct Generate<'a> {
    #[serde(flatten)]
    pub(crate) manner: &'a Manner,
    pub(crate) context_id: &'a str,
    pub(crate) transcript: &'a str,
    #[serde(rename = "continue")]
    pub(crate) continues: bool,
    pub(crate) flush: bool,
    pub(crate) add_timestamps: bool,
    /// 0: what comes is spoken at once. It comes in whole sentences.
    pub(crate) max_buffer_delay_ms: u32,
}

impl<'a> Generate<'a> {
    pub(crate) const fn new(manner: &'a Manner, context_id: &'a str, transcript: &'a str) -> Self {
        let (continues, flush, add_timestamps, max_buffer_delay_ms) = (true, false, true, 0);
        Self { manner, context_id, transcript, continues, flush, add_timestamps, max_buffer_delay_ms }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Cancel<'a> {
    pub(crate) context_id: &'a str,
    pub(crate) cancel: bool,
}

/// The body of a request over HTTP.
#[derive(Debug, Serialize)]
pub(crate) struct Speech<'a> {
    #[serde(flatten)]
    pub(crate) manner: &'a Manner,
    pub(crate) transcript: &'a str,
}

/// Anything that comes over the socket.
#[derive(Debug, Deserialize)]
pub(crate) struct Message {
    #[serde(default)]
    pub(crate) context_id: Option<String>,
    /// 1 for what was given before the first flush, and so on.
    #[serde(default)]
    pub(crate) flush_id: Option<usize>,
    #[serde(flatten)]
    pub(crate) what: What,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum What {
    Chunk {
        #[serde(default)]
        data: String,
    },
    Timestamps {
        #[serde(default)]
        word_timestamps: Option<WordTimestamps>,
    },
    FlushDone,
    Done,
    Error(Wrong),
    /// Phonemes, and what may come later.
    #[serde(other)]
    Other,
}

/// Seconds.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct WordTimestamps {
    pub(crate) words: Vec<String>,
    pub(crate) start: Vec<f64>,
    pub(crate) end: Vec<f64>,
}

/// An error, of the socket or over HTTP. Versions before 2026-03-01 say `error` alone.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wrong {
    pub(crate) status_code: Option<u16>,
    error_code: Option<String>,
    title: Option<String>,
    message: Option<String>,
    error: Option<String>,
}

impl Message {
    pub(crate) fn read(text: &str) -> Result<Self, Fault> {
        // Without serde's text, which repeats values.
        serde_json::from_str(text).map_err(|_| Fault::protocol("a message that is not as documented"))
    }
}

pub(crate) fn audio(data: &str) -> Result<Vec<u8>, Fault> {
    STANDARD.decode(data).map_err(|_| Fault::protocol("audio that is not base64"))
}

impl WordTimestamps {
    /// Words with the seconds that they sound from and to.
    pub(crate) fn timed(self) -> Result<Vec<(String, f64, f64)>, Fault> {
        if self.words.len() != self.start.len() || self.words.len() != self.end.len() {
            return Err(Fault::protocol("another number of times than of words"));
        }
        let times = self.start.into_iter().zip(self.end);
        Ok(self.words.into_iter().zip(times).map(|(word, (from, to))| (word, from, to)).collect())
    }
}

impl Wrong {
    /// Out of a body over HTTP. Older versions answer plain text.
    pub(crate) fn read(body: &str) -> Self {
        serde_json::from_str::<Value>(body)
            .ok()
            .filter(Value::is_object)
            .and_then(|body| serde_json::from_value(body).ok())
            .unwrap_or_else(|| Self { error: Some(body.to_owned()), ..Self::default() })
    }

    /// What errors are told apart by.
    pub(crate) fn names(&self) -> String {
        let all = [&self.error_code, &self.title, &self.error];
        all.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ")
    }

    /// For people.
    pub(crate) fn reason(&self) -> String {
        let all = [&self.error_code, &self.title, &self.message, &self.error];
        let mut reason = all.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(": ");
        if let Some((end, _)) = reason.char_indices().nth(LONGEST_REASON) {
            reason.truncate(end);
        }
        reason
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Voices {
    #[serde(default)]
    pub(crate) data: Vec<Voice>,
    #[serde(default)]
    pub(crate) has_more: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Voice {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) language: Option<String>,
    #[serde(default)]
    pub(crate) preview_file_url: Option<String>,
}

pub(crate) fn json<T: Serialize>(message: &T) -> String {
    serde_json::to_string(message).expect("these messages hold strings, numbers and flags alone")
}

#[cfg(test)]
mod tests;
