//! Every number that turn-taking depends on, with its unit and default. Reads no file: the root configuration composes.

use std::time::Duration;

use domain::Language;
use serde::{Deserialize, Serialize};

use crate::rules::Rules;

/// How the floor is given and taken. See docs/TURNS.md for what each number does to a call.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Language of the word lists: `en`, `de`, `es`, `fr`; any other leaves only what is common to all.
    pub language: Language,
    pub speech: Speech,
    pub endpointing: Endpointing,
    pub barge_in: BargeIn,
    pub speculation: Speculation,
    pub reply: Reply,
    pub idle: Idle,
    pub digits: Digits,
    /// Which rules are in force; all, except in tests that show what a rule is for.
    #[serde(skip)]
    pub rules: Rules,
}

/// When sound counts as the caller's voice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Speech {
    /// Probability, 0 to 1, from which a stretch begins speech.
    pub start_probability: f32,
    /// Probability, 0 to 1, below which a stretch of speech is silent.
    pub stop_probability: f32,
    /// Unbroken voice, in ms, before speech has begun.
    pub start_ms: u32,
    /// Silence, in ms, after which the caller is shown as not speaking. Ends no turn.
    pub stop_ms: u32,
    /// Sound this many dB quieter than the caller's own voice is someone in the background: it does not duck the
    /// agent. 0 switches this off.
    pub background_db: f32,
}

impl Default for Speech {
    fn default() -> Self {
        Self {
            start_probability: 0.5,
            stop_probability: 0.35,
            start_ms: 60,
            stop_ms: 200,
            background_db: 18.0,
        }
    }
}

/// How the wait before an answer is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Mode {
    /// From the end-of-turn score, the words, and the caller's own pauses.
    #[default]
    Adaptive,
    /// Always this silence, in ms; no model is asked and words do not matter.
    Fixed { ms: u32 },
}

/// When the caller has finished. All silences are counted from the last voiced sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Endpointing {
    /// `adaptive`, or `{ fixed = { ms = 200 } }`: that silence and nothing else.
    pub mode: Mode,
    /// Silence, in ms, at which the recogniser is told to prepare its final. 0: with the first silent stretch.
    pub prepare_ms: u32,
    /// Silence, in ms, at which the end-of-turn model is asked.
    pub score_ms: u32,
    /// Silence, in ms, at which it is asked once more where it had not been sure. 0: never.
    pub rescore_ms: u32,
    /// Silence, in ms, at which the final is demanded, at the earliest.
    pub finalize_ms: u32,
    /// In `adaptive` mode it is demanded no sooner than this long, in ms, before the silence that ends the turn: a pause
    /// inside a turn is not to cut it in two. What the recogniser needs for a final must fit in.
    pub finalize_ahead_ms: u32,
    /// Shortest silence, in ms, before an answer.
    pub min_delay_ms: u32,
    /// Silence, in ms, where no score has come.
    pub default_delay_ms: u32,
    /// Longest silence, in ms, that an unsure score can ask for.
    pub max_delay_ms: u32,
    /// Longest silence, in ms, after a question or a phrase that is complete by its words.
    pub complete_delay_ms: u32,
    /// Silence, in ms, that ends a turn whatever models and words say.
    pub hard_timeout_ms: u32,
    /// Score, 0 to 1, from which `min_delay_ms` is enough.
    pub sure: f32,
    /// Score, 0 to 1, up to which `max_delay_ms` is needed; between the two the delay slides.
    pub unsure: f32,
    /// How long, in ms, a demanded final may take before the turn goes on with what was heard so far.
    pub verdict_ms: u32,
    /// How long, in ms, a demanded final may take where nothing at all was heard so far.
    pub unheard_ms: u32,
    /// A pause, in ms, as most callers make inside a turn; callers who pause longer are given their
    /// own pause and 100 ms.
    pub typical_pause_ms: u32,
    /// How long, in ms, after a commit the caller may go on speaking and have the commit taken back, while no
    /// sound of the answer was played.
    pub grace_ms: u32,
    /// A turn, in ms, that is answered although the caller still speaks.
    pub too_long_ms: u32,
}

impl Default for Endpointing {
    fn default() -> Self {
        Self {
            mode: Mode::Adaptive,
            prepare_ms: 0,
            score_ms: 100,
            rescore_ms: 500,
            finalize_ms: 160,
            finalize_ahead_ms: 340,
            min_delay_ms: 200,
            default_delay_ms: 500,
            max_delay_ms: 1000,
            complete_delay_ms: 350,
            hard_timeout_ms: 1400,
            sure: 0.8,
            unsure: 0.3,
            verdict_ms: 800,
            unheard_ms: 3000,
            typical_pause_ms: 300,
            grace_ms: 2000,
            too_long_ms: 60_000,
        }
    }
}

/// When the caller may take the floor from the agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BargeIn {
    /// Off: the agent always speaks to its end, and answers afterwards what was said meanwhile.
    pub enabled: bool,
    /// Voice, in ms, after which the agent is ducked.
    pub duck_ms: u32,
    /// How long, in ms, after the duck until it is decided whose floor it is, wherever words or silence let us know.
    pub decide_ms: u32,
    /// Voice, in ms, that takes the floor although no word was recognised yet. Until then the agent stays ducked.
    pub min_speech_ms: u32,
    /// Real words in a partial that take the floor; a final needs one, and "stop" or "wait" is enough alone.
    pub min_words: u32,
    /// Silence, in ms, after which a wordless sound is over and the agent goes on.
    pub release_ms: u32,
    /// For this long, in ms, after the agent began to sound, sound alone does not duck it, words do (for phones that
    /// return the agent's voice). 0 switches this off.
    pub echo_guard_ms: u32,
    /// A "yes" said this shortly, in ms, before the agent's last sample is an answer.
    pub late_answer_ms: u32,
}

impl Default for BargeIn {
    fn default() -> Self {
        Self {
            enabled: true,
            duck_ms: 80,
            decide_ms: 300,
            min_speech_ms: 700,
            min_words: 2,
            release_ms: 120,
            echo_guard_ms: 0,
            late_answer_ms: 1000,
        }
    }
}

/// Thinking ahead while the pause is judged. Costs a dialogue run for each guess.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Speculation {
    /// Whether to think ahead at all.
    pub enabled: bool,
    /// Silence, in ms, from which a guess may be made.
    pub after_ms: u32,
    /// Words that are not final are guessed with when they have been the same for so much of the silence, in ms.
    pub unchanged_ms: u32,
    /// Guesses in one turn, at most.
    pub max_guesses: u32,
}

impl Default for Speculation {
    fn default() -> Self {
        Self { enabled: false, after_ms: 60, unchanged_ms: 150, max_guesses: 3 }
    }
}

/// How long the agent's side may take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reply {
    /// From the caller's last voiced sample to the first sound of the answer, in ms, before the apology. An answer is
    /// given 500 ms from the commit on in any case; a turn that the caller did not cause counts from its beginning.
    pub late_ms: u32,
    /// From the apology's due time, in ms, until the turn is given up.
    pub abandon_ms: u32,
    /// Longest time, in ms, without progress of the playout before the turn counts as over.
    pub stall_ms: u32,
}

impl Default for Reply {
    fn default() -> Self {
        Self { late_ms: 2600, abandon_ms: 12_000, stall_ms: 30_000 }
    }
}

/// What happens when the caller says nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Idle {
    /// Silence of both sides, in ms, before a nudge. 0: never.
    pub after_ms: u32,
    /// Nudges before the agent gives up.
    pub nudges: u32,
}

impl Default for Idle {
    fn default() -> Self {
        Self { after_ms: 7000, nudges: 2 }
    }
}

/// Keys of the telephone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Digits {
    /// Time, in ms, after a key until the keys so far are a turn.
    pub pause_ms: u32,
    /// The key that ends the entry at once; empty: none.
    pub end: String,
    /// Keys that make an entry complete; 0: any number up to 64.
    pub max: u32,
}

impl Default for Digits {
    fn default() -> Self {
        Self { pause_ms: 2000, end: "#".to_owned(), max: 0 }
    }
}

/// An option that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("turn.{name}: {problem}")]
pub struct Invalid {
    pub name: &'static str,
    pub problem: String,
}

impl Options {
    /// What the comparison with other systems uses: a fixed silence, no model, no words, interruption by voice alone.
    #[must_use]
    pub fn fixed(silence_ms: u32) -> Self {
        let mut options = Self::default();
        options.endpointing.mode = Mode::Fixed { ms: silence_ms };
        options.endpointing.finalize_ms = options.endpointing.finalize_ms.min(silence_ms);
        options.barge_in.min_speech_ms = 200;
        options
    }

    /// # Errors
    /// The first option whose value contradicts itself or another.
    pub fn validate(&self) -> Result<(), Invalid> {
        let (speech, end, barge) = (&self.speech, &self.endpointing, &self.barge_in);
        for (name, value) in [
            ("speech.start_probability", speech.start_probability),
            ("speech.stop_probability", speech.stop_probability),
            ("endpointing.sure", end.sure),
            ("endpointing.unsure", end.unsure),
        ] {
            check(name, (0.0..=1.0).contains(&value), || format!("{value} is not between 0 and 1"))?;
        }
        check("speech.stop_probability", speech.stop_probability <= speech.start_probability, || {
            "must not be above start_probability".to_owned()
        })?;
        check("endpointing.unsure", end.unsure < end.sure, || "must be below sure".to_owned())?;
        for (name, smaller, larger) in [
            ("endpointing.min_delay_ms", end.min_delay_ms, end.default_delay_ms),
            ("endpointing.default_delay_ms", end.default_delay_ms, end.max_delay_ms),
            ("endpointing.complete_delay_ms", end.complete_delay_ms, end.max_delay_ms),
            ("endpointing.max_delay_ms", end.max_delay_ms, end.hard_timeout_ms),
            ("endpointing.finalize_ms", end.finalize_ms, end.hard_timeout_ms),
            ("endpointing.score_ms", end.score_ms, end.hard_timeout_ms),
            ("barge_in.duck_ms", barge.duck_ms, barge.min_speech_ms),
        ] {
            check(name, smaller <= larger, || format!("{smaller} ms is above the limit of {larger} ms"))?;
        }
        if let Mode::Fixed { ms } = end.mode {
            check("endpointing.mode", ms <= end.hard_timeout_ms, || {
                "must not be above hard_timeout_ms".to_owned()
            })?;
        }
        for (name, value) in [
            ("speech.start_ms", speech.start_ms),
            ("endpointing.hard_timeout_ms", end.hard_timeout_ms),
            ("endpointing.verdict_ms", end.verdict_ms),
            ("endpointing.unheard_ms", end.unheard_ms),
            ("endpointing.too_long_ms", end.too_long_ms),
            ("barge_in.min_words", barge.min_words),
            ("reply.late_ms", self.reply.late_ms),
            ("reply.abandon_ms", self.reply.abandon_ms),
            ("reply.stall_ms", self.reply.stall_ms),
            ("digits.pause_ms", self.digits.pause_ms),
        ] {
            check(name, value > 0, || "must be above 0".to_owned())?;
        }
        check("speech.background_db", speech.background_db >= 0.0, || "must not be negative".to_owned())
    }
}

fn check(name: &'static str, holds: bool, problem: impl FnOnce() -> String) -> Result<(), Invalid> {
    if holds { Ok(()) } else { Err(Invalid { name, problem: problem() }) }
}

/// An option's milliseconds as time.
pub(crate) const fn ms(value: u32) -> Duration {
    Duration::from_millis(value as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_survive_a_file() {
        let options = Options::default();
        assert_eq!(options.validate(), Ok(()));
        assert_eq!(Options::fixed(200).validate(), Ok(()));
        let text = serde_json::to_string(&options).expect("plain data");
        assert_eq!(serde_json::from_str::<Options>(&text).expect("what we wrote"), options);
        assert!(!text.contains("rules"), "rules are no setting");
    }

    #[test]
    fn a_contradiction_is_named() {
        let mut options = Options::default();
        options.endpointing.max_delay_ms = 2000;
        let invalid = options.validate().expect_err("above the hard time-out");
        assert_eq!(invalid.name, "endpointing.max_delay_ms");
        options = Options::default();
        options.speech.start_probability = f32::NAN;
        assert_eq!(options.validate().expect_err("not a number").name, "speech.start_probability");
        assert!(
            serde_json::from_str::<Options>(r#"{"idle":{"after":3}}"#).is_err(),
            "unknown names are refused"
        );
    }
}
