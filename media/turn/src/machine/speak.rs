//! The agent's turns: greeting, replies, nudges; and what the caller does without a voice (text, keys).

use std::time::Instant;

use domain::{Digit, MediaTime, SessionEvent, TurnId};

use super::TurnMachine;
use crate::Output;
use crate::floor::{AgentTurn, Cause, Phase};
use crate::idle::Step;
use crate::options::ms;
use crate::rules::Rule;
use crate::utterance::Utterance;
use crate::words::join;

impl TurnMachine {
    pub(super) fn media_active(&mut self, now: Instant) {
        let returns = !self.clock.runs();
        self.clock.run();
        self.t = self.clock.advance(now);
        if !self.greeted || (returns && !self.on(Rule::GreetOnce)) {
            self.greet();
        }
    }

    pub(super) fn media_lost(&mut self) {
        if !self.on(Rule::PauseWhenLost) {
            return;
        }
        self.clock.stop();
        self.stop_speech();
    }

    pub(super) fn greet(&mut self) {
        self.greeted = true;
        let turn = self.new_turn();
        self.put(Output::Greet(turn));
        self.agent = Some(AgentTurn::new(turn, Cause::Greeting, self.t));
    }

    /// In place of whatever the agent was saying or about to say. A caller who has the word finishes first: they would take the floor
    /// from it, and what nobody heard nobody says again.
    pub(super) fn speak(&mut self) {
        if !self.clock.runs() {
            return;
        }
        self.speaks_next = self.utterance.is_some();
        if self.speaks_next {
            return;
        }
        if let Some(agent) = self.agent.take() {
            self.put(Output::FlushPlayout(agent.turn));
            self.put(Output::Cancel(agent.turn));
            self.hold = None;
        }
        let turn = self.new_turn();
        self.put(Output::Speak(turn));
        self.agent = Some(AgentTurn::new(turn, Cause::Own, self.t));
    }

    /// The caller's turn is over, or was none.
    pub(super) fn speak_next(&mut self) {
        if self.speaks_next && self.utterance.is_none() {
            self.speak();
        }
    }

    pub(super) fn on_agent(&mut self, turn: TurnId, change: impl FnOnce(&mut AgentTurn)) {
        if let Some(agent) = self.agent.as_mut().filter(|agent| agent.turn == turn) {
            change(agent);
        }
    }

    pub(super) fn agent_audio(&mut self, turn: TurnId) {
        let t = self.t;
        // One that the session took begins to sound; any other that the machine named is over, if it is not the present one.
        let own = self.taken == Some(turn);
        if self.agent.is_none() && (own || !self.on(Rule::LateReports)) {
            self.agent = Some(AgentTurn::new(turn, Cause::Own, t));
        }
        self.on_agent(turn, |agent| agent.progress(t));
        if !self.on(Rule::IdleAfterPlayout) {
            self.idle.begin(t);
        }
    }

    pub(super) fn agent_heard(&mut self, turn: TurnId, at: MediaTime) {
        let t = self.t;
        self.on_agent(turn, |agent| {
            agent.progress(t);
            agent.heard = agent.heard.max(at);
        });
    }

    pub(super) fn agent_done(&mut self, turn: TurnId) {
        if self.agent.as_ref().is_some_and(|agent| agent.turn == turn) {
            self.end_agent_turn();
        }
    }

    /// The agent has no turn any more, and was not interrupted.
    fn end_agent_turn(&mut self) {
        let Some(agent) = self.agent.take() else { return };
        self.hold = None;
        self.idle.begin(self.t);
        if !agent.interruptible && !self.on(Rule::AnswerAfterwards) {
            self.utterance = None;
        }
        let late = self
            .late
            .take()
            .filter(|late| self.t <= late.voiced_at + ms(self.options.barge_in.late_answer_ms));
        if self.utterance.is_none() && self.on(Rule::LateAnswer) {
            self.utterance = late;
        }
    }

    /// Replies that do not come, playout that stops.
    pub(super) fn wait_for_agent(&mut self) {
        let (t, reply) = (self.t, self.options.reply.clone());
        let (abandons, stalls) = (self.on(Rule::Abandon), self.on(Rule::PlayoutStall));
        let held = self.held();
        let Some(agent) = self.agent.as_mut().filter(|_| !held) else { return };
        let turn = agent.turn;
        match &mut agent.phase {
            Phase::Pending { since, late: late @ false } if t >= *since + ms(reply.late_ms) => {
                (*since, *late) = (t, true);
                if self.on(Rule::ReplyLate) {
                    self.put(Output::ReplyLate(turn));
                }
            }
            Phase::Pending { since, late: true } if t >= *since + ms(reply.abandon_ms) && abandons => {
                self.put(Output::Cancel(turn));
                self.end_agent_turn();
            }
            Phase::Sounding { progress, .. } if t >= *progress + ms(reply.stall_ms) && stalls => {
                self.put(Output::FlushPlayout(turn));
                self.put(Output::Cancel(turn));
                self.end_agent_turn();
            }
            _ => {}
        }
    }

    pub(super) fn idle_deadline(&self) -> Option<Instant> {
        let agent = self.agent.is_some() && self.on(Rule::IdleAfterPlayout);
        let caller =
            (self.utterance.is_some() || self.caller_sounds()) && self.on(Rule::IdleNotWhileSpeaking);
        if agent || caller || !self.digits.is_empty() || !self.on(Rule::Nudge) {
            return None;
        }
        self.idle.deadline(&self.options.idle)
    }

    pub(super) fn nudge(&mut self) {
        if self.idle_deadline().is_none_or(|due| self.t < due) {
            return;
        }
        let step = self.idle.step(&self.options.idle, self.on(Rule::GiveUp));
        let turn = self.new_turn();
        match step {
            Step::Nudge(count) => {
                self.event(SessionEvent::Nudged { count });
                self.put(Output::Nudge { turn, count });
            }
            Step::GiveUp => self.put(Output::GiveUp(turn)),
        }
        self.idle.begin(self.t);
        self.agent = Some(AgentTurn::new(turn, Cause::Own, self.t));
    }

    pub(super) fn text(&mut self, text: &str) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        if self.typed.push(text, self.t) {
            return;
        }
        // Told once, however much more is typed into the same wait.
        if self.typed.refused() == 1 {
            self.dropped("typed");
        }
    }

    pub(super) fn say_typed(&mut self) {
        if self.typed.is_empty() || !self.agent_yields(Rule::TypedTakesFloor) {
            return;
        }
        if let Some((text, since)) = self.typed.take() {
            self.commit_written(&text, since);
        }
    }

    pub(super) fn digit(&mut self, digit: Digit) {
        self.event(SessionEvent::Pressed { digit });
        if !self.on(Rule::CollectDigits) {
            return self.text(&char::from(digit).to_string());
        }
        if !self.digits.press(digit, &self.options.digits, self.t) && self.digits.refused() == 1 {
            self.dropped("keys");
        }
        if self.agent.as_ref().is_some_and(AgentTurn::sounds) && self.agent_yields_to_digits() {
            self.take_floor();
        }
    }

    /// More was written than can wait for its turn; the newest is forgotten.
    fn dropped(&mut self, what: &str) {
        let value = serde_json::json!({ "what": what });
        self.event(SessionEvent::Noted { name: "caller_input_dropped".to_owned(), value });
    }

    pub(super) fn agent_yields_to_digits(&self) -> bool {
        self.agent_yields(Rule::DigitsTakeFloor)
    }

    /// Whether what is written may be said now.
    fn agent_yields(&self, rule: Rule) -> bool {
        self.agent.as_ref().is_none_or(|agent| self.on(rule) && self.may_interrupt(agent))
    }

    pub(super) fn end_digits(&mut self) {
        let due = self.digits.deadline(&self.options.digits).is_some_and(|due| self.t >= due);
        // Keys pressed in mid-sentence belong to the sentence, which its own end commits.
        if due && self.utterance.is_none() && self.agent_yields_to_digits() {
            let since = self.digits.last().unwrap_or(self.t);
            let keys = self.digits.take();
            self.commit_written(&keys, since);
        }
    }

    /// `since`: when it arrived.
    fn commit_written(&mut self, text: &str, since: Instant) {
        let (at, t) = (self.speech.heard_to(), self.t);
        if self.utterance.is_none() {
            self.utterance = Some(Utterance::new(at, t, None));
        }
        if self.agent.is_some() {
            self.take_floor();
        }
        let Some(utterance) = self.utterance.take() else { return };
        let text = join(&utterance.text(), text);
        self.commit(utterance, text, Some(since));
    }
}
