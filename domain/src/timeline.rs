//! Named instants of a turn, and the latencies whose parts add up to the silence the caller felt.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::TurnId;

/// A named instant in a turn, in the order in which they normally happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// First voiced sample of the caller arrived.
    SpeechStarted,
    /// Last voiced sample of the caller arrived.
    SpeechEnded,
    /// The first of what the caller typed arrived, or the last of the keys.
    Written,
    /// The transcript that the turn was committed with was complete.
    TranscriptFinal,
    /// The turn machine decided that the caller had finished.
    Committed,
    /// The dialogue gave its first text.
    FirstText,
    /// The first sentence was complete and went to synthesis.
    FirstSentence,
    /// The first audible sample came back from synthesis.
    FirstAudio,
    /// The first audible sample of the reply was sent to the caller.
    AgentStarted,
    /// The caller took the floor while the agent spoke.
    Interrupted,
    /// The last sample of the reply was sent, or the reply was flushed.
    AgentEnded,
}

/// The marks of one turn on the session's monotonic clock (zero is the session's start).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnTimeline {
    pub turn: TurnId,
    marks: Vec<(Mark, Duration)>,
    /// Set by whoever puts the turn on record: a session asks routes and does not know whom they chose.
    #[serde(default, skip_serializing_if = "ServedBy::is_nobody")]
    pub served_by: ServedBy,
}

/// Who really served a turn, after all fallbacks, each once in the order in which they began to. Nobody where none was needed: a typed
/// turn is not recognised, a graph without a model thinks by itself, what was rendered ahead is not spoken again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServedBy {
    pub recognition: Vec<ProviderName>,
    pub thinking: Vec<ProviderName>,
    pub voice: Vec<ProviderName>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProviderName {
    /// The organization's account, or `built-in`.
    pub account: String,
    pub model: String,
}

impl ServedBy {
    const NOBODY: Self = Self { recognition: Vec::new(), thinking: Vec::new(), voice: Vec::new() };

    #[must_use]
    pub fn is_nobody(&self) -> bool {
        *self == Self::NOBODY
    }
}

impl TurnTimeline {
    #[must_use]
    pub const fn new(turn: TurnId) -> Self {
        Self { turn, marks: Vec::new(), served_by: ServedBy::NOBODY }
    }

    /// Sets a mark. The first `AgentStarted` and such stands; a later `SpeechEnded`, `TranscriptFinal` or `AgentEnded` replaces
    /// the earlier, since the caller may pause and go on.
    pub fn mark(&mut self, mark: Mark, at: Duration) {
        let replaces = matches!(mark, Mark::SpeechEnded | Mark::TranscriptFinal | Mark::AgentEnded);
        match self.marks.iter_mut().find(|(known, _)| *known == mark) {
            Some(known) if replaces => known.1 = at,
            Some(_) => {}
            None => self.marks.push((mark, at)),
        }
    }

    #[must_use]
    pub fn at(&self, mark: Mark) -> Option<Duration> {
        self.marks.iter().find(|(known, _)| *known == mark).map(|(_, at)| *at)
    }

    #[must_use]
    pub fn marks(&self) -> &[(Mark, Duration)] {
        &self.marks
    }

    /// The parts of the silence between the caller's last voiced sample and the reply's first audible one.
    /// `None` where the caller did not speak or the agent did not answer.
    #[must_use]
    pub fn latencies(&self) -> Option<Latencies> {
        self.parts_since(self.at(Mark::SpeechEnded)?)
    }

    /// As `latencies`, and of what was typed, from its arrival: how long the answer took. No part of what is measured of calls, since
    /// nobody who types hears a silence.
    #[must_use]
    pub fn answer(&self) -> Option<Latencies> {
        self.parts_since(self.at(Mark::SpeechEnded).or_else(|| self.at(Mark::Written))?)
    }

    /// The same on a clock that began `since` earlier.
    pub fn shift(&mut self, since: Duration) {
        self.marks.iter_mut().for_each(|(_, at)| *at += since);
    }

    fn parts_since(&self, ended: Duration) -> Option<Latencies> {
        let started = self.at(Mark::AgentStarted)?;
        // Each boundary lies between its neighbours, so that no part is negative and all add up to the whole.
        let mut earlier = ended;
        let mut part = |mark: Option<Duration>| {
            let boundary = mark.unwrap_or(earlier).clamp(earlier, started.max(earlier));
            let length = boundary - earlier;
            earlier = boundary;
            length
        };
        let endpointing = part(self.at(Mark::Committed));
        let thinking = part(self.at(Mark::FirstText));
        let sentence = part(self.at(Mark::FirstSentence));
        let synthesis = part(self.at(Mark::FirstAudio));
        let playout = part(Some(started));
        Some(Latencies {
            endpointing,
            thinking,
            sentence,
            synthesis,
            playout,
            response: started.saturating_sub(ended),
        })
    }
}

/// `endpointing + thinking + sentence + synthesis + playout == response`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latencies {
    /// Until the turn machine took the turn as finished (waits for silence, transcript and end-of-turn score).
    pub endpointing: Duration,
    /// Until the dialogue gave its first text.
    pub thinking: Duration,
    /// Until that text was a sentence that synthesis can speak.
    pub sentence: Duration,
    /// Until synthesis gave an audible sample.
    pub synthesis: Duration,
    /// Until that sample was sent.
    pub playout: Duration,
    pub response: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn the_parts_add_up_even_when_speculation_was_early() {
        let mut timeline = TurnTimeline::new(TurnId(1));
        for (mark, at) in [
            (Mark::SpeechEnded, 1000),
            (Mark::FirstText, 1100), // speculated before the commit
            (Mark::FirstSentence, 1120),
            (Mark::Committed, 1300),
            (Mark::FirstAudio, 1350),
            (Mark::AgentStarted, 1370),
        ] {
            timeline.mark(mark, ms(at));
        }
        let parts = timeline.latencies().expect("spoken and answered");
        assert_eq!(parts.endpointing, ms(300));
        assert_eq!(parts.thinking, ms(0));
        assert_eq!(parts.synthesis, ms(50));
        assert_eq!(
            parts.endpointing + parts.thinking + parts.sentence + parts.synthesis + parts.playout,
            parts.response
        );
        assert_eq!(parts.response, ms(370));
    }

    #[test]
    fn what_was_typed_is_answered_from_its_arrival_and_not_measured() {
        let mut timeline = TurnTimeline::new(TurnId(1));
        for (mark, at) in [
            (Mark::Written, 1_000),
            (Mark::Committed, 1_000),
            (Mark::FirstText, 1_240),
            (Mark::FirstAudio, 1_300),
            (Mark::AgentStarted, 1_310),
        ] {
            timeline.mark(mark, ms(at));
        }
        assert_eq!(timeline.latencies(), None);
        let parts = timeline.answer().expect("answered");
        assert_eq!((parts.endpointing, parts.thinking, parts.response), (ms(0), ms(240), ms(310)));
        timeline.mark(Mark::SpeechEnded, ms(900));
        assert_eq!(timeline.answer(), timeline.latencies(), "who spoke, too, waited since then");
    }

    #[test]
    fn a_clock_that_began_earlier_shows_later_times_and_the_same_parts() {
        let mut timeline = TurnTimeline::new(TurnId(1));
        timeline.mark(Mark::SpeechEnded, ms(100));
        timeline.mark(Mark::AgentStarted, ms(400));
        let parts = timeline.latencies();
        timeline.shift(ms(60_000));
        assert_eq!(timeline.marks(), [(Mark::SpeechEnded, ms(60_100)), (Mark::AgentStarted, ms(60_400))]);
        assert_eq!(timeline.latencies(), parts);
    }

    #[test]
    fn a_turn_without_an_answer_has_no_latencies() {
        let mut timeline = TurnTimeline::new(TurnId(1));
        timeline.mark(Mark::SpeechEnded, ms(10));
        assert_eq!(timeline.latencies(), None);
    }
}
