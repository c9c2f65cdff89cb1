//! A dialogue by script that remembers what it was told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::{AudioFrame, EndReason, MediaTime, TurnId};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use media_session::ports::{Dialogue, NotPressed, NotTransferred, Said};

/// A step of a reply.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Thinks this long, in ms.
    Think(u64),
    Say(Said),
    /// Never says anything more.
    Hang,
}

pub(crate) fn say(text: &str) -> Step {
    Step::Say(Said::Text(text.to_owned()))
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Told {
    Greet(TurnId),
    Speculate(TurnId, String),
    Commit(TurnId, String),
    Discard(TurnId),
    Nudge(u32),
    Farewell(EndReason),
    Heard { turn: TurnId, text: String, interrupted: bool },
    Typed(TurnId),
    VoiceHeard(TurnId, MediaTime),
    Transferring,
    NotTransferred(&'static str),
    Pressing,
    Pressed(Result<(), &'static str>),
    AfterKeys,
}

#[derive(Debug, Default)]
pub(crate) struct Script {
    pub greeting: Vec<Step>,
    /// Answers in order; then an echo of what the caller said, after 80 ms.
    pub replies: VecDeque<Vec<Step>>,
    pub told: Vec<Told>,
    /// Said once keys were pressed.
    pub after_keys: Vec<Step>,
    /// Has ears of its own.
    pub hears: bool,
    /// What was given to them before each commit.
    pub ears: Vec<MediaTime>,
    pub given: MediaTime,
}

#[derive(Clone, Default)]
pub(crate) struct Scripted(pub Arc<Mutex<Script>>);

impl Scripted {
    pub(crate) fn told(&self) -> Vec<Told> {
        self.0.lock().expect("not poisoned").told.clone()
    }

    /// What the memory of the dialogue says the agent said.
    pub(crate) fn remembered(&self) -> Vec<(String, bool)> {
        let told = self.told().into_iter();
        told.filter_map(|told| match told {
            Told::Heard { text, interrupted, .. } => Some((text, interrupted)),
            _ => None,
        })
        .collect()
    }

    fn tell(&self, told: Told) {
        self.0.lock().expect("not poisoned").told.push(told);
    }

    fn answer(&self, caller: &str, take: bool) -> BoxStream<'static, Said> {
        let mut script = self.0.lock().expect("not poisoned");
        let scripted = if take { script.replies.pop_front() } else { script.replies.front().cloned() };
        drop(script);
        play(scripted.unwrap_or_else(|| vec![Step::Think(80), say(&format!("You said {caller} indeed."))]))
    }
}

fn play(steps: Vec<Step>) -> BoxStream<'static, Said> {
    stream::unfold(VecDeque::from(steps), |mut steps| async move {
        loop {
            match steps.pop_front()? {
                Step::Think(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
                Step::Say(said) => return Some((said, steps)),
                Step::Hang => std::future::pending().await,
            }
        }
    })
    .boxed()
}

impl Dialogue for Scripted {
    fn greet(&mut self, turn: TurnId) -> BoxStream<'static, Said> {
        self.tell(Told::Greet(turn));
        play(self.0.lock().expect("not poisoned").greeting.clone())
    }

    fn speculate(&mut self, turn: TurnId, caller: &str) -> BoxStream<'static, Said> {
        self.tell(Told::Speculate(turn, caller.to_owned()));
        self.answer(caller, false)
    }

    fn commit(&mut self, turn: TurnId, caller: &str) -> BoxStream<'static, Said> {
        self.tell(Told::Commit(turn, caller.to_owned()));
        let mut script = self.0.lock().expect("not poisoned");
        let given = std::mem::take(&mut script.given);
        script.ears.push(given);
        drop(script);
        self.answer(caller, true)
    }

    fn nudge(&mut self, _turn: TurnId, count: u32) -> BoxStream<'static, Said> {
        self.tell(Told::Nudge(count));
        play(vec![say("Are you still there?")])
    }

    fn farewell(&mut self, _turn: TurnId, reason: EndReason) -> BoxStream<'static, Said> {
        self.tell(Told::Farewell(reason));
        play(vec![say("Goodbye then.")])
    }

    fn discard(&mut self, turn: TurnId) {
        self.tell(Told::Discard(turn));
    }

    fn heard(&mut self, turn: TurnId, text: &str, interrupted: bool) {
        self.tell(Told::Heard { turn, text: text.to_owned(), interrupted });
    }

    fn transferring(&mut self) {
        self.tell(Told::Transferring);
    }

    fn not_transferred(&mut self, _turn: TurnId, why: &NotTransferred) -> BoxStream<'static, Said> {
        self.tell(Told::NotTransferred(why.code()));
        play(vec![say("Nobody can take your call now.")])
    }

    fn pressing(&mut self) {
        self.tell(Told::Pressing);
    }

    fn pressed(&mut self, result: Result<(), &NotPressed>) {
        self.tell(Told::Pressed(result.map_err(NotPressed::code)));
    }

    fn after_keys(&mut self, _turn: TurnId) -> BoxStream<'static, Said> {
        self.tell(Told::AfterKeys);
        play(self.0.lock().expect("not poisoned").after_keys.clone())
    }

    fn hears(&self) -> bool {
        self.0.lock().expect("not poisoned").hears
    }

    fn hear(&mut self, frame: &AudioFrame) {
        self.0.lock().expect("not poisoned").given +=
            MediaTime::from_duration(frame.duration().as_duration());
    }

    fn typed(&mut self, turn: TurnId) {
        self.tell(Told::Typed(turn));
    }

    fn voice_heard(&mut self, turn: TurnId, heard: MediaTime) {
        self.tell(Told::VoiceHeard(turn, heard));
    }
}
