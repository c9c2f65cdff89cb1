//! One turn of the agent: what is thought, how it is spoken, and what of it was heard.
//!
//! Gives audio and steps to the session, which owns the leg and tells the turn machine.

use std::collections::VecDeque;
use std::time::Duration;

use domain::{AudioFrame, EndReason, Keys, MediaTime, Transfer, TurnId, Voiced};
use futures::stream::BoxStream;
use providers_api::Error;
use tokio::time::Instant;
use tracing::{Instrument, Span};

use crate::clip::Clip;
use crate::options::Waits;
use crate::ports::Said;
use crate::speak::{self, Again, Gave, Voice};
use crate::think::{Step, Thought};

/// While this much audio waits to be played, no more is taken from the synthesis: bounds a session's memory.
const AHEAD: Duration = Duration::from_secs(6);

/// Sentences that may wait for the synthesis before no more is taken from the dialogue.
const BACKLOG: usize = 32;

/// Which wait is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    Thinking,
    Synthesis,
}

pub(crate) enum Came {
    Said(Option<Said>),
    Voice(speak::Came),
}

/// What the session must do now, in order.
pub(crate) enum Effect {
    /// A sentence is about to be spoken.
    Saying(String),
    Audio(AudioFrame),
    /// The synthesis gave all of a sentence.
    SentenceDone,
    Item(Said),
    /// Synthesis failed; it goes on with a new stream where `again`.
    VoiceFailed {
        error: Error,
        again: bool,
    },
}

pub(crate) struct Reply {
    pub turn: TurnId,
    pub thought: Thought,
    pub voice: Voice,
    /// The call ends when this turn was spoken.
    pub end: Option<EndReason>,
    /// The caller is put through when it was spoken.
    pub transfer: Option<Transfer>,
    pub press: Option<Keys>,
    /// When the caller began to wait for it.
    pub since: Instant,
    /// Audio of a guess, until it is committed.
    ahead: VecDeque<AudioFrame>,
    /// What the dialogue speaks itself and what must sound before it is not synthesised yet.
    later: Option<Voiced>,
    /// From which sentence on the turn may be interrupted or not.
    pub floor: VecDeque<(usize, bool)>,
    /// The first sample went out.
    pub sounding: bool,
    /// The apology has been said in this turn.
    pub apologised: bool,
    /// Ducked: nothing of it may begin to sound.
    pub held: bool,
    /// How far it was played.
    pub heard: MediaTime,
    /// The playout was told that no more comes.
    pub ended: bool,
    guess: bool,
    /// A guess whose voice failed: the commit begins anew.
    pub lost: bool,
    /// Of the turn, around everything that is thought and spoken for it.
    span: Span,
    /// Sentences that observers were told of.
    announced: usize,
}

impl Reply {
    pub(crate) fn new(turn: TurnId, thought: Thought, voice: Voice, guess: bool, now: Instant) -> Self {
        Self {
            turn,
            thought,
            voice,
            end: None,
            transfer: None,
            press: None,
            since: now,
            ahead: VecDeque::new(),
            later: None,
            floor: VecDeque::new(),
            sounding: false,
            apologised: false,
            held: false,
            heard: MediaTime::ZERO,
            ended: false,
            guess,
            lost: false,
            span: tracing::info_span!("turn", id = %turn, guess),
            announced: 0,
        }
    }

    /// The guess has become the reply, which the stream says from its beginning.
    pub(crate) fn promote(&mut self, stream: BoxStream<'static, Said>, now: Instant) {
        self.guess = false;
        self.since = now;
        self.thought.commit(stream, now);
    }

    /// Lets out what a guess held back, once it is what will be said.
    pub(crate) fn open_up(&mut self, effects: &mut Vec<Effect>) {
        if self.guess || self.held || !self.thought.is_confirmed() {
            return;
        }
        let before = self.announced;
        effects.extend(self.voice.history().texts_from(before).map(|text| Effect::Saying(text.to_owned())));
        self.announced = self.voice.history().len();
        effects.extend(self.ahead.drain(..).map(Effect::Audio));
    }

    /// Everything was said and has its audio.
    pub(crate) fn is_complete(&self) -> bool {
        self.thought.is_over()
            && self.thought.is_confirmed()
            && self.voice.is_caught_up()
            && !self.voice.is_in_passage()
            && self.later.is_none()
            && !self.guess
            && self.ahead.is_empty()
    }

    pub(crate) fn deadline(&self, waits: &Waits, dry: Instant) -> Option<(Instant, Wait)> {
        if self.guess {
            return None;
        }
        let thinking = match self.voice.passage_deadline(waits, dry) {
            None => self.thought.deadline(waits).map(|at| at.max(dry)),
            passage => passage,
        };
        let thinking = thinking.map(|at| (at, Wait::Thinking));
        let synthesis = self.voice.deadline(waits, dry).map(|at| (at, Wait::Synthesis));
        thinking.into_iter().chain(synthesis).min_by_key(|(at, _)| *at)
    }

    /// Whose turn it is to go on: the synthesis where a sentence was given, the dialogue before.
    pub(crate) fn waits_for(&self) -> Wait {
        let thinks = self.voice.history().is_empty() || self.voice.is_in_passage();
        if thinks { Wait::Thinking } else { Wait::Synthesis }
    }

    /// Opens the voice before there is text.
    pub(crate) fn warm(&mut self) {
        let _turn = self.span.clone().entered();
        self.voice.warm();
    }

    /// A word before what is being thought of.
    pub(crate) fn open_with(&mut self, text: &str, now: Instant) {
        let _turn = self.span.clone().entered();
        self.ahead.extend(self.voice.say(text, now));
    }

    /// What comes next. Cancel-safe: both streams keep their place.
    pub(crate) async fn next(&mut self, unheard: Duration) -> Came {
        let span = self.span.clone();
        self.come(unheard).instrument(span).await
    }

    async fn come(&mut self, unheard: Duration) -> Came {
        let held_back: Duration = self.ahead.iter().map(|frame| frame.duration().as_duration()).sum();
        let full = unheard + held_back > AHEAD;
        let behind = self.voice.backlog() >= BACKLOG || self.later.is_some();
        // What the dialogue speaks itself waits for the playout as what is synthesised does.
        let ahead = full && self.voice.is_in_passage();
        tokio::select! {
            biased;
            said = self.thought.next(), if !behind && !ahead => Came::Said(said),
            came = self.voice.next(), if !full => Came::Voice(came),
            // Both wait for the playout, whose next tick asks again.
            () = std::future::pending(), if full => Came::Said(None),
        }
    }

    pub(crate) fn take(&mut self, came: Came, now: Instant, effects: &mut Vec<Effect>) {
        let _turn = self.span.clone().entered();
        match came {
            Came::Said(Some(Said::Voiced(voiced))) if !self.guess && self.thought.is_confirmed() => {
                self.voiced(voiced, now, effects);
            }
            Came::Said(said) => {
                self.leave_passage(now);
                let step = self.thought.take(said, now);
                self.step(step, now, effects);
            }
            Came::Voice(came) => match self.voice.take(came, now) {
                Ok(Gave::Nothing) => {}
                Ok(Gave::Audio(frame)) => self.ahead.push_back(frame),
                Ok(Gave::SentenceDone) => {
                    self.open_up(effects);
                    effects.push(Effect::SentenceDone);
                }
                Err(error) => self.voice_failed(error, now, effects),
            },
        }
        if self.voice.is_caught_up()
            && let Some(voiced) = self.later.take()
        {
            self.voiced(voiced, now, effects);
        }
        self.open_up(effects);
        if self.thought.is_over() && !self.guess && self.thought.is_confirmed() {
            self.voice.finish();
        }
    }

    fn step(&mut self, step: Step, now: Instant, effects: &mut Vec<Effect>) {
        match step {
            Step::Sentences(sentences) | Step::Done(sentences) => self.say(&sentences, now),
            Step::Different(sentences) => self.say_anew(&sentences, now),
            Step::DifferentItem(sentences, item) => {
                self.say_anew(&sentences, now);
                self.item(item, now, effects);
            }
            Step::Item(sentences, item) => {
                self.say(&sentences, now);
                self.item(item, now, effects);
            }
        }
    }

    fn item(&mut self, item: Said, now: Instant, effects: &mut Vec<Effect>) {
        match item {
            Said::Voiced(voiced) => self.voiced(voiced, now, effects),
            item => {
                self.open_up(effects);
                effects.push(Effect::Item(item));
            }
        }
    }

    /// The dialogue speaks itself, after everything that was given to the synthesis.
    fn voiced(&mut self, voiced: Voiced, now: Instant, effects: &mut Vec<Effect>) {
        if !self.voice.is_in_passage() {
            let rest = self.thought.rest();
            self.say(rest.as_slice(), now);
            if !self.voice.is_caught_up() {
                self.later = Some(voiced);
                return;
            }
        }
        match voiced {
            Voiced::Words(text) => {
                self.voice.in_passage(now);
                for sentence in self.thought.voiced(&text, now) {
                    self.voice.passage_sentence(&sentence, now);
                }
            }
            Voiced::Audio(frame) => {
                self.thought.voiced("", now);
                self.ahead.extend(self.voice.passage_audio(frame, now));
            }
            Voiced::End => {
                self.thought.voiced("", now);
                self.settle_passage(now);
                self.voice.passage_done();
                self.open_up(effects);
                effects.push(Effect::SentenceDone);
            }
        }
    }

    /// All words of the passage that have come are among what was said.
    pub(crate) fn settle_passage(&mut self, now: Instant) {
        if self.voice.is_in_passage()
            && let Some(rest) = self.thought.rest()
        {
            self.voice.passage_sentence(&rest, now);
        }
    }

    /// Something else follows in mid-passage: it broke off.
    fn leave_passage(&mut self, now: Instant) {
        if self.voice.is_in_passage() {
            self.settle_passage(now);
            self.voice.passage_broken();
            self.announced = self.announced.min(self.voice.history().len());
        }
    }

    fn say_anew(&mut self, sentences: &[String], now: Instant) {
        self.void();
        self.say(sentences, now);
    }

    /// What was spoken ahead never was; nothing of it was let out.
    fn void(&mut self) {
        self.voice = self.voice.fresh();
        self.ahead.clear();
    }

    fn say(&mut self, sentences: &[String], now: Instant) {
        for sentence in sentences {
            self.ahead.extend(self.voice.say(sentence, now));
        }
    }

    /// The synthesis has failed, or gave nothing in time.
    pub(crate) fn voice_failed(&mut self, error: Error, now: Instant, effects: &mut Vec<Effect>) {
        let never = error.failure().retry == domain::Retry::Never;
        let again = if never { None } else { self.voice.retry(now) };
        if let Some(Again { inserted }) = &again {
            inserted.iter().for_each(|at| self.inserted(*at));
        }
        let again = again.is_some();
        if self.guess && !again {
            self.voice.stop();
            self.lost = true;
            return;
        }
        effects.push(Effect::VoiceFailed { error, again });
    }

    /// What is left of a sentence that broke off is a sentence of its own now: those after it have moved. Observers were
    /// told of it with the sentence it comes from.
    fn inserted(&mut self, at: usize) {
        self.announced += usize::from(at <= self.announced);
        for (sentence, _) in &mut self.floor {
            *sentence += usize::from(at <= *sentence);
        }
    }

    /// Says the clip, after what is on its way to the caller, and nothing more. Once in a turn.
    pub(crate) fn apologise(&mut self, clip: &Clip, now: Instant, effects: &mut Vec<Effect>) {
        if self.guess || !self.thought.is_confirmed() {
            self.void();
        }
        self.thought.stop();
        self.later = None;
        self.voice.stop();
        self.floor.clear();
        self.announced = self.announced.min(self.voice.history().len());
        self.guess = false;
        if !std::mem::replace(&mut self.apologised, true) {
            self.ahead.push_back(self.voice.clip(clip, now));
        }
        self.open_up(effects);
    }
}
