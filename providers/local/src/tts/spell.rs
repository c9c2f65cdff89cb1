//! Sounds of a word that is in no dictionary, from its letters. English rules with a lean to how names from elsewhere
//! are said; right enough to be recognised, no more.

/// Names that callers and staff have and that rules get wrong. In the dictionary's alphabet.
const KNOWN: &[(&str, &str)] = &[
    ("maria", "məɹˈiə"),
    ("lopez", "lˈOpɛz"),
    ("jose", "hOzˈA"),
    ("juan", "wˈɑn"),
    ("jesus", "hAsˈus"),
    ("jorge", "hˈɔɹhA"),
    ("luis", "luˈis"),
    ("nguyen", "wˈɪn"),
    ("siobhan", "ʃəvˈɔn"),
    ("sean", "ʃˈɔn"),
    ("xavier", "zˈAviəɹ"),
    ("schwarzenegger", "ʃwˈɔɹtsənˌɛɡəɹ"),
    ("fernandez", "fəɹnˈændɛz"),
    ("hernandez", "hɜɹnˈændɛz"),
    ("rodriguez", "ɹɑdɹˈiɡɛz"),
    ("sanchez", "sˈænʧɛz"),
    ("gomez", "ɡˈOmɛz"),
    ("muller", "mˈʌləɹ"),
    ("mueller", "mjˈuləɹ"),
    ("schmidt", "ʃmˈɪt"),
    ("zhang", "ʒˈɑŋ"),
    ("wang", "wˈɑŋ"),
    ("xu", "ʃˈu"),
    ("li", "lˈi"),
    ("patel", "pətˈɛl"),
    ("singh", "sˈɪŋ"),
    ("ahmed", "ˈɑmɛd"),
    ("mohammed", "mOhˈɑmɛd"),
    ("muhammad", "mUhˈɑməd"),
    ("fatima", "fˈɑtɪmə"),
    ("ok", "ˌOkˈA"),
    ("foundry", "fˈWndɹi"),
    ("wifi", "wˈIfˌI"),
    ("app", "ˈæp"),
    ("apps", "ˈæps"),
    ("hmm", "hˈʌm"),
    ("mhm", "əmhˈʌm"),
];

/// Names of the letters, for what has no vowel or is all capitals.
const LETTERS: [&str; 26] = [
    "ˈA",
    "bˈi",
    "sˈi",
    "dˈi",
    "ˈi",
    "ˈɛf",
    "ʤˈi",
    "ˈAʧ",
    "ˈI",
    "ʤˈA",
    "kˈA",
    "ˈɛl",
    "ˈɛm",
    "ˈɛn",
    "ˈO",
    "pˈi",
    "kjˈu",
    "ˈɑɹ",
    "ˈɛs",
    "tˈi",
    "jˈu",
    "vˈi",
    "dˈʌbᵊlju",
    "ˈɛks",
    "wˈI",
    "zˈi",
];

#[derive(Clone, Copy, PartialEq)]
enum Where {
    Any,
    Start,
    End,
    /// Before e, i or y.
    Front,
    /// Before a consonant or at the end.
    Closed,
}

/// Longest first within a letter. Sounds in the dictionary's alphabet.
const RULES: &[(&str, Where, &str)] = &[
    ("augh", Where::Any, "ɔ"),
    ("aire", Where::End, "ɛɹ"),
    ("air", Where::Any, "ɛɹ"),
    ("ai", Where::Any, "A"),
    ("ay", Where::Any, "A"),
    ("au", Where::Any, "ɔ"),
    ("aw", Where::Closed, "ɔ"),
    ("ae", Where::Any, "A"),
    ("ar", Where::Closed, "ɑɹ"),
    ("ah", Where::Closed, "ɑ"),
    ("bb", Where::Any, "b"),
    ("bh", Where::Any, "b"),
    ("chr", Where::Any, "kɹ"),
    ("ch", Where::Any, "ʧ"),
    ("ck", Where::Any, "k"),
    ("cz", Where::Any, "ʧ"),
    ("cc", Where::Any, "k"),
    ("c", Where::Front, "s"),
    ("c", Where::Any, "k"),
    ("dge", Where::Any, "ʤ"),
    ("dd", Where::Any, "d"),
    ("dh", Where::Any, "d"),
    ("eigh", Where::Any, "A"),
    ("eer", Where::Any, "ɪɹ"),
    ("ear", Where::Any, "ɪɹ"),
    ("ee", Where::Any, "i"),
    ("ea", Where::Any, "i"),
    ("ei", Where::Any, "I"),
    ("ey", Where::End, "i"),
    ("ey", Where::Any, "A"),
    ("ew", Where::Any, "ju"),
    ("eu", Where::Any, "ju"),
    ("er", Where::Closed, "əɹ"),
    ("eo", Where::Any, "iO"),
    ("ff", Where::Any, "f"),
    ("ght", Where::Any, "t"),
    ("gn", Where::Start, "n"),
    ("gh", Where::Start, "ɡ"),
    ("gh", Where::Any, ""),
    ("gg", Where::Any, "ɡ"),
    ("gu", Where::Front, "ɡ"),
    ("g", Where::Front, "ʤ"),
    ("igh", Where::Any, "I"),
    ("ie", Where::Any, "i"),
    ("ia", Where::End, "iə"),
    ("io", Where::Any, "iO"),
    ("ir", Where::Closed, "ɜɹ"),
    ("kn", Where::Start, "n"),
    ("kh", Where::Any, "k"),
    ("kk", Where::Any, "k"),
    ("ll", Where::Any, "l"),
    ("mc", Where::Start, "mək"),
    ("mm", Where::Any, "m"),
    ("mb", Where::End, "m"),
    ("ngh", Where::Any, "ŋ"),
    ("ng", Where::End, "ŋ"),
    ("nk", Where::Any, "ŋk"),
    ("nn", Where::Any, "n"),
    ("ough", Where::Any, "ɔ"),
    ("oo", Where::Any, "u"),
    ("ou", Where::Any, "W"),
    ("ow", Where::End, "O"),
    ("ow", Where::Any, "W"),
    ("oa", Where::Any, "O"),
    ("oe", Where::Any, "O"),
    ("oi", Where::Any, "Y"),
    ("oy", Where::Any, "Y"),
    ("or", Where::Closed, "ɔɹ"),
    ("oh", Where::Closed, "O"),
    ("ph", Where::Any, "f"),
    ("ps", Where::Start, "s"),
    ("pp", Where::Any, "p"),
    ("qu", Where::Any, "kw"),
    ("q", Where::Any, "k"),
    ("rr", Where::Any, "ɹ"),
    ("rh", Where::Any, "ɹ"),
    ("sch", Where::Any, "ʃ"),
    ("sh", Where::Any, "ʃ"),
    ("ssion", Where::End, "ʃən"),
    ("sion", Where::End, "ʒən"),
    ("ss", Where::Any, "s"),
    ("sz", Where::Any, "ʃ"),
    ("tion", Where::End, "ʃən"),
    ("ture", Where::End, "ʧəɹ"),
    ("tch", Where::Any, "ʧ"),
    ("th", Where::Any, "θ"),
    ("tz", Where::Any, "ts"),
    ("tt", Where::Any, "t"),
    ("ur", Where::Closed, "ɜɹ"),
    ("ue", Where::End, "u"),
    ("ui", Where::Any, "ui"),
    ("uy", Where::Any, "I"),
    ("ua", Where::Any, "wɑ"),
    ("uo", Where::Any, "wO"),
    ("vv", Where::Any, "v"),
    ("wr", Where::Start, "ɹ"),
    ("wh", Where::Start, "w"),
    ("xi", Where::Start, "ʃi"),
    ("x", Where::Start, "z"),
    ("x", Where::Any, "ks"),
    ("y", Where::End, "i"),
    ("zz", Where::Any, "ts"),
    ("zh", Where::Any, "ʒ"),
    ("b", Where::Any, "b"),
    ("d", Where::Any, "d"),
    ("f", Where::Any, "f"),
    ("g", Where::Any, "ɡ"),
    ("j", Where::Any, "ʤ"),
    ("k", Where::Any, "k"),
    ("l", Where::Any, "l"),
    ("m", Where::Any, "m"),
    ("n", Where::Any, "n"),
    ("p", Where::Any, "p"),
    ("r", Where::Any, "ɹ"),
    ("s", Where::Any, "s"),
    ("t", Where::Any, "t"),
    ("v", Where::Any, "v"),
    ("w", Where::Any, "w"),
    ("z", Where::Any, "z"),
];

/// A name whose sounds are better known than a dictionary has them.
pub(crate) fn known(word: &str) -> Option<&'static str> {
    let lower = word.to_lowercase();
    KNOWN.iter().find(|(name, _)| *name == lower).map(|(_, sounds)| *sounds)
}

/// Sounds of any word in the dictionary's alphabet; empty where it has no Latin letter.
pub(crate) fn sounds(word: &str) -> String {
    if let Some((stem, "s")) = word.rsplit_once(['\'', '\u{2019}']) {
        let sounds = sounds(stem);
        let ending = if sounds.ends_with(['p', 't', 'k', 'f', 'θ']) { "s" } else { "z" };
        return sounds + ending;
    }
    if let Some(sounds) = known(word) {
        return sounds.to_owned();
    }
    let letters: Vec<u8> = word.chars().filter_map(plain_letter).collect();
    let shouted = word.chars().filter(|c| c.is_alphabetic()).all(char::is_uppercase);
    if shouted && letters.len() <= 5 || !letters.iter().any(|c| b"aeiouy".contains(c)) {
        return letters.iter().filter_map(|c| LETTERS.get(usize::from(c - b'a'))).copied().collect();
    }
    stressed(&letters)
}

/// The basic Latin letter under an accent.
fn plain_letter(c: char) -> Option<u8> {
    let plain = match c.to_lowercase().next()? {
        'à'..='å' | 'ā' | 'ă' | 'ą' => 'a',
        'ç' | 'ć' | 'č' => 'c',
        'ď' | 'đ' | 'ð' => 'd',
        'è'..='ë' | 'ē' | 'ę' | 'ě' => 'e',
        'ğ' => 'g',
        'ì'..='ï' | 'ī' | 'ı' => 'i',
        'ł' => 'l',
        'ñ' | 'ń' | 'ň' => 'n',
        'ò'..='ö' | 'ø' | 'ō' | 'ő' => 'o',
        'ř' => 'r',
        'ś' | 'š' | 'ş' | 'ß' => 's',
        'ť' | 'ţ' => 't',
        'ù'..='ü' | 'ū' | 'ů' | 'ű' => 'u',
        'ý' | 'ÿ' => 'y',
        'ź' | 'ż' | 'ž' => 'z',
        other => other,
    };
    plain.is_ascii_lowercase().then_some(plain as u8)
}

/// Applies the rules from left to right, then puts the stress.
fn stressed(letters: &[u8]) -> String {
    let mut units: Vec<String> = Vec::new();
    let mut at = 0;
    while let Some(rest) = letters.get(at..).filter(|rest| !rest.is_empty()) {
        let rule = RULES.iter().find(|(text, place, _)| {
            rest.starts_with(text.as_bytes()) && fits(*place, at, &rest[text.len()..])
        });
        let (sound, used) = match rule {
            Some((text, _, sound)) => ((*sound).to_owned(), text.len()),
            None => (single(letters, at).to_owned(), 1),
        };
        units.push(sound);
        at += used;
    }
    if letters.last() == Some(&b's')
        && letters.len() > 1
        && units.len() > 1
        && letters.get(letters.len() - 2).is_some_and(|c| b"bdgvlmnraeio".contains(c))
    {
        units.pop();
        units.push("z".to_owned());
    }
    let vowels: Vec<usize> =
        units.iter().enumerate().filter(|(_, unit)| unit.contains(is_vowel)).map(|(at, _)| at).collect();
    let open_end = matches!(letters, [.., b'a' | b'o' | b'i' | b'u'] | [.., b'e', b'z']);
    let stress = match (vowels.len(), open_end) {
        (0, _) => return units.concat(),
        (1..=2, _) => 0,
        (count, true) => count - 2,
        (3, false) => 0,
        (count, false) => count - 3,
    };
    let mut said = String::new();
    for (at, unit) in units.iter().enumerate() {
        let Some(nth) = vowels.iter().position(|vowel| *vowel == at) else {
            said.push_str(unit);
            continue;
        };
        let split = unit.find(is_vowel).unwrap_or_default();
        let (before, vowel) = unit.split_at(split);
        said.push_str(before);
        match (nth == stress, vowel) {
            (true, "əɹ") => said.push_str("ˈɜɹ"),
            (true, "ə") => said.push_str("ˈɑ"),
            (true, vowel) => {
                said.push('ˈ');
                said.push_str(vowel);
            }
            (false, "ɜɹ") => said.push_str("əɹ"),
            (false, "ɑ" | "æ") if at == 0 || nth + 1 == vowels.len() => said.push('ə'),
            (false, vowel) => said.push_str(vowel),
        }
    }
    said
}

fn fits(place: Where, at: usize, after: &[u8]) -> bool {
    match place {
        Where::Any => true,
        Where::Start => at == 0,
        Where::End => after.is_empty(),
        Where::Front => after.first().is_some_and(|c| b"eiy".contains(c)),
        Where::Closed => after.first().is_none_or(|c| !b"aeiouy".contains(c)),
    }
}

/// A lone vowel by what follows it; `h` and `y` by what is around them.
fn single(letters: &[u8], at: usize) -> &'static str {
    let vowel = |n: usize| letters.get(n).is_some_and(|c| b"aeiouy".contains(c));
    let end = letters.len();
    let first_vowel = !letters.iter().take(at).any(|c| b"aeiouy".contains(c));
    let magic_e = at + 3 == end && !vowel(at + 1) && letters.last() == Some(&b'e');
    let open = at + 1 == end || vowel(at + 1) || !vowel(at + 1) && vowel(at + 2);
    match letters.get(at).copied().unwrap_or_default() {
        b'e' if at + 1 == end && !first_vowel => "",
        b'a' if magic_e => "A",
        b'i' if magic_e => "I",
        b'o' if magic_e => "O",
        b'u' if magic_e => "u",
        b'a' if at + 1 == end => "ə",
        b'a' if open => "ɑ",
        b'a' => "æ",
        b'e' if at + 1 == end => "i",
        b'e' => "ɛ",
        b'i' if open => "i",
        b'i' => "ɪ",
        b'o' if open => "O",
        b'o' => "ɑ",
        b'u' if open => "u",
        b'u' => "ʌ",
        b'y' if vowel(at + 1) => "j",
        b'y' => "ɪ",
        b'h' if vowel(at + 1) => "h",
        _ => "",
    }
}

fn is_vowel(c: char) -> bool {
    matches!(c, 'A' | 'I' | 'O' | 'W' | 'Y' | 'i' | 'u' | 'ɑ' | 'ɔ' | 'æ' | 'ɛ' | 'ɪ' | 'ʊ' | 'ʌ' | 'ə' | 'ɜ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_said_so_that_they_are_recognised() {
        for (name, said) in [
            ("Martinez", "mɑɹtˈinɛz"),
            ("Panisse", "pˈɑnɪs"),
            ("Knutson", "nˈʌtsən"),
            ("Schneider", "ʃnˈIdəɹ"),
            ("Rossi", "ɹˈɑsi"),
            ("Yamamoto", "jɑmɑmˈOtO"),
            ("Lopez's", "lˈOpɛzz"),
            ("Zhukov", "ʒˈukəv"),
        ] {
            assert_eq!(sounds(name), said, "of {name}");
        }
    }

    #[test]
    fn capitals_and_words_without_vowels_are_spelled() {
        assert_eq!(sounds("XKG"), "ˈɛkskˈAʤˈi");
        assert_eq!(sounds("brrt"), "bˈiˈɑɹˈɑɹtˈi");
        assert_eq!(sounds("\u{4e2d}"), "");
    }

    #[test]
    fn every_word_with_a_vowel_gets_one_stress() {
        let mut seed = 7_u64;
        for _ in 0..5_000 {
            let word: String = (0..8)
                .map(|_| {
                    seed =
                        seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    char::from(b'a' + ((seed >> 33) % 26) as u8)
                })
                .collect();
            let said = sounds(&word);
            if known(&word).is_none() && said.contains(is_vowel) && word.contains(['a', 'i', 'o', 'u']) {
                assert_eq!(said.matches('ˈ').count(), 1, "{word}: {said}");
            }
        }
    }
}
