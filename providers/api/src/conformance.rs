//! The suite every implementation passes: one rule for each promise of the traits' contracts, and one for each way a vendor fails.
//!
//! No clock of its own: whoever runs it gives the waiting, so that a paused clock rules fakes and a real one vendors. A broken rule
//! is a value that names it, never a panic. Judges the contract, not the quality of speech or of answers.

mod adversity;
mod llm;
mod speech;
mod stt;
mod tts;

use std::time::Duration;

use futures::future::{BoxFuture, Either, select};
use futures::pin_mut;

pub use adversity::{Set, llm_adversities, speech_adversities, stt_adversities, tts_adversities};
pub use llm::llm;
pub use speech::speech;
pub use stt::stt;
pub use tts::tts;

/// Waits for the given time on the clock that rules the provider under test.
pub type Sleep = fn(Duration) -> BoxFuture<'static, ()>;

/// What the suite is run with, and what the provider promises beyond the contract. Made by `Trial::new`; fields are set by name.
#[derive(Debug, Clone)]
pub struct Trial {
    pub sleep: Sleep,
    /// Longest wait for any one answer.
    pub patience: Duration,
    /// A vendor that says nothing for so long is taken for mute. Longer than any answer of a stand-in takes.
    pub quiet: Duration,
    /// Speech that the recogniser understands, mono, with the text it must contain (compared without case).
    pub speech: Vec<i16>,
    pub rate_hz: u32,
    pub word: String,
    /// STT: what the caller says is told while it is said. Not so where segments are recognised when they are over.
    pub partials: bool,
    /// STT and TTS: the times of words are told.
    pub words: bool,
    /// What was used is told.
    pub usage: bool,
    /// Adversities: the vendor's protocol says how long a limit lasts.
    pub retry_after: bool,
    /// The key that the provider was given: no error may hold it. Empty where there is none.
    pub key: String,
}

impl Trial {
    /// Everything is promised; there is no speech yet.
    #[must_use]
    pub const fn new(sleep: Sleep, patience: Duration) -> Self {
        Self {
            sleep,
            patience,
            quiet: Duration::from_millis(700),
            speech: Vec::new(),
            rate_hz: 16_000,
            word: String::new(),
            partials: true,
            words: true,
            usage: true,
            retry_after: true,
            key: String::new(),
        }
    }
}

/// What a vendor may do wrong, as its stand-in can be told to and as every implementation is tried with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Adversity {
    /// The credentials are refused.
    Unauthorized,
    /// There is no credit or quota left.
    Exhausted,
    /// Too many requests; where the vendor's protocol says when to come back: in 3 s.
    Limited,
    /// The vendor is overloaded or failing (5xx, 529, 1011, 1012, 1013).
    Overloaded,
    /// The request is refused as wrong.
    Rejected,
    /// The connection is taken and never answered.
    Hang,
    /// The request or socket is accepted, and nothing ever comes.
    Mute,
    /// Every answer takes so many times longer.
    Slow(u32),
    /// The first answer is none that the protocol knows.
    Garbage,
    /// The first answer is larger than any real one.
    Oversized,
    /// The connection breaks so long after it began to answer, ms.
    BreaksAfter(u64),
    /// Success is claimed and nothing given: no words, no audio, no text.
    Empty,
}

/// The rule that does not hold, and how.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {found}")]
pub struct Broken {
    pub rule: &'static str,
    pub found: String,
}

fn broken(rule: &'static str, found: impl std::fmt::Display) -> Broken {
    Broken { rule, found: found.to_string() }
}

async fn within<F: Future>(trial: &Trial, answer: F) -> Option<F::Output> {
    before(trial.sleep, trial.patience, answer).await
}

async fn before<F: Future>(sleep: Sleep, wait: Duration, answer: F) -> Option<F::Output> {
    pin_mut!(answer);
    match select(answer, sleep(wait)).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}

/// The words of a text as they sound: without case and punctuation.
fn sounds(text: &str) -> Vec<String> {
    text.split_whitespace()
        .map(|word| word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect())
        .filter(|word: &String| !word.is_empty())
        .collect()
}
