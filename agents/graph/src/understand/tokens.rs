//! A text as words: lower-cased, punctuation turned into pauses, glued units taken apart ("3pm" is "3", "pm").

/// One word of the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Lower case, without punctuation.
    pub word: String,
    /// As it was written.
    pub text: String,
    /// Punctuation followed.
    pub pause: bool,
}

/// What a finder found and which words it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<T> {
    pub value: T,
    pub from: usize,
    /// One past the last word.
    pub to: usize,
}

/// The words of an utterance; a word that one finder took is not offered to the next.
#[derive(Debug, Clone, Default)]
pub struct Words {
    pub tokens: Vec<Token>,
    taken: Vec<bool>,
}

impl Words {
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut tokens = Vec::new();
        for chunk in text.replace(['\u{2019}', '\u{2018}'], "'").split_whitespace() {
            split(chunk, &mut tokens);
        }
        let taken = vec![false; tokens.len()];
        Self { tokens, taken }
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The word at `index`, or nothing where there is none or it is taken.
    #[must_use]
    pub fn word(&self, index: usize) -> &str {
        match self.taken.get(index) {
            Some(false) => &self.tokens[index].word,
            _ => "",
        }
    }

    /// The word `back` places before `index`.
    #[must_use]
    pub fn before(&self, index: usize, back: usize) -> &str {
        index.checked_sub(back).map_or("", |at| self.word(at))
    }

    #[must_use]
    pub fn pause_after(&self, index: usize) -> bool {
        self.tokens.get(index).is_none_or(|token| token.pause)
    }

    pub fn take(&mut self, from: usize, to: usize) {
        for taken in self.taken.iter_mut().take(to).skip(from) {
            *taken = true;
        }
    }

    /// How many words nobody took.
    #[must_use]
    pub fn left(&self) -> usize {
        self.taken.iter().filter(|taken| !**taken).count()
    }

    /// All words joined, in lower case.
    #[must_use]
    pub fn joined(&self) -> String {
        self.tokens.iter().map(|token| token.word.as_str()).collect::<Vec<_>>().join(" ")
    }

    /// The place where the phrase begins, given as words.
    #[must_use]
    pub fn position(&self, phrase: &[&str]) -> Option<usize> {
        if phrase.is_empty() {
            return None;
        }
        (0..self.len()).find(|start| self.starts(*start, phrase))
    }

    #[must_use]
    pub fn starts(&self, at: usize, phrase: &[&str]) -> bool {
        phrase.iter().enumerate().all(|(offset, word)| self.word(at + offset) == *word)
    }

    #[must_use]
    pub fn has(&self, phrase: &str) -> bool {
        let words: Vec<&str> = phrase.split(' ').collect();
        self.position(&words).is_some()
    }

    /// The words of a stretch as an utterance of its own.
    #[must_use]
    pub fn slice(&self, from: usize, to: usize) -> Self {
        Self { tokens: self.tokens[from..to].to_vec(), taken: self.taken[from..to].to_vec() }
    }
}

fn split(chunk: &str, tokens: &mut Vec<Token>) {
    let lower = chunk.to_lowercase();
    if let Some(half) = dotted_half(&lower) {
        let pause = lower.ends_with([',', '?', '!', ';']);
        tokens.push(Token { word: half.to_owned(), text: chunk.to_owned(), pause });
        return;
    }
    let pause = chunk.ends_with([',', '.', '?', '!', ';', ':', '-']) || chunk.ends_with("...");
    if matches!(chunk, "-" | "--" | "\u{2013}" | "\u{2014}") {
        if let Some(last) = tokens.last_mut() {
            last.pause = true;
        }
        return;
    }
    let core = chunk.trim_matches(|c: char| !c.is_alphanumeric());
    if core.is_empty() {
        return;
    }
    let first = tokens.len();
    for piece in core.split(['-', '\u{2013}', '\u{2014}', ',']) {
        let piece = piece.trim_matches(|c: char| !c.is_alphanumeric());
        if !piece.is_empty() {
            units(piece, tokens);
        }
    }
    if pause && tokens.len() > first {
        tokens.last_mut().expect("a token was just pushed").pause = true;
    }
}

fn dotted_half(lower: &str) -> Option<&'static str> {
    match lower.trim_end_matches([',', '?', '!', ';']) {
        "a.m." | "a.m" => Some("am"),
        "p.m." | "p.m" => Some("pm"),
        _ => None,
    }
}

/// "3pm" -> "3" "pm"; "3.30" -> "3:30"; "5th" stays.
fn units(piece: &str, tokens: &mut Vec<Token>) {
    let lower = piece.to_lowercase();
    let digits_end = lower.find(|c: char| !c.is_ascii_digit() && c != ':' && c != '.').unwrap_or(lower.len());
    let (number, tail) = lower.split_at(digits_end);
    if !number.is_empty() && matches!(tail, "am" | "pm" | "a" | "p" | "a.m" | "p.m" | "h") {
        tokens.push(token(&clock(number)));
        if tail != "h" {
            tokens.push(token(if tail.starts_with('a') { "am" } else { "pm" }));
        }
        return;
    }
    if tail.is_empty() && number.matches('.').count() > 1 {
        // 555.123.4567
        number.split('.').filter(|part| !part.is_empty()).for_each(|part| tokens.push(token(part)));
        return;
    }
    let word = if tail.is_empty() { clock(number) } else { lower.clone() };
    tokens.push(Token { word, text: piece.to_owned(), pause: false });
}

fn clock(number: &str) -> String {
    match number.split_once('.') {
        Some((hour, minute)) if minute.len() == 2 && !hour.is_empty() && hour.len() <= 2 => {
            format!("{hour}:{minute}")
        }
        _ => number.trim_end_matches(['.', ':']).to_owned(),
    }
}

fn token(word: &str) -> Token {
    Token { word: word.to_owned(), text: word.to_owned(), pause: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        Words::new(text).tokens.into_iter().map(|token| token.word).collect()
    }

    #[test]
    fn units_come_apart_and_punctuation_becomes_pauses() {
        assert_eq!(words("At 3pm, please!"), ["at", "3", "pm", "please"]);
        assert_eq!(words("3:30 p.m."), ["3:30", "pm"]);
        assert_eq!(words("(555) 123-4567"), ["555", "123", "4567"]);
        assert_eq!(words("twenty-five"), ["twenty", "five"]);
        assert_eq!(words("It\u{2019}s M-A-R"), ["it's", "m", "a", "r"]);
        assert_eq!(words("  ... -- ?"), Vec::<String>::new());
        assert!(Words::new("no, Thursday").pause_after(0));
    }
}
