//! Every number of a session, with its unit and default. Turn-taking has its own in `media_turn::Options`.

use std::time::Duration;

use domain::{Language, Voice};
use serde::{Deserialize, Serialize};

use crate::lines::Lines;
use crate::{background, recording};

/// A lost caller is waited for this long at most: the call keeps its place meanwhile, and the token to come back its worth.
const LONGEST_REATTACH_S: u32 = 600;

/// How one call is run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    pub turn: media_turn::Options,
    pub inbound: media_core::inbound::Options,
    pub playout: media_core::playout::Options,
    pub opus: media_codec::opus::Options,
    pub voice: Voice,
    /// What the caller speaks; absent lets the recogniser find out.
    pub language: Option<Language>,
    /// Words the recogniser should expect.
    pub keywords: Vec<String>,
    pub waits: Waits,
    /// How long, in s, a new connection may take until media flows on it; then the session ends.
    pub connect_s: u32,
    /// How long, in s, a session whose connection was lost waits for its caller.
    pub reattach_s: u32,
    /// Longest call, in s; then the agent says goodbye. 0: no limit.
    pub longest_call_s: u32,
    /// How long, in ms, a client that announces itself may take after its connection stands, before the
    /// greeting begins without it.
    pub ready_ms: u32,
    /// How long, in s, the last words may take to be spoken before the call ends without them.
    pub farewell_s: u32,
    /// Synthesise guesses too, so that their audio is there when the guess was right.
    pub speak_ahead: bool,
    /// Quiet sounds of somebody at work while an answer is thought of.
    pub thinking_sound: bool,
    /// A sound that repeats under the whole call, such as an office; absent: none. Whoever starts the session reads
    /// the file.
    pub background: Option<background::Options>,
    /// What is said where a part of the call fails.
    pub lines: Lines,
    /// Whether both legs of the call are kept.
    pub recording: recording::Options,
}

/// Deadlines of what a session waits for, in ms. Whatever they are, the caller's wait for an answer ends with
/// `turn.reply.late_ms`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Waits {
    /// Until a provider has opened a stream.
    pub open_ms: u32,
    /// From a demanded final to the final; then the audio is given to a new stream.
    pub final_ms: u32,
    /// From the commit to the dialogue's first text.
    pub first_text_ms: u32,
    /// Between two pieces of the dialogue's text.
    pub next_text_ms: u32,
    /// From a sentence to its first audio.
    pub first_audio_ms: u32,
    /// Between two pieces of audio of a sentence, counted from when what was given has been played. A voice that is gone
    /// is given this twice,
    pub next_audio_ms: u32,
    /// and no longer than this in all, counted in the same way: the apology comes within 3 s.
    pub silence_ms: u32,
    /// Failures of one provider in a row, without any progress between, that end the call after an apology.
    pub failures: u32,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            open_ms: 1_500,
            final_ms: 1_000,
            first_text_ms: 2_500,
            next_text_ms: 8_000,
            first_audio_ms: 1_100,
            next_audio_ms: 1_300,
            silence_ms: 2_600,
            failures: 3,
        }
    }
}

impl Waits {
    /// To these at least, in ms: for providers that fail by themselves within them, and must not be hung up on before.
    pub fn raise(&mut self, open_ms: u32, final_ms: u32, audio_ms: u32) {
        self.open_ms = self.open_ms.max(open_ms);
        self.final_ms = self.final_ms.max(final_ms);
        self.first_audio_ms = self.first_audio_ms.max(audio_ms);
        self.next_audio_ms = self.next_audio_ms.max(audio_ms);
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            turn: media_turn::Options::default(),
            inbound: media_core::inbound::Options::default(),
            playout: media_core::playout::Options::default(),
            opus: media_codec::opus::Options::default(),
            voice: Voice::default(),
            language: None,
            keywords: Vec::new(),
            waits: Waits::default(),
            connect_s: 30,
            reattach_s: 30,
            longest_call_s: 3_600,
            ready_ms: 2_000,
            farewell_s: 20,
            speak_ahead: true,
            thinking_sound: false,
            background: None,
            lines: Lines::default(),
            recording: recording::Options::default(),
        }
    }
}

impl Options {
    /// # Errors
    /// The first option that contradicts itself or another, in words.
    pub fn validate(&self) -> Result<(), String> {
        self.turn.validate().map_err(|invalid| invalid.to_string())?;
        self.inbound.validate()?;
        self.playout.validate()?;
        self.opus.validate()?;
        if let Some(background) = &self.background {
            background.validate()?;
        }
        self.lines.validate()?;
        self.recording.validate()?;
        let waits = &self.waits;
        for (name, value) in [
            ("waits.open_ms", waits.open_ms),
            ("waits.final_ms", waits.final_ms),
            ("waits.first_text_ms", waits.first_text_ms),
            ("waits.next_text_ms", waits.next_text_ms),
            ("waits.first_audio_ms", waits.first_audio_ms),
            ("waits.next_audio_ms", waits.next_audio_ms),
            ("waits.silence_ms", waits.silence_ms),
            ("waits.failures", waits.failures),
            ("farewell_s", self.farewell_s),
            ("connect_s", self.connect_s),
        ] {
            if value == 0 {
                return Err(format!("session.{name} must be above 0: nothing is waited for without an end"));
            }
        }
        if !(1..=LONGEST_REATTACH_S).contains(&self.reattach_s) {
            return Err(format!("session.reattach_s must be between 1 and {LONGEST_REATTACH_S}"));
        }
        if !(0.25..=4.0).contains(&self.voice.speed) {
            return Err("session.voice.speed must be between 0.25 and 4".to_owned());
        }
        Ok(())
    }
}

pub(crate) const fn ms(value: u32) -> Duration {
    Duration::from_millis(value as u64)
}

pub(crate) const fn seconds(value: u32) -> Duration {
    Duration::from_secs(value as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_for_lost_callers_that_cannot_be_is_named_as_the_operator_wrote_it() {
        assert_eq!(Options::default().validate(), Ok(()));
        for reattach_s in [0, LONGEST_REATTACH_S + 1] {
            let wrong = Options { reattach_s, ..Options::default() }.validate().expect_err("out of range");
            assert!(wrong.contains("session.reattach_s"), "{wrong}");
        }
    }

    #[test]
    fn a_notice_that_says_nothing_is_refused_where_it_would_be_said() {
        let parse = |json| serde_json::from_value::<Options>(json).expect("well-formed");
        for (recording, wrong) in [
            (serde_json::json!({ "mode": "notice" }), false),
            (serde_json::json!({ "mode": "on", "notice": "" }), false),
            (serde_json::json!({ "mode": "notice", "notice": " " }), true),
            (serde_json::json!({ "notice": "x".repeat(301) }), true),
        ] {
            let said = parse(serde_json::json!({ "recording": recording.clone() })).validate();
            assert_eq!(
                said.is_err_and(|said| said.contains("session.recording.notice")),
                wrong,
                "{recording}"
            );
        }
        for unknown in [serde_json::json!({ "mode": "always" }), serde_json::json!({ "legs": 1 })] {
            let options = serde_json::json!({ "recording": unknown });
            assert!(serde_json::from_value::<Options>(options).is_err());
        }
    }
}
