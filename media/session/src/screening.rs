//! A call of ours that was answered, before the agent speaks: who is there, and what is done where that is a machine.
//!
//! Until it is known nothing of what is heard reaches the floor: a hello is no turn, and a machine's greeting is nobody's.

use domain::{AtMachine, AudioFrame, Callee, EndReason, MediaTime, SessionEvent, Transcript, VadDecision};
use futures::StreamExt;
use futures::stream;
use media_screen::{Options, Output, Screen};
use media_turn::Input;
use tokio::time::Instant;

use crate::options::seconds;
use crate::ports::Said;
use crate::session::Session;

/// A message must have been spoken by then.
const MESSAGE_S: u32 = 120;

/// Who took the call, and what it was left with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screened {
    pub callee: Callee,
    /// A message was begun, after a beep or without one.
    pub message: Option<bool>,
}

pub(crate) struct Screening {
    screen: Screen,
    at_machine: AtMachine,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Media does not flow yet.
    Waiting,
    /// Since here on the callee's track.
    Listening(MediaTime),
    /// A machine: the floor stays as it is.
    Machine(MediaTime),
    /// A person, from here on the track.
    Over(MediaTime),
}

impl Screening {
    pub(crate) fn new(at_machine: AtMachine) -> Self {
        Self { screen: Screen::new(Options::default()), at_machine, state: State::Waiting }
    }
}

impl Session {
    /// Whether who has answered is still to be found out. The first time that media flows, it begins.
    pub(crate) fn screens(&mut self) -> bool {
        let begin = self.ring.end();
        match &mut self.screening {
            None => false,
            Some(screening) => {
                if screening.state == State::Waiting {
                    screening.state = State::Listening(begin);
                }
                !matches!(screening.state, State::Over(_))
            }
        }
    }

    /// Whether what is heard is kept from the floor.
    fn withheld(&self) -> bool {
        self.screening.as_ref().is_some_and(|screening| !matches!(screening.state, State::Over(_)))
    }

    pub(crate) fn screen_frame(&mut self, frame: &AudioFrame) {
        if self.withheld()
            && let Some(screening) = &mut self.screening
        {
            screening.screen.frame(frame);
        }
    }

    /// A verdict of the detector. `true`: it is none of the floor's.
    pub(crate) fn screen_vad(&mut self, verdict: VadDecision) -> bool {
        if !self.withheld() {
            return false;
        }
        if let Some(screening) = &mut self.screening {
            screening.screen.vad(verdict);
        }
        self.screen_outputs();
        true
    }

    /// As `screen_vad`. What was said before somebody was known to be there stays withheld, however late it is recognised.
    pub(crate) fn screen_transcript(&mut self, transcript: &Transcript) -> bool {
        match &mut self.screening {
            Some(Screening { state: State::Over(at), .. }) => transcript.to <= *at,
            Some(screening) => {
                screening.screen.transcript(transcript);
                self.screen_outputs();
                true
            }
            None => false,
        }
    }

    /// Carries out what was decided.
    pub(crate) fn screen_outputs(&mut self) {
        while let Some(output) = self.screening.as_mut().and_then(|screening| screening.screen.poll()) {
            self.screened(output, Instant::now());
        }
    }

    fn screened(&mut self, output: Output, now: Instant) {
        let Some(screening) = &mut self.screening else { return };
        let (State::Listening(began) | State::Machine(began)) = screening.state else { return };
        let at_machine = screening.at_machine.clone();
        match output {
            Output::Finalize => self.recogniser.finalize(&self.ring, now),
            Output::Known { callee, by, at } => {
                let machine = callee == Callee::Machine;
                screening.state = if machine { State::Machine(began) } else { State::Over(at) };
                self.show_screened(Screened { callee, message: None });
                self.emit(SessionEvent::Screened { callee, by, after: (at - began).as_duration() });
                if !machine {
                    self.feed(Input::MediaActive);
                    self.explain_late();
                } else if at_machine == AtMachine::HangUp {
                    self.close(EndReason::AnsweredByMachine, now);
                }
            }
            Output::Ready { beep, at } => {
                let AtMachine::LeaveMessage(text) = at_machine else { return };
                self.show_screened(Screened { callee: Callee::Machine, message: Some(beep) });
                self.emit(SessionEvent::MessageBegins { beep, after: (at - began).as_duration() });
                let turn = self.own_turn();
                let said = [Said::Interruptible(false), Said::Text(text)];
                self.speak(turn, stream::iter(said).boxed(), Some(EndReason::AnsweredByMachine), now);
                self.ending.farewell_by = Some((now + seconds(MESSAGE_S), EndReason::AnsweredByMachine));
                self.ending.leaving = true;
            }
            Output::TalksOn { .. } => self.close(EndReason::AnsweredByMachine, now),
        }
    }

    fn show_screened(&mut self, screened: Screened) {
        self.status.send_modify(|status| status.screened = Some(screened));
    }
}
