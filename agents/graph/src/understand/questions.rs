//! Whether something is a question, and of which kind: for a yes or no, proposing a value, or several at once.

use super::tokens::Words;

const ASKING: &[&str] = &[
    "what", "what's", "whats", "when", "when's", "where", "where's", "wheres", "who", "who's", "why", "how",
    "how's", "which", "do", "does", "did", "are", "is", "can", "could", "would", "will", "have", "has",
    "should", "am", "tell",
];

/// Whether somebody wants to know something. `mark` is a question mark in the text.
#[must_use]
pub fn is_question(words: &Words, mark: bool) -> bool {
    const LEAD: &[&str] = &[
        "and", "but", "so", "oh", "hi", "hello", "hey", "um", "uh", "wait", "sorry", "excuse", "me", "okay",
        "ok", "yes", "well", "actually", "also", "just", "quick", "question", "before", "first", "by", "the",
        "way",
    ];
    let first = (0..words.len()).find(|at| !LEAD.contains(&words.word(*at)));
    mark || first.is_some_and(|at| ASKING.contains(&words.word(at)))
        || [
            "how much",
            "how long",
            "what time",
            "do you",
            "are you",
            "where are",
            "what are",
            "tell me",
            "i wonder",
            "wondering",
        ]
        .iter()
        .any(|phrase| words.has(phrase))
}

/// Whether the question wants a yes or a no: "are you open on Saturday?", and not "can you tell me when you open?".
#[must_use]
pub fn asks_yes_no(words: &Words) -> bool {
    const VERBS: &[&str] = &[
        "are", "aren't", "is", "isn't", "do", "does", "did", "will", "can", "could", "would", "have", "has",
        "should", "am",
    ];
    const OPEN: &[&str] = &[
        "what", "what's", "when", "when's", "where", "where's", "who", "why", "how", "how's", "which", "or",
    ];
    let verb = (0..words.len()).find(|at| ASKING.contains(&words.word(*at)));
    verb.is_some_and(|at| VERBS.contains(&words.word(at)))
        && !words.tokens.iter().any(|token| OPEN.contains(&token.word.as_str()))
}

/// Whether a question proposes a value rather than asks for something: "how about Friday?", "can I have Thursday instead?".
#[must_use]
pub fn proposes(words: &Words) -> bool {
    const LEADS: &[&str] = &[
        "how about",
        "what about",
        "what if",
        "could we say",
        "can we say",
        "could we make it",
        "can we make it",
        "shall we say",
    ];
    const ASKS: &[&str] = &["can i", "could i", "may i", "can we", "could we", "could you", "can you"];
    const VERBS: &[&str] =
        &["have", "come", "get", "take", "make", "do", "book", "change", "move", "switch", "put", "go"];
    const OTHERS: &[&str] =
        &["how much", "how long", "what time", "what are", "what is", "where", "when", "price", "cost"];
    let lead = LEADS.iter().any(|lead| words.has(lead))
        || ASKS.iter().any(|ask| {
            let ask: Vec<&str> = ask.split(' ').collect();
            words.position(&ask).is_some_and(|at| VERBS.contains(&words.word(at + ask.len())))
        });
    lead && !OTHERS.iter().any(|other| words.has(other))
}

/// The questions of an utterance that asks several: "where are you and how much is a haircut?". Empty where it asks one.
#[must_use]
pub fn several_questions(text: &str) -> Vec<String> {
    /// Fewest words of a question that stands for itself.
    const LEAST: usize = 3;
    let mut questions: Vec<String> = Vec::new();
    for clause in clauses(text) {
        let words = Words::new(&clause);
        // "Hi." asks nothing.
        if words.len() < LEAST {
            continue;
        }
        if !is_question(&words, clause.ends_with('?')) || words.has("book") {
            return Vec::new();
        }
        questions.push(clause);
    }
    if questions.len() < 2 { Vec::new() } else { questions }
}

/// Cut where a sentence ends, and where another question begins after "and" or a comma.
fn clauses(text: &str) -> Vec<String> {
    let mut clauses: Vec<Vec<&str>> = vec![Vec::new()];
    let plain = |word: &str| word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    let chunks: Vec<&str> = text.split_whitespace().collect();
    for (at, chunk) in chunks.iter().enumerate() {
        let before = at.checked_sub(1).map_or("", |at| chunks[at]);
        let anew = before.ends_with(['?', '.', '!', ';'])
            || (before.ends_with(',') && asks(&plain(chunk)))
            || (plain(chunk) == "and" && chunks.get(at + 1).is_some_and(|next| asks(&plain(next))));
        if anew {
            clauses.push(Vec::new());
        }
        if let Some(clause) = clauses.last_mut() {
            clause.push(chunk);
        }
    }
    clauses.iter().filter(|clause| !clause.is_empty()).map(|clause| clause.join(" ")).collect()
}

fn asks(word: &str) -> bool {
    ASKING.contains(&word) && word != "have" && word != "has"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_told_from_answers() {
        for text in [
            "how much is a haircut",
            "where are you",
            "and do you have parking",
            "you are open on Sunday, what are the prices",
        ] {
            assert!(is_question(&Words::new(text), false), "{text}");
        }
        for text in ["next Tuesday at three", "my name is Maria", "a haircut please"] {
            assert!(!is_question(&Words::new(text), false), "{text}");
        }
    }

    #[test]
    fn yes_no_questions_are_told_from_open_ones() {
        for (text, yes_no) in [
            ("are you open on saturday", true),
            ("hi, do you work on Sundays?", true),
            ("what are your opening hours on saturday", false),
            ("when do you close today", false),
            ("can you tell me when you open", false),
            ("Saturday", false),
        ] {
            assert_eq!(asks_yes_no(&Words::new(text)), yes_no, "{text}");
        }
    }

    #[test]
    fn proposals_are_told_from_questions() {
        for (text, proposal) in [
            ("how about the day after tomorrow at noon", true),
            ("Can I have Thursday instead?", true),
            ("could we make it four?", true),
            ("how about telling me how much it is", false),
            ("can I pay by card", false),
            ("are you open on Saturday", false),
        ] {
            assert_eq!(proposes(&Words::new(text)), proposal, "{text}");
        }
    }

    #[test]
    fn several_questions_come_apart_and_one_stays_whole() {
        for (text, questions) in [
            ("where are you and how much is a haircut", vec!["where are you", "and how much is a haircut"]),
            (
                "What are your prices, where can I park, and when do you open?",
                vec!["What are your prices,", "where can I park,", "and when do you open?"],
            ),
            ("Hi. Where are you? Do you do colours?", vec!["Where are you?", "Do you do colours?"]),
            ("When do you close today?", vec![]),
            ("What? Where is it?", vec![]),
            ("I'd like a haircut and where can I park?", vec![]),
            ("Can I book a haircut? Is Friday at ten free?", vec![]),
        ] {
            assert_eq!(several_questions(text), questions, "{text}");
        }
    }
}
