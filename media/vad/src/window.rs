//! Cuts the caller's frames into the detector's windows and keeps their positions. Judges nothing.

use std::collections::VecDeque;

use domain::{AudioFrame, MediaTime, VadDecision};

/// Loudness in dB below full scale; digital silence is -90.
pub(crate) use media_core::level::rms_dbfs as level_dbfs;

use crate::loudness::Loudness;

/// Rate of the audio that every detector of this crate takes.
pub(crate) const RATE_HZ: u32 = 16_000;
/// 32 ms: the stretch that one verdict is about.
pub(crate) const WINDOW: usize = 512;

/// Verdicts that nobody took yet: 8 s of audio. When full, the oldest goes: whoever is that late wants the newest.
const DUE_CAPACITY: usize = 256;

pub(crate) fn enqueue(due: &mut VecDeque<VadDecision>, decision: VadDecision) {
    if due.len() >= DUE_CAPACITY {
        due.pop_front();
    }
    due.push_back(decision);
}

/// Samples that wait for their window to fill.
#[derive(Debug, Default)]
pub(crate) struct Windows {
    pending: Vec<i16>,
    /// Position of the first pending sample.
    at: MediaTime,
}

pub(crate) struct Window<'a> {
    pub(crate) samples: &'a [i16],
    pub(crate) from: MediaTime,
    pub(crate) to: MediaTime,
    /// Where the frame ends that filled it.
    pub(crate) came_to: MediaTime,
}

impl Window<'_> {
    pub(crate) fn verdict(&self, level_dbfs: f32, probability: f32, loudness: &mut Loudness) -> VadDecision {
        VadDecision {
            from: self.from,
            to: self.to,
            probability,
            level_dbfs,
            loud_to: loudness.loud_to(self, level_dbfs, probability),
            behind: self.came_to - self.to,
        }
    }
}

impl Windows {
    /// Adds a frame and hands every window that it fills to `judge`, in order. After a jump of the track's position
    /// the unfinished window is dropped: samples from two places make no window. Returns whether there was a jump.
    pub(crate) fn push(&mut self, frame: &AudioFrame, mut judge: impl FnMut(Window<'_>)) -> bool {
        debug_assert_eq!(frame.rate_hz, RATE_HZ, "the detector takes 16 kHz");
        let expected = self.at + MediaTime::from_samples(self.pending.len() as u64, RATE_HZ);
        let jumped = frame.at != expected && self.at != MediaTime::ZERO;
        if frame.at != expected {
            self.pending.clear();
        }
        if self.pending.is_empty() {
            self.at = frame.at;
        }
        self.pending.extend_from_slice(&frame.samples);
        let mut used = 0;
        while let Some(samples) = self.pending.get(used..used + WINDOW) {
            let to = self.at + MediaTime::from_samples(WINDOW as u64, RATE_HZ);
            judge(Window { samples, from: self.at, to, came_to: frame.end() });
            self.at = to;
            used += WINDOW;
        }
        self.pending.drain(..used);
        jumped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(n: u64) -> AudioFrame {
        AudioFrame { samples: vec![n as i16; 320], rate_hz: RATE_HZ, at: MediaTime::from_millis(20 * n) }
    }

    #[test]
    fn windows_follow_each_other_without_gap_and_a_jump_starts_anew() {
        let mut windows = Windows::default();
        let mut seen = Vec::new();
        for n in 0..8 {
            assert!(!windows.push(&frame(n), |w| seen.push((w.from.as_millis(), w.to.as_millis()))));
        }
        assert_eq!(seen, [(0, 32), (32, 64), (64, 96), (96, 128), (128, 160)]);
        let mut behind = Vec::new();
        let mut again = Windows::default();
        for n in 0..8 {
            again.push(&frame(n), |w| behind.push((w.came_to - w.to).as_millis()));
        }
        assert_eq!(behind, [8, 16, 4, 12, 0]);
        assert!(!windows.push(&frame(8), |_| ()));
        assert!(windows.push(&frame(20), |_| ()));
        windows.push(&frame(21), |w| seen.push((w.from.as_millis(), w.to.as_millis())));
        assert_eq!(seen.last(), Some(&(400, 432)));
    }

    #[test]
    fn full_scale_is_zero_and_nothing_is_minus_ninety() {
        assert!(level_dbfs(&[i16::MAX; 512]).abs() < 0.01);
        assert!((level_dbfs(&[0; 512]) + 90.0).abs() < f32::EPSILON);
        assert!((level_dbfs(&[]) + 90.0).abs() < f32::EPSILON);
    }
}
