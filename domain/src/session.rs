//! A session as observers see it: who takes part, what happens, why it ends.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::callee::{Callee, Tell};
use crate::failure::Source;
use crate::id::TurnId;
use crate::quality::Quality;
use crate::secret::Pii;
use crate::speech::{Digit, Transcript};
use crate::timeline::TurnTimeline;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Caller,
    Agent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentState {
    /// The call is being set up; media does not flow yet.
    Initializing,
    Listening,
    Thinking,
    Speaking,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The caller hung up or closed the page.
    CallerLeft,
    /// The agent said goodbye.
    AgentEnded,
    /// The caller stayed silent through every nudge.
    CallerSilent,
    /// The connection was lost and did not come back in time.
    ConnectionLost,
    /// A provider failed beyond recovery, after the apology.
    ProviderFailed,
    /// The server is shutting down and the deadline passed.
    ServerStopping,
    /// The call reached its longest permitted duration.
    TooLong,
    /// The organization has spent its budget; the agent said goodbye after its turn.
    BudgetSpent,
    /// The server died, and the caller did not come back in time.
    Interrupted,
    /// A machine took a call of ours: it was hung up on, or has its message.
    AnsweredByMachine,
    /// The caller was put through to a person.
    Transferred,
    /// Somebody at the console ended the call; the agent said goodbye.
    OperatorEnded,
}

/// How a caller is put through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferMode {
    /// The caller's own network is asked to call the person; this server has no part in their talk.
    #[default]
    Cold,
    /// The person is called, told of the call, and asked; the caller is connected once they want it.
    Warm,
}

/// Where a caller is to be put through.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    pub mode: TransferMode,
    /// A number, or a SIP address.
    pub to: String,
    /// Told to the person who is called (`Warm`).
    pub briefing: String,
    /// What they are asked then.
    pub ask: String,
    /// So long the phone may ring, in s.
    pub ring_s: u32,
    /// The trunk or account by which they are called (`Warm`); the first that can where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The number that they see (`Warm`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

impl fmt::Debug for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mode, to, briefing, ask, ring_s, by, from } = self;
        f.debug_struct("Transfer")
            .field("mode", mode)
            .field("to", &Pii(to))
            .field("briefing", &Pii(briefing))
            .field("ask", &Pii(ask))
            .field("ring_s", ring_s)
            .field("by", by)
            .field("from", &from.as_ref().map(Pii))
            .finish()
    }
}

/// Why the caller heard nothing although it was the agent's turn: every wait of the session has one of these names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadAir {
    /// The recogniser did not give its final in time.
    Recognition,
    /// The dialogue gave nothing to say in time.
    Thinking,
    /// The synthesis gave no audio in time.
    Synthesis,
    /// Audio ran out in mid-reply.
    Underrun,
    /// The connection to the caller was gone.
    Connection,
}

/// What the packets of a recording hold. The rate of samples stands in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    Opus,
    /// G.711, mu-law.
    Pcmu,
    /// G.711, A-law.
    Pcma,
    /// 16-bit samples.
    Pcm16,
}

/// Everything an observer of a session can see, in the order it happened. Closed on purpose: a new kind is a
/// decision for every observer, and for `Debug`, which ends in logs and so does not show what was said, noted or keyed in.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SessionEvent {
    /// Media flows both ways.
    Started,
    StateChanged {
        state: AgentState,
    },
    /// The caller's voice began or paused (voice activity, not the turn).
    CallerSpeaking {
        speaking: bool,
    },
    /// Partials and finals as recognised, before any decision.
    Heard {
        transcript: Transcript,
    },
    /// The caller's turn is complete; `text` is what the dialogue was given.
    CallerTurn {
        turn: TurnId,
        text: String,
        typed: bool,
    },
    /// A sentence of the agent is about to be spoken.
    AgentSaying {
        turn: TurnId,
        text: String,
    },
    /// Of the agent's turn, the caller heard exactly `text`; `interrupted` tells that there was more.
    AgentTurn {
        turn: TurnId,
        text: String,
        interrupted: bool,
    },
    /// The agent was ducked because the caller may be taking the floor.
    Ducked {
        turn: TurnId,
    },
    /// It was not the floor that the caller wanted; the agent goes on from where it was ducked.
    Resumed {
        turn: TurnId,
        why: String,
    },
    Interrupted {
        turn: TurnId,
    },
    Nudged {
        count: u32,
    },
    Pressed {
        digit: Digit,
    },
    /// A graph node was entered; for traces and the call page.
    Node {
        turn: TurnId,
        node: String,
    },
    /// Structured result of a turn or tool, such as a booked appointment.
    Noted {
        name: String,
        value: serde_json::Value,
    },
    TurnFinished {
        timeline: TurnTimeline,
    },
    /// How the audio fared. Of a turn, with what lies between it and the one before, when it is over; of the whole call at its end, as far as
    /// this session had it.
    Quality {
        turn: Option<TurnId>,
        #[serde(flatten)]
        quality: Box<Quality>,
    },
    /// The greeting is over.
    Greeted {
        turn: TurnId,
        /// From media flowing both ways to its first audible sample; `None`: nothing of it was sent.
        first_audible: Option<Duration>,
        /// Its beginning may not have been heard: the caller was speaking when it began, or the connection was gone while it sounded.
        clipped: bool,
        /// The caller took the floor before its end.
        talked_over: bool,
    },
    DeadAir {
        turn: Option<TurnId>,
        cause: DeadAir,
        length: Duration,
    },
    Failed {
        turn: Option<TurnId>,
        source: Source,
        code: String,
        message: String,
    },
    /// A part of the recording is as complete as it will be.
    Recorded {
        leg: Role,
        /// Counts from 1 for each leg.
        part: u32,
        codec: Encoding,
        /// From the session's beginning to the part's first sample.
        offset: Duration,
        length: Duration,
        bytes: u64,
        /// Whether it holds all there was: neither the disk nor the machine was too slow or full for it.
        complete: bool,
    },
    /// Who took a call of ours.
    Screened {
        callee: Callee,
        by: Tell,
        /// From media flowing both ways.
        after: Duration,
    },
    /// The machine that took it is ready for its message.
    MessageBegins {
        /// Its tone was heard; otherwise it fell silent.
        beep: bool,
        after: Duration,
    },
    /// The connection was lost; the session waits for the caller to come back.
    Detached,
    Reattached {
        gap: Duration,
        /// What carries the call from now on; empty in events from before it was kept.
        #[serde(default)]
        transport: String,
        /// The server that had the call died; another session goes on with it.
        #[serde(default)]
        after_crash: bool,
    },
    Ended {
        reason: EndReason,
    },
}

impl SessionEvent {
    /// The same on a clock that began `since` earlier: that of a call which another session began.
    pub fn shift(&mut self, since: Duration) {
        match self {
            Self::TurnFinished { timeline } => timeline.shift(since),
            Self::Recorded { offset, .. } => *offset += since,
            // Lengths, which are the same on any clock; what was heard lies on the caller's track.
            Self::Started
            | Self::StateChanged { .. }
            | Self::CallerSpeaking { .. }
            | Self::Heard { .. }
            | Self::CallerTurn { .. }
            | Self::AgentSaying { .. }
            | Self::AgentTurn { .. }
            | Self::Ducked { .. }
            | Self::Resumed { .. }
            | Self::Interrupted { .. }
            | Self::Nudged { .. }
            | Self::Pressed { .. }
            | Self::Node { .. }
            | Self::Noted { .. }
            | Self::Quality { .. }
            | Self::Greeted { .. }
            | Self::DeadAir { .. }
            | Self::Failed { .. }
            | Self::Screened { .. }
            | Self::MessageBegins { .. }
            | Self::Detached
            | Self::Reattached { .. }
            | Self::Ended { .. } => {}
        }
    }
}

impl fmt::Debug for SessionEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started => f.write_str("Started"),
            Self::StateChanged { state } => f.debug_struct("StateChanged").field("state", state).finish(),
            Self::CallerSpeaking { speaking } => {
                f.debug_struct("CallerSpeaking").field("speaking", speaking).finish()
            }
            Self::Heard { transcript } => f.debug_struct("Heard").field("transcript", transcript).finish(),
            Self::CallerTurn { turn, text, typed } => f
                .debug_struct("CallerTurn")
                .field("turn", turn)
                .field("text", &Pii(text))
                .field("typed", typed)
                .finish(),
            Self::AgentSaying { turn, text } => {
                f.debug_struct("AgentSaying").field("turn", turn).field("text", &Pii(text)).finish()
            }
            Self::AgentTurn { turn, text, interrupted } => f
                .debug_struct("AgentTurn")
                .field("turn", turn)
                .field("text", &Pii(text))
                .field("interrupted", interrupted)
                .finish(),
            Self::Ducked { turn } => f.debug_struct("Ducked").field("turn", turn).finish(),
            Self::Resumed { turn, why } => {
                f.debug_struct("Resumed").field("turn", turn).field("why", why).finish()
            }
            Self::Interrupted { turn } => f.debug_struct("Interrupted").field("turn", turn).finish(),
            Self::Nudged { count } => f.debug_struct("Nudged").field("count", count).finish(),
            Self::Pressed { digit } => f.debug_struct("Pressed").field("digit", &Pii(digit)).finish(),
            Self::Node { turn, node } => {
                f.debug_struct("Node").field("turn", turn).field("node", node).finish()
            }
            Self::Noted { name, value } => {
                f.debug_struct("Noted").field("name", name).field("value", &Pii(value)).finish()
            }
            Self::TurnFinished { timeline } => {
                f.debug_struct("TurnFinished").field("timeline", timeline).finish()
            }
            Self::Quality { turn, quality } => {
                f.debug_struct("Quality").field("turn", turn).field("quality", quality).finish()
            }
            Self::Greeted { turn, first_audible, clipped, talked_over } => f
                .debug_struct("Greeted")
                .field("turn", turn)
                .field("first_audible", first_audible)
                .field("clipped", clipped)
                .field("talked_over", talked_over)
                .finish(),
            Self::DeadAir { turn, cause, length } => f
                .debug_struct("DeadAir")
                .field("turn", turn)
                .field("cause", cause)
                .field("length", length)
                .finish(),
            Self::Failed { turn, source, code, message } => f
                .debug_struct("Failed")
                .field("turn", turn)
                .field("source", source)
                .field("code", code)
                .field("message", message)
                .finish(),
            Self::Recorded { leg, part, codec, offset, length, bytes, complete } => f
                .debug_struct("Recorded")
                .field("leg", leg)
                .field("part", part)
                .field("codec", codec)
                .field("offset", offset)
                .field("length", length)
                .field("bytes", bytes)
                .field("complete", complete)
                .finish(),
            Self::Screened { callee, by, after } => f
                .debug_struct("Screened")
                .field("callee", callee)
                .field("by", by)
                .field("after", after)
                .finish(),
            Self::MessageBegins { beep, after } => {
                f.debug_struct("MessageBegins").field("beep", beep).field("after", after).finish()
            }
            Self::Detached => f.write_str("Detached"),
            Self::Reattached { gap, transport, after_crash } => f
                .debug_struct("Reattached")
                .field("gap", gap)
                .field("transport", transport)
                .field("after_crash", after_crash)
                .finish(),
            Self::Ended { reason } => f.debug_struct("Ended").field("reason", reason).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::audio::MediaTime;
    use crate::speech::Word;

    #[test]
    fn what_a_later_session_tells_lies_on_the_clock_of_the_call() {
        let mut timeline = TurnTimeline::new(TurnId(1));
        timeline.mark(crate::timeline::Mark::Committed, Duration::from_secs(1));
        let part = |offset| SessionEvent::Recorded {
            leg: Role::Caller,
            part: 1,
            codec: Encoding::Opus,
            offset,
            length: Duration::from_secs(2),
            bytes: 3,
            complete: true,
        };
        let mut told = [SessionEvent::TurnFinished { timeline: timeline.clone() }, part(Duration::ZERO)];
        let minute = Duration::from_secs(60);
        told.iter_mut().for_each(|event| event.shift(minute));
        timeline.shift(minute);
        assert_eq!(told, [SessionEvent::TurnFinished { timeline }, part(minute)]);
    }

    #[test]
    fn a_return_that_was_kept_before_says_no_more_than_its_gap() {
        let kept = json!({"type": "reattached", "gap": {"secs": 4, "nanos": 0}});
        let gap = Duration::from_secs(4);
        let read = SessionEvent::Reattached { gap, transport: String::new(), after_crash: false };
        assert_eq!(serde_json::from_value::<SessionEvent>(kept).expect("read"), read);
    }

    #[test]
    fn an_event_in_a_log_does_not_say_what_people_said() {
        let turn = TurnId(1);
        let mut transcript = Transcript::complete("maria lopez", MediaTime::ZERO, MediaTime::ZERO);
        transcript.words =
            vec![Word { text: "maria".to_owned(), from: MediaTime::ZERO, to: MediaTime::ZERO }];
        for event in [
            SessionEvent::Heard { transcript },
            SessionEvent::CallerTurn { turn, text: "I am Maria".to_owned(), typed: false },
            SessionEvent::AgentSaying { turn, text: "Hello Maria".to_owned() },
            SessionEvent::AgentTurn { turn, text: "Hello Maria".to_owned(), interrupted: false },
            SessionEvent::Noted { name: "appointment".to_owned(), value: json!({ "name": "Maria" }) },
        ] {
            let shown = format!("{event:?} {event:#?}");
            assert!(!shown.to_lowercase().contains("maria") && shown.contains("[pii]"), "{shown}");
        }
        let pressed = SessionEvent::Pressed { digit: Digit::try_from('7').expect("a key") };
        assert_eq!(format!("{pressed:?}"), "Pressed { digit: [pii] }");
    }
}
