//! What a caller hears where a part of the call fails: in the agent's language, and known before the call, so that it can be rendered
//! before it is needed.

use domain::Language;
use serde::{Deserialize, Serialize};

/// The request to say it again, in English.
pub const NOT_UNDERSTOOD: &str = "Sorry, I did not catch that. Could you say it again?";
/// The apology, in English.
pub const APOLOGY: &str = "I'm sorry, I'm having a technical problem. Please give me a moment.";

/// By language: the apology and the request to say it again.
const SHIPPED: [(&str, &str, &str); 4] = [
    ("en", APOLOGY, NOT_UNDERSTOOD),
    (
        "de",
        "Entschuldigung, ich habe gerade ein technisches Problem. Bitte einen Moment Geduld.",
        "Entschuldigung, das habe ich nicht verstanden. Können Sie es bitte wiederholen?",
    ),
    (
        "es",
        "Disculpe, tengo un problema técnico. Un momento, por favor.",
        "Disculpe, no le he entendido. ¿Puede repetirlo, por favor?",
    ),
    (
        "fr",
        "Excusez-moi, je rencontre un problème technique. Un instant, s'il vous plaît.",
        "Excusez-moi, je n'ai pas compris. Pouvez-vous répéter, s'il vous plaît ?",
    ),
];
/// In characters: what is kept ready for the worst moment is short.
const LONGEST: usize = 300;

/// Empty ones are as shipped for the language.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lines {
    /// In place of an answer, when a provider failed.
    pub apology: String,
    /// To a caller who spoke and was not understood.
    pub not_understood: String,
}

impl Lines {
    /// All of them: what is not given in the words that are shipped for the language, or in English.
    #[must_use]
    pub fn said_in(&self, language: &Language) -> Self {
        let primary = language.0.split(['-', '_']).next().unwrap_or_default();
        let shipped = SHIPPED.iter().find(|(language, ..)| primary.eq_ignore_ascii_case(language));
        let (_, apology, not_understood) = shipped.unwrap_or(&SHIPPED[0]);
        let or = |given: &str, shipped: &str| {
            let said = if given.trim().is_empty() { shipped } else { given.trim() };
            said.to_owned()
        };
        Self { apology: or(&self.apology, apology), not_understood: or(&self.not_understood, not_understood) }
    }

    pub(crate) fn validate(&self) -> Result<(), String> {
        for (name, line) in [("apology", &self.apology), ("not_understood", &self.not_understood)] {
            let speaks = line.is_empty() || line.chars().any(char::is_alphanumeric);
            if !speaks || line.chars().count() > LONGEST {
                return Err(format!(
                    "session.lines.{name} must be empty, or words of up to {LONGEST} characters"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_given_is_said_as_shipped_for_the_language_or_in_english() {
        let said = |language: &str, lines: Lines| lines.said_in(&Language(language.to_owned()));
        let german = said("de-CH", Lines::default());
        assert!(
            german.apology.starts_with("Entschuldigung") && german.not_understood.contains("wiederholen")
        );
        assert_eq!(said("pl", Lines::default()), said("en", Lines::default()));
        let own = Lines { apology: " Moment. ".to_owned(), ..Lines::default() };
        assert_eq!(said("DE", own), Lines { apology: "Moment.".to_owned(), ..german });
    }

    #[test]
    fn a_line_that_says_nothing_or_too_much_is_refused_by_name() {
        for (apology, fine) in [("", true), ("Sorry.", true), (" … ", false), (&"x".repeat(301), false)] {
            let lines = Lines { apology: apology.to_owned(), ..Lines::default() };
            let refused = lines.validate().err().unwrap_or_default();
            assert_eq!(refused.contains("session.lines.apology"), !fine, "{apology:?}: {refused}");
        }
    }
}
