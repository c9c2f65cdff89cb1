//! Word lists for each language, and words as the rules compare them. Knows nothing of turns.

mod lists;

use domain::Language;

use lists::{COMMON, ENGLISH, FRENCH, GERMAN, SPANISH};

/// What the words of one language are for in a conversation. Entries are lower-case; those of several words are phrases.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    /// "I am listening": never an answer.
    pub(crate) continuers: &'static [&'static str],
    /// "yes" and "okay": a backchannel over the agent, an answer when the agent listens.
    pub(crate) answers: &'static [&'static str],
    /// Sounds of someone who is about to speak.
    pub(crate) fillers: &'static [&'static str],
    /// Take the floor as a single word.
    pub(crate) commands: &'static [&'static str],
    /// What one says into a greeting.
    pub(crate) greetings: &'static [&'static str],
    /// What recognisers make of noise, when it is all they give.
    pub(crate) phantoms: &'static [&'static str],
    /// A text that ends so will go on.
    pub(crate) trailing: &'static [&'static str],
    /// A text that is this is complete.
    pub(crate) complete: &'static [&'static str],
    /// Digits as they are spoken.
    pub(crate) digits: &'static [&'static str],
}

impl Vocabulary {
    pub(crate) fn of(language: &Language) -> &'static Self {
        match language.0.split('-').next().unwrap_or_default() {
            "en" => &ENGLISH,
            "de" => &GERMAN,
            "es" => &SPANISH,
            "fr" => &FRENCH,
            _ => &COMMON,
        }
    }

    /// How many of the first words are one entry of the list; 0 where none is. Phrases win over their first word.
    pub(crate) fn leading(list: &[&str], words: &[String]) -> usize {
        let fits = |entry: &&str| {
            let mut count = 0;
            for part in entry.split(' ') {
                if words.get(count).is_none_or(|word| word != part) {
                    return 0;
                }
                count += 1;
            }
            count
        };
        list.iter().map(fits).max().unwrap_or(0)
    }

    /// Whether the words end with an entry of the list.
    pub(crate) fn ends(list: &[&str], words: &[String]) -> bool {
        list.iter().any(|entry| {
            let length = entry.split(' ').count();
            length <= words.len()
                && entry.split(' ').eq(words[words.len() - length..].iter().map(String::as_str))
        })
    }

    /// Whether the words are exactly an entry of the list.
    pub(crate) fn is(list: &[&str], words: &[String]) -> bool {
        list.iter().any(|entry| entry.split(' ').eq(words.iter().map(String::as_str)))
    }
}

/// The words of a text without case and punctuation; hyphens part words, apostrophes stay.
pub(crate) fn split(text: &str) -> Vec<String> {
    text.split(|c: char| c.is_whitespace() || matches!(c, '-' | '–' | '—' | '…' | '/'))
        .map(|word| {
            let kept = word.chars().map(|c| if c == '’' { '\'' } else { c });
            let kept: String = kept.filter(|c| c.is_alphanumeric() || *c == '\'').collect();
            kept.trim_matches('\'').to_lowercase()
        })
        .filter(|word| !word.is_empty())
        .collect()
}

/// Whether two texts differ in case and punctuation at most.
pub(crate) fn same(one: &str, other: &str) -> bool {
    split(one) == split(other)
}

/// Two pieces of speech as one text.
pub(crate) fn join(first: &str, second: &str) -> String {
    match (first.trim(), second.trim()) {
        ("", text) | (text, "") => text.to_owned(),
        (first, second) => format!("{first} {second}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_compared_without_case_and_punctuation() {
        assert_eq!(split("Mm-hmm. I’d, say: NO!"), ["mm", "hmm", "i'd", "say", "no"]);
        assert!(same("I want to book.", "i want to book") && !same("book", "look"));
        assert_eq!(join("I'd like ", ""), "I'd like");
        assert_eq!(join("a", "b"), "a b");
    }

    #[test]
    fn phrases_are_found_at_both_ends() {
        let words = split("hold on a second, my number is");
        assert_eq!(Vocabulary::leading(ENGLISH.commands, &words), 2);
        assert!(Vocabulary::ends(ENGLISH.trailing, &words));
        assert!(
            !Vocabulary::ends(ENGLISH.trailing, &split(""))
                && !Vocabulary::is(ENGLISH.complete, &split("yes but"))
        );
    }

    #[test]
    fn an_unknown_language_still_knows_mhm() {
        assert_eq!(
            Vocabulary::leading(Vocabulary::of(&Language("sw".to_owned())).continuers, &split("Mhm")),
            1
        );
        assert_eq!(
            Vocabulary::leading(Vocabulary::of(&Language("de-CH".to_owned())).answers, &split("ach so")),
            2
        );
    }
}
