//! The audio since the last final: what of it is worth sending, and where it lies on the track. Plain data.

use std::time::Duration;

use domain::{AudioFrame, MediaTime};

use crate::level::{Gate, dbfs};

/// Before the first and after the last sound; a beginning is quieter than what follows, and models want some room.
const ROOM: Duration = Duration::from_millis(300);
/// Less sound than this is a click.
const SHORTEST: Duration = Duration::from_millis(100);
/// Of one piece; the servers' own limit is 25 MB. Beyond it the oldest audio is given up.
const LONGEST: Duration = Duration::from_secs(600);
/// Given up at once, so that not every frame moves ten minutes of audio.
const GIVEN_UP: Duration = Duration::from_secs(10);

/// Grows frame by frame.
#[derive(Debug)]
pub(super) struct Buffer {
    rate_hz: u32,
    gate: Gate,
    samples: Vec<i16>,
    /// Of the first sample.
    from: MediaTime,
    /// After the last audio pushed.
    end: MediaTime,
    begun: bool,
    /// Where the last sound ended, in samples.
    sound_to: usize,
    /// How much of it was loud, in samples, and how loud the loudest frame.
    sound: usize,
    loudest_dbfs: f32,
}

/// A piece of the track with speech in it, as far as anyone can tell by its loudness.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Piece {
    pub(super) rate_hz: u32,
    pub(super) samples: Vec<i16>,
    pub(super) from: MediaTime,
    /// How much of it is loud.
    pub(super) sound: Duration,
    pub(super) loudest_dbfs: f32,
}

impl Buffer {
    pub(super) fn new(rate_hz: u32, loud_dbfs: f32) -> Self {
        Self {
            rate_hz,
            gate: Gate::new(loud_dbfs),
            samples: Vec::new(),
            from: MediaTime::ZERO,
            end: MediaTime::ZERO,
            begun: false,
            sound_to: 0,
            sound: 0,
            loudest_dbfs: f32::NEG_INFINITY,
        }
    }

    /// The next audio; gives how much of it is loud.
    pub(super) fn push(&mut self, frame: &AudioFrame) -> Duration {
        if self.samples.is_empty() || !self.begun {
            (self.from, self.begun) = (frame.at, true);
        } else {
            // What was lost on the way counts as silence, so that positions stay right.
            let lost = frame.at.saturating_sub(self.end).as_samples(self.rate_hz);
            let lost = usize::try_from(lost).unwrap_or(usize::MAX).min(self.count(LONGEST));
            self.samples.resize(self.samples.len() + lost, 0);
        }
        self.end = frame.end();
        let before = self.sound;
        for piece in frame.samples.chunks(AudioFrame::samples_per_frame(self.rate_hz).max(1)) {
            self.samples.extend_from_slice(piece);
            if self.gate.is_loud(piece) {
                self.sound += piece.len();
                self.sound_to = self.samples.len();
                self.loudest_dbfs = self.loudest_dbfs.max(dbfs(piece));
            }
        }
        let loud = self.length(self.sound - before);
        self.forget();
        loud
    }

    /// Position after the last audio.
    pub(super) const fn end(&self) -> MediaTime {
        self.end
    }

    /// What is worth sending of the audio so far; it stays.
    pub(super) fn so_far(&self) -> Option<Piece> {
        if !self.has_sound() {
            return None;
        }
        let to = (self.sound_to + self.count(ROOM)).min(self.samples.len());
        Some(Piece {
            rate_hz: self.rate_hz,
            samples: self.samples[..to].to_vec(),
            from: self.from,
            sound: self.length(self.sound),
            loudest_dbfs: self.loudest_dbfs,
        })
    }

    /// The next piece begins here.
    pub(super) fn begin(&mut self) {
        self.samples.clear();
        self.from = self.end;
        self.silent();
    }

    fn has_sound(&self) -> bool {
        self.length(self.sound) >= SHORTEST
    }

    fn silent(&mut self) {
        (self.sound, self.sound_to, self.loudest_dbfs) = (0, 0, f32::NEG_INFINITY);
    }

    fn forget(&mut self) {
        let room = self.count(ROOM);
        if !self.has_sound() {
            if self.sound_to + room <= self.samples.len() {
                self.silent(); // there was a click, long ago
            }
            if self.sound == 0 {
                self.drop_front(self.samples.len().saturating_sub(room));
            }
        }
        if self.samples.len() > self.count(LONGEST) {
            tracing::warn!("ten minutes without a final: the oldest audio is given up");
            self.drop_front(self.count(GIVEN_UP));
        }
    }

    fn drop_front(&mut self, count: usize) {
        if count == 0 {
            return;
        }
        let count = count.min(self.samples.len());
        self.samples.drain(..count);
        self.sound_to = self.sound_to.saturating_sub(count);
        self.from += MediaTime::from_samples(count as u64, self.rate_hz);
    }

    fn count(&self, length: Duration) -> usize {
        MediaTime::from_duration(length).as_samples(self.rate_hz) as usize
    }

    fn length(&self, samples: usize) -> Duration {
        MediaTime::from_samples(samples as u64, self.rate_hz).as_duration()
    }
}

impl Piece {
    pub(super) fn length(&self) -> Duration {
        MediaTime::from_samples(self.samples.len() as u64, self.rate_hz).as_duration()
    }

    /// Position on the track of `seconds` into the piece.
    pub(super) fn place(&self, seconds: f64) -> MediaTime {
        let within = seconds.clamp(0.0, self.length().as_secs_f64());
        let within = Duration::try_from_secs_f64(within).unwrap_or_default(); // no number at all: the beginning
        self.from + MediaTime::from_duration(within)
    }

    /// A file, mono 16 bit.
    pub(super) fn wav(&self) -> Vec<u8> {
        let data = providers_link::pcm::bytes(&self.samples);
        let size = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let mut wav = Vec::with_capacity(44 + data.len());
        wav.extend(b"RIFF");
        wav.extend(size.saturating_add(36).to_le_bytes());
        wav.extend(b"WAVEfmt ");
        wav.extend(16_u32.to_le_bytes());
        wav.extend(1_u16.to_le_bytes()); // PCM
        wav.extend(1_u16.to_le_bytes()); // one channel
        wav.extend(self.rate_hz.to_le_bytes());
        wav.extend((self.rate_hz * 2).to_le_bytes()); // bytes in a second
        wav.extend(2_u16.to_le_bytes()); // bytes of a sample
        wav.extend(16_u16.to_le_bytes());
        wav.extend(b"data");
        wav.extend(size.to_le_bytes());
        wav.extend(data);
        wav
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 16_000;

    fn buffer() -> Buffer {
        Buffer::new(RATE, crate::level::LOUD_DBFS)
    }

    /// Pushes so many ms of this amplitude, frame by frame, from `at` on; gives how much was loud.
    fn push(buffer: &mut Buffer, at: MediaTime, ms: u64, amplitude: i16) -> Duration {
        (0..ms / 20)
            .map(|n| {
                let samples = [amplitude, -amplitude].repeat(160);
                let at = at + MediaTime::from_millis(n * 20);
                buffer.push(&AudioFrame { samples, rate_hz: RATE, at })
            })
            .sum()
    }

    fn ms(ms: u64) -> MediaTime {
        MediaTime::from_millis(ms)
    }

    #[test]
    fn silence_before_and_after_is_left_out_except_for_some_room() {
        let mut buffer = buffer();
        push(&mut buffer, ms(10_000), 5_000, 0);
        let loud = push(&mut buffer, ms(15_000), 1_000, 3_000);
        push(&mut buffer, ms(16_000), 2_000, 0);
        assert_eq!(loud, Duration::from_secs(1));
        let piece = buffer.so_far().expect("a second of sound");
        assert_eq!((piece.from, piece.length()), (ms(14_700), Duration::from_millis(1_600)));
        assert_eq!((piece.place(0.5), piece.place(99.0)), (ms(15_200), ms(16_300)));
        assert_eq!(buffer.end(), ms(18_000));
        buffer.begin();
        assert_eq!(buffer.so_far(), None);
    }

    #[test]
    fn what_is_too_short_or_too_quiet_is_not_worth_sending() {
        let mut buffer = buffer();
        push(&mut buffer, ms(0), 1_000, 0);
        assert_eq!(buffer.so_far(), None, "silence");
        push(&mut buffer, ms(1_000), 80, 3_000);
        assert_eq!(buffer.so_far(), None, "a click");
        push(&mut buffer, ms(1_080), 1_000, 0);
        push(&mut buffer, ms(2_080), 80, 3_000);
        assert_eq!(buffer.so_far(), None, "two clicks, far apart");
        push(&mut buffer, ms(2_160), 20, 3_000);
        let piece = buffer.so_far().expect("a tenth of a second");
        assert_eq!((piece.from, piece.sound), (ms(1_780), Duration::from_millis(100)));
    }

    #[test]
    fn what_was_lost_on_the_way_is_silence() {
        let mut buffer = buffer();
        push(&mut buffer, ms(0), 200, 3_000);
        push(&mut buffer, ms(1_000), 200, 3_000);
        let piece = buffer.so_far().expect("sound");
        assert_eq!((piece.from, piece.length()), (ms(0), Duration::from_millis(1_200)));
        assert_eq!(piece.samples[8_000], 0);
    }

    #[test]
    fn a_piece_does_not_grow_for_ever() {
        let mut buffer = buffer();
        let second =
            AudioFrame { samples: [3_000, -3_000].repeat(8_000), rate_hz: RATE, at: MediaTime::ZERO };
        for n in 0..610 {
            buffer.push(&AudioFrame { at: ms(n * 1_000), ..second.clone() });
        }
        let piece = buffer.so_far().expect("sound");
        assert_eq!((piece.from, piece.length()), (ms(10_000), Duration::from_secs(600)));
    }

    #[test]
    fn the_file_says_what_is_in_it() {
        let piece = Piece {
            rate_hz: RATE,
            samples: vec![1, -2],
            from: MediaTime::ZERO,
            sound: Duration::ZERO,
            loudest_dbfs: 0.0,
        };
        let wav = piece.wav();
        assert_eq!((&wav[..4], &wav[8..16], wav.len()), (b"RIFF".as_slice(), b"WAVEfmt ".as_slice(), 48));
        assert_eq!(
            (&wav[24..28], &wav[40..44]),
            (16_000_u32.to_le_bytes().as_slice(), 4_u32.to_le_bytes().as_slice())
        );
        assert_eq!(wav[44..], [1, 0, 254, 255]);
    }
}
