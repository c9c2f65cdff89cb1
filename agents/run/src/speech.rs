//! What a model writes, made fit for a voice while it streams: no markup, no emoji, no addresses behind links.
//!
//! Holds back nothing but what may be markup, so that a full stop is spoken when it comes. Words are never changed.

use agents_graph::INTERRUPTED;

/// Longest text in brackets that is held until it is known whether a link follows.
const LONGEST_BRACKET: usize = 200;
/// Longest address of a link; one that does not end by then was none, and what follows is spoken again.
const LONGEST_ADDRESS: usize = 400;
/// Stand at the beginning of a line before its words: headings, quotes, lists, rules, tables, fences.
const MARKS: &str = "#>*+-\u{2022}=|`~ \t";

/// The text of one reply.
#[derive(Debug)]
pub(crate) struct Speech {
    place: Place,
    /// The last character that was given.
    last: Option<char>,
    /// Between two fences: code is not spoken.
    fenced: bool,
}

#[derive(Debug, PartialEq)]
enum Place {
    /// At the beginning of a line, after these marks.
    LineStart(String),
    Inside,
    /// After a star behind a blank: a product, or the beginning of something bold.
    Star,
    /// After an underscore in a word.
    Underscore,
    /// In brackets, with what stands in them so far.
    Bracket(String),
    AfterBracket,
    /// In the address of a link, which has so many characters so far.
    Address(usize),
    /// The rest of a line that is not spoken.
    Skipped,
}

impl Default for Speech {
    fn default() -> Self {
        Self { place: Place::LineStart(String::new()), last: None, fenced: false }
    }
}

impl Speech {
    /// Takes more text and gives what of it can be spoken now.
    pub(crate) fn push(&mut self, text: &str) -> String {
        let mut out = String::new();
        for c in text.chars() {
            self.take(c, &mut out);
        }
        out
    }

    /// What was held back, when no more comes. Begins anew.
    pub(crate) fn finish(&mut self) -> String {
        let mut out = String::new();
        let place = std::mem::replace(&mut self.place, Place::Inside);
        if let Place::Bracket(held) = place {
            self.plain(&held, &mut out);
        }
        *self = Self::default();
        out
    }

    fn take(&mut self, c: char, out: &mut String) {
        let place = std::mem::replace(&mut self.place, Place::Inside);
        match place {
            Place::LineStart(marks) => self.line_start(marks, c, out),
            Place::Inside => self.inside(c, out),
            Place::Star => {
                if c.is_whitespace() {
                    self.plain("times", out);
                }
                self.inside(c, out);
            }
            Place::Underscore => {
                if c.is_alphanumeric() {
                    self.give(' ', out);
                }
                self.inside(c, out);
            }
            Place::Bracket(mut held) => match c {
                ']' => {
                    if format!("[{held}]") != INTERRUPTED {
                        self.plain(&held, out);
                    }
                    self.place = Place::AfterBracket;
                }
                '\n' => {
                    self.plain(&held, out);
                    self.inside(c, out);
                }
                _ => {
                    held.push(c);
                    if held.len() > LONGEST_BRACKET {
                        self.plain(&held, out);
                    } else {
                        self.place = Place::Bracket(held);
                    }
                }
            },
            Place::AfterBracket if c == '(' => self.place = Place::Address(0),
            Place::AfterBracket => self.inside(c, out),
            Place::Address(_) if c == ')' => {}
            Place::Address(_) if c == '\n' => self.inside(c, out),
            Place::Address(length) if length < LONGEST_ADDRESS => self.place = Place::Address(length + 1),
            Place::Address(_) => self.inside(c, out),
            Place::Skipped if c == '\n' => self.place = Place::LineStart(String::new()),
            Place::Skipped => self.place = Place::Skipped,
        }
    }

    fn line_start(&mut self, mut marks: String, c: char, out: &mut String) {
        if c == '\n' {
            self.fence(&marks);
            self.place = Place::LineStart(String::new());
            return;
        }
        if MARKS.contains(c) {
            marks.push(c);
            self.place = Place::LineStart(marks);
            return;
        }
        if self.fence(&marks) || self.fenced {
            self.place = Place::Skipped;
            return;
        }
        if marks.ends_with('-') && c.is_ascii_digit() {
            self.give('-', out);
        }
        // A row of a table under its heading: dashes, colons and bars alone.
        if c == ':' && marks.contains('|') {
            self.place = Place::LineStart(marks);
            return;
        }
        self.inside(c, out);
    }

    /// Whether the marks open or close code.
    fn fence(&mut self, marks: &str) -> bool {
        let fence = marks.trim_start().starts_with("```");
        self.fenced ^= fence;
        fence
    }

    fn inside(&mut self, c: char, out: &mut String) {
        match c {
            '\n' => {
                if self.last.is_some_and(|last| last.is_alphanumeric() || last == ')') {
                    self.give('.', out);
                }
                self.give(' ', out);
                self.place = Place::LineStart(String::new());
            }
            '*' if self.last == Some(' ') => self.place = Place::Star,
            '_' if self.last.is_some_and(char::is_alphanumeric) => self.place = Place::Underscore,
            '[' => self.place = Place::Bracket(String::new()),
            '*' | '_' | '`' | '~' | '\\' => {}
            '|' => self.give(' ', out),
            c if c.is_whitespace() => self.give(' ', out),
            c if is_picture(c) => {}
            c => self.give(c, out),
        }
    }

    /// Text of which only emphasis and pictures are taken away.
    fn plain(&mut self, text: &str, out: &mut String) {
        for c in text.chars().filter(|c| !matches!(c, '*' | '_' | '`' | '[' | ']') && !is_picture(*c)) {
            self.give(if c.is_whitespace() { ' ' } else { c }, out);
        }
    }

    /// Blanks at the beginning and after another blank are none.
    fn give(&mut self, c: char, out: &mut String) {
        if c == ' ' && self.last.is_none_or(|last| last == ' ') {
            return;
        }
        out.push(c);
        self.last = Some(c);
    }
}

/// Emoji and what they are put together from, dingbats, arrows, blocks of a drawing.
const fn is_picture(c: char) -> bool {
    matches!(
        c as u32,
        0x200D | 0x20E3
            | 0x2190..=0x21FF
            | 0x2300..=0x23FF
            | 0x2500..=0x27BF
            | 0x2900..=0x297F
            | 0x2B00..=0x2BFF
            | 0xFE00..=0xFE0F
            | 0x1F000..=0x1FAFF
            | 0xE0000..=0xE007F
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> String {
        let mut speech = Speech::default();
        let mut out = speech.push(text);
        out.push_str(&speech.finish());
        out
    }

    #[test]
    fn markup_is_not_spoken_and_words_are_kept() {
        for (written, spoken) in [
            ("It is **very** _nice_ and ***both***.", "It is very nice and both."),
            ("# Weather\nIt rains.", "Weather. It rains."),
            ("Take:\n- milk\n- two eggs\n* bread", "Take: milk. two eggs. bread"),
            ("1. First\n2. Second.", "1. First. 2. Second."),
            ("See [our page](https://example.com/a_b?c=1) for more.", "See our page for more."),
            ("See [ref] and [this](x).", "See ref and this."),
            ("Run `cargo test` now.", "Run cargo test now."),
            ("Like this:\n```rust\nfn main() {}\n```\nDone.", "Like this: Done."),
            ("> quoted\n\n---\n\nAfter.", "quoted. After."),
            ("Three * four is twelve.", "Three times four is twelve."),
            ("a snake_case name", "a snake case name"),
            ("Hi \u{1F44B} there \u{2764}\u{FE0F}!", "Hi there !"),
            ("Zwölf Grüße, 21°, 5 €, naïve.", "Zwölf Grüße, 21°, 5 €, naïve."),
            ("| a | b |\n|---|---|\n| 1 | 2 |", "a b 1 2 "),
            ("-5 degrees", "-5 degrees"),
            ("It is nine [interrupted]", "It is nine "),
            ("Escaped \\*star\\*", "Escaped star"),
            ("an open [bracket", "an open bracket"),
            ("", ""),
        ] {
            assert_eq!(whole(written), spoken, "{written:?}");
        }
    }

    #[test]
    fn the_pieces_that_a_text_comes_in_do_not_matter() {
        let text = "# A **list** of [links](http://x.y/z):\n- one_two\n- three * four \u{1F600}\n```\ncode\n```\nEnd.";
        let expected = whole(text);
        for size in 1..12 {
            let mut speech = Speech::default();
            let chars: Vec<char> = text.chars().collect();
            let mut out: String =
                chars.chunks(size).map(|piece| speech.push(&piece.iter().collect::<String>())).collect();
            out.push_str(&speech.finish());
            assert_eq!(out, expected, "{size}");
        }
    }

    #[test]
    fn a_full_stop_is_given_when_it_comes() {
        let mut speech = Speech::default();
        assert_eq!(speech.push("We open at nine."), "We open at nine.");
        assert_eq!(speech.push(" And"), " And");
    }
}
