//! Number words of English, both ways. Knows nothing of the text around them.

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
const SCALES: [(u64, &str); 5] = [
    (1_000_000_000_000_000, "quadrillion"),
    (1_000_000_000_000, "trillion"),
    (1_000_000_000, "billion"),
    (1_000_000, "million"),
    (1_000, "thousand"),
];

/// Zero to nineteen as one word; empty beyond.
#[must_use]
pub fn small(n: u64) -> &'static str {
    usize::try_from(n).ok().and_then(|n| SMALL.get(n)).copied().unwrap_or_default()
}

/// Which of zero to nineteen the word is.
#[must_use]
pub fn as_small(word: &str) -> Option<u32> {
    (0..20).find(|n| small(u64::from(*n)) == word)
}

/// Twenty, thirty, up to ninety.
#[must_use]
pub fn as_tens(word: &str) -> Option<u32> {
    (2..10).find(|n| tens(u64::from(*n) * 10) == word).map(|n| n * 10)
}

/// Which of "zeroth" to "nineteenth", "twentieth", up to "ninetieth" the word is.
#[must_use]
pub fn as_ordinal(word: &str) -> Option<u32> {
    (0..20).chain((20..100).step_by(10)).find(|n| ordinal(u64::from(*n)) == word)
}

/// "forty-five", "one hundred eighteen", as an American says and writes it.
#[must_use]
pub fn cardinal(n: u64) -> String {
    for (scale, name) in SCALES {
        if n >= scale {
            return joined(&format!("{} {name}", cardinal(n / scale)), n % scale, " ");
        }
    }
    match n {
        0..20 => small(n).to_owned(),
        20..100 => joined(tens(n), n % 10, "-"),
        _ => joined(&format!("{} hundred", small(n / 100)), n % 100, " "),
    }
}

/// "twenty-third", "one hundredth".
#[must_use]
pub fn ordinal(n: u64) -> String {
    let words = cardinal(n);
    let start = words.rfind([' ', '-']).map_or(0, |at| at + 1);
    let (head, last) = words.split_at(start);
    let last = match last {
        "one" => "first".to_owned(),
        "two" => "second".to_owned(),
        "three" => "third".to_owned(),
        "five" => "fifth".to_owned(),
        "eight" => "eighth".to_owned(),
        "nine" => "ninth".to_owned(),
        "twelve" => "twelfth".to_owned(),
        other => other.strip_suffix('y').map_or_else(|| format!("{other}th"), |stem| format!("{stem}ieth")),
    };
    format!("{head}{last}")
}

/// Digit by digit: "five five zero". Whatever is no digit is left out.
#[must_use]
pub fn digits(text: &str) -> String {
    let words: Vec<&str> = text.chars().filter_map(|c| c.to_digit(10)).map(|d| small(u64::from(d))).collect();
    words.join(" ")
}

fn tens(n: u64) -> &'static str {
    usize::try_from(n / 10).ok().and_then(|ten| TENS.get(ten)).copied().unwrap_or_default()
}

fn joined(head: &str, rest: u64, by: &str) -> String {
    if rest == 0 { head.to_owned() } else { format!("{head}{by}{}", cardinal(rest)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said_as_an_american_says_them() {
        for (n, said) in [
            (0, "zero"),
            (13, "thirteen"),
            (40, "forty"),
            (42, "forty-two"),
            (100, "one hundred"),
            (115, "one hundred fifteen"),
            (1_234, "one thousand two hundred thirty-four"),
            (2_000_001, "two million one"),
        ] {
            assert_eq!(cardinal(n), said);
        }
        assert!(cardinal(u64::MAX).starts_with("eighteen thousand"));
        for (n, said) in [
            (0, "zeroth"),
            (1, "first"),
            (12, "twelfth"),
            (20, "twentieth"),
            (21, "twenty-first"),
            (30, "thirtieth"),
            (100, "one hundredth"),
        ] {
            assert_eq!(ordinal(n), said);
        }
        assert_eq!(digits("55-01"), "five five zero one");
    }

    #[test]
    fn words_are_read_back() {
        assert_eq!((as_small("nineteen"), as_small("twenty"), as_small("")), (Some(19), None, None));
        assert_eq!((as_tens("ninety"), as_tens("ten"), as_tens("")), (Some(90), None, None));
        assert_eq!(
            (as_ordinal("third"), as_ordinal("thirtieth"), as_ordinal("north")),
            (Some(3), Some(30), None)
        );
    }
}
