//! How well two texts agree, word by word, as speech recognition is judged.

use domain::numbers::cardinal;

/// Lower case, no punctuation, numbers as words, common contractions opened: "We're open at 9." is `we are open at nine`. What no ear
/// tells apart is one: "were" is `we are` too.
#[must_use]
pub fn normal(text: &str) -> Vec<String> {
    let lower = text.to_lowercase().replace('\u{2019}', "'").replace("a.m.", "am").replace("p.m.", "pm");
    let lower = lower.replace("goodbye", "good bye");
    let mut words = Vec::new();
    for token in lower.split(|c: char| !(c.is_alphanumeric() || c == '\'')) {
        let token = token.trim_matches('\'');
        if token.is_empty() {
            continue;
        }
        match token.split_once('\'') {
            Some((head, tail)) => {
                words.push(head.to_owned());
                words.push(opened(tail).to_owned());
            }
            None => match token.parse::<u32>() {
                Ok(number) => words.extend(spoken(number, token)),
                Err(_) if token == "were" => words.extend(["we", "are"].map(str::to_owned)),
                Err(_) => words.push(american(token).to_owned()),
            },
        }
    }
    words
}

/// Word error rate: insertions, deletions and substitutions over the words of the reference. 0 for two empty texts.
#[must_use]
pub fn error_rate(reference: &str, heard: &str) -> f64 {
    let (reference, heard) = (normal(reference), normal(heard));
    if reference.is_empty() {
        return if heard.is_empty() { 0.0 } else { 1.0 };
    }
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (index, wanted) in reference.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for (at, word) in heard.iter().enumerate() {
            let substituted = diagonal + usize::from(word != wanted);
            diagonal = row[at + 1];
            row[at + 1] = substituted.min(row[at] + 1).min(diagonal + 1);
        }
    }
    row[heard.len()] as f64 / reference.len() as f64
}

fn opened(tail: &str) -> &str {
    match tail {
        "re" => "are",
        "m" => "am",
        "ll" => "will",
        "ve" => "have",
        "d" => "would",
        "s" => "is",
        other => other,
    }
}

fn american(word: &str) -> &str {
    match word {
        "colour" => "color",
        "ok" => "okay",
        other => other,
    }
}

/// Up to 99 as a number; longer ones as they are dictated, digit by digit.
fn spoken(number: u32, digits: &str) -> Vec<String> {
    let said = match number {
        0..20 if digits.len() <= 2 => cardinal(u64::from(number)),
        20..100 => cardinal(u64::from(number)).replace('-', " "),
        _ => domain::numbers::digits(digits),
    };
    said.split(' ').map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_differs_and_words_do_not() {
        assert_eq!(error_rate("We're open from nine to twenty one.", "we are open from 9 to 21"), 0.0);
        assert_eq!(error_rate("Goodbye.", "good-bye"), 0.0);
        assert_eq!(error_rate("We're open.", "were open"), 0.0);
        assert_eq!(normal("5550142"), ["five", "five", "five", "zero", "one", "four", "two"]);
    }

    #[test]
    fn each_wrong_missing_or_added_word_counts_once() {
        assert_eq!(error_rate("one two three four", "one too three four five"), 0.5);
        assert_eq!(error_rate("one two three four", "three four"), 0.5);
        assert_eq!(error_rate("one", ""), 1.0);
        assert_eq!(error_rate("", "one"), 1.0);
    }
}
