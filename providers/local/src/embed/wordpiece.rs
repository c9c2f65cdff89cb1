//! Cuts a sentence into the pieces the embedding model knows: lower case, without accents, longest piece first.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// A word longer than this is no word.
const WORD_CHARS_MAX: usize = 100;

#[derive(Debug)]
pub(super) struct WordPiece {
    ids: HashMap<String, usize>,
    unknown: usize,
    begin: usize,
    end: usize,
}

impl WordPiece {
    /// `vocabulary` has one piece a line; the line is the id.
    pub(super) fn read(vocabulary: &str) -> Result<Self, String> {
        let ids: HashMap<String, usize> =
            vocabulary.lines().enumerate().map(|(id, piece)| (piece.to_owned(), id)).collect();
        let special = |name: &str| ids.get(name).copied().ok_or_else(|| format!("it has no {name}"));
        Ok(Self { unknown: special("[UNK]")?, begin: special("[CLS]")?, end: special("[SEP]")?, ids })
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// At most `ids_max` ids, begin and end included; what does not fit is cut off.
    pub(super) fn ids(&self, text: &str, ids_max: usize) -> Vec<usize> {
        let mut ids = vec![self.begin];
        for word in words(text) {
            self.add_pieces(&word, &mut ids);
            if ids.len() >= ids_max {
                break;
            }
        }
        ids.truncate(ids_max.saturating_sub(1).max(1));
        ids.push(self.end);
        ids
    }

    fn add_pieces(&self, word: &str, ids: &mut Vec<usize>) {
        let whole = ids.len();
        let mut rest = word;
        while !rest.is_empty() {
            let prefix = if ids.len() == whole { "" } else { "##" };
            let ends = rest.char_indices().map(|(at, c)| at + c.len_utf8()).rev();
            let longest = ends.filter_map(|end| {
                let piece = format!("{prefix}{}", &rest[..end]);
                self.ids.get(&piece).map(|id| (end, *id))
            });
            let found = if word.chars().count() > WORD_CHARS_MAX { None } else { longest.into_iter().next() };
            let Some((end, id)) = found else {
                ids.truncate(whole);
                ids.push(self.unknown);
                return;
            };
            ids.push(id);
            rest = &rest[end..];
        }
    }
}

/// Words and single punctuation marks.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let plain = text.chars().flat_map(char::to_lowercase).nfd().filter(|c| !is_combining_mark(*c));
    for c in plain {
        if c.is_whitespace() {
            words.push(String::new());
        } else if c == '\0' || c == '\u{fffd}' || c.is_control() || is_invisible(c) {
        } else if is_punctuation(c) || is_ideograph(c) {
            words.push(c.to_string());
            words.push(String::new());
        } else if let Some(word) = words.last_mut() {
            word.push(c);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn is_punctuation(c: char) -> bool {
    c.is_ascii_punctuation()
        || matches!(c, '\u{a1}' | '\u{a7}' | '\u{ab}' | '\u{b6}' | '\u{b7}' | '\u{bb}' | '\u{bf}')
        || matches!(c, '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}' | '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3011}')
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

/// Written without spaces: each is a word.
fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{2fa1f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces() -> WordPiece {
        WordPiece::read("[UNK]\n[CLS]\n[SEP]\nopen\n##ing\n##s\nhours\n?\ncafe\n\u{732b}").unwrap()
    }

    #[test]
    fn words_fall_into_their_longest_pieces() {
        assert_eq!(pieces().ids("Openings, HOURS?", 99), [1, 3, 4, 5, 0, 6, 7, 2]);
        assert_eq!(pieces().ids("Caf\u{e9} \u{732b}\u{732b}", 99), [1, 8, 9, 9, 2]);
        assert_eq!(pieces().ids("openx", 99), [1, 0, 2]);
        assert_eq!(pieces().ids(" \t\u{200b}", 99), [1, 2]);
    }

    #[test]
    fn long_texts_are_cut_and_still_end() {
        assert_eq!(pieces().ids("open open open open", 4), [1, 3, 3, 2]);
        assert_eq!(pieces().ids(&"x".repeat(5_000), 99), [1, 0, 2]);
    }
}
