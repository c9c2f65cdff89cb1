//! What the caller is saying: the text so far, the voice it came with, and what was asked about the present pause.

use std::time::{Duration, Instant};

use domain::{MediaTime, Transcript, TurnId};

use crate::speech::Level;
use crate::words::{join, same, split};

/// A contribution of the caller that is not closed yet. May become a turn, or turn out to be a cough.
#[derive(Debug)]
pub(crate) struct Utterance {
    /// Said before and taken back, or typed.
    pub(crate) prefix: String,
    finals: String,
    partial: String,
    /// When the partial last said something else, and up to where it heard.
    changed_at: Instant,
    changed_to: MediaTime,
    /// Up to where no word will change.
    firm_to: MediaTime,
    pub(crate) started_at: Instant,
    pub(crate) from: MediaTime,
    /// Last voiced sample, and when it came.
    pub(crate) voiced_to: MediaTime,
    pub(crate) voiced_at: Instant,
    /// Voice in it, without the pauses.
    pub(crate) voiced: MediaTime,
    pub(crate) level: Level,
    /// Sum of the detector's probability over the voiced ms.
    pub(crate) sureness_ms: f32,
    pub(crate) pause: Pause,
    /// When the last final came.
    pub(crate) final_at: Option<Instant>,
    /// It began over this turn of the agent, which sounded or was about to.
    pub(crate) over: Option<TurnId>,
    /// The id it has as a turn, once it needs one.
    pub(crate) turn: Option<TurnId>,
    pub(crate) guess: Option<String>,
    pub(crate) guesses: u32,
    /// It began over the greeting.
    pub(crate) over_greeting: bool,
    /// Someone in the background, by its loudness.
    pub(crate) background: bool,
    /// The rest of a breath that was cut short by a commit: answered after the agent's turn, no claim to it.
    pub(crate) deferred: bool,
    /// A final was demanded because the turn is too long.
    pub(crate) forced: bool,
}

/// What was asked since the caller paused, and what came of it.
#[derive(Debug, Default, Clone)]
pub(crate) struct Pause {
    pub(crate) prepared: bool,
    pub(crate) scores_asked: u32,
    pub(crate) score: Option<f32>,
    pub(crate) finalized: Option<Instant>,
    /// The voice that the demanded final has to cover.
    pub(crate) wanted_to: MediaTime,
    /// The final is here, or will never be.
    pub(crate) settled: bool,
    pub(crate) lost: bool,
}

/// How much earlier than the last voiced sample a final may end and still cover it: recognisers end at the last word.
const COVER_SLACK: MediaTime = MediaTime::from_millis(250);

impl Utterance {
    pub(crate) fn new(from: MediaTime, t: Instant, over: Option<TurnId>) -> Self {
        Self {
            prefix: String::new(),
            finals: String::new(),
            partial: String::new(),
            changed_at: t,
            changed_to: from,
            firm_to: from,
            started_at: t,
            from,
            voiced_to: from,
            voiced_at: t,
            voiced: MediaTime::ZERO,
            level: Level::default(),
            sureness_ms: 0.0,
            pause: Pause::default(),
            final_at: None,
            over,
            turn: None,
            guess: None,
            guesses: 0,
            over_greeting: false,
            background: false,
            deferred: false,
            forced: false,
        }
    }

    /// How sure the detector was of this voice; zero where it heard none.
    pub(crate) fn probability(&self) -> f32 {
        let voiced_ms = self.voiced.as_millis();
        if voiced_ms == 0 { 0.0 } else { self.sureness_ms / voiced_ms as f32 }
    }

    /// All of it, with what was taken back.
    pub(crate) fn text(&self) -> String {
        join(&self.prefix, &self.spoken())
    }

    /// What was said since it began.
    pub(crate) fn spoken(&self) -> String {
        join(&self.finals, &self.partial)
    }

    /// Every word of it is final.
    pub(crate) fn is_firm(&self) -> bool {
        self.partial.trim().is_empty() && !self.finals.is_empty()
    }

    /// Whether its words will hardly change without new voice: all are firm, or no partial has changed them for so long in the pause.
    /// A partial that comes late still lacks the last word when the pause begins.
    pub(crate) fn is_stable(&self, unchanged: Duration, t: Instant) -> bool {
        let firm = self.changed_to <= self.firm_to && self.firm_to + COVER_SLACK >= self.voiced_to;
        firm || t >= self.changed_at.max(self.voiced_at) + unchanged
    }

    /// A new sound forgets what was asked about the pause before it.
    pub(crate) fn go_on(&mut self) {
        if !self.forced {
            self.pause = Pause::default();
        }
    }

    /// Takes a transcript in. `repeated` is a text whose audio this one covers again.
    pub(crate) fn hear(&mut self, transcript: &Transcript, repeated: &str, must_cover: bool, t: Instant) {
        let text = without_repetition(&transcript.text, repeated);
        if !transcript.is_final() {
            if text != self.partial {
                (self.partial, self.changed_at, self.changed_to) = (text, t, transcript.to);
            }
            if transcript.is_firm() {
                (self.firm_to, self.changed_to) = (transcript.to, transcript.to);
            }
            return;
        }
        (self.firm_to, self.changed_to) = (transcript.to, transcript.to);
        self.partial.clear();
        self.finals = join(&self.finals, &text);
        self.final_at = Some(t);
        let covers = transcript.to + COVER_SLACK >= self.pause.wanted_to;
        self.pause.settled |= self.pause.finalized.is_some() && (covers || !must_cover);
    }

    pub(crate) fn lose(&mut self) {
        (self.pause.settled, self.pause.lost) = (true, true);
    }

    /// The guess, if it was made with this text.
    pub(crate) fn guessed(&self, text: &str) -> bool {
        self.guess.as_deref().is_some_and(|guess| same(guess, text))
    }
}

/// The text without its beginning where that only repeats what a turn already had.
fn without_repetition(text: &str, repeated: &str) -> String {
    let old = split(repeated);
    if old.is_empty() || !split(text).starts_with(&old) {
        return text.trim().to_owned();
    }
    let mut rest = text;
    while split(text).len() - split(rest).len() < old.len() {
        rest = rest.trim_start();
        rest = rest.split_once(|c: char| c.is_whitespace() || c == '-').map_or("", |(_, rest)| rest);
    }
    rest.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_beginning_is_cut_off() {
        assert_eq!(without_repetition("I want to book, for Friday.", "i want to book"), "for Friday.");
        assert_eq!(without_repetition("I want", "I want"), "");
        assert_eq!(without_repetition("on Friday", "I want"), "on Friday");
        assert_eq!(without_repetition("mm-hmm – yes", "mm"), "hmm – yes");
    }
}
