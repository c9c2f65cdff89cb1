//! Keys that are pressed one after the other on a line, with pauses between them: what a menu or a door wants.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::speech::Digit;

/// Most keys and pauses at once.
pub const MOST_KEYS: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// For 100 ms, and 60 ms of quiet.
    Press(Digit),
    /// Half a second in which nothing is pressed.
    Pause,
}

impl Key {
    pub const PRESS: Duration = Duration::from_millis(100);
    pub const BETWEEN: Duration = Duration::from_millis(60);
    pub const PAUSE: Duration = Duration::from_millis(500);

    #[must_use]
    pub const fn length(self) -> Duration {
        match self {
            Self::Press(_) => Self::PRESS.saturating_add(Self::BETWEEN),
            Self::Pause => Self::PAUSE,
        }
    }
}

/// At least one key, written as `1w2#`: `w` is a pause of half a second, `W` of a second; blanks, hyphens, dots and parentheses, as in
/// numbers, mean nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys(Vec<Key>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoKeys {
    #[error("{0:?} is no telephone key: give 0-9, *, #, A-D, and w or W for pauses")]
    Unknown(char),
    #[error("no key is named: give 0-9, *, #, A-D, and w or W for pauses")]
    Empty,
    #[error("{MOST_KEYS} keys and pauses at most, of which W counts as two")]
    TooMany,
}

impl Keys {
    pub fn iter(&self) -> impl Iterator<Item = Key> + '_ {
        self.0.iter().copied()
    }

    /// So long they take.
    #[must_use]
    pub fn length(&self) -> Duration {
        self.iter().map(Key::length).sum()
    }

    /// How many keys, without the pauses.
    #[must_use]
    pub fn pressed(&self) -> usize {
        self.iter().filter(|key| matches!(key, Key::Press(_))).count()
    }
}

impl FromStr for Keys {
    type Err = NoKeys;

    fn from_str(text: &str) -> Result<Self, NoKeys> {
        let mut keys = Vec::new();
        for key in text.chars() {
            match key {
                ' ' | '-' | '.' | '(' | ')' => {}
                'w' => keys.push(Key::Pause),
                'W' => keys.extend([Key::Pause; 2]),
                other => keys.push(Key::Press(Digit::try_from(other).map_err(|_| NoKeys::Unknown(other))?)),
            }
            if keys.len() > MOST_KEYS {
                return Err(NoKeys::TooMany);
            }
        }
        if keys.iter().all(|key| *key == Key::Pause) {
            return Err(NoKeys::Empty);
        }
        Ok(Self(keys))
    }
}

/// As it is written, with `w` alone for pauses.
impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for key in self.iter() {
            let key = match key {
                Key::Press(digit) => char::from(digit),
                Key::Pause => 'w',
            };
            fmt::Write::write_char(f, key)?;
        }
        Ok(())
    }
}

/// Keys may be somebody's number.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_people_write_them_and_what_is_no_key_is_named() {
        let keys: Keys = "1w2 (0-0)#W".parse().expect("keys");
        assert_eq!(keys.to_string(), "1w200#ww");
        assert_eq!((keys.pressed(), keys.length()), (5, Duration::from_millis(5 * 160 + 3 * 500)));
        assert_eq!("12x".parse::<Keys>(), Err(NoKeys::Unknown('x')));
        for empty in ["", " ", "wW"] {
            assert_eq!(empty.parse::<Keys>(), Err(NoKeys::Empty), "{empty:?}");
        }
        assert_eq!("1".repeat(MOST_KEYS + 1).parse::<Keys>(), Err(NoKeys::TooMany));
        assert!(!format!("{:?}", "4711".parse::<Keys>()).contains("4711"));
    }
}
