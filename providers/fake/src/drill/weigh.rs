//! What an event of each ability means for a drill: progress, the end of a turn, or neither.

use providers_api::{LlmEvent, SttEvent, TtsEvent};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// Of so much.
    Progress(u64),
    /// A turn was served.
    Done,
    Nothing,
}

pub(super) trait Output: Sized + Send + 'static {
    /// As much progress is the middle of a sentence.
    const MIDDLE: u64;

    fn weight(&self) -> Weight;

    /// The event without what was said in it; `None`: there would be none.
    fn emptied(self) -> Option<Self>;
}

impl Output for SttEvent {
    /// Partials.
    const MIDDLE: u64 = 1;

    fn weight(&self) -> Weight {
        match self {
            Self::Transcript(transcript) if transcript.text.trim().is_empty() => Weight::Nothing,
            Self::Transcript(transcript) if transcript.is_final() => Weight::Done,
            Self::Transcript(_) => Weight::Progress(1),
            _ => Weight::Nothing,
        }
    }

    fn emptied(self) -> Option<Self> {
        match self {
            Self::Transcript(mut transcript) if transcript.is_final() => {
                transcript.text.clear();
                transcript.words.clear();
                Some(Self::Transcript(transcript))
            }
            Self::Transcript(_) => None,
            other => Some(other),
        }
    }
}

impl Output for LlmEvent {
    /// Pieces of text.
    const MIDDLE: u64 = 3;

    fn weight(&self) -> Weight {
        match self {
            Self::Text(text) if text.trim().is_empty() => Weight::Nothing,
            Self::Text(_) | Self::ToolCall(_) | Self::Voiced(_) => Weight::Progress(1),
            Self::Finished(_) => Weight::Done,
            Self::Served(_) | Self::Usage(_) => Weight::Nothing,
        }
    }

    fn emptied(self) -> Option<Self> {
        (!matches!(self, Self::Text(_) | Self::ToolCall(_) | Self::Voiced(_))).then_some(self)
    }
}

impl Output for TtsEvent {
    /// Milliseconds of audio.
    const MIDDLE: u64 = 400;

    fn weight(&self) -> Weight {
        match self {
            Self::Audio(frame) => Weight::Progress(
                u64::try_from(frame.duration().as_duration().as_millis()).unwrap_or(u64::MAX),
            ),
            Self::SentenceDone { .. } => Weight::Done,
            _ => Weight::Nothing,
        }
    }

    fn emptied(self) -> Option<Self> {
        (!matches!(self, Self::Audio(_) | Self::Words { .. })).then_some(self)
    }
}
