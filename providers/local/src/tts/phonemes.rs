//! From spoken words to the voice's phoneme ids. The dictionary's alphabet (one sign a diphthong, no length) becomes
//! the one the voice was trained on (eSpeak's American IPA). Knows nothing of audio.

use std::collections::HashMap;
use std::ops::Range;

use misaki_rs::{G2P, Language};

use super::normalise::Piece;
use super::spell;

/// What the voice is fed, and which of its ids belong to which written word.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Utterance {
    pub(crate) ids: Vec<i64>,
    /// In order; a written word may have several spans.
    pub(crate) spans: Vec<(usize, Range<usize>)>,
}

pub(crate) struct Phonemiser {
    dictionary: G2P,
    ids: HashMap<char, i64>,
}

impl Phonemiser {
    /// Reads the dictionaries, which takes most of a second. `ids` is the voice's own `phoneme_id_map`.
    pub(crate) fn new(ids: HashMap<char, i64>) -> Self {
        Self { dictionary: G2P::new(Language::EnglishUS), ids }
    }

    pub(crate) fn utterance(&self, pieces: &[Piece]) -> Utterance {
        let words = self.sounding(pieces);
        let mut utterance = Utterance::default();
        let pad = self.ids.get(&'_').copied();
        let put = |utterance: &mut Utterance, sign: char| {
            if let Some(id) = self.ids.get(&sign) {
                utterance.ids.push(*id);
                utterance.ids.extend(pad.filter(|_| sign != '$'));
            }
        };
        put(&mut utterance, '^');
        let mut sounded = false;
        for (at, word) in words.iter().enumerate() {
            let start = utterance.ids.len();
            for sign in word.signs.chars() {
                put(&mut utterance, sign);
            }
            sounded |= !word.signs.is_empty();
            let links = word.mark.is_none()
                && words
                    .get(at + 1)
                    .is_some_and(|next| next.signs.trim_start_matches(STRESS).starts_with(is_vowel));
            if links
                && word.signs.ends_with(['ɚ', 'ː'])
                && (word.signs.ends_with('ɚ') || word.signs.ends_with("ɜː"))
            {
                put(&mut utterance, 'ɹ');
            }
            utterance.spans.push((word.of, start..utterance.ids.len()));
            if let Some(mark) = word.mark {
                put(&mut utterance, mark);
            }
            if at + 1 < words.len() {
                put(&mut utterance, ' ');
            }
        }
        put(&mut utterance, '$');
        if sounded { utterance } else { Utterance::default() }
    }

    /// Every spoken word with its signs in the voice's alphabet.
    fn sounding(&self, pieces: &[Piece]) -> Vec<Sounding> {
        let mut text = String::new();
        let mut origins = Vec::new();
        for piece in pieces {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&piece.say);
            origins.push((text.len(), piece.word));
        }
        // The dictionary never fails on plain text; should it, the letters speak.
        let tokens: Vec<(String, Option<String>)> = match self.dictionary.g2p(&text) {
            Ok((_, tokens)) => tokens.into_iter().map(|token| (token.text, token.phonemes)).collect(),
            Err(error) => {
                tracing::warn!(error = %domain::Pii(&error), "the dictionary refused a sentence");
                text.split(' ').map(|word| (word.to_owned(), None)).collect()
            }
        };
        let mut words: Vec<Sounding> = Vec::new();
        let mut cursor = 0;
        for (token, phonemes) in tokens {
            cursor =
                text.get(cursor..).and_then(|rest| rest.find(&token)).map_or(cursor, |found| cursor + found);
            let glued = cursor > 0 && !text.get(..cursor).is_some_and(|before| before.ends_with(' '));
            cursor += token.len();
            let of = origins
                .iter()
                .find(|(end, _)| cursor <= *end)
                .or(origins.last())
                .map_or(0, |(_, word)| *word);
            let mark = token
                .chars()
                .all(|c| !c.is_alphanumeric())
                .then(|| token.chars().find(|c| ".,?!;:".contains(*c)))
                .flatten();
            if let Some(mark) = mark {
                if let Some(last) = words.last_mut() {
                    last.mark = Some(mark);
                }
                continue;
            }
            let signs = espeak(&token, &pronunciation(&token, phonemes));
            match words.last_mut().filter(|last| glued && last.of == of && last.mark.is_none()) {
                Some(last) => last.signs.push_str(&signs),
                None => words.push(Sounding { of, signs, mark: None }),
            }
        }
        words.retain(|word| !word.signs.is_empty() || word.mark.is_some());
        words
    }
}

struct Sounding {
    /// Index of the written word.
    of: usize,
    signs: String,
    /// Punctuation after it.
    mark: Option<char>,
}

const STRESS: [char; 2] = ['ˈ', 'ˌ'];
const UNKNOWN: char = '❓';

fn pronunciation(word: &str, found: Option<String>) -> String {
    if let Some(known) = spell::known(word) {
        return known.to_owned();
    }
    match found {
        Some(sounds) if !sounds.contains(UNKNOWN) && !sounds.trim().is_empty() => sounds,
        _ => word.split('-').map(spell::sounds).collect(),
    }
}

/// One word from the dictionary's alphabet into the voice's.
fn espeak(word: &str, sounds: &str) -> String {
    let signs: Vec<char> = sounds.chars().filter(|c| !c.is_whitespace()).collect();
    let syllables = signs.iter().filter(|c| is_vowel(**c)).count();
    let mut out = String::new();
    let mut at = 0;
    while let Some(&sign) = signs.get(at) {
        let before = at.checked_sub(1).and_then(|at| signs.get(at)).copied();
        let after = signs.get(at + 1).copied();
        let stressed = before.is_some_and(|c| STRESS.contains(&c));
        let mut used = 1;
        match sign {
            // Little words carry no stress of their own; "on" does.
            'ˌ' if syllables <= 1 && !word.eq_ignore_ascii_case("on") => {}
            'A' => out.push_str("eɪ"),
            'I' => out.push_str("aɪ"),
            'W' => out.push_str("aʊ"),
            'Y' => out.push_str("ɔɪ"),
            'O' | 'Q' => out.push_str("oʊ"),
            'U' => out.push('ʊ'),
            'ʤ' => out.push_str("dʒ"),
            'ʧ' => out.push_str("tʃ"),
            'T' => out.push('ɾ'),
            'ᵊ' => out.push('ə'),
            'g' => out.push('ɡ'),
            'r' => out.push('ɹ'),
            'i' if stressed || syllables == 1 => out.push_str("iː"),
            'u' => out.push_str("uː"),
            'ɑ' => out.push_str("ɑː"),
            'ɔ' if matches!(after, Some('f' | 's' | 'θ' | 'ŋ' | 'ɡ')) || word.eq_ignore_ascii_case("on") => {
                out.push('ɔ')
            }
            'ɔ' => out.push_str("ɔː"),
            'ɜ' | 'ə' if after == Some('ɹ') => {
                let vowel_follows =
                    signs.iter().skip(at + 2).find(|c| !STRESS.contains(c)).is_some_and(|c| is_vowel(*c));
                match sign {
                    'ɜ' => out.push_str("ɜː"),
                    _ if at == 0 => out.push('ɐ'),
                    _ => out.push('ɚ'),
                }
                if vowel_follows || sign == 'ə' && at == 0 {
                    out.push('ɹ');
                }
                used = 2;
            }
            'ə' if at == 0 && signs.len() > 1 => out.push('ɐ'),
            't' if after == Some('n')
                && at + 2 == signs.len()
                && before.is_some_and(|c| is_vowel(c) || c == 'ɹ') =>
            {
                out.push_str("ʔn\u{329}");
                used = 2;
            }
            UNKNOWN => {}
            other => out.push(other),
        }
        at += used;
    }
    out
}

fn is_vowel(c: char) -> bool {
    matches!(
        c,
        'A' | 'I'
            | 'W'
            | 'Y'
            | 'O'
            | 'Q'
            | 'U'
            | 'i'
            | 'u'
            | 'ɑ'
            | 'ɔ'
            | 'ɜ'
            | 'ə'
            | 'ᵊ'
            | 'ɐ'
            | 'ɚ'
            | 'æ'
            | 'ɛ'
            | 'ɪ'
            | 'ᵻ'
            | 'ʊ'
            | 'ʌ'
            | 'a'
            | 'e'
            | 'o'
    )
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::tts::normalise;

    /// A sign's id is its code point, so that a test can read what was made.
    static PHONEMISER: LazyLock<Phonemiser> = LazyLock::new(|| {
        let signs = "_^$ .,?!;:abdefhijklmnopstuvwzæðŋɐɑɔəɚɛɜɡɪɹɾʃʊʌʒʔˈˌːθᵻ\u{329}";
        Phonemiser::new(signs.chars().map(|c| (c, i64::from(u32::from(c)))).collect())
    });

    fn said(text: &str) -> String {
        let utterance = PHONEMISER.utterance(&normalise::pieces(text).1);
        let signs = utterance.ids.iter().filter_map(|id| char::from_u32(*id as u32));
        signs.filter(|c| !['_', '^', '$'].contains(c)).collect()
    }

    #[test]
    fn words_get_the_signs_the_voice_was_trained_on() {
        for (text, signs) in [
            ("My name is Maria Lopez.", "maɪ nˈeɪm ɪz mɚɹˈiːə lˈoʊpɛz."),
            ("The butter is better.", "ðə bˈʌɾɚɹ ɪz bˈɛɾɚ."),
            ("a bird, our kitten?", "ɐ bˈɜːd, ˌaʊɚ kˈɪʔn\u{329}?"),
            ("We are about happy", "wiː ɑːɹ ɐbˈaʊt hˈæpi"),
            ("judge church thought", "dʒˈʌdʒ tʃˈɜːtʃ θˈɔːt"),
        ] {
            assert_eq!(said(text), signs, "of {text}");
        }
    }

    #[test]
    fn unknown_words_are_still_heard() {
        for text in ["Xqzrt", "Schwarzenegger", "Panisse", "O'Brien"] {
            assert!(said(text).chars().filter(|c| c.is_alphabetic()).count() >= 3, "{text}: {}", said(text));
        }
    }

    #[test]
    fn ids_are_padded_and_spans_lie_in_them_in_order() {
        let (words, pieces) = normalise::pieces("Call 555-0142 at 3:30 p.m. today.");
        let utterance = PHONEMISER.utterance(&pieces);
        assert_eq!(utterance.ids.first(), Some(&i64::from(u32::from('^'))));
        assert_eq!(utterance.ids.last(), Some(&i64::from(u32::from('$'))));
        assert!(utterance.ids.iter().skip(1).step_by(2).all(|id| *id == i64::from(u32::from('_'))));
        let mut end = 2;
        for (word, span) in &utterance.spans {
            assert!(*word < words.len());
            assert!(span.start >= end && !span.is_empty());
            end = span.end;
        }
        assert!(utterance.spans.is_sorted_by_key(|(word, _)| *word));
    }

    #[test]
    fn nothing_to_say_is_no_utterance() {
        assert_eq!(PHONEMISER.utterance(&[]), Utterance::default());
        assert_eq!(
            PHONEMISER.utterance(&[Piece { say: "\u{4e2d}\u{6587}".to_owned(), word: 0 }]).ids,
            Vec::<i64>::new()
        );
    }
}
