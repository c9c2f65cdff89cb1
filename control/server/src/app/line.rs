//! Lines that people read, such as titles in lists: what may not stand in one.

/// The first character that is not shown and makes two lines look alike, breaks the line, or turns what follows around. Marks that
/// languages and pictures are written with (joiners, U+200E and U+200F, tags of flags) are none of these.
pub(crate) fn unreadable(line: &str) -> Option<char> {
    line.chars().find(|&letter| {
        letter.is_control()
            || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
            || matches!(letter, '\u{200b}' | '\u{2060}' | '\u{feff}' | '\u{ad}')
    })
}

/// What is wrong with a line that has it, and what to do.
pub(crate) fn said(mark: char) -> String {
    let what = if mark.is_control() { "is a control character" } else { "changes how the line is read" };
    format!("U+{:04X} is not shown and {what}: leave it out", u32::from(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_or_turns_a_line_around_is_found_and_languages_are_not() {
        assert_eq!(unreadable("Front\u{202e}ksed"), Some('\u{202e}'));
        assert_eq!(unreadable("a\u{2066}b\u{2069}"), Some('\u{2066}'));
        for mark in ['\n', '\t', '\u{7f}', '\u{85}', '\u{2028}', '\u{200b}', '\u{feff}'] {
            assert_eq!(unreadable(&format!("a{mark}b")), Some(mark), "{mark:?}");
        }
        for line in ["Empfang für Gäste", "פרחים \u{200f}12", "می\u{200c}خواهم", "👩\u{200d}🍳 Kitchen", ""]
        {
            assert_eq!(unreadable(line), None, "{line}");
        }
        assert_eq!(said('\u{202e}'), "U+202E is not shown and changes how the line is read: leave it out");
        assert_eq!(said('\t'), "U+0009 is not shown and is a control character: leave it out");
    }
}
