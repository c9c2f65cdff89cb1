//! Talk about the talk: yes, no, "what?", "wait a moment", "never mind", "goodbye".

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
}
