//! Where a sentence goes on whose voice broke off: behind the last word that was given, by the rule by which the session
//! counts what was heard (a word counts from its middle on), so that no word is said twice in the history or lost.

use domain::{MediaTime, Word};

/// Length of speech for a character until the voice says better: about 15 characters a second.
const TYPICAL_PER_CHAR: MediaTime = MediaTime::from_millis(65);
/// Audio this far behind the last known word may hold words that are not known yet.
const UNKNOWN: MediaTime = MediaTime::from_millis(250);

/// What is left of a sentence.
#[cfg_attr(test, derive(Debug, PartialEq))]
pub(crate) struct Cut {
    pub covered: Vec<Word>,
    /// Empty where all was said.
    pub rest: String,
}

/// `None` where the words do not tell.
pub(crate) fn cut(text: &str, words: &[Word], given: MediaTime) -> Option<Cut> {
    let mut end = 0;
    let mut covered = Vec::new();
    let mut all = true;
    for word in words {
        if MediaTime(u64::midpoint(word.from.0, word.to.0)) > given {
            all = false;
            break;
        }
        end = find_word(text, end, &word.text)?;
        covered.push(word.clone());
    }
    let rest = text.get(end..)?.trim();
    let rest = if owes_sound(rest) { rest.to_owned() } else { String::new() };
    let last = words.last()?.to;
    if all && !rest.is_empty() && given > last + UNKNOWN {
        return None;
    }
    Some(Cut { covered, rest })
}

/// Where the last clause ends that came whole and was not given yet: between the two positions. A clause that is known by its words.
pub(crate) fn clause_end(text: &str, words: &[Word], out: MediaTime, came: MediaTime) -> Option<MediaTime> {
    let mut end = 0;
    let mut last = None;
    for word in words.iter().take_while(|word| word.to <= came) {
        end = find_word(text, end, &word.text)?;
        if word.to >= out && text.get(..end)?.ends_with([',', ';', ':', '—', '–']) {
            last = Some(word.to);
        }
    }
    last
}

/// Where the words of a text may sound from a position on, for a voice that does not tell.
pub(crate) fn estimate(text: &str, from: MediaTime) -> Vec<Word> {
    let mut at = from;
    let words = text.split_whitespace().map(|word| {
        let begins = at;
        at += MediaTime(TYPICAL_PER_CHAR.0 * (word.chars().count() as u64 + 1));
        Word { text: word.to_owned(), from: begins, to: at }
    });
    words.collect()
}

/// Whether a voice that gives no sample for this has failed.
pub(crate) fn owes_sound(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

/// Whether there is nothing that any voice would speak.
pub(crate) fn is_blank(text: &str) -> bool {
    const MARKS: &str = "!\"'(),-./:;?[]_`{}|~*\\^<>…—–‘’“”«»¡¿·•";
    text.chars().all(|c| c.is_whitespace() || MARKS.contains(c))
}

/// Where the word ends in the text, looking from `start`, with the marks that cling to it.
fn find_word(text: &str, start: usize, word: &str) -> Option<usize> {
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
    if bare.is_empty() {
        return Some(start);
    }
    let rest = text.get(start..)?;
    let lower = rest.to_lowercase();
    // Bytes stay in place only where lowering keeps lengths. In another case first: a voice gives "no" for "No, no".
    let at = if lower.len() == rest.len() { lower.find(&bare.to_lowercase()) } else { rest.find(bare) }?;
    let end = at + bare.len();
    let clinging = rest.get(end..)?.find(char::is_whitespace).unwrap_or(rest.len() - end);
    Some(start + end + clinging)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> MediaTime {
        MediaTime::from_millis(n)
    }

    fn words(list: &[(&str, u64, u64)]) -> Vec<Word> {
        list.iter()
            .map(|(text, from, to)| Word { text: (*text).to_owned(), from: ms(*from), to: ms(*to) })
            .collect()
    }

    fn known() -> Vec<Word> {
        words(&[("yes", 0, 300), ("we", 300, 500), ("do", 500, 900)])
    }

    #[test]
    fn a_word_counts_from_its_middle_on() {
        let rests = [0, 149, 150, 399, 400, 699, 700].map(|at| {
            let cut = cut("Yes, we do.", &known(), ms(at)).expect("known");
            (cut.covered.len(), cut.rest)
        });
        let expected = [
            (0, "Yes, we do."),
            (0, "Yes, we do."),
            (1, "we do."),
            (1, "we do."),
            (2, "do."),
            (2, "do."),
            (3, ""),
        ];
        assert_eq!(rests, expected.map(|(n, rest)| (n, rest.to_owned())));
    }

    #[test]
    fn what_the_words_do_not_tell_is_not_guessed() {
        assert_eq!(cut("Yes, we do.", &[], ms(300)), None);
        assert_eq!(cut("Yes, we do.", &words(&[("no", 0, 300)]), ms(300)), None);
        let part = words(&[("Yes", 0, 300)]);
        assert_eq!(cut("Yes, we do.", &part, ms(400)).map(|cut| cut.rest), Some("we do.".to_owned()));
        assert_eq!(cut("Yes, we do.", &part, ms(600)), None);
    }

    #[test]
    fn words_that_repeat_are_told_apart_by_their_order() {
        let twice = words(&[("no", 0, 100), ("no", 100, 200), ("no", 200, 300), ("thanks", 300, 500)]);
        assert_eq!(cut("No, no, no thanks.", &twice, ms(190)).expect("known").rest, "no thanks.");
    }

    #[test]
    fn marks_alone_are_nothing_to_speak() {
        assert!(is_blank(" … ?!") && is_blank("") && !is_blank("5") && !is_blank("👍"));
        assert!(!owes_sound("👍") && owes_sound("é"));
    }
}
