//! Numbers as a caller says them, in words and digits.

use domain::numbers::{as_ordinal, as_small, as_tens as tens};

use super::tokens::Words;

/// One of the words zero to nineteen, or digits.
pub(super) fn small(word: &str) -> Option<u32> {
    if !word.is_empty() && word.len() <= 6 && word.bytes().all(|byte| byte.is_ascii_digit()) {
        return word.parse().ok();
    }
    as_small(word)
}

/// The number that begins at `at` ("twenty five", "a hundred and ten", "25") and how many words it takes.
#[must_use]
pub fn cardinal(words: &Words, at: usize) -> Option<(u32, usize)> {
    let (mut value, mut used) = below_hundred(words, at)?;
    if words.word(at + used) == "hundred" {
        value *= 100;
        used += 1;
        let skip = usize::from(words.word(at + used) == "and");
        if let Some((rest, more)) = below_hundred(words, at + used + skip) {
            value += rest;
            used += skip + more;
        }
    }
    Some((value, used))
}

fn below_hundred(words: &Words, at: usize) -> Option<(u32, usize)> {
    let word = words.word(at);
    if let Some(ten) = tens(word) {
        return match small(words.word(at + 1)) {
            Some(one) if (1..10).contains(&one) && !words.pause_after(at) => Some((ten + one, 2)),
            _ => Some((ten, 1)),
        };
    }
    if matches!(word, "a" | "an") && words.word(at + 1) == "hundred" {
        return Some((1, 1));
    }
    small(word).map(|value| (value, 1))
}

/// "fifth", "5th", "twenty first", and how many words it takes.
#[must_use]
pub fn ordinal(words: &Words, at: usize) -> Option<(u32, usize)> {
    let word = words.word(at);
    if let Some(value) = as_ordinal(word) {
        return Some((value, 1));
    }
    if let Some(ten) = tens(word) {
        let one = as_ordinal(words.word(at + 1))?;
        return (1..10).contains(&one).then_some((ten + one, 2));
    }
    let digits =
        word.strip_suffix("st").or_else(|| word.strip_suffix("nd")).or_else(|| word.strip_suffix("rd"));
    let digits = digits.or_else(|| word.strip_suffix("th"))?;
    if digits.len() > 2 { None } else { digits.parse().ok().map(|value| (value, 1)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_digits_are_the_same_number() {
        for (text, value, used) in [
            ("twenty five", 25, 2),
            ("25", 25, 1),
            ("a hundred and ten", 110, 4),
            ("two hundred", 200, 2),
            ("twenty, five", 20, 1),
        ] {
            assert_eq!(cardinal(&Words::new(text), 0), Some((value, used)), "{text}");
        }
        assert_eq!(ordinal(&Words::new("twenty first"), 0), Some((21, 2)));
        assert_eq!(ordinal(&Words::new("3rd"), 0), Some((3, 1)));
        assert_eq!(ordinal(&Words::new("north"), 0), None);
    }
}
