//! The caller's side: voice and words become an utterance. When it is complete, `end.rs` decides.

use std::time::{Duration, Instant};

use domain::{MediaTime, Score, SessionEvent, Transcript, VadDecision};

use super::TurnMachine;
use crate::backchannel::Claim;
use crate::floor::{AgentTurn, Cause};
use crate::rules::Rule;
use crate::speech::Edge;
use crate::utterance::Utterance;

impl TurnMachine {
    pub(super) fn vad(&mut self, vad: &VadDecision) {
        if !self.greeted && !self.on(Rule::GreetWhenActive) {
            self.greet();
        }
        let edge = self.speech.hear(vad, &self.options.speech, self.t);
        match edge {
            Some(Edge::Started) => self.speech_started(),
            Some(Edge::GoesOn) => self.speech_goes_on(),
            Some(Edge::Stopped) => self.speech_stopped(),
            Some(Edge::Hushed) | None => {}
        }
        if self.utterance.is_none() && self.speech.sounding() && self.caller_sounds() && !self.same_breath() {
            self.open_run();
        }
        let (sounding, voiced_to, t) = (self.speech.sounding(), self.speech.voiced_to(), self.t);
        if let Some(utterance) = self.utterance.as_mut().filter(|_| sounding) {
            let length = if edge == Some(Edge::Started) { self.speech.run() } else { Duration::ZERO };
            let length = MediaTime::from_duration(length).max(vad.to - vad.from);
            utterance.voiced += length;
            utterance.level.add(vad.level_dbfs, length);
            utterance.sureness_ms += vad.probability * length.as_millis() as f32;
            (utterance.voiced_to, utterance.voiced_at) = (voiced_to, t);
        } else if matches!(edge, Some(Edge::Hushed | Edge::Stopped)) {
            self.place_end(voiced_to);
        }
    }

    /// Now that the voice is silent it is known where it ended, which is before the detector let go.
    fn place_end(&mut self, voiced_to: MediaTime) {
        if let Some(utterance) =
            self.utterance.as_mut().filter(|utterance| utterance.voiced > MediaTime::ZERO)
        {
            utterance.voiced_to = utterance.voiced_to.min(voiced_to).max(utterance.from);
        }
    }

    fn speech_started(&mut self) {
        self.event(SessionEvent::CallerSpeaking { speaking: true });
        self.speech_goes_on();
    }

    /// Opens an utterance where the run of voice began.
    fn open_run(&mut self) {
        let from = self.speech.run_from().max(self.closed.to.min(self.speech.voiced_to()));
        let began = self.t.checked_sub(self.speech.back_to(from, self.t).as_duration()).unwrap_or(self.t);
        self.open(from, began);
    }

    /// The caller is talking, as far as is known.
    pub(super) fn caller_sounds(&self) -> bool {
        self.speech.talking() && self.ignored_run != Some(self.speech.run_from())
    }

    /// The caller never paused since their turn was cut short by its length.
    fn same_breath(&self) -> bool {
        self.agent.as_ref().is_some_and(AgentTurn::forced)
    }

    fn speech_goes_on(&mut self) {
        self.drop_guess();
        let position = self.speech.run_from().max(self.speech.voiced_to());
        if let Some(utterance) = &mut self.utterance {
            if utterance.pause.prepared && !utterance.text().is_empty() {
                self.pauses.learn((position - utterance.voiced_to).as_duration(), 1);
            }
            utterance.go_on();
        }
    }

    fn speech_stopped(&mut self) {
        self.event(SessionEvent::CallerSpeaking { speaking: false });
        if let Some(AgentTurn { cause: Cause::Caller(committed), .. }) = &mut self.agent {
            committed.forced = false;
        }
    }

    /// Takes the caller as quiet although no silence was heard.
    pub(super) fn stop_speech(&mut self) {
        if self.speech.stop() {
            self.speech_stopped();
        }
    }

    fn open(&mut self, from: MediaTime, began: Instant) {
        let mut utterance = Utterance::new(from, began, self.agent.as_ref().map(|agent| agent.turn));
        utterance.over_greeting = self.agent.as_ref().is_some_and(|agent| agent.cause == Cause::Greeting);
        utterance.deferred = self.same_breath();
        (utterance.voiced_to, utterance.voiced_at) = (from, self.t);
        self.utterance = Some(utterance);
    }

    pub(super) fn score(&mut self, score: Score) {
        let stale_counts = !self.on(Rule::StaleScore);
        if let Some(utterance) = &mut self.utterance
            && (score.at >= utterance.voiced_to || stale_counts)
        {
            utterance.pause.score = Some(score.probability);
        }
    }

    pub(super) fn transcript(&mut self, transcript: &Transcript) {
        if transcript.to <= self.closed.to && self.on(Rule::StaleWords) {
            if transcript.is_final() {
                self.closed.text.clear();
            }
            return;
        }
        let again = transcript.from < self.closed.to && self.on(Rule::StaleWords);
        let repeated = if again { self.closed.text.clone() } else { String::new() };
        let voiceless = self.utterance.as_ref().is_none_or(|utterance| utterance.voiced == MediaTime::ZERO);
        if self.utterance.is_none() {
            let speaks = match Claim::of(self.words, &transcript.text) {
                Claim::Words(count) => {
                    count >= self.options.barge_in.min_words as usize || self.speech.talking()
                }
                Claim::Command => true,
                _ => false,
            };
            if !speaks || (!self.on(Rule::WordsWithoutVoice) && !self.speech.talking()) {
                return;
            }
            self.open(transcript.from.min(self.speech.heard_to()), self.t);
        }
        let (covers, t, at) = (self.on(Rule::FinalCoversVoice), self.t, self.speech.heard_to());
        let Some(utterance) = &mut self.utterance else { return };
        let before = utterance.spoken();
        utterance.hear(transcript, &repeated, covers, t);
        if voiceless && utterance.spoken() != before {
            (utterance.voiced_to, utterance.voiced_at) = (at, t);
            if !transcript.is_final() {
                utterance.go_on();
            }
        }
    }

    pub(super) fn transcript_lost(&mut self) {
        if let Some(utterance) = &mut self.utterance {
            utterance.lose();
        }
    }
}
