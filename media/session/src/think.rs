//! One stream of what to say: cut into sentences, each wait with a deadline. A guess is held until it is confirmed.
//!
//! Knows nothing of audio and never repeats to the dialogue what it said itself.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::time::Instant;

use crate::options::{Waits, ms};
use crate::ports::Said;
use crate::sentence::Cutter;

/// What a step of the dialogue means for the speech.
#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    /// Speak these; may be empty.
    Sentences(Vec<String>),
    /// Something other than text; everything before it was cut.
    Item(Vec<String>, Said),
    /// What was spoken ahead is not what is to be said: begin anew with these.
    Different(Vec<String>),
    /// The same, and then something other than text.
    DifferentItem(Vec<String>, Said),
    /// All was said; the last sentence, if one was open.
    Done(Vec<String>),
}

pub(crate) struct Thought {
    stream: Option<BoxStream<'static, Said>>,
    cutter: Cutter,
    /// While guessing: what was given so far. After the commit: what of it the commit has not yet said again.
    guessed: Guess,
    /// When the stream was asked, or gave text last.
    since: Instant,
    first_text: Option<Instant>,
}

enum Guess {
    None,
    Open(String),
    Confirming { all: String, confirmed: usize },
}

impl Thought {
    /// Thinks about a turn that has been committed or is the agent's own.
    pub(crate) fn committed(stream: BoxStream<'static, Said>, now: Instant) -> Self {
        Self::new(stream, Guess::None, now)
    }

    /// Thinks ahead.
    pub(crate) fn guess(stream: BoxStream<'static, Said>, now: Instant) -> Self {
        Self::new(stream, Guess::Open(String::new()), now)
    }

    /// Nothing to think: the text is known.
    pub(crate) fn none(now: Instant) -> Self {
        Self { stream: None, ..Self::new(futures::stream::empty().boxed(), Guess::None, now) }
    }

    fn new(stream: BoxStream<'static, Said>, guessed: Guess, now: Instant) -> Self {
        Self { stream: Some(stream), cutter: Cutter::default(), guessed, since: now, first_text: None }
    }

    /// The guess was right: `stream` says the whole reply, of which what was guessed is not spoken twice.
    pub(crate) fn commit(&mut self, stream: BoxStream<'static, Said>, now: Instant) {
        self.stream = Some(stream);
        self.since = now;
        if let Guess::Open(all) = std::mem::replace(&mut self.guessed, Guess::None)
            && !all.is_empty()
        {
            self.guessed = Guess::Confirming { all, confirmed: 0 };
        }
    }

    /// Whether everything that was spoken ahead has been confirmed, so that it may sound.
    pub(crate) fn is_confirmed(&self) -> bool {
        matches!(self.guessed, Guess::None)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.stream.is_none()
    }

    pub(crate) fn first_text(&self) -> Option<Instant> {
        self.first_text
    }

    /// The dialogue speaks itself: gives the sentences that are complete by it.
    pub(crate) fn voiced(&mut self, text: &str, now: Instant) -> Vec<String> {
        self.since = now;
        if !text.trim().is_empty() {
            self.first_text.get_or_insert(now);
        }
        self.cutter.push(text)
    }

    /// The sentence that is open, though it has no end yet.
    pub(crate) fn rest(&mut self) -> Option<String> {
        self.cutter.finish()
    }

    /// The reply begins with a short piece.
    pub(crate) fn shorten(&mut self) {
        self.cutter.shorten();
    }

    /// What was said is all: a call that ends has no more to say.
    pub(crate) fn close(&mut self) {
        self.stream = None;
    }

    /// No more is wanted.
    pub(crate) fn stop(&mut self) {
        self.stream = None;
        self.cutter = Cutter::default();
        self.guessed = Guess::None;
    }

    /// When the dialogue must have said something more. A guess has no deadline: nobody waits for it.
    pub(crate) fn deadline(&self, waits: &Waits) -> Option<Instant> {
        if self.stream.is_none() || matches!(self.guessed, Guess::Open(_)) {
            return None;
        }
        let wait = if self.first_text.is_some() { waits.next_text_ms } else { waits.first_text_ms };
        Some(self.since + ms(wait))
    }

    /// How long the dialogue has been silent.
    pub(crate) fn silent_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }

    /// The next thing said; pends while there is none. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Said> {
        match &mut self.stream {
            Some(stream) => stream.next().await,
            None => std::future::pending().await,
        }
    }

    pub(crate) fn take(&mut self, said: Option<Said>, now: Instant) -> Step {
        match said {
            Some(Said::Text(text)) => self.text(&text, now),
            // Tells observers something and the caller nothing: a guess keeps it to itself, a commit says it again.
            Some(Said::Node(_) | Said::Noted { .. } | Said::Trouble { .. })
                if matches!(self.guessed, Guess::Open(_)) =>
            {
                Step::Sentences(Vec::new())
            }
            Some(item @ (Said::Node(_) | Said::Noted { .. } | Said::Trouble { .. }))
                if !self.is_confirmed() =>
            {
                self.since = now;
                Step::Item(Vec::new(), item)
            }
            Some(item) if matches!(self.guessed, Guess::Open(_)) => {
                // What is more than words waits for the commit, and so does everything behind it.
                let _later = item;
                self.stream = None;
                Step::Sentences(Vec::new())
            }
            Some(item) => {
                self.since = now;
                if let Some(mut sentences) = self.unconfirmed() {
                    sentences.extend(self.cutter.finish());
                    return Step::DifferentItem(sentences, item);
                }
                Step::Item(self.cutter.finish().into_iter().collect(), item)
            }
            None => self.done(),
        }
    }

    fn text(&mut self, text: &str, now: Instant) -> Step {
        self.since = now;
        if !text.trim().is_empty() {
            self.first_text.get_or_insert(now);
        }
        match &mut self.guessed {
            Guess::None => Step::Sentences(self.cutter.push(text)),
            Guess::Open(all) => {
                all.push_str(text);
                Step::Sentences(self.cutter.push(text))
            }
            Guess::Confirming { all, confirmed } => {
                let expected = &all[*confirmed..];
                if expected.starts_with(text) {
                    *confirmed += text.len();
                    if *confirmed == all.len() {
                        self.guessed = Guess::None;
                    }
                    return Step::Sentences(Vec::new());
                }
                if let Some(more) = text.strip_prefix(expected) {
                    self.guessed = Guess::None;
                    return Step::Sentences(self.cutter.push(more));
                }
                let said = format!("{}{text}", &all[..*confirmed]);
                self.guessed = Guess::None;
                self.cutter = Cutter::default();
                Step::Different(self.cutter.push(&said))
            }
        }
    }

    fn done(&mut self) -> Step {
        self.stream = None;
        if matches!(self.guessed, Guess::Open(_)) {
            return Step::Sentences(self.cutter.finish().into_iter().collect());
        }
        if let Some(mut sentences) = self.unconfirmed() {
            sentences.extend(self.cutter.finish());
            return Step::Different(sentences);
        }
        Step::Done(self.cutter.finish().into_iter().collect())
    }

    /// Where less was said than had been guessed: what was really said.
    fn unconfirmed(&mut self) -> Option<Vec<String>> {
        let Guess::Confirming { all, confirmed } = std::mem::replace(&mut self.guessed, Guess::None) else {
            return None;
        };
        self.cutter = Cutter::default();
        Some(self.cutter.push(&all[..confirmed]))
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    fn thought() -> Thought {
        Thought::guess(stream::empty().boxed(), Instant::now())
    }

    fn say(thought: &mut Thought, text: &str) -> Step {
        thought.take(Some(Said::Text(text.to_owned())), Instant::now())
    }

    fn sentences(texts: &[&str]) -> Step {
        Step::Sentences(texts.iter().map(|t| (*t).to_owned()).collect())
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_guessed_right_is_not_spoken_twice() {
        let mut thought = thought();
        assert_eq!(say(&mut thought, "We open at nine. And"), sentences(&["We open at nine."]));
        thought.commit(stream::empty().boxed(), Instant::now());
        assert!(!thought.is_confirmed());
        assert_eq!(say(&mut thought, "We open "), sentences(&[]));
        assert_eq!(say(&mut thought, "at nine. And close at six."), sentences(&["And close at six."]));
        assert!(thought.is_confirmed());
        assert_eq!(thought.take(None, Instant::now()), Step::Done(vec![]));
    }

    #[tokio::test(start_paused = true)]
    async fn another_answer_than_the_guess_begins_anew() {
        let mut thought = thought();
        say(&mut thought, "We open at nine.");
        thought.commit(stream::empty().boxed(), Instant::now());
        say(&mut thought, "We open ");
        let different = say(&mut thought, "at ten. Bye.");
        assert_eq!(different, Step::Different(vec!["We open at ten.".to_owned(), "Bye.".to_owned()]));
    }

    #[tokio::test(start_paused = true)]
    async fn less_than_the_guess_begins_anew_too() {
        let mut thought = thought();
        say(&mut thought, "Yes. And more.");
        thought.commit(stream::empty().boxed(), Instant::now());
        say(&mut thought, "Yes.");
        assert_eq!(thought.take(None, Instant::now()), Step::Different(vec!["Yes.".to_owned()]));
    }

    #[tokio::test(start_paused = true)]
    async fn notes_between_the_words_of_a_commit_do_not_make_it_another_answer() {
        let mut thought = thought();
        say(&mut thought, "We open at nine.");
        thought.commit(stream::empty().boxed(), Instant::now());
        let node = Said::Node("hours".to_owned());
        assert_eq!(thought.take(Some(node.clone()), Instant::now()), Step::Item(vec![], node));
        assert_eq!(say(&mut thought, "We open at nine."), sentences(&[]));
        assert!(thought.is_confirmed());
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_before_the_guess_was_said_drops_what_was_spoken_ahead() {
        let mut thought = thought();
        say(&mut thought, "Bye. And come again.");
        thought.commit(stream::empty().boxed(), Instant::now());
        say(&mut thought, "Bye.");
        let end = Said::End(domain::EndReason::AgentEnded);
        assert_eq!(
            thought.take(Some(end.clone()), Instant::now()),
            Step::DifferentItem(vec!["Bye.".to_owned()], end)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_guess_stops_before_anything_with_an_effect() {
        let mut thought = thought();
        say(&mut thought, "Done. ");
        let step = thought.take(Some(Said::Hold(Duration::from_secs(5))), Instant::now());
        assert_eq!(step, sentences(&[]));
        assert!(thought.is_over() && thought.deadline(&Waits::default()).is_none());
    }
}
