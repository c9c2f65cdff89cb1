//! What the caller hears, measured on the received frames: when the agent's voice is there, and when it breaks off.

use std::time::Duration;

use domain::FRAME;
use media_core::level;
use tokio::time::Instant;

/// A frame above this is voice; what thinking sounds and comfort noise stay under.
pub(crate) const VOICE_DBFS: f32 = -45.0;
/// Shorter silence inside a reply is its rhythm; longer and the reply is over as far as an ear can tell.
pub const REPLY_OVER: Duration = Duration::from_millis(1_500);

/// Follows the agent's voice frame by frame.
#[derive(Debug, Default)]
pub struct Ear {
    /// First voiced frame since `reset`.
    pub began: Option<Instant>,
    pub last_voiced: Option<Instant>,
    /// Until when what has come lasts, played from its arrival without a pause.
    lasts_to: Option<Instant>,
    /// Longest time from the beginning of one frame to that of the next, as they are played, while the agent spoke.
    pub widest_gap: Duration,
}

impl Ear {
    /// Takes a received frame of 20 ms. While the caller speaks too, the agent may pause for them: that is no gap.
    pub fn hear(&mut self, samples: &[i16], now: Instant, caller_speaks: bool) {
        let voiced = level::rms_dbfs(samples) > VOICE_DBFS;
        if voiced {
            self.began.get_or_insert(now);
            let speaking = self.last_voiced.is_some_and(|last| now - last < Duration::from_millis(200));
            if let (true, Some(end)) = (speaking && !caller_speaks, self.lasts_to) {
                self.widest_gap = self.widest_gap.max(FRAME + now.saturating_duration_since(end));
            }
            self.last_voiced = Some(now);
        }
        self.lasts_to = Some(self.lasts_to.map_or(now, |end| end.max(now)) + FRAME);
    }

    /// The agent spoke, and has been silent for at least `quiet`.
    #[must_use]
    pub fn fell_silent(&self, quiet: Duration, now: Instant) -> bool {
        self.last_voiced.is_some_and(|last| now - last >= quiet)
    }

    /// Listens for the next reply.
    pub fn reset(&mut self) {
        *self = Self { lasts_to: self.lasts_to, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_reply_begins_with_voice_and_ends_with_silence() {
        let (voice, quiet) = (vec![8_000_i16; 320], vec![3_i16; 320]);
        let mut ear = Ear::default();
        let start = Instant::now();
        ear.hear(&quiet, start, false);
        assert_eq!(ear.began, None);
        ear.hear(&voice, start + Duration::from_millis(20), false);
        ear.hear(&voice, start + Duration::from_millis(90), false);
        assert_eq!(ear.widest_gap, Duration::from_millis(70));
        // Three at once, then a pause that they bridge.
        for after_ms in [110, 110, 110, 160] {
            ear.hear(&voice, start + Duration::from_millis(after_ms), false);
        }
        assert_eq!(ear.widest_gap, Duration::from_millis(70));
        ear.hear(&voice, start + Duration::from_millis(300), true);
        assert_eq!(ear.widest_gap, Duration::from_millis(70), "it gave way");
        assert!(!ear.fell_silent(Duration::from_millis(300), start + Duration::from_millis(520)));
        assert!(ear.fell_silent(Duration::from_millis(300), start + Duration::from_millis(600)));
    }
}
