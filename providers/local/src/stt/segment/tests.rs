use super::*;

/// 20 ms frames of a tone or of silence, one after the other.
struct Track {
    segment: Segment,
    at: MediaTime,
    forced: Vec<Utterance>,
}

impl Track {
    fn new() -> Self {
        Self { segment: Segment::default(), at: MediaTime::ZERO, forced: Vec::new() }
    }

    fn push(&mut self, millis: u64, amplitude: f32) -> &mut Self {
        for _ in 0..millis / 20 {
            let tone = |n: usize| ((n as f32 * 0.3).sin() * amplitude * 32_767.0) as i16;
            let frame = AudioFrame { samples: (0..320).map(tone).collect(), rate_hz: RATE_HZ, at: self.at };
            self.at = frame.end();
            self.forced.extend(self.segment.push(&frame));
        }
        self
    }

    fn voice(&mut self, millis: u64) -> &mut Self {
        self.push(millis, 0.3)
    }

    fn silence(&mut self, millis: u64) -> &mut Self {
        self.push(millis, 0.0001)
    }
}

fn millis(utterance: &Utterance) -> usize {
    utterance.samples.len() / 16
}

#[test]
fn silence_is_not_kept_and_a_click_is_no_speech() {
    let mut track = Track::new();
    track.silence(60_000).voice(40).silence(1_000);
    assert!(!track.segment.has_speech());
    let utterance = track.segment.take();
    assert!(!utterance.is_worth_recognising());
    assert!(millis(&utterance) <= 300);
}

#[test]
fn speech_is_kept_with_what_came_just_before_it() {
    let mut track = Track::new();
    track.silence(2_000).voice(1_000).silence(500);
    assert!(track.segment.has_speech());
    let utterance = track.segment.take();
    assert_eq!(utterance.span(), Some((MediaTime::from_millis(2_000), MediaTime::from_millis(3_000))));
    assert!((1_400..=1_500).contains(&millis(&utterance)), "{}", millis(&utterance));
    assert!(!track.segment.has_speech());
}

#[test]
fn speech_from_the_very_first_frame_is_heard() {
    let mut track = Track::new();
    track.voice(400);
    assert_eq!(track.segment.take().span(), Some((MediaTime::ZERO, MediaTime::from_millis(400))));
}

#[test]
fn steady_noise_is_no_speech_and_speech_above_it_is() {
    let mut track = Track::new();
    track.push(2_000, 0.01);
    track.segment.take();
    track.push(3_000, 0.01);
    assert!(!track.segment.has_speech());
    track.push(400, 0.2);
    assert!(track.segment.has_speech());
}

#[test]
fn what_follows_a_final_belongs_to_the_next() {
    let mut track = Track::new();
    track.voice(600);
    let first = track.segment.take();
    track.voice(600).silence(300);
    let second = track.segment.take();
    assert_eq!(first.span().unwrap().1, MediaTime::from_millis(600));
    assert!(second.samples.len() <= 320 * 45, "nothing of the first is repeated: {} ms", millis(&second));
}

#[test]
fn a_long_pause_inside_is_shortened_but_times_stay_true() {
    let mut track = Track::new();
    track.silence(1_000).voice(500).silence(10_000).voice(500);
    let utterance = track.segment.take();
    assert!(millis(&utterance) < 2_600, "{} ms", millis(&utterance));
    assert_eq!(utterance.span(), Some((MediaTime::from_millis(1_000), MediaTime::from_millis(12_000))));
    assert_eq!(utterance.moment(0.75), Some(MediaTime::from_millis(11_750)));
    assert_eq!(utterance.moment(1.0), Some(MediaTime::from_millis(12_000)));
}

#[test]
fn endless_speech_is_cut_at_its_quietest_moment() {
    let mut track = Track::new();
    track.voice(20_000).silence(200).voice(7_000);
    assert_eq!(track.forced.len(), 1);
    let (_, end) = track.forced[0].span().unwrap();
    assert_eq!(end, MediaTime::from_millis(20_000));
    assert!(track.segment.has_speech());
}

#[test]
fn a_hole_in_the_track_keeps_positions_true() {
    let mut track = Track::new();
    track.silence(1_000);
    track.at += MediaTime::from_millis(500);
    track.voice(300);
    assert_eq!(track.segment.take().span().unwrap().0, MediaTime::from_millis(1_500));
}

#[test]
fn frames_of_any_length_give_the_same_utterance() {
    let samples: Vec<i16> = (0..16_000).map(|n| ((n as f32 * 0.3).sin() * 9_000.0) as i16).collect();
    let heard = |length: usize| {
        let mut segment = Segment::default();
        for (index, part) in samples.chunks(length).enumerate() {
            let at = MediaTime::from_samples((index * length) as u64, RATE_HZ);
            segment.push(&AudioFrame { samples: part.to_vec(), rate_hz: RATE_HZ, at });
        }
        segment.take()
    };
    assert_eq!(heard(320), heard(77));
    assert_eq!(heard(320), heard(4_096));
}

#[test]
fn a_voice_has_pitch_and_noise_has_none() {
    let mut track = Track::new();
    // 0.3 rad per sample is 764 Hz, whose every second to twelfth period falls in the range of a voice.
    track.voice(400);
    assert!(track.segment.take().pitched_millis() >= 300);
    let mut state = 0x2545_f491_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as i16 / 4
    };
    let mut segment = Segment::default();
    let frame =
        AudioFrame { samples: (0..16_000).map(|_| noise()).collect(), rate_hz: RATE_HZ, at: MediaTime::ZERO };
    segment.push(&frame);
    assert!(segment.has_speech());
    assert_eq!(segment.take().pitched_millis(), 0);
}
