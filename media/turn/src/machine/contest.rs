//! The caller sounds while the agent has the floor: duck, decide, take or give back.

use std::time::Duration;

use domain::{Mark, MediaTime, SessionEvent};

use super::TurnMachine;
use crate::Output;
use crate::backchannel::{self, Claim};
use crate::barge_in::{self, Decision, Evidence, Hold};
use crate::floor::{AgentTurn, Cause, Phase};
use crate::options::ms;
use crate::rules::Rule;
use crate::utterance::Utterance;
use crate::words::join;

/// The detector was silent about the caller for so long that nobody is known to be talking.
const STALLED: Duration = Duration::from_millis(300);

impl TurnMachine {
    pub(super) fn may_interrupt(&self, agent: &AgentTurn) -> bool {
        let allowed = agent.interruptible && (self.options.barge_in.enabled || !agent.sounds());
        allowed || !self.on(Rule::Uninterruptible)
    }

    pub(super) fn contest(&mut self) {
        if self.agent.is_none() {
            self.hold = None;
            return;
        }
        if self.utterance.is_none() {
            if self.held() {
                self.release("nothing said");
            }
            return;
        }
        self.settle_overdue_final();
        if !self.contested() {
            if self.held() {
                self.release("not to be interrupted");
            }
            self.close_settled();
            return;
        }
        if !agent_sounds(&self.agent) && self.speech.talking() && !self.on(Rule::PendingAnswerSurvives) {
            self.take_floor();
            return;
        }
        self.duck();
        let Some(evidence) = self.evidence() else { return };
        match barge_in::decide(
            &self.options.barge_in,
            self.options.rules,
            self.hold.as_ref(),
            evidence,
            self.t,
        ) {
            Decision::Take => self.take_floor(),
            Decision::Release(why) => {
                self.release(why);
                self.close_settled();
            }
            Decision::Wait => self.close_settled(),
        }
    }

    fn contested(&self) -> bool {
        let (Some(agent), Some(utterance)) = (&self.agent, &self.utterance) else { return false };
        let same_breath = (utterance.deferred || agent.forced()) && self.on(Rule::TooLongStands);
        self.may_interrupt(agent) && !same_breath
    }

    fn duck(&mut self) {
        let Some(agent) = &self.agent else { return };
        let run_from = self.speech.run_from();
        let this_run = self.hold.as_ref().is_some_and(|hold| !hold.released || hold.run_from == run_from);
        if this_run || !self.speech.talking() {
            return;
        }
        let guard = ms(self.options.barge_in.echo_guard_ms);
        let guarded = matches!(agent.phase, Phase::Sounding { began, .. } if self.t < began + guard);
        if guarded && self.on(Rule::EchoGuard) {
            return;
        }
        let background = self.on(Rule::Background) && self.speech.is_background(&self.options.speech);
        if let Some(utterance) = &mut self.utterance {
            utterance.background = background;
        }
        if background || (agent.sounds() && self.speech.run() < ms(self.options.barge_in.duck_ms)) {
            return;
        }
        let turn = agent.turn;
        self.hold = Some(Hold { since: self.t, from: agent.heard, run_from, released: false });
        self.put(Output::Duck(turn));
        self.event(SessionEvent::Ducked { turn });
    }

    fn evidence(&self) -> Option<Evidence> {
        let utterance = self.utterance.as_ref()?;
        let heard = utterance.voiced > MediaTime::ZERO;
        Some(Evidence {
            claim: self.claim_over_agent(utterance),
            pending: !agent_sounds(&self.agent),
            firm: utterance.is_firm() && heard,
            settled: utterance.pause.settled && !self.speech.sounding(),
            talking: self.speech.sounding() && self.t < self.speech.heard_at() + STALLED,
            run: self.speech.run(),
            silence: self.silence(utterance),
        })
    }

    /// What the words over the agent are worth; an echo and someone in the background are worth nothing.
    fn claim_over_agent(&self, utterance: &Utterance) -> Claim {
        let text = utterance.spoken();
        let sounds = agent_sounds(&self.agent);
        if utterance.background {
            return Claim::Nothing;
        }
        if sounds && self.on(Rule::EchoWords) && self.echo.contains(&text) {
            return Claim::Phantom;
        }
        let greeting = self.agent.as_ref().is_some_and(|agent| agent.cause == Cause::Greeting);
        if greeting && self.on(Rule::GreetingSurvivesHello) && backchannel::greets(self.words, &text) {
            return Claim::Answer;
        }
        Claim::of(self.words, &text)
    }

    /// Over the agent, a final that is overdue settles nothing but that nothing more is waited for.
    fn settle_overdue_final(&mut self) {
        let verdict = ms(self.options.endpointing.verdict_ms);
        let (t, on) = (self.t, self.on(Rule::Verdict));
        if let Some(utterance) = &mut self.utterance {
            utterance.pause.settled |=
                on && utterance.pause.finalized.is_some_and(|asked| t >= asked + verdict);
        }
    }

    /// A contribution over the agent that asked for nothing is over when its final is known.
    fn close_settled(&mut self) {
        let Some(utterance) = self.utterance.take_if(|u| u.pause.settled && !self.speech.sounding()) else {
            return;
        };
        let claim = self.claim_over_agent(&utterance);
        if claim >= Claim::Words(0) {
            self.utterance = Some(utterance); // answered after the agent
            return;
        }
        if self.held() {
            self.release("no words");
        }
        if !utterance.pause.lost {
            self.closed.to = self.speech.heard_to();
        }
        if claim == Claim::Nothing && !utterance.background {
            self.doubt_line();
        }
        self.hold = None;
        if claim == Claim::Answer && !utterance.over_greeting {
            self.late = Some(utterance);
        }
    }

    fn release(&mut self, why: &'static str) {
        let (Some(agent), Some(hold)) = (&mut self.agent, &mut self.hold) else { return };
        agent.restart_wait(self.t);
        hold.released = true;
        let (turn, from) = (agent.turn, hold.from);
        self.put(Output::Resume { turn, from });
        self.event(SessionEvent::Resumed { turn, why: why.to_owned() });
    }

    /// The caller has the floor: the agent's turn ends here. Where none of it was heard, the caller had not finished, and
    /// what they said before belongs to what they say now.
    pub(super) fn take_floor(&mut self) {
        let Some(agent) = self.agent.take() else { return };
        self.hold = None;
        self.late = None;
        self.idle.begin(self.t);
        let turn = agent.turn;
        self.put(Output::FlushPlayout(turn));
        self.put(Output::Cancel(turn));
        if agent.sounds() {
            self.put(Output::Mark { turn, mark: Mark::Interrupted, back: MediaTime::ZERO });
            self.event(SessionEvent::Interrupted { turn });
        }
        self.take_back(&agent);
    }

    fn take_back(&mut self, agent: &AgentTurn) {
        let (Cause::Caller(before), Some(utterance)) = (&agent.cause, &mut self.utterance) else { return };
        let unheard = match agent.phase {
            Phase::Pending { .. } => true,
            Phase::Sounding { began, .. } => utterance.started_at <= began,
        };
        let in_time = utterance.started_at <= before.at + ms(self.options.endpointing.grace_ms);
        let revocable = !agent.irrevocable || !self.options.rules.on(Rule::Irrevocable);
        if !(unheard && in_time && revocable && self.options.rules.on(Rule::TakeBack)) {
            return;
        }
        if utterance.from > before.voiced_to {
            self.pauses.learn((utterance.from - before.voiced_to).as_duration(), 2);
        }
        utterance.prefix = join(&before.text, &utterance.prefix);
        utterance.started_at = before.started_at;
        utterance.from = before.from;
        self.put(Output::Discard(agent.turn));
    }
}

fn agent_sounds(agent: &Option<AgentTurn>) -> bool {
    agent.as_ref().is_some_and(AgentTurn::sounds)
}
