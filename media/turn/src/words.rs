//! Word lists for each language, and words as the rules compare them. Knows nothing of turns.

use domain::Language;

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

const COMMON: Vocabulary = Vocabulary {
    continuers: &["mhm", "mm", "mmm", "hmm", "hm", "mhmm", "uhhuh", "huh", "aha", "ah", "oh", "m"],
    answers: &["ok", "okay"],
    fillers: &["um", "uh", "uhm", "er", "erm", "eh"],
    commands: &["stop", "hello"],
    greetings: &["hello", "hallo"],
    phantoms: &[],
    trailing: &[],
    complete: &["ok", "okay"],
    digits: &[],
};

const ENGLISH: Vocabulary = Vocabulary {
    continuers: &[
        "mhm", "mm", "mmm", "hmm", "hm", "mhmm", "uhhuh", "huh", "aha", "ah", "oh", "m", "wow", "mum",
    ],
    answers: &[
        "yes",
        "yeah",
        "yep",
        "yup",
        "ya",
        "okay",
        "ok",
        "right",
        "sure",
        "alright",
        "all right",
        "i see",
        "got it",
        "great",
        "good",
        "cool",
        "fine",
        "exactly",
        "of course",
        "perfect",
        "nice",
        "true",
        "makes sense",
        "uh yeah",
    ],
    fillers: &["um", "uh", "uhm", "er", "erm", "eh", "umm", "uhh", "well", "like"],
    commands: &[
        "stop",
        "wait",
        "no",
        "nope",
        "hello",
        "hold on",
        "excuse me",
        "sorry",
        "pardon",
        "hang on",
        "what",
        "cancel",
        "help",
        "but",
        "actually",
        "quiet",
        "pause",
    ],
    greetings: &[
        "hello",
        "hi",
        "hey",
        "good morning",
        "good afternoon",
        "good evening",
        "yes",
        "speaking",
        "there",
    ],
    phantoms: &["you", "the", "a", "i", "it", "bye", "thank you", "thanks for watching"],
    trailing: &[
        "and",
        "or",
        "but",
        "so",
        "because",
        "the",
        "a",
        "an",
        "my",
        "your",
        "to",
        "for",
        "with",
        "of",
        "from",
        "in",
        "on",
        "at",
        "is",
        "are",
        "if",
        "that",
        "then",
        "like",
        "um",
        "uh",
        "erm",
        "i",
        "it's",
        "i'm",
        "i'd",
        "we",
        "next",
        "about",
        "between",
        "want",
        "need",
        "i would like",
        "i'd like",
        "number is",
        "name is",
        "address is",
        "let me see",
        "let me think",
        "maybe",
        "please can you",
        "could you",
        "can you",
        "i think",
        "please",
    ],
    complete: &[
        "yes",
        "no",
        "yeah",
        "yep",
        "nope",
        "yes please",
        "no thanks",
        "no thank you",
        "thank you",
        "thanks",
        "goodbye",
        "bye",
        "okay",
        "ok",
        "sure",
        "correct",
        "that's right",
        "that's correct",
        "yes that's correct",
        "yes that is correct",
        "that is correct",
        "that's it",
        "that's all",
        "thank you goodbye",
        "stop",
        "wait a moment",
        "hello",
        "repeat that",
        "what",
    ],
    digits: &["zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"],
};

const GERMAN: Vocabulary = Vocabulary {
    continuers: &["mhm", "mm", "mmm", "hmm", "hm", "mhmm", "aha", "ah", "oh", "ach", "m"],
    answers: &[
        "ja",
        "jawohl",
        "okay",
        "ok",
        "genau",
        "gut",
        "klar",
        "richtig",
        "stimmt",
        "ach so",
        "alles klar",
        "jaja",
        "super",
    ],
    fillers: &["äh", "ähm", "öh", "hm", "also", "na"],
    commands: &[
        "stopp",
        "stop",
        "halt",
        "nein",
        "moment",
        "warte",
        "warten sie",
        "hallo",
        "entschuldigung",
        "bitte was",
        "was",
        "aber",
    ],
    greetings: &["hallo", "guten tag", "guten morgen", "guten abend", "grüß gott", "ja", "moin", "servus"],
    phantoms: &["untertitel", "vielen dank", "tschüss", "das", "die"],
    trailing: &[
        "und",
        "oder",
        "aber",
        "weil",
        "der",
        "die",
        "das",
        "ein",
        "eine",
        "einen",
        "mein",
        "meine",
        "zu",
        "für",
        "mit",
        "von",
        "in",
        "im",
        "am",
        "um",
        "ist",
        "sind",
        "wenn",
        "dass",
        "dann",
        "ich",
        "ich möchte",
        "ich hätte gern",
        "nummer ist",
        "name ist",
        "nächsten",
        "äh",
        "ähm",
        "vielleicht",
        "können sie",
    ],
    complete: &[
        "ja",
        "nein",
        "ja bitte",
        "nein danke",
        "danke",
        "tschüss",
        "okay",
        "genau",
        "richtig",
        "stimmt",
        "auf wiederhören",
    ],
    digits: &["null", "eins", "zwei", "zwo", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"],
};

const SPANISH: Vocabulary = Vocabulary {
    continuers: &["mhm", "mm", "mmm", "hmm", "hm", "ajá", "aja", "ah", "oh", "m"],
    answers: &[
        "sí",
        "si",
        "vale",
        "ok",
        "okay",
        "claro",
        "bien",
        "bueno",
        "exacto",
        "de acuerdo",
        "ya",
        "correcto",
        "perfecto",
    ],
    fillers: &["eh", "em", "este", "pues", "um", "uh"],
    commands: &[
        "para",
        "espera",
        "espere",
        "no",
        "hola",
        "perdón",
        "disculpe",
        "un momento",
        "qué",
        "pero",
        "alto",
    ],
    greetings: &["hola", "buenos días", "buenas tardes", "buenas noches", "diga", "dígame", "sí", "buenas"],
    phantoms: &["gracias", "subtítulos", "el", "la"],
    trailing: &[
        "y",
        "o",
        "pero",
        "porque",
        "el",
        "la",
        "los",
        "las",
        "un",
        "una",
        "mi",
        "su",
        "a",
        "para",
        "con",
        "de",
        "del",
        "en",
        "es",
        "son",
        "que",
        "si",
        "entonces",
        "quiero",
        "quisiera",
        "me gustaría",
        "número es",
        "nombre es",
        "eh",
        "este",
        "puede",
        "próximo",
    ],
    complete: &[
        "sí",
        "si",
        "no",
        "sí por favor",
        "no gracias",
        "gracias",
        "adiós",
        "vale",
        "claro",
        "correcto",
        "eso es todo",
    ],
    digits: &["cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve"],
};

const FRENCH: Vocabulary = Vocabulary {
    continuers: &["mhm", "mm", "mmm", "hmm", "hm", "ah", "oh", "m"],
    answers: &[
        "oui",
        "ouais",
        "d'accord",
        "ok",
        "okay",
        "bien",
        "exactement",
        "voilà",
        "très bien",
        "bien sûr",
        "parfait",
    ],
    fillers: &["euh", "heu", "ben", "bah", "um", "uh"],
    commands: &[
        "stop",
        "attendez",
        "attends",
        "non",
        "allô",
        "pardon",
        "excusez moi",
        "un moment",
        "quoi",
        "mais",
        "arrêtez",
    ],
    greetings: &["bonjour", "allô", "bonsoir", "salut", "oui"],
    phantoms: &["merci", "le", "la"],
    trailing: &[
        "et",
        "ou",
        "mais",
        "parce que",
        "le",
        "la",
        "les",
        "un",
        "une",
        "mon",
        "ma",
        "à",
        "pour",
        "avec",
        "de",
        "du",
        "en",
        "est",
        "sont",
        "que",
        "si",
        "alors",
        "je",
        "je voudrais",
        "j'aimerais",
        "numéro est",
        "nom est",
        "euh",
        "pouvez vous",
        "prochain",
    ],
    complete: &[
        "oui",
        "non",
        "oui s'il vous plaît",
        "non merci",
        "merci",
        "au revoir",
        "d'accord",
        "c'est ça",
        "c'est tout",
        "ok",
    ],
    digits: &["zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf"],
};

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
