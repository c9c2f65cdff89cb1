//! A pause becomes the end of a turn: what is asked about it, how long it must last, what is committed.

use std::time::{Duration, Instant};

use domain::{Mark, MediaTime, SessionEvent, TurnId};

use super::TurnMachine;
use crate::backchannel::{Claim, greets};
use crate::endpointing::{self, Evidence};
use crate::floor::{AgentTurn, Cause, Committed};
use crate::options::{Mode, ms};
use crate::rules::Rule;
use crate::shape::Shape;
use crate::utterance::Utterance;
use crate::words::join;
use crate::{Output, Why};

/// A lone word that recognisers invent is believed from so much voice on.
const PHANTOM_VOICE: MediaTime = MediaTime::from_millis(300);
/// Where recognition failed, nobody can tell a "yes" from a cough: from so much voice on it is asked for again.
const UNHEARD_VOICE: MediaTime = MediaTime::from_millis(200);
/// An answer is given this long, however much of the caller's wait recognition took.
const LEAST_WAIT: Duration = Duration::from_millis(500);

impl TurnMachine {
    pub(super) fn silence(&self, utterance: &Utterance) -> Duration {
        self.speech.silence_since(utterance.voiced_to, self.t, self.on(Rule::SilenceIsHeard))
    }

    /// In a pause, asks the recogniser for its final and the model for its score, each when its time has come.
    pub(super) fn ask(&mut self) {
        let options = self.options.endpointing.clone();
        let adaptive =
            options.mode == Mode::Adaptive && self.agent.as_ref().is_none_or(|agent| !agent.sounds());
        let (t, to, rescore) = (self.t, self.speech.heard_to(), self.on(Rule::Rescore));
        let Some((silence, finalize)) = self
            .utterance
            .as_ref()
            .map(|utterance| (self.silence(utterance), self.finalize_after(utterance)))
        else {
            return;
        };
        if self.speech.sounding() {
            return;
        }
        let Some(utterance) = &mut self.utterance else { return };
        let pause = &mut utterance.pause;
        let mut asked = Vec::new();
        if !pause.prepared && silence >= ms(options.prepare_ms) {
            pause.prepared = true;
            asked.push(Output::Prepare);
        }
        let again = pause.scores_asked == 1
            && rescore
            && options.rescore_ms > 0
            && silence >= ms(options.rescore_ms)
            && pause.score.is_some_and(|score| score < options.sure);
        if adaptive && ((pause.scores_asked == 0 && silence >= ms(options.score_ms)) || again) {
            pause.scores_asked += 1;
            asked.push(Output::ScoreEndOfTurn(to));
        }
        if pause.finalized.is_none() && !pause.lost && silence >= finalize {
            pause.finalized = Some(t);
            pause.wanted_to = utterance.voiced_to;
            asked.push(Output::Finalize);
        }
        self.queue.extend(asked);
        self.guess(silence);
    }

    /// A final cuts what is said there: where the caller is likely to go on, it is demanded only as early as the turn's end
    /// needs it.
    fn finalize_after(&self, utterance: &Utterance) -> Duration {
        let options = &self.options.endpointing;
        let least = ms(options.finalize_ms);
        if options.mode != Mode::Adaptive || !self.on(Rule::LateFinal) {
            return least;
        }
        let needed = self.delay(utterance, &utterance.text()).saturating_sub(ms(options.finalize_ahead_ms));
        least.max(needed)
    }

    fn guess(&mut self, silence: Duration) {
        let speculation = &self.options.speculation;
        if !speculation.enabled || self.agent.is_some() || silence < ms(speculation.after_ms) {
            return;
        }
        let Some(utterance) = &self.utterance else { return };
        if self.on(Rule::StableGuess) && !utterance.is_stable(ms(speculation.unchanged_ms), self.t) {
            return;
        }
        let text = utterance.text();
        let worth = Claim::of(self.words, &text) >= Claim::Answer
            && Shape::of(self.words, &text) != Shape::Unfinished;
        let known = utterance.guessed(&text) && self.on(Rule::Speculation);
        if !worth || known || utterance.guesses >= speculation.max_guesses {
            return;
        }
        self.drop_guess();
        let Some(turn) = self.utterance_turn() else { return };
        if let Some(utterance) = &mut self.utterance {
            utterance.guesses += 1;
            utterance.guess = Some(text.clone());
        }
        self.put(Output::Speculate { turn, text });
    }

    pub(super) fn drop_guess(&mut self) {
        let on = self.on(Rule::Speculation);
        let Some(utterance) = self.utterance.as_mut().filter(|_| on) else { return };
        if let (Some(_), Some(turn)) = (utterance.guess.take(), utterance.turn) {
            self.put(Output::Discard(turn));
        }
    }

    /// The open utterance's id as a turn, made now if it had none.
    fn utterance_turn(&mut self) -> Option<TurnId> {
        let fresh = self.next_turn;
        let utterance = self.utterance.as_mut()?;
        let turn = *utterance.turn.get_or_insert(fresh);
        if turn == fresh {
            self.next_turn = fresh.next();
        }
        Some(turn)
    }

    /// Decides whether the caller's utterance is a complete turn, or none at all.
    pub(super) fn end_turn(&mut self) {
        if self.agent.is_some() {
            return;
        }
        if self.utterance.is_none() && self.speech.talking() && self.t >= self.detector_silent_until() {
            self.stop_speech();
        }
        let Some(utterance) = &self.utterance else { return };
        let forced = self.too_long(utterance);
        let stalled = self.hard_timeout_passed(utterance);
        if self.speech.sounding() && !forced && !stalled {
            return;
        }
        if stalled && !forced {
            self.stop_speech();
        }
        if forced || stalled {
            self.demand_final(forced);
        }
        let Some(utterance) = &self.utterance else { return };
        if !self.heard_enough(utterance, stalled) {
            return;
        }
        let text = utterance.text();
        if self.is_nothing(utterance, &text, stalled) {
            if self.on(Rule::WordlessIsNoTurn) {
                self.close_wordless();
            }
            return;
        }
        let rising = self.speech.rising() && self.on(Rule::RisingVoice);
        let over = self.silence(utterance) >= self.delay(utterance, &text) && !rising;
        if !(forced || stalled || over) {
            return;
        }
        let Some(utterance) = self.utterance.take() else { return };
        self.commit(utterance, text, None);
    }

    /// A detector that said nothing for so long says that nobody talks.
    fn detector_silent_until(&self) -> Instant {
        self.speech.heard_at() + ms(self.options.endpointing.hard_timeout_ms)
    }

    fn too_long(&self, utterance: &Utterance) -> bool {
        self.on(Rule::TooLong)
            && self.speech.talking()
            && self.t >= utterance.started_at + ms(self.options.endpointing.too_long_ms)
    }

    fn hard_timeout_passed(&self, utterance: &Utterance) -> bool {
        self.on(Rule::HardTimeout)
            && self.t >= utterance.voiced_at + ms(self.options.endpointing.hard_timeout_ms)
    }

    fn demand_final(&mut self, forced: bool) {
        let (t, to) = (self.t, self.speech.voiced_to());
        let Some(utterance) = &mut self.utterance else { return };
        let again = forced && !utterance.forced;
        utterance.forced |= forced;
        let pause = &mut utterance.pause;
        if pause.lost || (pause.finalized.is_some() && !again) {
            return;
        }
        (pause.finalized, pause.wanted_to, pause.settled) = (Some(t), to, false);
        self.put(Output::Finalize);
    }

    /// The final is here, or has had its time.
    fn heard_enough(&self, utterance: &Utterance, stalled: bool) -> bool {
        let (pause, options) = (&utterance.pause, &self.options.endpointing);
        let Some(asked) = pause.finalized else { return pause.settled };
        if pause.settled || !self.on(Rule::Verdict) {
            return pause.settled;
        }
        let something = !utterance.text().is_empty() && (self.t >= asked + ms(options.verdict_ms) || stalled);
        something || self.t >= asked + ms(options.unheard_ms)
    }

    /// Whether the words make no turn.
    fn is_nothing(&self, utterance: &Utterance, text: &str, stalled: bool) -> bool {
        let patient = stalled || self.silence(utterance) >= ms(self.options.endpointing.hard_timeout_ms);
        if utterance.over.is_some() && self.on(Rule::EchoWords) && self.echo.contains(text) {
            return true;
        }
        match Claim::of(self.words, text) {
            Claim::Nothing => true,
            Claim::Phantom => self.on(Rule::PhantomWords) && utterance.voiced < PHANTOM_VOICE,
            Claim::Filler => self.on(Rule::FillersAreNoTurn) && patient,
            Claim::Continuer => utterance.over.is_some() && self.on(Rule::Backchannels),
            _ => utterance.over_greeting && greets(self.words, text) && self.on(Rule::GreetingSurvivesHello),
        }
    }

    fn delay(&self, utterance: &Utterance, text: &str) -> Duration {
        let evidence = Evidence {
            score: utterance.pause.score,
            shape: Shape::of(self.words, text),
            patience: self.pauses.patience(self.options.endpointing.typical_pause_ms),
        };
        let delay = endpointing::delay(&self.options.endpointing, self.options.rules, evidence);
        // Silence that only the recogniser noticed is a guess.
        let voiceless = utterance.voiced == MediaTime::ZERO;
        if voiceless { delay.max(ms(self.options.endpointing.max_delay_ms)) } else { delay }
    }

    fn close_wordless(&mut self) {
        self.drop_guess();
        let Some(utterance) = self.utterance.take() else { return };
        if self.speech.sounding() {
            self.ignored_run = Some(self.speech.run_from());
        } else {
            self.stop_speech();
        }
        self.idle.breathe(self.t);
        let asked = utterance.pause.finalized;
        let unheard = utterance.pause.lost
            || (!utterance.pause.settled
                && asked.is_some_and(|asked| self.t >= asked + ms(self.options.endpointing.unheard_ms)));
        if !unheard {
            self.doubt_line();
            self.closed.to = self.speech.heard_to();
        } else if utterance.voiced >= UNHEARD_VOICE && self.on(Rule::NotUnderstood) {
            let turn = self.new_turn();
            self.put(Output::NotUnderstood(turn));
            self.idle.reset();
            self.agent = Some(AgentTurn::new(turn, Cause::Own, self.waits_since(&utterance)));
        }
    }

    /// Since when the caller waits for an answer: since their last voiced sample, or the agent's where that was later.
    fn waits_since(&self, utterance: &Utterance) -> Instant {
        let ended = self.idle.since().map_or(utterance.voiced_at, |agent| agent.max(utterance.voiced_at));
        let least = (self.t + LEAST_WAIT).checked_sub(ms(self.options.reply.late_ms));
        least.map_or(ended, |least| ended.max(least)).min(self.t)
    }

    /// A sound was no speech: on a noisy line, the next has to show more.
    pub(super) fn doubt_line(&mut self) {
        if self.on(Rule::NoisyLine) {
            self.speech.doubt();
        }
    }

    /// `written`: when what was typed or keyed arrived; `None` for a turn that was spoken.
    pub(super) fn commit(&mut self, utterance: Utterance, text: String, written: Option<Instant>) {
        let (t, typed) = (self.t, written.is_some());
        let text = join(&text, &self.digits.take());
        let turn = utterance.turn.unwrap_or_else(|| self.new_turn());
        if !self.speech.sounding() {
            self.stop_speech();
        }
        let forced = self.speech.sounding();
        if utterance.forced {
            let spoken = t.saturating_duration_since(utterance.started_at);
            let value = serde_json::json!({ "turn": turn, "after_ms": spoken.as_millis() as u64 });
            self.event(SessionEvent::Noted { name: "caller_too_long".to_owned(), value });
        }
        self.mark_turn(turn, &utterance, written);
        self.event(SessionEvent::CallerTurn { turn, text: text.clone(), typed });
        // What was guessed with is what the dialogue adopts by; case and points do not matter to it.
        let adopted = if utterance.guessed(&text) { utterance.guess.clone() } else { None };
        self.put(Output::Commit { turn, text: adopted.unwrap_or_else(|| text.clone()), typed });

        let since = if typed { t } else { self.waits_since(&utterance) };
        self.idle.reset();
        self.late = None;
        self.echo.forget();
        self.speech.learn_level(utterance.level);
        self.speech.trust(utterance.probability(), &self.options.speech);
        // Only where the final is still to come may its words come again.
        let text_to_come = if utterance.pause.settled { String::new() } else { utterance.spoken() };
        self.closed = super::Closed { to: self.speech.heard_to(), text: text_to_come };
        let committed = Committed {
            text,
            at: t,
            started_at: utterance.started_at,
            from: utterance.from,
            voiced_to: utterance.voiced_to,
            forced,
        };
        self.agent = Some(AgentTurn::new(turn, Cause::Caller(committed), since));
    }

    fn mark_turn(&mut self, turn: TurnId, utterance: &Utterance, written: Option<Instant>) {
        let t = self.t;
        if utterance.voiced > MediaTime::ZERO {
            let (from, to) =
                (self.speech.back_to(utterance.from, t), self.speech.back_to(utterance.voiced_to, t));
            self.put(Output::Mark { turn, mark: Mark::SpeechStarted, back: from });
            self.put(Output::Mark { turn, mark: Mark::SpeechEnded, back: to });
        }
        if let Some(at) = written {
            let back = MediaTime::from_duration(t.saturating_duration_since(at));
            self.put(Output::Mark { turn, mark: Mark::Written, back });
        }
        if let Some(at) = utterance.final_at {
            let back = MediaTime::from_duration(t.saturating_duration_since(at));
            self.put(Output::Mark { turn, mark: Mark::TranscriptFinal, back });
        }
        self.put(Output::Mark { turn, mark: Mark::Committed, back: MediaTime::ZERO });
    }

    pub(super) fn turn_waits(&self, waits: &mut Vec<(Instant, Why)>) {
        let Some(utterance) = &self.utterance else {
            if self.agent.is_none() && self.speech.talking() {
                waits.push((self.detector_silent_until(), Why::Endpointing));
            }
            return;
        };
        let options = &self.options.endpointing;
        if let Some(asked) =
            utterance.pause.finalized.filter(|_| !utterance.pause.settled && self.on(Rule::Verdict))
        {
            waits.push((asked + ms(options.verdict_ms), Why::Verdict));
            waits.push((asked + ms(options.unheard_ms), Why::Verdict));
        }
        if self.agent.is_some() {
            return;
        }
        if self.on(Rule::TooLong) && self.speech.talking() {
            waits.push((utterance.started_at + ms(options.too_long_ms), Why::UserTooLong));
        }
        if self.on(Rule::HardTimeout) {
            waits.push((utterance.voiced_at + ms(options.hard_timeout_ms), Why::Endpointing));
        }
        let heard = self.on(Rule::SilenceIsHeard);
        let delay = self.delay(utterance, &utterance.text());
        for length in [self.finalize_after(utterance), delay] {
            waits.extend(
                self.speech.silent_for(utterance.voiced_to, length, heard).map(|due| (due, Why::Endpointing)),
            );
        }
    }
}
