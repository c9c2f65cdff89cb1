//! Where within a window the voice was last loud. A neural detector lets go 50 to 100 ms after the last sound, which every
//! caller would wait for.
//!
//! Knows levels alone, and is asked about windows that were judged to be voice.

use domain::MediaTime;

use crate::window::{RATE_HZ, WINDOW, Window, level_dbfs};

/// 8 ms: a pitch period of the deepest voice and no more.
const PIECE: usize = WINDOW / 4;
/// Quieter than the voice by this much is its echo in the room, not a sound of the word.
const LOUD_WITHIN_DB: f32 = 25.0;
/// From this probability on a window teaches how loud the voice is.
const VOICE: f32 = 0.5;
/// Parts by which the known level follows a window that is loud, and one that is not: a caller may move away.
const FOLLOW: f32 = 0.1;
const FOLLOW_DOWN: f32 = 0.02;

#[derive(Debug, Clone, Default)]
pub(crate) struct Loudness {
    voice_dbfs: Option<f32>,
}

impl Loudness {
    /// Just after the last loud piece of the window; its beginning where none is. Nothing is known before the first voice.
    pub(crate) fn loud_to(&mut self, window: &Window<'_>, level: f32, probability: f32) -> MediaTime {
        let voice = *self.voice_dbfs.get_or_insert(level);
        let threshold = voice - LOUD_WITHIN_DB;
        let loud = window.samples.chunks(PIECE).rposition(|piece| level_dbfs(piece) > threshold);
        if probability >= VOICE {
            let part = if level > threshold { FOLLOW } else { FOLLOW_DOWN };
            self.voice_dbfs = Some(voice + (level - voice) * part);
        } else if level > voice {
            // What came before the first voice was taken for it.
            self.voice_dbfs = Some(level);
        }
        let pieces = loud.map_or(0, |index| index + 1);
        window.from + MediaTime::from_samples((pieces * PIECE) as u64, RATE_HZ)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loud_to(loudness: &mut Loudness, amplitude: impl Fn(usize) -> i16) -> u64 {
        let samples: Vec<i16> =
            (0..WINDOW).map(|n| if n % 2 == 0 { amplitude(n) } else { -amplitude(n) }).collect();
        let to = MediaTime::from_millis(32);
        let window = Window { samples: &samples, from: MediaTime::ZERO, to, came_to: to };
        loudness.loud_to(&window, level_dbfs(&samples), 0.9).as_millis()
    }

    #[test]
    fn a_voice_that_breaks_off_was_loud_up_to_there() {
        let mut loudness = Loudness::default();
        assert_eq!(loud_to(&mut loudness, |_| 4_000), 32);
        assert_eq!(loud_to(&mut loudness, |n| if n < 200 { 4_000 } else { 20 }), 16);
        assert_eq!(loud_to(&mut loudness, |_| 20), 0);
    }

    #[test]
    fn a_word_that_ends_softly_is_loud_to_its_end() {
        let mut loudness = Loudness::default();
        loud_to(&mut loudness, |_| 4_000);
        assert_eq!(loud_to(&mut loudness, |n| if n < 200 { 4_000 } else { 400 }), 32);
    }

    #[test]
    fn a_caller_who_moves_away_is_loud_again_within_a_second() {
        let mut loudness = Loudness::default();
        loud_to(&mut loudness, |_| 8_000);
        let windows = (0..).take_while(|_| loud_to(&mut loudness, |_| 250) == 0).count();
        assert!((1..32).contains(&windows), "{windows}");
    }
}
