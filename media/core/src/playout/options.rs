//! Options of the playout.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Of the mixing and of what comes out: 8000, 16000, 24000 or 48000 Hz. Default 24000, what most voices have.
    pub rate_hz: u32,
    /// The first audio of a turn is held back so long until the vendor's gaps are known, in ms; not at all where as
    /// much comes at once. Default 40.
    pub preroll_initial_ms: u64,
    /// However bad the vendor's gaps are. Default 200.
    pub preroll_max_ms: u64,
    /// After the voice ran dry, go on with at least this much, in ms. Default 60.
    pub rebuffer_ms: u64,
    /// How far back a resumption may go, in ms. Default 2000.
    pub history_ms: u64,
    /// Silence at the beginning of a turn's audio that is skipped, in ms. Default 400; 0 plays all of it.
    pub skip_leading_silence_ms: u64,
    /// Silence that is sent after the voice, in ms, so that the far end's buffer and decoder come to rest. Default 400.
    pub trailing_silence_ms: u64,
    /// Over a stream (`Delivery::Stream`) the voice is sent so far ahead of its time, in ms: a far end that plays a stream
    /// as it comes would stutter at every delay. It is also how long such a far end may go on after an interruption.
    /// Default 120.
    pub stream_lead_ms: u64,
    pub silence: Silence,
}

/// What is sent while nobody speaks and no background plays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum Silence {
    /// Nothing, after the trailing silence: saves the encoder's time.
    #[default]
    Nothing,
    /// A faint noise, at all times.
    ComfortNoise { level_dbfs: f32 },
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rate_hz: 24_000,
            preroll_initial_ms: 40,
            preroll_max_ms: 200,
            rebuffer_ms: 60,
            history_ms: 2_000,
            skip_leading_silence_ms: 400,
            trailing_silence_ms: 400,
            stream_lead_ms: 120,
            silence: Silence::Nothing,
        }
    }
}

impl Options {
    pub fn validate(&self) -> Result<(), String> {
        if ![8_000, 16_000, 24_000, 48_000].contains(&self.rate_hz) {
            return Err("playout: rate_hz is 8000, 16000, 24000 or 48000".to_owned());
        }
        if self.preroll_initial_ms > self.preroll_max_ms || self.preroll_max_ms > 2_000 {
            return Err("playout: preroll_initial_ms <= preroll_max_ms <= 2000".to_owned());
        }
        if !(20..=2_000).contains(&self.rebuffer_ms) {
            return Err("playout: rebuffer_ms is 20 to 2000".to_owned());
        }
        if !(500..=10_000).contains(&self.history_ms) {
            return Err("playout: history_ms is 500 to 10000".to_owned());
        }
        if self.stream_lead_ms > 1_000 {
            return Err("playout: stream_lead_ms is at most 1000".to_owned());
        }
        if let Silence::ComfortNoise { level_dbfs } = self.silence
            && !(-90.0..=-30.0).contains(&level_dbfs)
        {
            return Err("playout: the level of comfort noise is -90 to -30 dBFS".to_owned());
        }
        Ok(())
    }
}
