//! The client protocol of a LiveKit room: what its frontends are told of a session, and what they say to it. Without I/O.
//!
//! A session's messages are text; between here and the participant they are JSON of this crate's own. On the wire they are what the
//! published clients know: text streams on `lk.transcription`, the older transcription packet, attributes of the agent.

use domain::{AgentState, Digit, SessionEvent, TurnId};
use serde::{Deserialize, Serialize};

/// What an agent's participant is to tell the room, and a caller's is told there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "tell", rename_all = "snake_case")]
pub enum Notice {
    /// `lk.agent.state`.
    State { state: String },
    /// The words of the caller so far; with `last` they are final.
    Caller { segment: String, text: String, last: bool },
    /// More words of the agent; to a caller all of them so far.
    Agent { segment: String, more: String },
    /// The agent's words have ended. Of all of them the caller heard `heard`.
    AgentDone { segment: String, heard: String },
}

/// What the room says to the session, and a caller's participant is to say there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "said", rename_all = "snake_case")]
pub enum Said {
    Text { text: String },
    Key { key: char },
}

/// What the session is to do about a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reaction {
    /// The caller typed this.
    Text(String),
    Dtmf(Digit),
}

/// One caller's session as the room follows it.
#[derive(Debug)]
pub struct Conversation {
    /// Makes the names of segments unique in the room.
    prefix: String,
    segments: u64,
    /// Of the caller, whose words are not final yet.
    caller: Option<String>,
    agent: Option<(TurnId, String)>,
}

impl Conversation {
    #[must_use]
    pub fn new(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), segments: 0, caller: None, agent: None }
    }

    /// A message of the participant. What is none of ours is ignored.
    #[must_use]
    pub fn message(&self, text: &str) -> Vec<Reaction> {
        match serde_json::from_str(text) {
            Ok(Said::Text { text }) if !text.trim().is_empty() => vec![Reaction::Text(text)],
            Ok(Said::Key { key }) => Digit::try_from(key).map(Reaction::Dtmf).into_iter().collect(),
            _ => Vec::new(),
        }
    }

    /// What the participant is to tell the room of an event, as messages.
    pub fn event(&mut self, event: &SessionEvent) -> Vec<String> {
        self.notices(event).iter().filter_map(|notice| serde_json::to_string(notice).ok()).collect()
    }

    fn notices(&mut self, event: &SessionEvent) -> Vec<Notice> {
        match event {
            SessionEvent::StateChanged { state } => vec![Notice::State { state: name(*state).to_owned() }],
            SessionEvent::Heard { transcript } if !transcript.text.is_empty() => {
                let last = transcript.is_final();
                let segment = self.caller.take().unwrap_or_else(|| self.segment());
                if !last {
                    self.caller = Some(segment.clone());
                }
                vec![Notice::Caller { segment, text: transcript.text.clone(), last }]
            }
            SessionEvent::AgentSaying { turn, text } => self.saying(*turn, text),
            SessionEvent::AgentTurn { turn, text, .. } => {
                self.agent.take_if(|(open, _)| open == turn).map_or_else(Vec::new, |(_, segment)| {
                    vec![Notice::AgentDone { segment, heard: text.clone() }]
                })
            }
            SessionEvent::Ended { .. } => self.close(""),
            _ => Vec::new(),
        }
    }

    fn saying(&mut self, turn: TurnId, text: &str) -> Vec<Notice> {
        let mut told = Vec::new();
        let (segment, more) = match &self.agent {
            Some((open, segment)) if *open == turn => (segment.clone(), format!(" {}", text.trim())),
            _ => {
                told = self.close("");
                let segment = self.segment();
                self.agent = Some((turn, segment.clone()));
                (segment, text.trim().to_owned())
            }
        };
        told.push(Notice::Agent { segment, more });
        told
    }

    fn close(&mut self, heard: &str) -> Vec<Notice> {
        let closed = self.agent.take();
        closed
            .map(|(_, segment)| Notice::AgentDone { segment, heard: heard.to_owned() })
            .into_iter()
            .collect()
    }

    fn segment(&mut self) -> String {
        self.segments += 1;
        format!("SG_{}{:04}", self.prefix, self.segments)
    }
}

/// As frontends know the states.
pub(crate) const fn name(state: AgentState) -> &'static str {
    match state {
        AgentState::Initializing => "initializing",
        AgentState::Listening => "listening",
        AgentState::Thinking => "thinking",
        AgentState::Speaking => "speaking",
    }
}

#[cfg(test)]
mod tests {
    use domain::{EndReason, MediaTime, Transcript};

    use super::*;

    fn heard(text: &str, last: bool) -> SessionEvent {
        let (from, to) = (MediaTime::ZERO, MediaTime::ZERO);
        let transcript = match last {
            true => Transcript::complete(text, from, to),
            false => Transcript::partial(text, from, to),
        };
        SessionEvent::Heard { transcript }
    }

    #[test]
    fn interim_words_of_the_caller_keep_their_segment_until_they_are_final() {
        let mut conversation = Conversation::new("x");
        let told: Vec<_> = [heard("what", false), heard("what time", true), heard("thanks", true)]
            .iter()
            .flat_map(|event| conversation.notices(event))
            .collect();
        let caller = |segment: &str, text: &str, last| Notice::Caller {
            segment: segment.to_owned(),
            text: text.to_owned(),
            last,
        };
        let (first, second) = ("SG_x0001", "SG_x0002");
        assert_eq!(
            told,
            [caller(first, "what", false), caller(first, "what time", true), caller(second, "thanks", true)]
        );
    }

    #[test]
    fn a_reply_is_one_segment_that_ends_with_what_was_heard() {
        let mut conversation = Conversation::new("x");
        let saying =
            |turn, text: &str| SessionEvent::AgentSaying { turn: TurnId(turn), text: text.to_owned() };
        let ended = SessionEvent::AgentTurn { turn: TurnId(1), text: "One.".to_owned(), interrupted: true };
        let told: Vec<_> = [saying(1, "One."), saying(1, "Two."), ended.clone(), ended]
            .iter()
            .flat_map(|event| conversation.notices(event))
            .collect();
        let segment = "SG_x0001".to_owned();
        assert_eq!(
            told,
            [
                Notice::Agent { segment: segment.clone(), more: "One.".to_owned() },
                Notice::Agent { segment: segment.clone(), more: " Two.".to_owned() },
                Notice::AgentDone { segment, heard: "One.".to_owned() },
            ]
        );
    }

    #[test]
    fn no_segment_stays_open_when_the_session_ends() {
        let mut conversation = Conversation::new("x");
        let saying = SessionEvent::AgentSaying { turn: TurnId(1), text: "One.".to_owned() };
        conversation.notices(&saying);
        let told = conversation.notices(&SessionEvent::Ended { reason: EndReason::CallerLeft });
        assert!(matches!(told.as_slice(), [Notice::AgentDone { .. }]), "{told:?}");
    }

    #[test]
    fn typed_text_and_keys_reach_the_session_and_nonsense_does_not() {
        let conversation = Conversation::new("x");
        let say = |said: &Said| conversation.message(&serde_json::to_string(said).expect("JSON"));
        let digit = Digit::try_from('5').expect("a key");
        assert_eq!(say(&Said::Text { text: "hi".to_owned() }), [Reaction::Text("hi".to_owned())]);
        assert_eq!(say(&Said::Key { key: '5' }), [Reaction::Dtmf(digit)]);
        assert_eq!(say(&Said::Key { key: 'x' }), []);
        assert_eq!(say(&Said::Text { text: " ".to_owned() }), []);
        assert_eq!(conversation.message("{}"), []);
    }
}
