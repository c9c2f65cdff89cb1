//! One of several known things by any of its names, slips of a letter forgiven.

use super::everyday::is_everyday;
use super::tokens::{Found, Words};

/// Names and synonyms of each option, as words.
#[derive(Debug, Clone, Default)]
pub struct Choices {
    /// Key and one of its names; longer names first, so that "beard trim" wins over "trim".
    names: Vec<(String, Vec<String>)>,
}

impl Choices {
    /// From pairs of key and name; the key with underscores as blanks is a name too.
    pub fn new<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut names: Vec<(String, Vec<String>)> = pairs
            .into_iter()
            .map(|(key, name)| {
                (
                    key.to_owned(),
                    Words::new(&name.replace('_', " ")).tokens.into_iter().map(|token| token.word).collect(),
                )
            })
            .filter(|(_, words): &(String, Vec<String>)| !words.is_empty())
            .collect();
        names.sort_by(|a, b| {
            b.1.len()
                .cmp(&a.1.len())
                .then_with(|| b.1.concat().len().cmp(&a.1.concat().len()))
                .then_with(|| a.0.cmp(&b.0))
        });
        names.dedup();
        Self { names }
    }

    /// The longest name that is said plainly; with `slips`, else, one with a slip in a long word.
    #[must_use]
    pub fn find(&self, words: &Words, slips: bool) -> Option<Found<String>> {
        let near: &[Nearness] = if slips {
            &[Nearness::Exact, Nearness::Plural, Nearness::Slip]
        } else {
            &[Nearness::Exact, Nearness::Plural]
        };
        near.iter().find_map(|near| {
            self.names.iter().find_map(|(key, name)| {
                let at = (0..words.len()).find(|at| said_at(words, *at, name, *near))?;
                Some(Found { value: key.clone(), from: at, to: at + name.len() })
            })
        })
    }

    /// Where the longest name that begins at `at` ends.
    pub(super) fn end_of_name(&self, words: &Words, at: usize) -> Option<usize> {
        let said = |near| self.names.iter().find(|(_, name)| said_at(words, at, name, near));
        said(Nearness::Exact).or_else(|| said(Nearness::Plural)).map(|(_, name)| at + name.len())
    }
}

/// How much a word may differ from the one that is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nearness {
    Exact,
    Plural,
    Slip,
}

fn said_at(words: &Words, at: usize, name: &[String], near: Nearness) -> bool {
    name.iter().enumerate().all(|(offset, word)| same(words.word(at + offset), word, near))
}

fn same(said: &str, known: &str, near: Nearness) -> bool {
    if said == known {
        return true;
    }
    if said.is_empty() || near == Nearness::Exact {
        return false;
    }
    let plural = said.strip_suffix('s') == Some(known) || known.strip_suffix('s') == Some(said);
    let long = known.len() >= 5 && said.len() >= 4;
    plural || (near == Nearness::Slip && long && !is_everyday(said) && one_slip(said, known))
}

/// Whether the words differ by one letter put in, left out or exchanged.
fn one_slip(left: &str, right: &str) -> bool {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let start = left.iter().zip(&right).take_while(|(a, b)| a == b).count();
    let end = left[start..].iter().rev().zip(right[start..].iter().rev()).take_while(|(a, b)| a == b).count();
    left.len() - start - end <= 1 && right.len() - start - end <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_name_wins_and_a_slip_is_forgiven() {
        let choices = Choices::new([
            ("haircut", "haircut"),
            ("haircut", "trim"),
            ("beard_trim", "beard_trim"),
            ("colour", "color"),
            ("colour", "colour"),
        ]);
        for (text, key) in [
            ("I'd like a beard trim", Some("beard_trim")),
            ("just a trim", Some("haircut")),
            ("haircuts", Some("haircut")),
            ("a haircat please", Some("haircut")),
            ("colur", Some("colour")),
            ("a massage", None),
            ("", None),
        ] {
            assert_eq!(
                choices.find(&Words::new(text), true).map(|found| found.value).as_deref(),
                key,
                "{text}"
            );
        }
    }

    #[test]
    fn a_common_word_is_no_slip_and_a_slip_counts_only_where_it_may() {
        let choices = Choices::new([("beard_trim", "shave"), ("colour", "colour"), ("haircut", "haircut")]);
        for text in ["the earliest you have", "I could come", "can we share", "save it"] {
            assert_eq!(choices.find(&Words::new(text), true), None, "{text}");
        }
        let plainly = |text| choices.find(&Words::new(text), false).map(|found| found.value);
        assert_eq!(plainly("a haircat"), None);
        assert_eq!(plainly("two haircuts").as_deref(), Some("haircut"));
    }
}
