//! The agent's own words, to know them when they come back through the caller's microphone.

use std::collections::VecDeque;

use crate::words::split;

/// Words remembered: two or three sentences.
const REMEMBERED: usize = 80;
/// Fewer words than this in the agent's order may be chance.
const SHORTEST: usize = 2;

#[derive(Debug, Default)]
pub(crate) struct Echo {
    said: VecDeque<String>,
}

impl Echo {
    pub(crate) fn say(&mut self, text: &str) {
        self.said.extend(split(text));
        while self.said.len() > REMEMBERED {
            self.said.pop_front();
        }
    }

    pub(crate) fn forget(&mut self) {
        self.said.clear();
    }

    /// Whether the text is a run of the agent's own words.
    pub(crate) fn contains(&self, text: &str) -> bool {
        let words = split(text);
        if words.len() < SHORTEST || words.len() > self.said.len() {
            return false;
        }
        (0..=self.said.len() - words.len()).any(|at| self.said.range(at..at + words.len()).eq(words.iter()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_own_words_is_an_echo() {
        let mut echo = Echo::default();
        echo.say("We are open from nine to five.");
        assert!(echo.contains("open from nine"));
        assert!(!echo.contains("nine") && !echo.contains("nine from") && !echo.contains(""));
        echo.forget();
        assert!(!echo.contains("open from nine"));
    }
}
