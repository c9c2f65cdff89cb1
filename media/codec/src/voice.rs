//! The WebRTC project's voice detector (Gaussian mixtures, 2.4 µs a frame): a second opinion for the gate.

use media_core::gate::Detector;
use webrtc_vad::{SampleRate, Vad, VadMode};

pub struct WebrtcDetector {
    vad: Vad,
}

// SAFETY: the detector's state is one heap block that this value alone points to; libfvad keeps no thread-local and no
// global mutable state, and every call goes through `&mut self`.
#[expect(unsafe_code, reason = "the crate holds a raw pointer and says nothing of threads")]
unsafe impl Send for WebrtcDetector {}

impl WebrtcDetector {
    /// For 16 kHz. The most permissive mode: the neural detector behind the gate has the last word.
    #[must_use]
    pub fn new() -> Self {
        Self { vad: Vad::new_with_rate_and_mode(SampleRate::Rate16kHz, VadMode::Quality) }
    }
}

impl Default for WebrtcDetector {
    fn default() -> Self {
        Self::new()
    }
}

impl Detector for WebrtcDetector {
    fn maybe_voice(&mut self, samples: &[i16]) -> bool {
        // The crate takes the address of the first sample. Frames it cannot judge are let through.
        samples.is_empty() || self.vad.is_voice_segment(samples).unwrap_or(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_no_voice_and_odd_frames_pass() {
        let mut detector = WebrtcDetector::new();
        assert!(!(0..10).any(|_| detector.maybe_voice(&[0; 320])));
        assert!(detector.maybe_voice(&[0; 17]));
        assert!(detector.maybe_voice(&[]));
    }
}
