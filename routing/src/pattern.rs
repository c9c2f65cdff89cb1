//! Numbers and names of rooms, whole or by their beginning (`+4144*`).

use std::fmt;

pub const LONGEST: usize = 128;
/// Digits that a number has when it is a country's and not a house's: fewer are an extension.
const INTERNATIONAL: usize = 8;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    Exact(String),
    /// Everything that begins so.
    Beginning(String),
}

/// How well something fits a pattern; the later is the more specific.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// The route says nothing of it.
    Open,
    /// By so many characters of its beginning.
    Beginning(usize),
    Exact,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    #[error("something must stand before the `*`")]
    Empty,
    #[error("at most {LONGEST} characters")]
    Long,
    #[error("`*` stands at the end alone")]
    Star,
    #[error(
        "a number is `+` and digits, or an extension of letters, digits and `-_.`; with `*` at its end, everything that begins so"
    )]
    Number,
    #[error("a name has visible ASCII characters and single spaces alone")]
    Name,
}

impl Pattern {
    /// A number as it is dialled, or the name of an extension.
    ///
    /// # Errors
    /// What it is not.
    pub fn number(text: &str) -> Result<Self, PatternError> {
        let (plain, star) = split(text.trim())?;
        let plain = if star { international(plain) } else { dialled(plain) };
        let rest = plain.strip_prefix('+').unwrap_or(&plain);
        let fits = if plain.starts_with('+') {
            !rest.is_empty() && rest.len() <= 15 && rest.bytes().all(|byte| byte.is_ascii_digit())
        } else {
            rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        if fits { Ok(Self::of(plain, star)) } else { Err(PatternError::Number) }
    }

    /// The name of a room.
    ///
    /// # Errors
    /// What it is not.
    pub fn name(text: &str) -> Result<Self, PatternError> {
        let (plain, star) = split(text)?;
        let fits = plain.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) && plain.trim() == plain;
        if fits { Ok(Self::of(plain.to_owned(), star)) } else { Err(PatternError::Name) }
    }

    const fn of(plain: String, star: bool) -> Self {
        if star { Self::Beginning(plain) } else { Self::Exact(plain) }
    }

    #[must_use]
    pub fn fit(&self, brought: &str) -> Option<Fit> {
        match self {
            Self::Exact(whole) => (whole == brought).then_some(Fit::Exact),
            Self::Beginning(beginning) => {
                brought.starts_with(beginning.as_str()).then_some(Fit::Beginning(beginning.len()))
            }
        }
    }

    /// What it takes of all numbers: a beginning of few characters takes many.
    #[must_use]
    pub const fn is_wide(&self, least: usize) -> bool {
        matches!(self, Self::Beginning(beginning) if beginning.len() < least)
    }
}

/// As it is written, such as `+4144*`.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(whole) => f.write_str(whole),
            Self::Beginning(beginning) => write!(f, "{beginning}*"),
        }
    }
}

/// A number as carriers and phones bring it, written in one way: without separators, `00` as `+`, and with the `+` that many leave out. What is
/// no number stays as it is.
#[must_use]
pub fn dialled(brought: &str) -> String {
    let number = international(brought);
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    if digits && (INTERNATIONAL..=15).contains(&number.len()) && !number.starts_with('0') {
        return format!("+{number}");
    }
    number
}

/// Without separators, and `00` as `+`.
fn international(brought: &str) -> String {
    let bare: String = brought.chars().filter(|letter| !" -().".contains(*letter)).collect();
    let digits = bare.strip_prefix('+').unwrap_or(&bare);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return brought.to_owned();
    }
    match bare.strip_prefix("00") {
        Some(rest) if !rest.is_empty() => format!("+{rest}"),
        _ => bare,
    }
}

fn split(text: &str) -> Result<(&str, bool), PatternError> {
    if text.len() > LONGEST {
        return Err(PatternError::Long);
    }
    let (plain, star) = text.strip_suffix('*').map_or((text, false), |plain| (plain, true));
    if plain.is_empty() {
        return Err(PatternError::Empty);
    }
    if plain.contains('*') {
        return Err(PatternError::Star);
    }
    Ok((plain, star))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_one_number_however_it_is_written() {
        for brought in
            ["+41 44 123-45.67", "0041441234567", "41441234567", "+41441234567", "+41 (44) 1234567"]
        {
            assert_eq!(dialled(brought), "+41441234567", "{brought}");
        }
        for (brought, stays) in [
            ("front-desk", "front-desk"),
            ("1001", "1001"),
            ("0441234567", "0441234567"),
            ("+", "+"),
            ("", ""),
        ] {
            assert_eq!(dialled(brought), stays);
        }
    }

    #[test]
    fn patterns_are_read_and_written_the_same() {
        for (text, written) in [
            ("0041 44 123 45 67", "+41441234567"),
            ("+4144*", "+4144*"),
            ("004144*", "+4144*"),
            ("10*", "10*"),
            ("front-desk", "front-desk"),
        ] {
            assert_eq!(Pattern::number(text).map(|pattern| pattern.to_string()).as_deref(), Ok(written));
        }
        for (text, wrong) in [
            ("*", PatternError::Empty),
            ("", PatternError::Empty),
            ("+4*1", PatternError::Star),
            ("+41a", PatternError::Number),
            ("a b", PatternError::Number),
            ("+1234567890123456", PatternError::Number),
        ] {
            assert_eq!(Pattern::number(text), Err(wrong), "{text}");
        }
        assert_eq!(Pattern::name("support *"), Err(PatternError::Name));
        assert_eq!(Pattern::name("Zürich"), Err(PatternError::Name));
        assert_eq!(Pattern::name("support/*").map(|pattern| pattern.to_string()).as_deref(), Ok("support/*"));
    }

    #[test]
    fn the_whole_is_more_than_a_beginning_and_a_long_one_more_than_a_short_one() {
        let fit = |pattern: &str| Pattern::number(pattern).expect("a pattern").fit("+41441234567");
        assert_eq!(fit("+41441234568"), None);
        assert!(fit("+41441234567") > fit("+4144*"));
        assert!(fit("+4144*") > fit("+41*"));
        assert!(fit("+41*") > Some(Fit::Open));
    }
}
