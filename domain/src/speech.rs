//! What is heard in audio: activity, words, the end of a turn.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::audio::{AudioFrame, MediaTime};
use crate::secret::Pii;

/// One verdict of the voice activity detector on a stretch of the caller's track. The turn machine, not the
/// detector, decides what a run of verdicts means.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct VadDecision {
    /// Where the stretch begins and ends on the caller's track.
    pub from: MediaTime,
    pub to: MediaTime,
    /// 0 to 1. A stretch that the cheap gate held back from the neural detector has 0.
    pub probability: f32,
    /// Loudness of the stretch in dB below full scale (0 is the loudest, about -90 digital silence).
    pub level_dbfs: f32,
    /// Just after the last sound in the stretch that is about as loud as the voice before it; `from` where there is none. A
    /// detector lets go later than a voice ends.
    pub loud_to: MediaTime,
    /// How much more of the track than `to` had come when the verdict was given.
    pub behind: MediaTime,
}

impl VadDecision {
    /// Of a detector that tells no more than whether there is voice, as soon as it has heard it.
    #[must_use]
    pub const fn new(from: MediaTime, to: MediaTime, probability: f32, level_dbfs: f32) -> Self {
        Self { from, to, probability, level_dbfs, loud_to: to, behind: MediaTime::ZERO }
    }
}

/// Probability, 0 to 1, that what the caller said is complete.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Score {
    pub probability: f32,
    /// End of the audio that was judged.
    pub at: MediaTime,
}

/// BCP 47 tag, lower-case primary subtag, such as `en` or `de-CH`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Language(pub String);

impl Default for Language {
    fn default() -> Self {
        Self("en".to_owned())
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Word {
    pub text: String,
    pub from: MediaTime,
    pub to: MediaTime,
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, from, to } = self;
        f.debug_struct("Word").field("text", &Pii(text)).field("from", from).field("to", to).finish()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TranscriptKind {
    /// May still change; replaces the partial before it.
    Partial,
    /// As a partial, of which the recogniser will change no word; what follows is added to it.
    Settled,
    /// Will not change; the next transcript continues after it.
    Final,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Transcript {
    pub kind: TranscriptKind,
    /// May be empty: a final without words says that the audio held no speech.
    pub text: String,
    /// Position on the caller's track of the audio this text covers.
    pub from: MediaTime,
    pub to: MediaTime,
    /// Empty where the recogniser gives no times.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<Word>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// 0 to 1, absent where the recogniser gives none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
}

impl fmt::Debug for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, text, from, to, words, language, confidence } = self;
        f.debug_struct("Transcript")
            .field("kind", kind)
            .field("text", &Pii(text))
            .field("from", from)
            .field("to", to)
            .field("words", words)
            .field("language", language)
            .field("confidence", confidence)
            .finish()
    }
}

impl Transcript {
    #[must_use]
    pub fn partial(text: impl Into<String>, from: MediaTime, to: MediaTime) -> Self {
        Self {
            kind: TranscriptKind::Partial,
            text: text.into(),
            from,
            to,
            words: Vec::new(),
            language: None,
            confidence: None,
        }
    }

    #[must_use]
    pub fn complete(text: impl Into<String>, from: MediaTime, to: MediaTime) -> Self {
        Self { kind: TranscriptKind::Final, ..Self::partial(text, from, to) }
    }

    #[must_use]
    pub fn is_final(&self) -> bool {
        self.kind == TranscriptKind::Final
    }

    /// None of its words will change.
    #[must_use]
    pub fn is_firm(&self) -> bool {
        self.kind != TranscriptKind::Partial
    }
}

/// A key of the telephone: 0 to 9, `*`, `#`, A to D.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "char", into = "char")]
pub struct Digit(char);

impl TryFrom<char> for Digit {
    type Error = String;

    fn try_from(key: char) -> Result<Self, String> {
        match key.to_ascii_uppercase() {
            key @ ('0'..='9' | '*' | '#' | 'A'..='D') => Ok(Self(key)),
            other => Err(format!("{other:?} is no telephone key: expected 0-9, *, # or A-D")),
        }
    }
}

impl From<Digit> for char {
    fn from(digit: Digit) -> char {
        digit.0
    }
}

/// What a speaker gives who needs no synthesis: a model that hears and speaks.
#[derive(Clone, PartialEq)]
pub enum Voiced {
    /// What is said, as text; pieces join as they are. Mostly ahead of its sound.
    Words(String),
    /// The next stretch of the sound; its position is not looked at.
    Audio(AudioFrame),
    /// Words and sound of this passage are complete.
    End,
}

impl fmt::Debug for Voiced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Words(text) => f.debug_tuple("Words").field(&Pii(text)).finish(),
            Self::Audio(frame) => f.debug_tuple("Audio").field(&frame.duration()).finish(),
            Self::End => f.write_str("End"),
        }
    }
}
