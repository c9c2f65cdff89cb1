//! Which languages a caller is to be greeted in: what they chose, what their number says, what was detected, and the agent's own.

use domain::Language;
use serde::{Deserialize, Serialize};

/// From whom a language was learned, in the order in which they are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Heard {
    /// Said with the call.
    Caller,
    /// By the beginning of their number.
    Number,
    /// Of their browser or client (`Accept-Language`).
    Detected,
    /// The agent's own.
    Agent,
}

/// Callers whose number begins so speak this language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prefix {
    /// `+` and digits.
    pub prefix: String,
    pub language: Language,
}

/// Of a browser's list, as many are looked at.
const DETECTED_MOST: usize = 5;

/// What is wanted, most wanted first; no language twice.
#[must_use]
pub fn wanted(
    caller: Option<&Language>,
    number: Option<&str>,
    prefixes: &[Prefix],
    accepted: Option<&str>,
    agent: &Language,
) -> Vec<(Language, Heard)> {
    let mut found: Vec<(Language, Heard)> = Vec::new();
    let mut add = |language: Language, heard: Heard| {
        if !found.iter().any(|(known, _)| known.0.eq_ignore_ascii_case(&language.0)) {
            found.push((language, heard));
        }
    };
    if let Some(language) = caller {
        add(language.clone(), Heard::Caller);
    }
    if let Some(language) = number.and_then(|number| of_number(number, prefixes)) {
        add(language.clone(), Heard::Number);
    }
    for language in accepted.map(accepting).unwrap_or_default() {
        add(language, Heard::Detected);
    }
    add(agent.clone(), Heard::Agent);
    found
}

/// The longest beginning wins.
fn of_number<'a>(number: &str, prefixes: &'a [Prefix]) -> Option<&'a Language> {
    let number: String = number.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
    prefixes
        .iter()
        .filter(|known| number.starts_with(&known.prefix))
        .max_by_key(|known| known.prefix.len())
        .map(|known| &known.language)
}

/// Languages of an `Accept-Language` header (RFC 9110, 12.5.4), most wanted first.
fn accepting(header: &str) -> Vec<Language> {
    let mut weighed: Vec<(f32, &str)> = header
        .split(',')
        .take(4 * DETECTED_MOST)
        .filter_map(|item| {
            let (tag, parameters) = item.split_once(';').unwrap_or((item, ""));
            let weight = parameters.trim().strip_prefix("q=").map_or(Some(1.0), |q| q.trim().parse().ok())?;
            let tag = tag.trim();
            (weight > 0.0 && is_tag(tag)).then_some((weight, tag))
        })
        .collect();
    // Stable: of equal weights the first stays first.
    weighed.sort_by(|a, b| b.0.total_cmp(&a.0));
    weighed.into_iter().take(DETECTED_MOST).map(|(_, tag)| Language(tag.to_owned())).collect()
}

/// Whether it looks like a BCP 47 tag, such as `en` or `de-CH`.
#[must_use]
pub fn is_tag(text: &str) -> bool {
    let mut parts = text.split('-');
    let primary = parts.next().unwrap_or_default();
    (2..=3).contains(&primary.len())
        && primary.bytes().all(|byte| byte.is_ascii_alphabetic())
        && text.len() <= 35
        && parts.all(|part| {
            (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

/// Whether who wants `wanted` understands `offered`: `de-CH` understands `de`, and `de` any German there is; `de-CH` is not `de-AT`.
#[must_use]
pub fn understands(wanted: &Language, offered: &Language) -> bool {
    let (wanted, offered) = (wanted.0.to_ascii_lowercase(), offered.0.to_ascii_lowercase());
    let within = |whole: &str, part: &str| {
        whole == part || whole.strip_prefix(part).is_some_and(|rest| rest.starts_with('-'))
    };
    within(&wanted, &offered) || within(&offered, &wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn language(tag: &str) -> Language {
        Language(tag.to_owned())
    }

    #[test]
    fn what_the_caller_chose_comes_before_their_number_and_their_browser() {
        let prefixes = [("+4", "en"), ("+49", "de"), ("+41", "fr-CH")]
            .map(|(prefix, tag)| Prefix { prefix: prefix.to_owned(), language: language(tag) });
        let chosen = language("es");
        let found = wanted(
            Some(&chosen),
            Some("+49 30 123"),
            &prefixes,
            Some("it;q=0.5, fr, de;q=0.9"),
            &language("en"),
        );
        let tags: Vec<(&str, Heard)> = found.iter().map(|(tag, heard)| (tag.0.as_str(), *heard)).collect();
        assert_eq!(
            tags,
            [
                ("es", Heard::Caller),
                ("de", Heard::Number),
                ("fr", Heard::Detected),
                ("it", Heard::Detected),
                ("en", Heard::Agent)
            ]
        );
    }

    #[test]
    fn a_header_that_is_nonsense_says_nothing() {
        for nonsense in ["", "*", ";;;,,,", "q=1", "de;q=x", "en;q=0", "a;q=1", &"x,".repeat(10_000)] {
            assert_eq!(accepting(nonsense), Vec::<Language>::new(), "{nonsense:.20}");
        }
    }

    #[test]
    fn a_region_understands_its_language_and_no_other_region() {
        assert!(understands(&language("de-CH"), &language("de")));
        assert!(understands(&language("de"), &language("de-CH")));
        assert!(!understands(&language("de-CH"), &language("de-AT")));
        assert!(!understands(&language("de"), &language("den")));
    }
}
