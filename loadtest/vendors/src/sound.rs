//! The ear and the voice of every vendor: a word for each stretch of voice, a tone for each character.

use std::time::Duration;

use media_core::level;

/// Enough different words that a transcript's length says how much voice was heard; none after which more is expected.
const WORDS: [&str; 12] = [
    "Eggs", "milk", "butter", "bread", "apples", "cherries", "lemons", "plums", "rice", "salt", "pepper",
    "please",
];
const WORD_SECONDS: f64 = 0.3;
const INTERIM_SECONDS: f64 = 0.2;
const VOICE_DBFS: f32 = -45.0;

/// What an ear has heard of one stream. Times in seconds from the stream's first sample.
#[derive(Debug)]
pub(crate) struct Ear {
    rate_hz: u32,
    pub(crate) position: f64,
    /// Where the stretch since the last final begins.
    pub(crate) from: f64,
    voice: f64,
    interim_at: f64,
    /// Where voice was first and last heard in the stretch.
    spoken: Option<(f64, f64)>,
}

/// A word and when it was said.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Said {
    pub(crate) word: &'static str,
    pub(crate) from: f64,
    pub(crate) to: f64,
}

impl Ear {
    pub(crate) fn new(rate_hz: u32) -> Self {
        let rate_hz = rate_hz.max(8_000);
        Self { rate_hz, position: 0.0, from: 0.0, voice: 0.0, interim_at: 0.0, spoken: None }
    }

    /// Takes little-endian 16-bit samples; `true` when an interim is due.
    pub(crate) fn take(&mut self, audio: &[u8]) -> bool {
        let samples: Vec<i16> =
            audio.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
        // In frames, so that one long message is heard as many short ones.
        for frame in samples.chunks((self.rate_hz / 50) as usize) {
            let seconds = frame.len() as f64 / f64::from(self.rate_hz);
            let begun = self.position;
            self.position += seconds;
            if level::rms_dbfs(frame) > VOICE_DBFS {
                self.voice += seconds;
                let first = self.spoken.map_or(begun, |(first, _)| first);
                self.spoken = Some((first, self.position));
            }
        }
        let due = self.voice > 0.0 && self.position - self.interim_at >= INTERIM_SECONDS;
        if due {
            self.interim_at = self.position;
        }
        due
    }

    /// Words of the stretch since the last final, spread over its voice.
    pub(crate) fn words(&self) -> Vec<Said> {
        let count = (self.voice / WORD_SECONDS).ceil() as usize;
        let Some((first, last)) = self.spoken else { return Vec::new() };
        let each = (last - first) / count.max(1) as f64;
        let place = |n: usize| first + each * n as f64;
        WORDS
            .iter()
            .cycle()
            .take(count)
            .enumerate()
            .map(|(n, word)| Said { word, from: place(n), to: place(n + 1) })
            .collect()
    }

    pub(crate) fn text(&self) -> String {
        self.words().iter().map(|said| said.word).collect::<Vec<_>>().join(" ")
    }

    /// Whether voice was heard in the stretch and has ended so long ago.
    pub(crate) fn pauses(&self, length: Duration) -> bool {
        self.spoken.is_some_and(|(_, to)| self.position - to >= length.as_secs_f64() - 1e-6)
    }

    /// A final was given: the next stretch begins.
    pub(crate) fn settle(&mut self) {
        (self.from, self.voice, self.spoken) = (self.position, 0.0, None);
    }
}

/// 220 Hz with harmonics at about -20 dBFS, little-endian 16-bit: voice as far as level meters and detectors can tell.
pub(crate) fn voiced(at: Duration, length: Duration, rate_hz: u32) -> bytes::Bytes {
    let first = (at.as_secs_f64() * f64::from(rate_hz)).round() as u64;
    let count = (length.as_secs_f64() * f64::from(rate_hz)).round() as u64;
    (first..first + count)
        .flat_map(|n| {
            let phase = std::f64::consts::TAU * 220.0 * n as f64 / f64::from(rate_hz);
            let sample = phase.sin() + 0.5 * (2.0 * phase).sin() + 0.25 * (3.0 * phase).sin();
            ((sample * 3_000.0) as i16).to_le_bytes()
        })
        .collect()
}

/// How long `text` sounds.
pub(crate) fn length(text: &str, delays: crate::Delays) -> Duration {
    Duration::from_millis(delays.tts_ms_per_char) * u32::try_from(text.chars().count()).unwrap_or(0)
}
