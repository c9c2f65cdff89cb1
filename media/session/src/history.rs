//! Which words of the agent's turn the caller heard, from how far it was played.
//!
//! Word times come from the synthesis where it gives them; otherwise each word takes its share of the sentence's
//! audio by its length. Sentences of a passage, which was spoken without synthesis, share its audio. Knows no clock: positions are
//! those of the turn's own audio.

use domain::{MediaTime, Word};

/// Length of speech for a character where nothing better is known yet: about 15 characters a second.
const TYPICAL_PER_CHAR: MediaTime = MediaTime::from_millis(65);

/// The text of one turn and where it sounds.
#[derive(Debug, Default)]
pub struct History {
    sentences: Vec<Sentence>,
    passages: Vec<Passage>,
    /// Audio received so far.
    received: MediaTime,
}

#[derive(Debug)]
struct Sentence {
    text: String,
    /// Known once audio of it, or of what follows, has come.
    from: Option<MediaTime>,
    /// Known once all of its audio has come.
    to: Option<MediaTime>,
    words: Vec<Word>,
    /// Where it belongs to one: its place among the passages.
    passage: Option<usize>,
}

/// Words and sound that came side by side: which word sounds where nobody says.
#[derive(Debug)]
struct Passage {
    from: MediaTime,
    audio: MediaTime,
    /// More words or sound may come. Nothing else sounds meanwhile.
    open: bool,
}

/// What a caller heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    pub text: String,
    /// Whether that is all there is so far.
    pub all: bool,
}

impl History {
    /// The next sentence goes to synthesis; returns its index.
    pub fn sentence(&mut self, text: &str) -> usize {
        self.sentences.push(Sentence::new(text));
        self.sentences.len() - 1
    }

    /// The next sentence of the passage, which begins here unless one is open.
    pub fn passage_sentence(&mut self, text: &str) {
        let passage = Some(self.open_passage());
        self.sentences.push(Sentence { passage, ..Sentence::new(text) });
    }

    /// More audio of the passage, which begins here unless one is open.
    pub fn passage_audio(&mut self, length: MediaTime) {
        let passage = self.open_passage();
        self.passages[passage].audio += length;
        self.received += length;
    }

    /// All words and all audio of the passage have come.
    pub fn passage_done(&mut self) {
        if let Some(passage) = self.passages.last_mut() {
            passage.open = false;
        }
    }

    /// The passage broke off: words without audio were never said.
    pub fn passage_broken(&mut self) {
        let Some(broken) = self.passages.iter().position(|passage| passage.open) else { return };
        let received = self.received;
        let of = |sentence: &Sentence| sentence.passage == Some(broken);
        let first = self.sentences.iter().position(of).unwrap_or(self.sentences.len());
        let ends: Vec<usize> =
            (first..self.sentences.len()).map(|index| self.heard_bytes(index, received)).collect();
        for (sentence, end) in self.sentences[first..].iter_mut().zip(ends) {
            sentence.text.truncate(end);
        }
        self.sentences.retain(|sentence| !of(sentence) || !sentence.text.is_empty());
        self.passages[broken].open = false;
    }

    /// How much of all passages was played when the position was reached; `None` without any.
    #[must_use]
    pub fn passages_heard(&self, played: MediaTime) -> Option<MediaTime> {
        let parts = self.passages.iter().map(|passage| (played - passage.from).min(passage.audio));
        parts.reduce(|sum, part| sum + part)
    }

    fn open_passage(&mut self) -> usize {
        if self.passages.last().is_none_or(|passage| !passage.open) {
            self.passages.push(Passage { from: self.received, audio: MediaTime::ZERO, open: true });
        }
        self.passages.len() - 1
    }

    /// Audio of the sentence came.
    pub fn audio(&mut self, sentence: usize, length: MediaTime) {
        let begins = self.received;
        self.received += length;
        if let Some(sentence) = self.sentences.get_mut(sentence) {
            sentence.from.get_or_insert(begins);
        }
    }

    /// Word times of a sentence, on the turn's positions.
    pub fn words(&mut self, sentence: usize, words: Vec<Word>) {
        if let Some(sentence) = self.sentences.get_mut(sentence) {
            sentence.words = words;
        }
    }

    /// All audio of the sentence has come.
    pub fn done(&mut self, sentence: usize) {
        let received = self.received;
        if let Some(sentence) = self.sentences.get_mut(sentence) {
            sentence.from.get_or_insert(received);
            sentence.to = Some(received);
        }
    }

    /// A sentence broke off: keeps what of it has audio, and gives the rest as a new sentence, if there is any.
    pub fn split(&mut self, sentence: usize, received: MediaTime) -> Option<(usize, String)> {
        let broken = self.sentences.get(sentence)?;
        let had_audio = broken.from.is_some();
        let cut = if had_audio { self.heard_bytes(sentence, received) } else { 0 };
        if cut == 0 && !had_audio {
            return Some((sentence, broken.text.clone()));
        }
        let rest = broken.text[cut..].trim().to_owned();
        let broken = &mut self.sentences[sentence];
        broken.text.truncate(cut);
        broken.to = Some(received);
        if rest.is_empty() {
            return None;
        }
        self.sentences.insert(sentence + 1, Sentence::new(&rest));
        Some((sentence + 1, rest))
    }

    /// What has no audio yet gets none: it was never said. Of a sentence that broke off, the words that are there stay.
    pub fn give_up(&mut self) {
        self.passage_broken();
        self.sentences.retain(|sentence| sentence.passage.is_some() || sentence.from.is_some());
        let received = self.received;
        let broken = |last: &Sentence| last.passage.is_none() && last.to.is_none();
        if self.sentences.last().is_some_and(broken) {
            let cut = self.heard_bytes(self.sentences.len() - 1, received);
            if let Some(broken) = self.sentences.last_mut() {
                broken.text.truncate(cut);
                broken.to = Some(received);
            }
        }
    }

    /// Where the sentence begins to sound, once that is known.
    #[must_use]
    pub fn begins(&self, sentence: usize) -> Option<MediaTime> {
        let sentence = self.sentences.get(sentence)?;
        let passage = sentence.passage.and_then(|passage| self.passages.get(passage));
        passage.map_or(sentence.from, |passage| Some(passage.from))
    }

    /// Audio received so far.
    #[must_use]
    pub fn received(&self) -> MediaTime {
        self.received
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sentences.is_empty()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.sentences.len()
    }

    /// The sentences from this one on, as they were given.
    pub fn texts_from(&self, sentence: usize) -> impl Iterator<Item = &str> {
        self.sentences.iter().skip(sentence).map(|s| s.text.as_str())
    }

    /// Everything of which more than half was played when the position was reached: what a listener would say was said.
    #[must_use]
    pub fn heard(&self, played: MediaTime) -> Heard {
        let mut text = String::new();
        let mut all = true;
        for (index, sentence) in self.sentences.iter().enumerate() {
            let end = self.heard_bytes(index, played);
            let part = sentence.text[..end].trim_end();
            if !part.is_empty() {
                if !text.is_empty() {
                    text.push(' ');
                }
                text.push_str(part);
            }
            if end < sentence.text.trim_end().len() {
                all = false;
                break;
            }
        }
        Heard { text, all }
    }

    fn heard_bytes(&self, index: usize, played: MediaTime) -> usize {
        let sentence = &self.sentences[index];
        if let Some(passage) = sentence.passage {
            return self.heard_of_passage(index, passage, played);
        }
        let Some(from) = sentence.from else { return 0 };
        if sentence.to.is_some_and(|to| played >= to) {
            return sentence.text.len();
        }
        if sentence.words.is_empty() {
            return self.estimate(sentence, from, played);
        }
        let mut end = 0;
        for word in &sentence.words {
            if played < MediaTime(u64::midpoint(word.from.0, word.to.0)) {
                break;
            }
            end = find_word(&sentence.text, end, &word.text).unwrap_or(end);
        }
        end
    }

    /// Each word's share of the sentence by its characters.
    fn estimate(&self, sentence: &Sentence, from: MediaTime, played: MediaTime) -> usize {
        let chars = sentence.text.chars().count().max(1) as u64;
        let per_char = match sentence.to {
            Some(to) => (to - from).0 / chars,
            None => self.pace().0.max((self.received - from).0 / chars),
        };
        words_within(&sentence.text, (played - from).0 / per_char.max(1))
    }

    /// Each word's share of the passage by its characters.
    fn heard_of_passage(&self, index: usize, passage: usize, played: MediaTime) -> usize {
        let length = |sentence: &Sentence| sentence.text.chars().count() as u64;
        let (mut before, mut all) = (0, 0);
        for (place, sentence) in self.sentences.iter().enumerate() {
            if sentence.passage == Some(passage) {
                before += if place < index { length(sentence) } else { 0 };
                all += length(sentence);
            }
        }
        let (text, passage) = (&self.sentences[index].text, &self.passages[passage]);
        let played = (played - passage.from).min(passage.audio);
        if !passage.open && played == passage.audio {
            return text.len();
        }
        let share = passage.audio.0 / all.max(1);
        let per_char = if passage.open { self.pace().0.max(share) } else { share };
        words_within(text, (played.0 / per_char.max(1)).saturating_sub(before))
    }

    /// How long a character takes in this voice, from the sentences that are complete.
    fn pace(&self) -> MediaTime {
        let complete =
            self.sentences.iter().filter_map(|s| Some((s.text.chars().count() as u64, s.to? - s.from?)));
        let (chars, audio) = complete.fold((0, 0), |(chars, audio), (c, a)| (chars + c, audio + a.0));
        if chars == 0 || audio == 0 { TYPICAL_PER_CHAR } else { MediaTime(audio / chars) }
    }
}

impl Sentence {
    fn new(text: &str) -> Self {
        Self { text: text.to_owned(), from: None, to: None, words: Vec::new(), passage: None }
    }
}

/// Where the last word ends of which more than half lies within so many characters.
fn words_within(text: &str, reached: u64) -> usize {
    let mut begin = 0_u64;
    let mut end = 0;
    let mut cursor = 0;
    for word in text.split_inclusive(char::is_whitespace) {
        let length = word.chars().count() as u64;
        if reached < begin + length.div_ceil(2) {
            break;
        }
        begin += length;
        cursor += word.len();
        end = cursor;
    }
    end
}

/// Where the word ends in the text, looking from `start`, with the marks that cling to it.
fn find_word(text: &str, start: usize, word: &str) -> Option<usize> {
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
    if bare.is_empty() {
        return None;
    }
    let rest = &text[start..];
    let at = rest.find(bare).or_else(|| {
        // A voice may give its words in another case; bytes stay in place only where lowering keeps lengths.
        let lower = rest.to_lowercase();
        (lower.len() == rest.len()).then(|| lower.find(&bare.to_lowercase())).flatten()
    })?;
    let end = at + bare.len();
    let clinging = rest.get(end..)?.find(char::is_whitespace).unwrap_or(rest.len() - end);
    Some(start + end + clinging)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> MediaTime {
        MediaTime::from_millis(n)
    }

    fn word(text: &str, from: u64, to: u64) -> Word {
        Word { text: text.to_owned(), from: ms(from), to: ms(to) }
    }

    fn spoken() -> History {
        let mut history = History::default();
        history.sentence("Yes, we do.");
        history.sentence("Come at nine.");
        history.audio(0, ms(900));
        history.words(0, vec![word("yes", 0, 300), word("we", 300, 500), word("do", 500, 900)]);
        history.done(0);
        history.audio(1, ms(1200));
        history
    }

    #[test]
    fn words_count_from_their_middle_on() {
        let history = spoken();
        for (at, text) in [(100, ""), (150, "Yes,"), (399, "Yes,"), (400, "Yes, we"), (899, "Yes, we do.")] {
            assert_eq!(history.heard(ms(at)), Heard { text: text.to_owned(), all: false }, "at {at}");
        }
    }

    #[test]
    fn words_that_come_again_take_the_place_of_those_before() {
        let text = "One two one two three.";
        let mut history = History::default();
        let sentence = history.sentence(text);
        history.audio(sentence, ms(500));
        let first = vec![word("One", 0, 100), word("two", 100, 200)];
        let rest = vec![word("one", 200, 300), word("two", 300, 400), word("three.", 400, 500)];
        history.words(sentence, first.clone());
        history.words(sentence, first.into_iter().chain(rest).collect());
        assert_eq!(history.heard(ms(190)).text, "One two");
        assert_eq!(history.heard(ms(260)).text, "One two one");
    }

    #[test]
    fn without_word_times_each_word_has_its_share() {
        let mut history = spoken();
        // The second sentence has 13 characters; 900 ms for 11 in the first: 82 ms each, or 92 by its own audio.
        assert_eq!(history.heard(ms(1_000)).text, "Yes, we do.");
        assert_eq!(history.heard(ms(900 + 92 * 3 + 1)).text, "Yes, we do. Come");
        history.done(1);
        assert_eq!(
            history.heard(ms(2_100)),
            Heard { text: "Yes, we do. Come at nine.".to_owned(), all: true }
        );
    }

    #[test]
    fn a_sentence_without_audio_was_not_heard() {
        let mut history = History::default();
        history.sentence("Never spoken.");
        assert_eq!(history.heard(ms(60_000)), Heard { text: String::new(), all: false });
        history.done(0);
        assert_eq!(history.heard(ms(0)).text, "Never spoken.", "nothing to hear is heard");
    }

    #[test]
    fn what_was_given_up_was_not_said_and_what_follows_it_was() {
        let mut history = spoken();
        history.sentence("Never spoken.");
        history.give_up();
        let sorry = history.sentence("Sorry.");
        history.audio(sorry, ms(500));
        history.done(sorry);
        let all = Heard { text: "Yes, we do. Come at nine. Sorry.".to_owned(), all: true };
        assert_eq!(history.heard(ms(2_600)), all);
        assert_eq!(history.heard(ms(1_000)).text, "Yes, we do.");
    }

    #[test]
    fn sentences_of_a_passage_share_its_audio() {
        let mut history = spoken();
        history.done(1);
        history.passage_sentence("We open at nine.");
        history.passage_audio(ms(800));
        history.passage_sentence("We close at six.");
        history.passage_audio(ms(800));
        // Open: nobody knows yet how much more comes; 900 ms for 11 characters before is the pace.
        assert_eq!(history.heard(ms(2_100 + 250)).text, "Yes, we do. Come at nine. We");
        history.passage_done();
        // Closed: 1,600 ms for 32 characters, 50 ms each.
        assert_eq!(history.heard(ms(2_100 + 800)).text, "Yes, we do. Come at nine. We open at nine.");
        assert_eq!(history.heard(ms(2_100 + 900)).text, "Yes, we do. Come at nine. We open at nine. We");
        assert!(history.heard(ms(3_700)).all);
        assert_eq!(history.passages_heard(ms(2_000)), Some(ms(0)));
        assert_eq!(history.passages_heard(ms(2_500)), Some(ms(400)));
        assert_eq!(history.passages_heard(ms(9_999)), Some(ms(1_600)));
        assert_eq!(spoken().passages_heard(ms(9_999)), None);
    }

    #[test]
    fn of_a_passage_that_broke_off_the_words_with_audio_stay() {
        let mut history = History::default();
        history.passage_sentence("We open at nine.");
        history.passage_sentence("We close at six.");
        history.passage_audio(ms(700));
        history.give_up();
        let sorry = history.sentence("Sorry.");
        history.audio(sorry, ms(500));
        history.done(sorry);
        let all = Heard { text: "We open at Sorry.".to_owned(), all: true };
        assert_eq!(history.heard(ms(1_200)), all);
        assert_eq!(history.passages_heard(ms(1_200)), Some(ms(700)));
    }

    #[test]
    fn a_word_that_the_voice_spells_otherwise_is_passed_over() {
        let mut history = History::default();
        history.sentence("It is 9.30 now.");
        history.audio(0, ms(1000));
        let words = ["it", "is", "nine", "thirty", "now"];
        let words = words.iter().zip(0..).map(|(w, n)| word(w, n * 200, n * 200 + 200)).collect();
        history.words(0, words);
        assert_eq!(history.heard(ms(500)).text, "It is");
        assert_eq!(history.heard(ms(950)).text, "It is 9.30 now.");
    }
}
