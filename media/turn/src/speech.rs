//! Speech and silence out of the detector's verdicts: hysteresis, and how loud this caller is. Knows no words and no turns.

use std::time::{Duration, Instant};

use domain::{MediaTime, VadDecision};

use crate::options::{self, ms};

/// After this much silence a stretch must be as sure as a beginning to count as voice again.
const TAIL: MediaTime = MediaTime::from_millis(60);
/// Silence is believed for this long beyond the last verdict; further silence has to be heard.
const EXTRAPOLATED: Duration = Duration::from_millis(60);
/// A voice that is no longer loud ends where it was, but at most this much before the detector let go: soft words are words.
const SOFT_END: MediaTime = MediaTime::from_millis(120);
/// A verdict that came later than this after its stretch says nothing about when the stretch was spoken.
const BEHIND_MAX: MediaTime = MediaTime::from_millis(60);
/// What each wordless sound adds to the probability and the length of a beginning, within these limits: clear speech begins
/// after 100 ms more on the worst line.
const DOUBT_PROBABILITY: f32 = 0.08;
const DOUBT_MS: u32 = 20;
const MOST_DOUBT: u32 = 5;
const SUREST: f32 = 0.9;
/// Voice needed before the caller's loudness is known.
const KNOWN_AFTER: MediaTime = MediaTime::from_millis(1500);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edge {
    /// Voice has lasted long enough to be speech.
    Started,
    /// The first silent stretch within speech.
    Hushed,
    /// Voice again before `Stopped`.
    GoesOn,
    /// Silence has lasted long enough for the caller to count as quiet.
    Stopped,
}

#[derive(Debug)]
pub(crate) struct Speech {
    talking: bool,
    hushed: bool,
    /// Where the current run of voice began (rising or talking).
    run_from: Option<MediaTime>,
    heard_to: MediaTime,
    /// Where the voice ended: by its loudness once it is silent, as far as it was heard while it is not.
    voiced_to: MediaTime,
    /// The last stretch with voice, and the last loud sound.
    voice_to: MediaTime,
    loud_to: MediaTime,
    /// When the sound at `heard_to` came.
    heard_at: Instant,
    run_level: Level,
    own_level: Level,
    /// How often of late a sound was no speech after all; raises what a beginning must show.
    doubt: u32,
}

impl Speech {
    pub(crate) fn new(start: Instant) -> Self {
        Self {
            talking: false,
            hushed: false,
            run_from: None,
            heard_to: MediaTime::ZERO,
            voiced_to: MediaTime::ZERO,
            voice_to: MediaTime::ZERO,
            loud_to: MediaTime::ZERO,
            heard_at: start,
            run_level: Level::default(),
            own_level: Level::default(),
            doubt: 0,
        }
    }

    pub(crate) fn hear(&mut self, vad: &VadDecision, options: &options::Speech, t: Instant) -> Option<Edge> {
        let from = vad.from.max(self.heard_to);
        let to = vad.to.max(from);
        self.heard_to = to;
        let behind = vad.behind.min(BEHIND_MAX).as_duration();
        self.heard_at = t.checked_sub(behind).unwrap_or(t).max(self.heard_at);
        let sure = vad.probability >= self.start_probability(options);
        let voiced = sure
            || (self.talking
                && vad.probability >= options.stop_probability
                && self.heard_to - self.voice_to <= TAIL);
        if voiced { self.voice(vad, from, to, options) } else { self.silent(options) }
    }

    fn voice(
        &mut self,
        vad: &VadDecision,
        from: MediaTime,
        to: MediaTime,
        options: &options::Speech,
    ) -> Option<Edge> {
        let run_from = *self.run_from.get_or_insert(from);
        self.run_level.add(vad.level_dbfs, to - from);
        if vad.loud_to > from {
            self.loud_to = vad.loud_to.min(to);
        }
        self.voice_to = to;
        if self.talking {
            self.voiced_to = to;
            return std::mem::take(&mut self.hushed).then_some(Edge::GoesOn);
        }
        if (to - run_from).as_duration() < ms(options.start_ms + DOUBT_MS * self.doubt) {
            return None;
        }
        (self.talking, self.hushed) = (true, false);
        self.voiced_to = to;
        Some(Edge::Started)
    }

    fn silent(&mut self, options: &options::Speech) -> Option<Edge> {
        if !self.talking {
            self.run_from = None;
            self.run_level = Level::default();
            return None;
        }
        if !self.hushed {
            self.voiced_to = self.loud_to.max(self.voice_to - SOFT_END).min(self.voice_to);
        }
        if self.silence_heard().as_duration() >= ms(options.stop_ms) {
            self.stop();
            return Some(Edge::Stopped);
        }
        (!std::mem::replace(&mut self.hushed, true)).then_some(Edge::Hushed)
    }

    /// Within speech the option stands as it is; a beginning on a noisy line must be surer.
    fn start_probability(&self, options: &options::Speech) -> f32 {
        let doubt = if self.talking { 0.0 } else { DOUBT_PROBABILITY * self.doubt as f32 };
        (options.start_probability + doubt).min(SUREST.max(options.start_probability))
    }

    /// The last sound was no speech.
    pub(crate) fn doubt(&mut self) {
        self.doubt = (self.doubt + 1).min(MOST_DOUBT);
    }

    /// A turn whose voice was no surer than this was speech: what we ask for is too much.
    pub(crate) fn trust(&mut self, probability: f32, options: &options::Speech) {
        if probability < options.start_probability + DOUBT_PROBABILITY * self.doubt as f32 {
            self.doubt = self.doubt.saturating_sub(2);
        }
    }

    /// Takes the caller as quiet, whatever was last heard. Returns whether that is a change.
    pub(crate) fn stop(&mut self) -> bool {
        self.run_from = None;
        self.run_level = Level::default();
        self.hushed = false;
        std::mem::take(&mut self.talking)
    }

    pub(crate) const fn talking(&self) -> bool {
        self.talking
    }

    /// In mid-voice as far as heard: talking, and the last stretch was no silence.
    pub(crate) const fn sounding(&self) -> bool {
        self.talking && !self.hushed
    }

    /// Voice has begun but is not speech yet.
    pub(crate) const fn rising(&self) -> bool {
        !self.talking && self.run_from.is_some()
    }

    /// How long the current run of speech is.
    pub(crate) fn run(&self) -> Duration {
        self.run_from
            .filter(|_| self.talking)
            .map_or(Duration::ZERO, |from| (self.voiced_to - from).as_duration())
    }

    pub(crate) fn run_from(&self) -> MediaTime {
        self.run_from.unwrap_or(self.heard_to)
    }

    pub(crate) const fn heard_to(&self) -> MediaTime {
        self.heard_to
    }

    pub(crate) const fn voiced_to(&self) -> MediaTime {
        self.voiced_to
    }

    pub(crate) const fn heard_at(&self) -> Instant {
        self.heard_at
    }

    fn silence_heard(&self) -> MediaTime {
        self.heard_to - self.voiced_to
    }

    /// Silence since the position, as far as it was heard and a little beyond.
    pub(crate) fn silence_since(&self, position: MediaTime, t: Instant, must_be_heard: bool) -> Duration {
        let beyond = t.saturating_duration_since(self.heard_at);
        let beyond = if must_be_heard { beyond.min(EXTRAPOLATED) } else { beyond };
        (self.heard_to - position).as_duration() + beyond
    }

    /// When the silence since the position will be as long, if nothing more is heard; `None` if it has to be heard.
    pub(crate) fn silent_for(
        &self,
        position: MediaTime,
        length: Duration,
        must_be_heard: bool,
    ) -> Option<Instant> {
        let missing = length.saturating_sub((self.heard_to - position).as_duration());
        (!must_be_heard || missing <= EXTRAPOLATED).then(|| self.heard_at + missing)
    }

    /// How long before `t` the position was heard.
    pub(crate) fn back_to(&self, position: MediaTime, t: Instant) -> MediaTime {
        (self.heard_to - position) + MediaTime::from_duration(t.saturating_duration_since(self.heard_at))
    }

    /// The sound now heard is much quieter than the caller was in their turns.
    pub(crate) fn is_background(&self, options: &options::Speech) -> bool {
        options.background_db > 0.0
            && self.own_level.length >= KNOWN_AFTER
            && self
                .run_level
                .mean()
                .is_some_and(|now| self.own_level.mean().is_some_and(|own| now < own - options.background_db))
    }

    /// What the caller's turn sounded like.
    pub(crate) fn learn_level(&mut self, level: Level) {
        self.own_level.merge(level);
    }
}

/// Mean loudness of voice, weighted by time.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Level {
    sum_db_ms: f64,
    length: MediaTime,
}

/// The loudness of longer ago counts for no more than this much voice, so that a caller may move away.
const REMEMBERED: MediaTime = MediaTime::from_millis(10_000);

impl Level {
    pub(crate) fn add(&mut self, level_dbfs: f32, length: MediaTime) {
        if level_dbfs.is_finite() {
            self.sum_db_ms += f64::from(level_dbfs) * length.as_millis() as f64;
            self.length += length;
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        if self.length > REMEMBERED {
            self.sum_db_ms *= REMEMBERED.0 as f64 / self.length.0 as f64;
            self.length = REMEMBERED;
        }
        self.sum_db_ms += other.sum_db_ms;
        self.length += other.length;
    }

    fn mean(self) -> Option<f32> {
        let millis = self.length.as_millis();
        (millis > 0).then(|| (self.sum_db_ms / millis as f64) as f32)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests need some instant to count from")]
mod tests {
    use super::*;

    const WINDOW_MS: u64 = 32;

    struct Bench {
        speech: Speech,
        start: Instant,
        at_ms: u64,
    }

    impl Bench {
        fn new() -> Self {
            let start = Instant::now();
            Self { speech: Speech::new(start), start, at_ms: 0 }
        }

        /// A window of which so many ms are loud; the verdict comes 8 ms late.
        fn window(&mut self, probability: f32, loud_ms: u64) -> Option<Edge> {
            let from = MediaTime::from_millis(self.at_ms);
            self.at_ms += WINDOW_MS;
            let to = MediaTime::from_millis(self.at_ms);
            let vad = VadDecision {
                loud_to: from + MediaTime::from_millis(loud_ms),
                behind: MediaTime::from_millis(8),
                ..VadDecision::new(from, to, probability, -30.0)
            };
            let t = self.start + Duration::from_millis(self.at_ms + 8);
            self.speech.hear(&vad, &options::Speech::default(), t)
        }

        fn talk(&mut self) {
            for _ in 0..10 {
                self.window(0.9, WINDOW_MS);
            }
        }
    }

    #[test]
    fn speech_ends_where_it_was_last_loud_and_not_where_the_detector_lets_go() {
        let mut bench = Bench::new();
        bench.talk();
        bench.window(0.9, 16);
        bench.window(0.6, 0);
        bench.window(0.4, 0);
        assert_eq!(bench.speech.voiced_to().as_millis(), 13 * WINDOW_MS, "a voice that goes on has no end");
        assert_eq!(bench.window(0.1, 0), Some(Edge::Hushed));
        assert_eq!(bench.speech.voiced_to().as_millis(), 10 * WINDOW_MS + 16);
        // Silence counts from there, and from when its sound came, whenever the verdict did.
        let t = bench.start + Duration::from_millis(bench.at_ms + 8);
        let silence = bench.speech.silence_since(bench.speech.voiced_to(), t, true);
        assert_eq!(silence.as_millis() as u64, 3 * WINDOW_MS + 16 + 8);
    }

    #[test]
    fn a_soft_voice_is_no_silence_and_its_end_is_near_where_the_detector_let_go() {
        let mut bench = Bench::new();
        bench.talk();
        for _ in 0..30 {
            assert_eq!(bench.window(0.8, 0), None);
        }
        assert!(bench.speech.sounding());
        assert_eq!(bench.window(0.1, 0), Some(Edge::Hushed));
        assert_eq!(bench.speech.voiced_to(), MediaTime::from_millis(40 * WINDOW_MS) - SOFT_END);
    }

    #[test]
    fn voice_after_a_short_silence_goes_on_as_it_did() {
        let mut bench = Bench::new();
        bench.talk();
        bench.window(0.9, 0);
        bench.window(0.1, 0);
        assert_eq!(bench.window(0.4, 8), None, "after the tail it must be as sure as a beginning");
        assert_eq!(bench.window(0.6, 8), Some(Edge::GoesOn));
    }
}
