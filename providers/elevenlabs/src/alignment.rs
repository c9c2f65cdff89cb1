//! Words and sentences out of timed characters.
//!
//! The vendor says when each character sounds, not to which sentence it belongs. It repeats the characters that it was sent, so that
//! counting them tells the sentence: blanks apart, since it adds and drops those. A word grows until a blank or the end of its sentence.

use std::time::Duration;

use providers_link::speaking::SpokenWord;

use crate::wire::Timed;

/// Of what is spoken: all characters but blanks, counted.
pub(crate) fn sounding(text: &str) -> usize {
    text.chars().filter(|character| !character.is_whitespace()).count()
}

/// The words of one sentence.
#[derive(Debug, Default)]
pub(crate) struct Words {
    complete: Vec<SpokenWord>,
    growing: Option<SpokenWord>,
}

impl Words {
    /// The next characters, which sound from and to these positions of the turn.
    pub(crate) fn push(&mut self, text: &str, from: Duration, to: Duration) {
        for character in text.chars() {
            if character.is_whitespace() {
                self.finish();
                continue;
            }
            let word = self.growing.get_or_insert_with(|| SpokenWord { text: String::new(), from, to });
            word.text.push(character);
            word.to = to.max(word.from);
        }
    }

    /// No more characters of this word come.
    pub(crate) fn finish(&mut self) {
        self.complete.extend(self.growing.take());
    }

    /// Those that are complete.
    pub(crate) fn told(&self) -> Vec<SpokenWord> {
        self.complete.clone()
    }
}

/// The sentences of a turn and how far they were aligned.
#[derive(Debug, Default)]
pub(crate) struct Sentences {
    all: Vec<Sentence>,
    /// Of `all`: so many are complete.
    done: usize,
    /// Characters that were aligned, blanks apart.
    aligned: usize,
}

#[derive(Debug)]
struct Sentence {
    index: usize,
    /// Characters of the turn up to its end, blanks apart.
    ends: usize,
    words: Words,
    /// Words were added since they were last told.
    news: bool,
    /// Where its last known character ends.
    sounds_to: Duration,
}

/// Something that follows from the characters of one chunk, in order.
#[derive(Debug, PartialEq)]
pub(crate) enum Found {
    Words {
        sentence: usize,
        words: Vec<SpokenWord>,
    },
    /// The sentences up to this one were over when another began, here.
    Over {
        sentence: usize,
        at: Duration,
    },
}

impl Sentences {
    pub(crate) fn push(&mut self, index: usize, text: &str) {
        let ends = self.expected() + sounding(text);
        let (words, sounds_to) = (Words::default(), Duration::ZERO);
        self.all.push(Sentence { index, ends, words, news: false, sounds_to });
    }

    /// Characters that were sent, blanks apart.
    pub(crate) fn expected(&self) -> usize {
        self.all.last().map_or(0, |last| last.ends)
    }

    /// Whether a sentence was sent that is not known to be over.
    pub(crate) fn waiting(&self) -> bool {
        self.done < self.all.len()
    }

    /// Characters of a chunk that begins at `start` of the turn. `counted`: they are those that were sent; else (spelled out by the
    /// vendor) nothing can be counted, and they belong to the sentence that is under way.
    pub(crate) fn align(&mut self, timed: &[Timed], start: Duration, counted: bool) -> Vec<Found> {
        let mut found = Vec::new();
        for piece in timed {
            let at = |seconds: f64| start + Duration::try_from_secs_f64(seconds).unwrap_or_default();
            let (from, to) = (at(piece.from), at(piece.to));
            let sounds = sounding(&piece.text);
            let Some(place) = self.place(counted && sounds > 0) else { continue };
            if place > self.done && sounds > 0 {
                found.extend(self.tell(place));
                found.push(Found::Over { sentence: self.all[place - 1].index, at: from });
                self.done = place;
            }
            let sentence = &mut self.all[place];
            let known = sentence.words.complete.len();
            sentence.words.push(&piece.text, from, to);
            sentence.sounds_to = sentence.sounds_to.max(to);
            if counted {
                self.aligned += sounds;
                if self.aligned >= sentence.ends {
                    sentence.words.finish();
                }
            }
            sentence.news |= sentence.words.complete.len() > known;
        }
        found.extend(self.tell(self.all.len()));
        found
    }

    /// The last sentence that is over now that so much audio of the turn is here: aligned to its end, and sounding to it.
    pub(crate) fn over(&mut self, audio: Duration) -> Option<usize> {
        /// Times are rounded to milliseconds, and a chunk ends at a sample.
        const SLACK: Duration = Duration::from_millis(5);
        let first = self.done;
        while let Some(sentence) = self.all.get(self.done)
            && self.aligned >= sentence.ends
            && audio + SLACK >= sentence.sounds_to
        {
            self.done += 1;
        }
        (self.done > first).then(|| self.all[self.done - 1].index)
    }

    /// The vendor says that the sentences up to this one are over. Words of it that are new, and whether that was news.
    pub(crate) fn settle(&mut self, index: usize) -> (Vec<Found>, bool) {
        let upto = self.all.iter().take_while(|sentence| sentence.index <= index).count();
        for sentence in &mut self.all[..upto] {
            sentence.news |= sentence.words.growing.is_some();
            sentence.words.finish();
        }
        let news = upto > self.done;
        let found = self.tell(upto);
        self.done = self.done.max(upto);
        // What follows is of the next sentence, also where a character of this one was never aligned.
        self.aligned = self.aligned.max(upto.checked_sub(1).map_or(0, |last| self.all[last].ends));
        (found, news)
    }

    pub(crate) fn last(&self) -> Option<usize> {
        self.all.last().map(|sentence| sentence.index)
    }

    /// Whether alignment and sound, of which so much came in all, stopped exactly between two sentences: nothing of the later one was
    /// spoken.
    pub(crate) fn is_cut_between(&self, audio: Duration) -> bool {
        /// Breath after a sentence.
        const PAUSE: Duration = Duration::from_millis(300);
        let mut before_the_last = self.all.iter().rev().skip(1);
        before_the_last.any(|sentence| {
            let known = sentence.sounds_to > Duration::ZERO;
            known && sentence.ends == self.aligned && audio <= sentence.sounds_to + PAUSE
        })
    }

    /// The sentence that the next character belongs to.
    fn place(&self, counted: bool) -> Option<usize> {
        let last = self.all.len().checked_sub(1)?;
        if !counted {
            return Some(self.done.min(last));
        }
        let place = self.all.iter().position(|sentence| self.aligned < sentence.ends);
        Some(place.unwrap_or(last).max(self.done.min(last)))
    }

    /// Words that were not told yet, of the sentences before this place.
    fn tell(&mut self, before: usize) -> Vec<Found> {
        let news = self.all[..before].iter_mut().filter(|sentence| sentence.news);
        news.map(|sentence| {
            sentence.news = false;
            Found::Words { sentence: sentence.index, words: sentence.words.told() }
        })
        .collect()
    }
}

#[cfg(test)]
mod tests;
