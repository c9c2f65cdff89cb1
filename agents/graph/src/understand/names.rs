//! A person's name: "my name is Maria Lopez", "this is Bob", "it's spelled L O P E Z".

use super::tokens::{Found, Words};

/// Phrases that announce a name wherever they stand.
const STRONG: &[&[&str]] = &[
    &["my", "name", "is"],
    &["my", "name's"],
    &["the", "name", "is"],
    &["the", "name's"],
    &["name", "is"],
    &["name's"],
    &["call", "me"],
    &["my", "names"],
    &["under", "the", "name", "of"],
    &["under", "the", "name"],
    &["name", "of"],
];
/// Phrases that announce a name only where a name was asked for, or where little else can follow.
const WEAK: &[&[&str]] = &[
    &["this", "is"],
    &["it's"],
    &["it", "is"],
    &["its"],
    &["i'm"],
    &["i", "am"],
    &["that's"],
    &["under"],
    &["for"],
];
/// Words a name ends before, and never consists of.
const NOT_A_NAME: &[&str] = &[
    "a",
    "an",
    "the",
    "and",
    "or",
    "but",
    "my",
    "your",
    "our",
    "his",
    "her",
    "is",
    "are",
    "was",
    "i",
    "i'm",
    "i'd",
    "i'll",
    "you",
    "we",
    "it",
    "it's",
    "that",
    "that's",
    "this",
    "please",
    "thanks",
    "thank",
    "for",
    "at",
    "on",
    "in",
    "of",
    "to",
    "with",
    "from",
    "about",
    "number",
    "phone",
    "telephone",
    "cell",
    "mobile",
    "not",
    "no",
    "yes",
    "yeah",
    "yep",
    "ok",
    "okay",
    "sure",
    "fine",
    "good",
    "great",
    "right",
    "correct",
    "wrong",
    "sorry",
    "actually",
    "looking",
    "calling",
    "trying",
    "going",
    "wondering",
    "hoping",
    "interested",
    "here",
    "there",
    "just",
    "still",
    "also",
    "so",
    "very",
    "really",
    "what",
    "when",
    "where",
    "who",
    "why",
    "how",
    "which",
    "can",
    "could",
    "would",
    "will",
    "do",
    "does",
    "did",
    "want",
    "need",
    "like",
    "have",
    "has",
    "had",
    "be",
    "been",
    "book",
    "booking",
    "appointment",
    "haircut",
    "today",
    "tomorrow",
    "tonight",
    "morning",
    "afternoon",
    "evening",
    "next",
    "am",
    "pm",
    "o'clock",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "spelled",
    "spelt",
    "spell",
    "speaking",
    "by",
    "something",
    "anything",
    "nothing",
    "everything",
    "maybe",
    "well",
    "um",
    "uh",
    "er",
    "hmm",
    "mhm",
    "hello",
    "hi",
    "hey",
    "me",
    "as",
    "if",
    "all",
    "don't",
    "know",
    "wait",
    "let",
    "think",
    "because",
    "up",
    "any",
    "some",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "zero",
    "oh",
    "first",
    "second",
    "again",
    "instead",
    "change",
    "make",
    "put",
    "busy",
    "free",
    "available",
    "fully",
    "both",
    "new",
    "been",
    "perfect",
    "never",
    "mind",
    "forget",
    "cancel",
    "stop",
    "repeat",
    "goodbye",
    "bye",
    "tell",
    "say",
    "said",
    "name",
    "names",
    "time",
    "day",
    "service",
    "too",
    "late",
    "early",
];
const MOST_WORDS: usize = 4;

/// The name that is announced; with `expected` a bare name counts as well.
#[must_use]
pub fn find(words: &Words, expected: bool) -> Option<Found<String>> {
    let announced = STRONG.iter().find_map(|phrase| after(words, phrase));
    let announced = announced.or_else(|| speaking(words));
    let announced = announced.or_else(|| this_is(words));
    let announced = announced
        .or_else(|| if expected { WEAK.iter().find_map(|phrase| after(words, phrase)) } else { None });
    let named = announced.or_else(|| if expected { bare(words) } else { None });
    spelled(words, named, expected)
}

fn after(words: &Words, phrase: &[&str]) -> Option<Found<String>> {
    let at = words.position(phrase)?;
    take(words, at, at + phrase.len())
}

fn take(words: &Words, from: usize, start: usize) -> Option<Found<String>> {
    let mut parts: Vec<String> = Vec::new();
    let mut at = start;
    while at < words.len() && parts.len() < MOST_WORDS {
        // After "Dr." anything is a name.
        let titled = at > start && is_title(words.word(at - 1));
        if !(could_be_name(words.word(at)) || titled && is_word(words.word(at))) {
            break;
        }
        if words.word(at).chars().count() == 1 && words.word(at + 1).chars().count() == 1 {
            break; // letters: spelled below
        }
        parts.push(written(words, at));
        at += 1;
        if words.pause_after(at - 1) && !is_title(words.word(at - 1)) {
            break;
        }
    }
    // "Henry 8": a short number at the very end belongs to the name.
    let number = words.word(at);
    if !parts.is_empty() && at + 1 == words.len() && !words.pause_after(at - 1) && is_short_number(number) {
        parts.push(number.to_owned());
        at += 1;
    }
    if parts.is_empty() { None } else { Some(Found { value: parts.join(" "), from, to: at }) }
}

fn is_title(word: &str) -> bool {
    matches!(word, "dr" | "mr" | "mrs" | "ms" | "prof" | "st")
}

fn is_word(word: &str) -> bool {
    !word.is_empty() && word.chars().all(char::is_alphabetic)
}

fn is_short_number(word: &str) -> bool {
    (1..=2).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit())
}

/// The word as a person writes it; a title keeps its point.
fn written(words: &Words, at: usize) -> String {
    let word = title(&words.tokens[at].text);
    if is_title(words.word(at)) && words.pause_after(at) { format!("{word}.") } else { word }
}

/// "Maria Lopez speaking", "Maria speaking".
fn speaking(words: &Words) -> Option<Found<String>> {
    let end = words.position(&["speaking"]).or_else(|| words.position(&["here"]))?;
    if end + 1 != words.len() && !words.pause_after(end) {
        return None;
    }
    let mut start = end;
    while start > 0
        && end - start < 3
        && could_be_name(words.word(start - 1))
        && !words.pause_after(start - 1)
    {
        start -= 1;
    }
    if start == end { None } else { take(words, start, start) }
}

/// "Hi, this is Maria": at the beginning it announces a name even unasked.
fn this_is(words: &Words) -> Option<Found<String>> {
    let at = words.position(&["this", "is"]).filter(|at| *at <= 2)?;
    let found = take(words, at, at + 2)?;
    (found.to == words.len()
        || words.pause_after(found.to - 1)
        || matches!(words.word(found.to), "and" | "speaking" | "calling" | "i" | "i'd"))
    .then_some(found)
}

fn bare(words: &Words) -> Option<Found<String>> {
    let mut start = 0;
    while matches!(
        words.word(start),
        "yes"
            | "yeah"
            | "sure"
            | "okay"
            | "ok"
            | "um"
            | "uh"
            | "well"
            | "so"
            | "hi"
            | "hello"
            | "no"
            | "actually"
            | "sorry"
            | "oh"
    ) {
        start += 1;
    }
    let found = take(words, start, start)?;
    // Whatever follows must be courtesy or something that other finders took.
    let rest = (found.to..words.len())
        .filter(|at| {
            !matches!(words.word(*at), "" | "please" | "thanks" | "thank" | "you" | "and" | "speaking")
        })
        .count();
    (rest == 0 || words.pause_after(found.to - 1)).then_some(found)
}

/// Joins letters: a name said and then spelled takes the spelling for its last word.
fn spelled(words: &Words, named: Option<Found<String>>, expected: bool) -> Option<Found<String>> {
    let is_letter =
        |at: usize| words.word(at).len() == 1 && words.word(at).as_bytes()[0].is_ascii_alphabetic();
    let Some(from) = (0..words.len()).find(|at| is_letter(*at) && is_letter(at + 1) && is_letter(at + 2))
    else {
        return named;
    };
    let said_so = words.has("spelled") || words.has("spelt") || words.has("spell");
    if named.is_none() && !expected && !said_so {
        return None;
    }
    let mut to = from;
    while is_letter(to) {
        to += 1;
    }
    let letters: String = (from..to).map(|at| words.word(at)).collect();
    let last = title(&letters);
    let Some(named) = named.filter(|name| name.to <= from) else {
        return Some(Found { value: last, from, to });
    };
    let mut parts: Vec<&str> = named.value.split(' ').collect();
    let same_first = |part: &str| part.chars().next() == last.chars().next();
    match parts.last() {
        Some(part) if same_first(part) => {
            parts.pop();
            parts.push(&last);
        }
        _ => parts.push(&last),
    }
    Some(Found { value: parts.join(" "), from: named.from, to })
}

fn could_be_name(word: &str) -> bool {
    let doing = word.ends_with("ing") && word.len() > 6;
    let letters = word.chars().all(|c| c.is_alphabetic() || c == '\'');
    !word.is_empty() && letters && !doing && !NOT_A_NAME.contains(&word)
}

fn title(word: &str) -> String {
    // A name with capitals inside ("McKay") is left as it was written.
    if word.chars().skip(1).any(char::is_uppercase) && word.chars().any(char::is_lowercase) {
        return word.to_owned();
    }
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters.flat_map(char::to_lowercase)).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, expected: bool) -> Option<String> {
        find(&Words::new(text), expected).map(|found| found.value)
    }

    #[test]
    fn a_name_is_found_however_it_is_announced() {
        for (text, name) in [
            ("My name is Maria Lopez.", "Maria Lopez"),
            ("hi my name is maria lopez and i need a haircut", "Maria Lopez"),
            ("Hello, this is Bob, I'd like a trim", "Bob"),
            ("actually my name is Anna", "Anna"),
            ("you can call me Al", "Al"),
            ("put it under the name of Jean-Luc", "Jean Luc"),
            ("John Smith speaking", "John Smith"),
            ("my name is Maria, M A R I A", "Maria"),
            ("my name is Maria Lopes spelled L O P E Z", "Maria Lopez"),
        ] {
            assert_eq!(at(text, false).as_deref(), Some(name), "{text}");
        }
    }

    #[test]
    fn a_bare_name_counts_where_a_name_was_asked_for() {
        for (text, name) in [
            ("Maria Lopez", "Maria Lopez"),
            ("it's maria", "Maria"),
            ("Sure, Maria Lopez please", "Maria Lopez"),
            ("m a r i a", "Maria"),
            ("I'm Peter O'Neil", "Peter O'Neil"),
            ("Dr. Who 3", "Dr. Who 3"),
            ("it's Mrs. Lopez", "Mrs. Lopez"),
            ("dr who", "Dr Who"),
        ] {
            assert_eq!(at(text, true).as_deref(), Some(name), "{text}");
        }
        assert_eq!(at("Maria Lopez", false), None);
    }

    #[test]
    fn talk_is_no_name() {
        for text in [
            "I'm looking for a haircut",
            "it's fine",
            "that's right",
            "yes please",
            "what do you mean",
            "this is a bad time",
            "I am not sure",
            "no",
        ] {
            assert_eq!(at(text, true), None, "{text}");
        }
    }
}
