//! Numbers as an American says them. Knows nothing of the text around them.

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

fn small(n: u64) -> &'static str {
    SMALL.get(n as usize).copied().unwrap_or_default()
}

pub(crate) fn cardinal(n: u64) -> String {
    for (scale, name) in SCALES {
        if n >= scale {
            return joined(&format!("{} {name}", cardinal(n / scale)), n % scale, " ");
        }
    }
    match n {
        0..20 => small(n).to_owned(),
        20..100 => joined(TENS.get((n / 10) as usize).copied().unwrap_or_default(), n % 10, " "),
        _ => joined(&format!("{} hundred", small(n / 100)), n % 100, " "),
    }
}

fn joined(head: &str, rest: u64, by: &str) -> String {
    if rest == 0 { head.to_owned() } else { format!("{head}{by}{}", cardinal(rest)) }
}

pub(crate) fn ordinal(n: u64) -> String {
    let words = cardinal(n);
    let (head, last) = words.rsplit_once(' ').map_or(("", words.as_str()), |(head, last)| (head, last));
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
    if head.is_empty() { last } else { format!("{head} {last}") }
}

/// 1984 as nineteen eighty four, 2005 as two thousand five, 1900 as nineteen hundred.
pub(crate) fn year(n: u64) -> String {
    match (n / 100, n % 100) {
        (_, _) if !(1_100..2_100).contains(&n) || (2_000..2_010).contains(&n) => cardinal(n),
        (century, 0) => format!("{} hundred", cardinal(century)),
        (century, rest @ 1..10) => format!("{} oh {}", cardinal(century), small(rest)),
        (century, rest) => format!("{} {}", cardinal(century), cardinal(rest)),
    }
}

/// Digit by digit; whatever is no digit is left out.
pub(crate) fn digits(text: &str) -> String {
    let words: Vec<&str> = text.chars().filter_map(|c| c.to_digit(10)).map(|d| small(u64::from(d))).collect();
    words.join(" ")
}

/// `1,234.50` with an optional sign; `None` where it is no number.
pub(crate) fn decimal(text: &str) -> Option<String> {
    let (sign, plain) = text.strip_prefix(['-', '\u{2212}']).map_or(("", text), |rest| ("minus ", rest));
    let (whole, fraction) =
        plain.split_once('.').map_or((plain, None), |(whole, fraction)| (whole, Some(fraction)));
    let whole = match whole {
        "" if fraction.is_some() => "zero".to_owned(),
        whole => cardinal(grouped(whole)?),
    };
    match fraction {
        None => Some(format!("{sign}{whole}")),
        Some(fraction) if !fraction.is_empty() && all_digits(fraction) => {
            Some(format!("{sign}{whole} point {}", digits(fraction)))
        }
        Some(_) => None,
    }
}

/// A whole number with or without commas at the thousands.
pub(crate) fn grouped(text: &str) -> Option<u64> {
    if let Some((first, rest)) = text.split_once(',') {
        let tidy = all_digits(first)
            && first.len() <= 3
            && rest.split(',').all(|group| group.len() == 3 && all_digits(group));
        return tidy.then(|| text.replace(',', "").parse().ok()).flatten();
    }
    if all_digits(text) { text.parse().ok() } else { None }
}

pub(crate) fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said_as_an_american_says_them() {
        for (n, said) in [
            (0, "zero"),
            (13, "thirteen"),
            (42, "forty two"),
            (100, "one hundred"),
            (115, "one hundred fifteen"),
            (1_234, "one thousand two hundred thirty four"),
            (2_000_001, "two million one"),
        ] {
            assert_eq!(cardinal(n), said);
        }
        for (n, said) in [
            (1, "first"),
            (12, "twelfth"),
            (20, "twentieth"),
            (21, "twenty first"),
            (30, "thirtieth"),
            (100, "one hundredth"),
        ] {
            assert_eq!(ordinal(n), said);
        }
        for (n, said) in [
            (1984, "nineteen eighty four"),
            (2005, "two thousand five"),
            (2026, "twenty twenty six"),
            (1900, "nineteen hundred"),
            (1905, "nineteen oh five"),
            (2000, "two thousand"),
        ] {
            assert_eq!(year(n), said);
        }
        assert!(cardinal(u64::MAX).starts_with("eighteen thousand"));
    }

    #[test]
    fn only_numbers_are_numbers() {
        assert_eq!(
            decimal("1,234.50").as_deref(),
            Some("one thousand two hundred thirty four point five zero")
        );
        assert_eq!(decimal(".5").as_deref(), Some("zero point five"));
        assert_eq!(decimal("-3").as_deref(), Some("minus three"));
        for not in ["", ".", "1,23", "1.2.3", "12a", "99999999999999999999999"] {
            assert_eq!(decimal(not), None, "{not}");
        }
    }
}
