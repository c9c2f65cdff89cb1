//! Written numbers as they are spoken: years, decimals, thousands. The words are the vocabulary's.

pub(crate) use domain::numbers::digits;
use domain::numbers::small;

/// Without hyphens: the words are looked up one by one.
pub(crate) fn cardinal(n: u64) -> String {
    domain::numbers::cardinal(n).replace('-', " ")
}

pub(crate) fn ordinal(n: u64) -> String {
    domain::numbers::ordinal(n).replace('-', " ")
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
    fn numbers_and_years_are_said_as_an_american_says_them() {
        assert_eq!(
            (cardinal(1_234), ordinal(21)),
            ("one thousand two hundred thirty four".to_owned(), "twenty first".to_owned())
        );
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
