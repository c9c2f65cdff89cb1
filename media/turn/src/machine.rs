//! The machine itself: takes inputs in, gives outputs out. What a rule decides lies in the file of its concern; here is
//! the order in which they are asked, and when to ask again.

mod contest;
mod end;
mod listen;
mod speak;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use domain::{AgentState, MediaTime, SessionEvent, TurnId};

use crate::barge_in::{self, Hold};
use crate::clock::Clock;
use crate::digits::Digits;
use crate::echo::Echo;
use crate::floor::{AgentTurn, Floor, Phase};
use crate::idle::Idle;
use crate::options::ms;
use crate::pauses::Pauses;
use crate::rules::Rule;
use crate::speech::Speech;
use crate::typed::Typed;
use crate::utterance::Utterance;
use crate::words::Vocabulary;
use crate::{Input, Options, Output, Why};

/// More time than this is not granted in one go: a session that waits for ever is a leak.
const LONGEST_GRANT: Duration = Duration::from_secs(600);

/// Decides who has the floor. One for each session.
#[derive(Debug)]
pub struct TurnMachine {
    options: Options,
    words: &'static Vocabulary,
    clock: Clock,
    queue: VecDeque<Output>,
    next_turn: TurnId,
    /// The last that the session took.
    taken: Option<TurnId>,
    greeted: bool,
    shown: AgentState,

    speech: Speech,
    pauses: Pauses,
    utterance: Option<Utterance>,
    /// A "yes" over the agent, in case the agent was about to end.
    late: Option<Utterance>,
    /// A run of sound, by its beginning, that was found to be no speech although it goes on.
    ignored_run: Option<MediaTime>,
    /// What the last turn was committed with, and up to where the caller's track is dealt with.
    closed: Closed,

    agent: Option<AgentTurn>,
    hold: Option<Hold>,
    echo: Echo,
    idle: Idle,
    digits: Digits,
    /// Typed while the agent must not be interrupted.
    typed: Typed,
    /// The agent has something to say once the caller has finished.
    speaks_next: bool,
    /// The instant of the last input on the machine's own clock.
    t: Instant,
}

#[derive(Debug, Default)]
struct Closed {
    to: MediaTime,
    text: String,
}

impl TurnMachine {
    /// Options are taken as they are: `Options::validate` is the caller's.
    #[must_use]
    pub fn new(options: Options, start: Instant) -> Self {
        Self {
            words: Vocabulary::of(&options.language),
            clock: Clock::new(start),
            queue: VecDeque::new(),
            next_turn: TurnId(0),
            taken: None,
            greeted: false,
            shown: AgentState::Initializing,
            speech: Speech::new(start),
            pauses: Pauses::default(),
            utterance: None,
            late: None,
            ignored_run: None,
            closed: Closed::default(),
            agent: None,
            hold: None,
            echo: Echo::default(),
            idle: Idle::default(),
            digits: Digits::default(),
            typed: Typed::default(),
            speaks_next: false,
            t: start,
            options,
        }
    }

    /// The first turn that is given out, where turns before it were had elsewhere.
    #[must_use]
    pub fn counting_from(mut self, turn: TurnId) -> Self {
        self.next_turn = turn;
        self
    }

    /// Takes one input; what follows from it is waiting in `poll` afterwards.
    pub fn handle(&mut self, input: Input<'_>, now: Instant) {
        self.t = self.clock.advance(now);
        match input {
            Input::MediaActive => self.media_active(now),
            Input::MediaLost => self.media_lost(),
            Input::Vad(vad) => self.vad(&vad),
            Input::EndOfTurn(score) => self.score(score),
            Input::Transcript(transcript) => self.transcript(&transcript),
            Input::TranscriptLost => self.transcript_lost(),
            Input::Text(text) => self.text(&text),
            Input::Dtmf(digit) => self.digit(digit),
            Input::AgentAudio(turn) => self.agent_audio(turn),
            Input::Heard(turn, at) => self.agent_heard(turn, at),
            Input::AgentDone(turn) => self.agent_done(turn),
            Input::Interruptible(turn, may) => self.on_agent(turn, |agent| agent.interruptible = may),
            Input::Saying(_, text) => self.echo.say(&text),
            Input::Irrevocable(turn) => self.on_agent(turn, |agent| agent.irrevocable = true),
            Input::Hold(length) if self.on(Rule::HoldOn) => {
                self.idle.grant(self.t + length.min(LONGEST_GRANT))
            }
            Input::Hold(_) => {}
            Input::Speak => self.speak(),
            Input::Timeout => {}
        }
        self.settle();
        self.show_state();
    }

    /// The next thing to do, in order; `Output::Timeout` when there is nothing more.
    pub fn poll(&mut self) -> Output {
        self.queue.pop_front().unwrap_or_else(|| Output::Timeout(self.deadline()))
    }

    /// Who has the floor now.
    #[must_use]
    pub fn floor(&self) -> Floor {
        match (&self.agent, &self.utterance) {
            (Some(agent), _) if agent.sounds() => {
                if self.held() {
                    Floor::Ducked
                } else {
                    Floor::Speaking
                }
            }
            (Some(_), _) => Floor::Thinking,
            (None, _) if !self.greeted => Floor::Initializing,
            (None, Some(_)) if self.speech.sounding() => Floor::CallerSpeaking,
            (None, Some(_)) => Floor::Pausing,
            (None, None) => Floor::Listening,
        }
    }

    /// Asks every rule what the new state of things means. One decision can enable another, hence the second round.
    fn settle(&mut self) {
        if !self.clock.runs() {
            return;
        }
        for _ in 0..2 {
            self.ask();
            self.contest();
            self.end_turn();
            self.end_digits();
            self.say_typed();
            self.speak_next();
            self.wait_for_agent();
            self.nudge();
        }
    }

    fn on(&self, rule: Rule) -> bool {
        self.options.rules.on(rule)
    }

    fn put(&mut self, output: Output) {
        self.queue.push_back(output);
    }

    fn event(&mut self, event: SessionEvent) {
        self.queue.push_back(Output::Event(event));
    }

    /// A turn that the session takes by itself, such as the farewell of a call that is too long.
    pub fn take_turn(&mut self) -> TurnId {
        let turn = self.new_turn();
        self.taken = Some(turn);
        turn
    }

    fn new_turn(&mut self) -> TurnId {
        let turn = self.next_turn;
        self.next_turn = turn.next();
        turn
    }

    fn held(&self) -> bool {
        self.hold.as_ref().is_some_and(|hold| !hold.released)
    }

    fn show_state(&mut self) {
        let state = AgentState::from(self.floor());
        if state != self.shown {
            self.shown = state;
            self.event(SessionEvent::StateChanged { state });
        }
    }

    fn deadline(&self) -> Option<(Instant, Why)> {
        if !self.clock.runs() {
            return None;
        }
        let mut waits = Vec::new();
        self.agent_waits(&mut waits);
        self.turn_waits(&mut waits);
        if let Some(due) =
            self.digits.deadline(&self.options.digits).filter(|_| self.agent_yields_to_digits())
        {
            waits.push((due, Why::Digits));
        }
        if let Some(due) = self.idle_deadline() {
            waits.push((due, Why::Idle));
        }
        let next = waits.into_iter().filter(|(due, _)| *due > self.t).min_by_key(|(due, _)| *due);
        next.map(|(due, why)| (self.clock.outward(due), why))
    }

    fn agent_waits(&self, waits: &mut Vec<(Instant, Why)>) {
        let Some(agent) = &self.agent else { return };
        if let Some(hold) = &self.hold {
            waits.extend(
                barge_in::deadline(&self.options.barge_in, hold, self.t).map(|due| (due, Why::BargeIn)),
            );
        }
        if self.held() {
            return;
        }
        let reply = &self.options.reply;
        waits.push(match agent.phase {
            Phase::Pending { since, late: false } => (since + ms(reply.late_ms), Why::Reply),
            Phase::Pending { since, late: true } => (since + ms(reply.abandon_ms), Why::Reply),
            Phase::Sounding { progress, .. } => (progress + ms(reply.stall_ms), Why::Playout),
        });
    }
}
