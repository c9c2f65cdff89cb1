//! The session's `Dialogue` for agents whose nodes of kind `llm` hear and speak through one model. The graph stays the agent: its walk
//! remembers, calls tools and leaves nodes as ever; where it asks a language model, the model that heard the caller answers aloud.
//!
//! Decides nothing about turns. Where the model fails the answer is the cascade's: the same question, as text, to the agent's language
//! models, spoken by its voice.

mod answer;
mod line;

use std::sync::Arc;

use domain::{AudioFrame, EndReason, MediaTime, TurnId};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use media_session::{Dialogue, NotPressed, NotTransferred, Said};
use providers_api::Llm;

pub(crate) use line::{Call, Way};

use line::{Handle, Order};

/// The conversation with the model, from the call's beginning.
pub(crate) struct SpeechToSpeech(Handle);

impl SpeechToSpeech {
    /// `None` where no way leads to a model.
    pub(crate) fn begin(call: Call, ways: Vec<Way>, tasks: &runtime::Tasks) -> Option<Self> {
        (!ways.is_empty()).then(|| Self(line::begin(call, ways, tasks)))
    }

    /// What nodes of kind `llm` ask: the model, and the cascade's where it does not answer.
    pub(crate) fn llm(&self, cascade: Option<Arc<dyn Llm>>) -> Arc<dyn Llm> {
        Arc::new(answer::Spoken::new(self.0.clone(), cascade))
    }

    /// The agent's dialogue with the model's ears and memory around it.
    pub(crate) fn around(self, graph: Box<dyn Dialogue>) -> Box<dyn Dialogue> {
        Box::new(Hearing { graph, line: self.0, committed: None, typed: false, voiced: None })
    }
}

struct Hearing {
    graph: Box<dyn Dialogue>,
    line: Handle,
    committed: Option<TurnId>,
    /// The turn that is committed next.
    typed: bool,
    /// What was heard of the model's voice in the agent's turn that is ending.
    voiced: Option<MediaTime>,
}

impl Dialogue for Hearing {
    fn greet(&mut self, turn: TurnId) -> BoxStream<'static, Said> {
        self.graph.greet(turn)
    }

    /// The model answers what it heard to its end; ahead of that only the cascade can be asked.
    fn speculate(&mut self, turn: TurnId, caller: &str) -> BoxStream<'static, Said> {
        if self.line.is_live() { stream::empty().boxed() } else { self.graph.speculate(turn, caller) }
    }

    fn commit(&mut self, turn: TurnId, caller: &str) -> BoxStream<'static, Said> {
        self.committed = Some(turn);
        self.line.tell(Order::Turn { text: caller.to_owned(), typed: std::mem::take(&mut self.typed) });
        self.graph.commit(turn, caller)
    }

    fn nudge(&mut self, turn: TurnId, count: u32) -> BoxStream<'static, Said> {
        self.graph.nudge(turn, count)
    }

    fn farewell(&mut self, turn: TurnId, reason: EndReason) -> BoxStream<'static, Said> {
        self.graph.farewell(turn, reason)
    }

    fn discard(&mut self, turn: TurnId) {
        if self.committed == Some(turn) {
            self.line.tell(Order::Over { said: String::new(), voiced: None });
        }
        self.graph.discard(turn);
    }

    fn heard(&mut self, turn: TurnId, text: &str, interrupted: bool) {
        let voiced = self.voiced.take().map(MediaTime::as_duration);
        self.line.tell(Order::Over { said: text.to_owned(), voiced });
        self.graph.heard(turn, text, interrupted);
    }

    fn whisper(&mut self, text: &str) -> bool {
        self.graph.whisper(text)
    }

    fn prompted(&mut self, turn: TurnId, text: &str) -> BoxStream<'static, Said> {
        self.graph.prompted(turn, text)
    }

    fn transferring(&mut self) {
        self.graph.transferring();
    }

    fn not_transferred(&mut self, turn: TurnId, why: &NotTransferred) -> BoxStream<'static, Said> {
        self.graph.not_transferred(turn, why)
    }

    fn pressing(&mut self) {
        self.graph.pressing();
    }

    fn pressed(&mut self, result: Result<(), &NotPressed>) {
        self.graph.pressed(result);
    }

    fn after_keys(&mut self, turn: TurnId) -> BoxStream<'static, Said> {
        self.graph.after_keys(turn)
    }

    fn hears(&self) -> bool {
        self.line.is_live()
    }

    fn hear(&mut self, frame: &AudioFrame) {
        self.line.tell(Order::Hear(frame.clone()));
    }

    fn typed(&mut self, _turn: TurnId) {
        self.typed = true;
    }

    fn voice_heard(&mut self, _turn: TurnId, heard: MediaTime) {
        self.voiced = Some(heard);
    }
}
