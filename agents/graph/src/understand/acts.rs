//! Talk about the talk: yes, no, "what?", "wait a moment", "never mind", "goodbye"; and whether something is a question.

use super::tokens::Words;
use crate::node::Act;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    Yes,
    No,
}

const YES: &[&str] = &[
    "yes",
    "yeah",
    "yep",
    "yup",
    "ya",
    "sure",
    "correct",
    "right",
    "exactly",
    "okay",
    "ok",
    "perfect",
    "absolutely",
    "definitely",
    "indeed",
    "fine",
    "great",
    "good",
    "please do",
    "go ahead",
    "of course",
    "sounds good",
    "that works",
    "it is",
    "that's it",
    "i do",
    "you got it",
    "all right",
    "alright",
    "wonderful",
    "affirmative",
    "that'll do",
    "that would be",
    "why not",
    "lovely",
    "aye",
    "uh huh",
    "mhm",
    "mm hmm",
    "do it",
    "book it",
    "confirm",
    "confirmed",
];
const NO: &[&str] = &[
    "no",
    "nope",
    "nah",
    "wrong",
    "incorrect",
    "not",
    "don't",
    "never",
    "negative",
    "isn't",
    "mistake",
    "rather not",
];
/// "no" that agrees.
const AGREEING: &[&str] = &[
    "no problem",
    "no worries",
    "no that's right",
    "no that's correct",
    "no that's fine",
    "no that's good",
    "no that's perfect",
    "no that's great",
    "no it's fine",
    "no it's good",
    "why not",
];

/// Yes or no, where the utterance says one of them.
#[must_use]
pub fn reply(words: &Words) -> Option<Reply> {
    if AGREEING.iter().any(|phrase| words.has(phrase)) {
        return Some(Reply::Yes);
    }
    if NO.iter().any(|word| words.has(word)) {
        return Some(Reply::No);
    }
    YES.iter().any(|phrase| words.has(phrase)).then_some(Reply::Yes)
}

const REPEAT_WHOLE: &[&str] = &[
    "what",
    "what what",
    "huh",
    "pardon",
    "pardon me",
    "sorry",
    "sorry what",
    "excuse me",
    "come again",
    "again",
    "again please",
    "say what",
    "repeat",
    "what was that",
    "i'm sorry",
    "once more",
    "hm what",
    "wait what",
    "what please",
    "eh",
];
const REPEAT: &[&str] = &[
    "repeat that",
    "repeat it",
    "repeat please",
    "please repeat",
    "you repeat",
    "say that again",
    "say it again",
    "say again",
    "one more time",
    "come again",
    "once again",
    "once more",
    "didn't catch that",
    "didn't hear",
    "didn't get that",
    "did not catch",
    "did not hear",
    "couldn't hear",
    "could not hear",
    "can't hear you",
    "what did you say",
    "what did you just say",
    "missed that",
    "what was that",
    "i beg your pardon",
    "beg your pardon",
    "didn't understand",
    "repeat what you",
];
const WAIT: &[&str] = &[
    "wait a moment",
    "wait a second",
    "wait a sec",
    "wait a minute",
    "one moment",
    "one second",
    "one sec",
    "one minute",
    "just a moment",
    "just a second",
    "just a sec",
    "just a minute",
    "hold on",
    "hang on",
    "give me a moment",
    "give me a second",
    "give me a sec",
    "give me a minute",
    "bear with me",
    "let me check",
    "let me think",
    "let me see",
    "let me look",
    "need a moment",
    "need a minute",
    "need a second",
    "a moment please",
    "wait please",
    "please wait",
    "half a second",
    "hold the line",
];
const CANCEL_WHOLE: &[&str] =
    &["cancel", "stop", "cancel it", "cancel that", "stop it", "forget it", "forget that", "quit", "abort"];
const CANCEL: &[&str] = &[
    "never mind",
    "nevermind",
    "forget it",
    "forget about it",
    "changed my mind",
    "cancel that",
    "cancel the booking",
    "cancel this",
    "cancel booking",
    "stop the booking",
    "stop booking",
    "don't want to book",
    "don't want an appointment",
    "don't want the appointment",
    "don't need an appointment",
    "don't want it anymore",
    "leave it",
    "let's not",
    "not book anything",
    "scrap that",
    "start over",
    "call it off",
];
const BYE: &[&str] = &[
    "bye",
    "goodbye",
    "bye bye",
    "good bye",
    "see you",
    "farewell",
    "talk to you later",
    "have a nice day",
    "have a good day",
    "have a great day",
    "have a good one",
    "so long",
    "take care",
];
const BYE_WHOLE: &[&str] = &[
    "that's all",
    "that is all",
    "that's everything",
    "that'll be all",
    "that would be all",
    "nothing else",
    "no that's all",
    "no that's it",
    "no that's everything",
    "no thanks that's all",
    "i'm done",
    "that's all thanks",
    "that's all thank you",
    "no that's all thank you",
    "no thanks that's it",
    "that's it thanks",
    "that's it thank you",
    "hang up",
    "end the call",
    "end call",
];

const LONGEST_REQUEST: usize = 12;

/// What the utterance asks of the talk itself. Long utterances ask for something else and mention this in passing.
#[must_use]
pub fn request(words: &Words) -> Option<Act> {
    if words.is_empty() || words.len() > LONGEST_REQUEST {
        return None;
    }
    let whole = trimmed(words);
    let any = |phrases: &[&str]| phrases.iter().any(|phrase| words.has(phrase));
    if REPEAT_WHOLE.contains(&whole.as_str()) || any(REPEAT) {
        return Some(Act::Repeat);
    }
    if matches!(whole.as_str(), "wait" | "moment" | "a moment" | "a second" | "hold" | "wait wait")
        || (any(WAIT) && words.len() <= 9)
    {
        return Some(Act::Wait);
    }
    if CANCEL_WHOLE.contains(&whole.as_str()) || any(CANCEL) {
        return Some(Act::Cancel);
    }
    if (any(BYE) && words.len() <= 8)
        || BYE_WHOLE.contains(&whole.as_str())
        || BYE_WHOLE.contains(&words.joined().as_str())
    {
        return Some(Act::Goodbye);
    }
    None
}

/// The words without courtesies at both ends.
fn trimmed(words: &Words) -> String {
    const COURTESY: &[&str] = &[
        "please", "oh", "um", "uh", "well", "okay", "ok", "so", "hey", "just", "thanks", "thank", "you",
        "actually", "no",
    ];
    let mut kept: Vec<&str> = words.tokens.iter().map(|token| token.word.as_str()).collect();
    while kept.len() > 1 && kept.first().is_some_and(|word| COURTESY.contains(word)) {
        kept.remove(0);
    }
    while kept.len() > 1 && kept.last().is_some_and(|word| COURTESY.contains(word)) {
        kept.pop();
    }
    kept.join(" ")
}

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

/// Whether the caller mends what they said before: "no, I meant four".
#[must_use]
pub fn mends(words: &Words) -> bool {
    ["i mean", "i meant", "i said"].iter().any(|phrase| words.has(phrase))
        || (words.word(0) == "no" && words.len() > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_about_the_talk_are_recognised() {
        for (text, act) in [
            ("what?", Some(Act::Repeat)),
            ("Could you repeat that please?", Some(Act::Repeat)),
            ("sorry i didn't catch that", Some(Act::Repeat)),
            ("pardon", Some(Act::Repeat)),
            ("Wait a moment please.", Some(Act::Wait)),
            ("hold on", Some(Act::Wait)),
            ("let me check my calendar", Some(Act::Wait)),
            ("never mind", Some(Act::Cancel)),
            ("oh forget it", Some(Act::Cancel)),
            ("Thank you, goodbye.", Some(Act::Goodbye)),
            ("no that's all thank you", Some(Act::Goodbye)),
            ("what are your hours", None),
            ("what time do you open", None),
            ("cancel my appointment on friday", None),
            ("one", None),
            ("", None),
        ] {
            assert_eq!(request(&Words::new(text)), act, "{text}");
        }
    }

    #[test]
    fn yes_and_no_and_the_no_that_agrees() {
        for (text, expected) in [
            ("Yes, that is correct.", Some(Reply::Yes)),
            ("yep", Some(Reply::Yes)),
            ("no", Some(Reply::No)),
            ("that's not right", Some(Reply::No)),
            ("no that's right", Some(Reply::Yes)),
            ("no problem", Some(Reply::Yes)),
            ("okay", Some(Reply::Yes)),
            ("Thursday", None),
        ] {
            assert_eq!(reply(&Words::new(text)), expected, "{text}");
        }
    }

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
