//! What of a turn has been spoken, to the word, whoever speaks it.
//!
//! Pure. The shell tells what a voice gave and passes on the events that this gives; nothing here knows voices or clocks.

use std::time::Duration;

use domain::{MediaTime, Word};
use providers_api::TtsEvent;

use crate::cut::{Cut, clause_end, cut, estimate, is_blank, owes_sound};

#[derive(Default)]
pub(crate) struct Spoken {
    /// All sentences of the turn; of one that was cut, what is left.
    text: Vec<String>,
    /// The first that is not done.
    next: usize,
    /// Whether the present voice gave a sample of it.
    sounded: bool,
    /// What a voice that broke off had said of it, and the words of the present voice.
    before: Vec<Word>,
    words: Vec<Word>,
    /// Words of sentences that do not sound yet.
    early: Vec<(usize, Vec<Word>)>,
    /// Where the present voice's audio of it begins.
    begins: MediaTime,
    /// Just after the last audio.
    given: MediaTime,
}

/// How the sentence under way goes on when its voice is gone.
#[cfg_attr(test, derive(Debug, PartialEq))]
pub(crate) enum Broken {
    /// Another voice says what is left: all of it, or behind the last word.
    GoesOn,
    /// All of it, and what was told of its words does not hold.
    Anew(TtsEvent),
    /// All was said.
    Done(TtsEvent),
    /// Nobody here knows what is left.
    Unknown,
}

impl Spoken {
    pub(crate) fn push(&mut self, text: String) {
        self.text.push(text);
    }

    pub(crate) fn text(&self, sentence: usize) -> Option<&str> {
        self.text.get(sentence).map(String::as_str)
    }

    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// The sentence whose turn it is, once it has been given.
    pub(crate) const fn next(&self) -> usize {
        self.next
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.next < self.text.len()
    }

    pub(crate) const fn has_sounded(&self) -> bool {
        self.sounded
    }

    /// Whether a voice that ends the sentence now has failed.
    pub(crate) fn owes_sound(&self) -> bool {
        !self.sounded && self.text(self.next).is_some_and(owes_sound)
    }

    /// Letters and digits of what the present voice was to say of the sentence, and how much audio came of it.
    pub(crate) fn so_far(&self) -> (u32, Duration) {
        let text = self.text(self.next).unwrap_or_default();
        let letters = text.chars().filter(|c| c.is_alphanumeric()).count();
        let audio = self.given.saturating_sub(self.begins).as_duration();
        (u32::try_from(letters).unwrap_or(u32::MAX), audio)
    }

    pub(crate) const fn given(&self) -> MediaTime {
        self.given
    }

    /// Audio up to here came.
    pub(crate) fn gave(&mut self, end: MediaTime) {
        self.given = end;
    }

    /// What has nothing to speak is done when its turn comes.
    pub(crate) fn skip_blank(&mut self) -> Option<TtsEvent> {
        let blank = self.text(self.next).is_some_and(is_blank);
        blank.then(|| self.done())
    }

    pub(crate) fn done(&mut self) -> TtsEvent {
        let event = TtsEvent::SentenceDone { sentence: self.next };
        self.next += 1;
        self.sounded = false;
        self.before.clear();
        self.words.clear();
        event
    }

    /// The sentence begins to sound in the present voice: gives what is known of its words.
    pub(crate) fn sounds(&mut self) -> Option<TtsEvent> {
        if std::mem::replace(&mut self.sounded, true) {
            return None;
        }
        self.begins = self.given;
        let (mut due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.early).into_iter().partition(|(sentence, _)| *sentence <= self.next);
        self.early = later;
        self.words = due.pop().map(|(_, words)| words).unwrap_or_default();
        if !self.words.is_empty() {
            return Some(self.all_words(self.words.clone()));
        }
        // What the voice before had announced does not come: until this one tells, its pace is guessed.
        let text = self.text.get(self.next).filter(|_| !self.before.is_empty())?;
        Some(self.all_words(estimate(text, self.given)))
    }

    /// The voice tells words of a sentence, on the turn's positions. They wait until it sounds: a voice that fails before
    /// leaves no trace.
    pub(crate) fn words(&mut self, sentence: usize, words: Vec<Word>) -> Option<TtsEvent> {
        if sentence == self.next && self.sounded {
            self.words.clone_from(&words);
            return Some(self.all_words(words));
        }
        if sentence >= self.next {
            self.early.push((sentence, words));
        }
        None
    }

    /// The voice is gone. What came behind `out` nobody can have heard: `given` says afterwards how much of it is to be.
    pub(crate) fn broke_off(&mut self, out: MediaTime) -> Broken {
        self.early.clear();
        let words = std::mem::take(&mut self.words);
        if !std::mem::take(&mut self.sounded) {
            return Broken::GoesOn;
        }
        if out <= self.begins {
            self.given = self.begins;
            return Broken::Anew(self.all_words(Vec::new()));
        }
        let Some(text) = self.text.get_mut(self.next) else { return Broken::GoesOn };
        if let Some(end) = clause_end(text, &words, out, self.given) {
            self.given = end;
        }
        match cut(text, &words, self.given) {
            Some(Cut { rest, .. }) if rest.is_empty() => Broken::Done(self.done()),
            Some(Cut { covered, rest }) => {
                self.before.extend(covered);
                *text = rest;
                Broken::GoesOn
            }
            None => Broken::Unknown,
        }
    }

    fn all_words(&self, words: Vec<Word>) -> TtsEvent {
        let words = self.before.iter().cloned().chain(words).collect();
        TtsEvent::Words { sentence: self.next, words }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> MediaTime {
        MediaTime::from_millis(n)
    }

    fn word(text: &str, from: u64) -> Word {
        Word { text: text.to_owned(), from: ms(from), to: ms(from + 100) }
    }

    fn texts(event: Option<TtsEvent>) -> Vec<String> {
        let Some(TtsEvent::Words { words, .. }) = event else { panic!("words, not {event:?}") };
        words.into_iter().map(|word| word.text).collect()
    }

    fn sounding() -> Spoken {
        let mut spoken = Spoken::default();
        spoken.push("One two three.".to_owned());
        assert_eq!(spoken.words(0, vec![word("One", 0), word("two", 100), word("three.", 200)]), None);
        assert_eq!(texts(spoken.sounds()).len(), 3);
        spoken
    }

    #[test]
    fn a_sentence_in_two_voices_has_each_word_once() {
        let mut spoken = sounding();
        spoken.gave(ms(160));
        assert_eq!(spoken.broke_off(ms(160)), Broken::GoesOn);
        assert_eq!(spoken.text(0), Some("three."));
        assert_eq!(texts(spoken.sounds()), ["One", "two", "three."], "guessed");
        assert_eq!(texts(spoken.words(0, vec![word("three.", 160)])), ["One", "two", "three."]);
        spoken.gave(ms(230));
        assert_eq!(spoken.broke_off(ms(230)), Broken::Done(TtsEvent::SentenceDone { sentence: 0 }));
    }

    #[test]
    fn what_did_not_sound_is_said_again_from_its_beginning() {
        let mut spoken = Spoken::default();
        spoken.push("One two three.".to_owned());
        spoken.words(0, vec![word("One", 0)]);
        assert_eq!(spoken.broke_off(ms(0)), Broken::GoesOn);
        assert_eq!(spoken.text(0), Some("One two three."));
        assert_eq!(spoken.sounds(), None, "no words of a voice that never sounded");
    }

    #[test]
    fn without_words_nobody_guesses_what_is_left() {
        let mut spoken = Spoken::default();
        spoken.push("One two three.".to_owned());
        spoken.sounds();
        spoken.gave(ms(160));
        assert_eq!(spoken.broke_off(ms(160)), Broken::Unknown);
    }

    #[test]
    fn what_nobody_can_have_heard_is_said_in_one_voice() {
        let mut spoken = sounding();
        spoken.gave(ms(300));
        let Broken::Anew(event) = spoken.broke_off(ms(0)) else { panic!("begins anew") };
        assert_eq!(
            (texts(Some(event)).len(), spoken.given(), spoken.text(0)),
            (0, ms(0), Some("One two three."))
        );
    }

    #[test]
    fn a_sentence_goes_on_behind_its_last_clause_where_that_is_still_held_back() {
        let said = |out| {
            let mut spoken = Spoken::default();
            spoken.push("One, two three, four five.".to_owned());
            let words = ["One", "two", "three", "four", "five"];
            let words = words.iter().zip(0..).map(|(text, n)| word(text, n * 100)).collect();
            spoken.words(0, words);
            spoken.sounds();
            spoken.gave(ms(390));
            assert_eq!(spoken.broke_off(ms(out)), Broken::GoesOn);
            (spoken.given().as_millis(), spoken.text(0).map(str::to_owned))
        };
        assert_eq!(said(120), (300, Some("four five.".to_owned())), "behind the last clause that came");
        assert_eq!(said(310), (390, Some("five.".to_owned())), "within a clause, behind the last word");
    }
}
