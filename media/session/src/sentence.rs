//! Cuts a stream of text into sentences for synthesis, at the full stop itself and not one token later.
//!
//! Knows nothing of audio. A full stop that may go on (decimals, abbreviations, initials, addresses) waits for the
//! character that tells.

/// The first piece of a turn may be a clause from this many characters on, so that a long first sentence does not
/// keep the caller waiting.
const FIRST_CLAUSE_CHARS: usize = 40;
/// The same in a hurry.
const SHORT_CLAUSE_CHARS: usize = 12;
/// Text without any stop is cut at a space from here.
const LONGEST_CHARS: usize = 280;
/// What has no gap is cut here: a voice speaks a word as a whole, and a caller's data may be any.
const LONGEST_WORD_CHARS: usize = 48;

/// Words before a full stop that does not end a sentence, lower case, without their last stop. None is also a word that
/// sentences end with.
const ABBREVIATIONS: &[&str] = &[
    "mr", "mrs", "ms", "dr", "prof", "st", "vs", "e.g", "i.e", "approx", "tel", "sgt", "bzw", "z.b", "d.h",
    "u.a", "ca", "hr", "fr", "str", "tel.nr", "sra", "ud", "uds",
];
/// Titles, which are words of their own without their capital: "hon", "the col".
const TITLES: &[&str] = &["Col", "Gen", "Hon", "Mt", "Rev"];
/// Abbreviations in front of a number, and words elsewhere: "No. We are closed."
const NUMBERED: &[&str] = &["no", "nr", "fig"];
/// Abbreviations that may also be the last word of a sentence, or no abbreviation at all ("in the sun."): a capital behind
/// them begins the next sentence.
const MAYBE_LAST: &[&str] = &[
    "a.m", "p.m", "etc", "u.s", "u.k", "usw", "co", "inc", "ltd", "jr", "sr", "ave", "blvd", "dept", "est",
    "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec", "mon", "tue",
    "tues", "wed", "thu", "thur", "thurs", "fri", "sat", "sun",
];

/// The sentences of a whole text, as a turn that says it cuts them.
#[must_use]
pub fn cut(text: &str) -> Vec<String> {
    let mut cutter = Cutter::default();
    let mut sentences = cutter.push(text);
    sentences.extend(cutter.finish());
    sentences
}

/// One turn's cutter.
#[derive(Debug, Default)]
pub struct Cutter {
    text: String,
    given: usize,
    hurries: bool,
}

impl Cutter {
    /// The first piece is to come sooner.
    pub fn shorten(&mut self) {
        self.hurries = true;
    }

    /// Takes the next text and gives every sentence that is complete by it.
    pub fn push(&mut self, text: &str) -> Vec<String> {
        self.text.push_str(text);
        let mut sentences = Vec::new();
        while let Some(end) = self.end() {
            let rest = self.text.split_off(end);
            let sentence = std::mem::replace(&mut self.text, rest);
            self.give(&sentence, &mut sentences);
        }
        sentences
    }

    /// What is left, when no more text comes or a boundary is forced.
    pub fn finish(&mut self) -> Option<String> {
        let mut last = Vec::new();
        let text = std::mem::take(&mut self.text);
        self.give(&text, &mut last);
        last.pop()
    }

    /// Whether text waits for the end of its sentence.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.trim().is_empty()
    }

    fn give(&mut self, sentence: &str, into: &mut Vec<String>) {
        let sentence = sentence.trim().trim_start_matches(['!', '?', '…', ')']).trim_start();
        if sentence.chars().any(char::is_alphanumeric) {
            self.given += 1;
            into.push(sentence.to_owned());
        }
    }

    /// Where the first sentence of the text ends, in bytes, if it does.
    fn end(&self) -> Option<usize> {
        let clause_chars = if self.hurries { SHORT_CLAUSE_CHARS } else { FIRST_CLAUSE_CHARS };
        let mut clause = None;
        let (mut space, mut word) = (None, 0);
        for (chars, (at, c)) in self.text.char_indices().enumerate() {
            let after = at + c.len_utf8();
            let next = self.text[after..].chars().next();
            word = if c.is_alphanumeric() { word + 1 } else { 0 };
            match c {
                // What is left of "?!" or "..." when its first mark came alone.
                '!' | '?' | '.' | '…' | ')' if self.text[..at].trim().is_empty() => {}
                '\n' if !self.text[..at].trim().is_empty() => return Some(after),
                '!' | '?' | '…' | '。' | '！' | '？' if !closes(next) && !self.may_close(at, next) => {
                    return Some(after);
                }
                '.' if self.stops(at, next) => return Some(after),
                '"' | '\u{201d}' | ')' | '\''
                    if next.is_some_and(char::is_whitespace) && self.ended_before(at) =>
                {
                    return Some(after);
                }
                ',' | ';' | ':' | '—' | '–' if next == Some(' ') && chars >= clause_chars => {
                    clause.get_or_insert(after);
                }
                ' ' => space = Some(after),
                _ => {}
            }
            if self.given == 0 && clause.is_some() {
                return clause;
            }
            if chars >= LONGEST_CHARS || word >= LONGEST_WORD_CHARS {
                return clause.or(space).or(Some(after));
            }
        }
        None
    }

    /// Whether the full stop at `at` ends a sentence, as far as the text tells so far.
    fn stops(&self, at: usize, next: Option<char>) -> bool {
        if closes(next) || next.is_some_and(|c| !c.is_whitespace()) {
            return false; // "9.30", "example.com", "...", a quote that closes behind the stop
        }
        if self.may_close(at, next) {
            return false;
        }
        let word = self.text[..at].rsplit(char::is_whitespace).next().unwrap_or_default();
        let written = word.trim_start_matches(|c: char| !c.is_alphanumeric());
        let word = written.to_lowercase();
        if word.ends_with('.') {
            return next.is_some(); // dots in a row: wait for the last
        }
        let mut letters = word.chars();
        let initial =
            matches!((letters.next(), letters.next()), (Some(c), None) if c.is_alphabetic() && c != 'i');
        if initial || ABBREVIATIONS.contains(&word.as_str()) || TITLES.contains(&written) {
            return false;
        }
        let undecided = MAYBE_LAST.contains(&word.as_str())
            || NUMBERED.contains(&word.as_str())
            || word.ends_with(|c: char| c.is_ascii_digit())
            || word.contains('@')
            || word.starts_with("www");
        if !undecided {
            return true;
        }
        let following = self.text[at + 1..].trim_start().chars().next();
        match following {
            None => false,
            Some(c) if MAYBE_LAST.contains(&word.as_str()) => c.is_uppercase(),
            Some(c) if NUMBERED.contains(&word.as_str()) => !c.is_ascii_digit(),
            Some(c) => !c.is_lowercase(),
        }
    }

    /// Whether the mark that closes a quote or bracket may still come behind the stop.
    fn may_close(&self, at: usize, next: Option<char>) -> bool {
        let before = &self.text[..at];
        let count = |c: char| before.matches(c).count();
        next.is_none()
            && (count('"') % 2 == 1 || count('\u{201c}') > count('\u{201d}') || count('(') > count(')'))
    }

    fn ended_before(&self, at: usize) -> bool {
        self.text[..at].ends_with(['.', '!', '?', '…'])
    }
}

/// A mark that still belongs to the sentence it follows.
fn closes(next: Option<char>) -> bool {
    matches!(next, Some('"' | '\u{201d}' | ')' | '\'' | '!' | '?' | '.' | '…'))
}

#[cfg(test)]
mod tests;
