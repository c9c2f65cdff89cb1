//! Whether a text looks finished. By word lists and digits only; a recogniser's full stop proves nothing, since it sets one
//! after every fragment.

use crate::words::{Vocabulary, split};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Ends in mid-phrase or in a number that has begun.
    Unfinished,
    /// Could be either.
    Open,
    /// A question, or a phrase that stands alone.
    Complete,
}

/// From so many digits in a row a number is being dictated; a time or a price has fewer.
const DICTATION_DIGITS: usize = 3;
/// A dictated number of fewer digits has probably not ended.
const WHOLE_NUMBER_DIGITS: usize = 7;

impl Shape {
    pub(crate) fn of(vocabulary: &Vocabulary, text: &str) -> Self {
        let words = split(text);
        if words.is_empty() {
            return Self::Open;
        }
        let trimmed = text.trim_end();
        if Vocabulary::is(vocabulary.complete, &words) {
            return Self::Complete;
        }
        let (digits, tokens) = trailing_digits(vocabulary, &words);
        let dictating = tokens >= DICTATION_DIGITS && digits < WHOLE_NUMBER_DIGITS;
        let cut = trimmed.ends_with([',', '-', '–', '—', '…', ':']) || trimmed.ends_with("...");
        if trimmed.ends_with('?') && words.len() > 1 && !cut {
            return Self::Complete;
        }

        if cut || dictating || Vocabulary::ends(vocabulary.trailing, &words) {
            return Self::Unfinished;
        }
        Self::Open
    }
}

/// Digits that the text ends with, and in how many words: "five five five 01" has 5 in 4.
fn trailing_digits(vocabulary: &Vocabulary, words: &[String]) -> (usize, usize) {
    let (mut digits, mut tokens) = (0, 0);
    for word in words.iter().rev() {
        if word.chars().all(|c| c.is_ascii_digit()) {
            digits += word.len();
        } else if vocabulary.digits.contains(&word.as_str()) {
            digits += 1;
        } else {
            break;
        }
        tokens += 1;
    }
    (digits, tokens)
}

#[cfg(test)]
mod tests {
    use domain::Language;

    use super::*;

    fn shape(text: &str) -> Shape {
        Shape::of(Vocabulary::of(&Language::default()), text)
    }

    #[test]
    fn fragments_are_waited_for() {
        for text in [
            "I would like to book a haircut and.",
            "My number is",
            "my phone number is five five five",
            "five five five zero one",
            "on Tuesday, um",
            "I want to go to...",
            "My name is.",
        ] {
            assert_eq!(shape(text), Shape::Unfinished, "{text}");
        }
    }

    #[test]
    fn whole_phrases_are_not() {
        for text in ["Yes, please.", "When do you close today?", "No", "Thank you. Goodbye."] {
            assert_eq!(shape(text), Shape::Complete, "{text}");
        }
        for text in [
            "five five five zero one four two",
            "at three",
            "I need a haircut.",
            "Tuesday, please.",
            "I think so.",
            "I would like to do that.",
            "Could you repeat that please",
            "",
        ] {
            assert_ne!(shape(text), Shape::Unfinished, "{text}");
        }
    }
}
