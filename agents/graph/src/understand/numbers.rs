//! Numbers in words and digits.

use super::tokens::Words;

const SMALL: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] =
    ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const ORDINALS: [&str; 20] = [
    "zeroth",
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
];

/// One of the words zero to nineteen, or digits.
pub(super) fn small(word: &str) -> Option<u32> {
    if !word.is_empty() && word.len() <= 6 && word.bytes().all(|byte| byte.is_ascii_digit()) {
        return word.parse().ok();
    }
    SMALL.iter().position(|known| *known == word).map(|index| index as u32)
}

pub(super) fn tens(word: &str) -> Option<u32> {
    TENS.iter().skip(2).position(|known| *known == word).map(|index| (index as u32 + 2) * 10)
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
    if let Some(index) = ORDINALS.iter().position(|known| *known == word) {
        return Some((index as u32, 1));
    }
    match word {
        "twentieth" => return Some((20, 1)),
        "thirtieth" => return Some((30, 1)),
        _ => {}
    }
    if let Some(ten) = tens(word) {
        let one = ORDINALS.iter().position(|known| *known == words.word(at + 1))?;
        return (1..10).contains(&one).then_some((ten + one as u32, 2));
    }
    let digits =
        word.strip_suffix("st").or_else(|| word.strip_suffix("nd")).or_else(|| word.strip_suffix("rd"));
    let digits = digits.or_else(|| word.strip_suffix("th"))?;
    if digits.len() > 2 { None } else { digits.parse().ok().map(|value| (value, 1)) }
}

/// A number as it is spoken; up to 999 999.
pub(crate) fn in_words(value: u32) -> String {
    match value {
        0..20 => SMALL[value as usize].to_owned(),
        20..100 => {
            let ten = TENS[(value / 10) as usize];
            if value.is_multiple_of(10) {
                ten.to_owned()
            } else {
                format!("{ten}-{}", SMALL[(value % 10) as usize])
            }
        }
        100..1000 => {
            let hundreds = format!("{} hundred", SMALL[(value / 100) as usize]);
            if value.is_multiple_of(100) { hundreds } else { format!("{hundreds} {}", in_words(value % 100)) }
        }
        1000..1_000_000 => {
            let thousands = format!("{} thousand", in_words(value / 1000));
            if value.is_multiple_of(1000) {
                thousands
            } else {
                format!("{thousands} {}", in_words(value % 1000))
            }
        }
        _ => value.to_string(),
    }
}

/// A day of the month as it is spoken.
pub(crate) fn ordinal_in_words(value: u32) -> String {
    match value {
        0..20 => ORDINALS[value as usize].to_owned(),
        20 => "twentieth".to_owned(),
        30 => "thirtieth".to_owned(),
        21..100 => format!("{}-{}", TENS[(value / 10) as usize], ORDINALS[(value % 10) as usize]),
        _ => format!("{value}th"),
    }
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

    #[test]
    fn numbers_are_spoken_as_words() {
        assert_eq!(in_words(45), "forty-five");
        assert_eq!(in_words(118), "one hundred eighteen");
        assert_eq!(ordinal_in_words(23), "twenty-third");
    }
}
