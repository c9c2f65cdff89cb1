//! What an utterance is worth as a claim to the floor, by its words alone. Decides nothing.

use crate::words::{Vocabulary, split};

/// The weight of what was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Claim {
    /// No word at all.
    Nothing,
    /// Only what recognisers make of noise.
    Phantom,
    /// Only "um".
    Filler,
    /// Only "mhm".
    Continuer,
    /// Only "yes" and "okay", mhm among them perhaps.
    Answer,
    /// This many words that say something.
    Words(usize),
    /// "stop", with or without more.
    Command,
}

impl Claim {
    pub(crate) fn of(vocabulary: &Vocabulary, text: &str) -> Self {
        let words = split(text);
        if words.is_empty() {
            return Self::Nothing;
        }
        if Vocabulary::is(vocabulary.phantoms, &words) {
            return Self::Phantom;
        }
        let (mut at, mut real, mut best) = (0, 0, Self::Filler);
        while at < words.len() {
            let rest = &words[at..];
            let (kind, length) = [
                (Self::Command, Vocabulary::leading(vocabulary.commands, rest)),
                (Self::Answer, Vocabulary::leading(vocabulary.answers, rest)),
                (Self::Continuer, Vocabulary::leading(vocabulary.continuers, rest)),
                (Self::Filler, Vocabulary::leading(vocabulary.fillers, rest)),
            ]
            .into_iter()
            .fold((Self::Words(1), 0), |best, next| if next.1 > best.1 { next } else { best });
            // A command counts as one where the utterance begins; "I said no" is words.
            let kind = if kind == Self::Command && real > 0 { Self::Words(1) } else { kind };
            match kind {
                Self::Words(_) => real += length.max(1),
                kind => best = best.max(kind),
            }
            at += length.max(1);
        }
        match best {
            Self::Command => Self::Command,
            _ if real > 0 => Self::Words(real),
            other => other,
        }
    }

    /// Heard while the agent speaks, this asks for nothing.
    pub(crate) const fn is_backchannel(self) -> bool {
        matches!(self, Self::Filler | Self::Continuer | Self::Answer)
    }
}

/// Whether a text is no more than what one says into a greeting.
pub(crate) fn greets(vocabulary: &Vocabulary, text: &str) -> bool {
    let words = split(text);
    let mut at = 0;
    while at < words.len() {
        let rest = &words[at..];
        let lists = [vocabulary.greetings, vocabulary.continuers, vocabulary.answers, vocabulary.fillers];
        match lists.into_iter().map(|list| Vocabulary::leading(list, rest)).max() {
            Some(length) if length > 0 => at += length,
            _ => return false,
        }
    }
    !words.is_empty()
}

#[cfg(test)]
mod tests {
    use domain::Language;

    use super::*;

    fn claim(text: &str) -> Claim {
        Claim::of(Vocabulary::of(&Language::default()), text)
    }

    #[test]
    fn backchannels_are_told_from_words() {
        for text in ["Mm-hmm.", "mhm", "Hmm", "uh-huh"] {
            assert_eq!(claim(text), Claim::Continuer, "{text}");
        }
        for text in ["Okay.", "yeah, right", "I see.", "mhm okay", "All right, got it", "um yes"] {
            assert_eq!(claim(text), Claim::Answer, "{text}");
        }
        assert_eq!(claim("um"), Claim::Filler);
        assert_eq!(claim(" ... "), Claim::Nothing);
        assert_eq!(claim("You"), Claim::Phantom);
    }

    #[test]
    fn words_take_weight_and_commands_take_the_floor() {
        assert_eq!(claim("on Thursday"), Claim::Words(2));
        assert_eq!(claim("yeah Thursday"), Claim::Words(1));
        for text in ["stop", "No, Thursday", "okay stop", "hold on", "wait a moment please"] {
            assert_eq!(claim(text), Claim::Command, "{text}");
        }
        assert_eq!(claim("I said no"), Claim::Words(3));
    }

    #[test]
    fn a_greeting_is_answered_with_a_greeting() {
        let english = Vocabulary::of(&Language::default());
        assert!(greets(english, "Hello? Yes?") && greets(english, "hi there"));
        assert!(!greets(english, "Hello, I want to book") && !greets(english, ""));
    }
}
