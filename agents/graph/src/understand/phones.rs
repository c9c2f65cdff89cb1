//! Digits of a telephone number, spoken or written: "five five five, oh one four two", "double two", "555 0142".

use super::tokens::{Found, Words};

/// The longest run of digits in the utterance that no other finder took. Partial numbers are found as well; how many digits
/// make a number is for the caller of this function to say.
#[must_use]
pub fn find(words: &Words) -> Option<Found<String>> {
    let mut best: Option<Found<String>> = None;
    let mut at = 0;
    while at < words.len() {
        match run(words, at) {
            Some(found) => {
                at = found.to;
                if best.as_ref().is_none_or(|other| found.value.len() > other.value.len()) {
                    best = Some(found);
                }
            }
            None => at += 1,
        }
    }
    best
}

/// Three and more digits, each said by itself, and nothing else: "five six seven" is no time of day.
#[must_use]
pub fn is_digit_by_digit(words: &Words) -> bool {
    words.len() > 2 && (0..words.len()).all(|at| group(words, at).is_some_and(|digits| digits.len() == 1))
}

fn run(words: &Words, from: usize) -> Option<Found<String>> {
    let mut digits = String::new();
    let mut at = from;
    while at < words.len() {
        let word = words.word(at);
        if let Some((times, used)) = multiplied(word)
            && let Some(more) = group(words, at + used)
            && more.len() == 1
        {
            digits.push_str(&more.repeat(times));
            at += used + 1;
            continue;
        }
        match group(words, at) {
            Some(more) => {
                digits.push_str(&more);
                at += 1;
            }
            // "five five five, and then oh one four two"; "eight hundred"
            None if word == "hundred" && digits.len() % 3 == 1 => {
                digits.push_str("00");
                at += 1;
            }
            None if !digits.is_empty()
                && matches!(word, "and" | "then" | "dash" | "hyphen" | "um" | "uh") =>
            {
                let next = (at + 1..words.len().min(at + 3)).find(|next| group(words, *next).is_some());
                match next {
                    Some(next) => at = next,
                    None => break,
                }
            }
            None => break,
        }
    }
    if digits.is_empty() { None } else { Some(Found { value: digits, from, to: at }) }
}

fn multiplied(word: &str) -> Option<(usize, usize)> {
    match word {
        "double" => Some((2, 1)),
        "triple" | "treble" => Some((3, 1)),
        _ => None,
    }
}

/// The digits that one word stands for. "twelve" is 12, "forty" is 40 and takes the next digit's place only as written.
fn group(words: &Words, at: usize) -> Option<String> {
    let word = words.word(at);
    if !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(word.to_owned());
    }
    if matches!(word, "oh" | "o" | "zero" | "nought" | "null") {
        return Some("0".to_owned());
    }
    if let Some(ten) = domain::numbers::as_tens(word) {
        // "forty two" is 42: the ten stands for its first digit where a one follows.
        let next = super::numbers::small(words.word(at + 1)).filter(|one| (1..10).contains(one));
        let spelled = !words.word(at + 1).as_bytes().first().is_some_and(u8::is_ascii_digit);
        return Some(if next.is_some() && spelled && !words.pause_after(at) {
            (ten / 10).to_string()
        } else {
            ten.to_string()
        });
    }
    match super::numbers::small(word) {
        Some(value) => Some(value.to_string()),
        None => slip(word).map(str::to_owned),
    }
}

/// What recognisers write for a digit, as long as it stands among digits.
fn slip(word: &str) -> Option<&'static str> {
    match word {
        "niner" => Some("9"),
        "fife" => Some("5"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spoken_and_written_digits_are_one_number() {
        for (text, digits) in [
            ("My phone number is five five five, zero one four two.", "5550142"),
            ("five five five oh one four two", "5550142"),
            ("555 0142", "5550142"),
            ("555-0142", "5550142"),
            ("5550142", "5550142"),
            ("(555) 123-4567", "5551234567"),
            ("five double five one two three four", "5551234"),
            ("triple five zero one double two", "5550122"),
            ("five five five and then zero one four two", "5550142"),
            ("eight hundred five five five zero one four two", "8005550142"),
            ("five five five forty two twelve", "5554212"),
            ("five five five", "555"),
            ("+1 555 123 4567", "15551234567"),
        ] {
            assert_eq!(find(&Words::new(text)).map(|found| found.value).as_deref(), Some(digits), "{text}");
        }
        assert_eq!(find(&Words::new("hello there")), None);
    }
}
