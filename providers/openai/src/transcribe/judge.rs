//! What of a transcription was said, and what was made up: Whisper and its kin write sentences for noise and silence.

use std::time::Duration;

use domain::{Language, Transcript, Word};

use super::piece::Piece;
use crate::wire::heard::{Heard, Stretch};

/// What the model itself takes for no speech, and is unsure of.
const NO_SPEECH: f64 = 0.6;
const UNSURE_LOGPROB: f64 = -1.0;
/// Text that repeats itself compresses better than speech does.
const REPEATS: f64 = 2.4;
/// What these models say of noise; taken for it where there was hardly any sound.
const MADE_UP: [&str; 9] = [
    "you",
    "thank you",
    "thank you very much",
    "thank you for watching",
    "thanks for watching",
    "bye",
    "bye bye",
    "untertitel der amara org community",
    "sous titres réalisés para la communauté d amara org",
];
/// Less sound than this, or none louder, is hardly any.
const HARDLY_LONG: Duration = Duration::from_millis(300);
const HARDLY_LOUD_DBFS: f32 = -40.0;

/// The final of a piece. `asked` is the language that was asked for.
pub(super) fn judged(heard: Heard, piece: &Piece, asked: Option<&Language>) -> Transcript {
    let kept: Vec<&Stretch> = heard.stretches.iter().filter(|stretch| !is_made_up(stretch)).collect();
    let all = kept.len() == heard.stretches.len();
    let text = match all {
        true => heard.text.clone(),
        false => kept.iter().map(|stretch| stretch.text.trim()).collect::<Vec<_>>().join(" "),
    };
    let text = text.trim();
    let language = heard.language.clone().or_else(|| asked.cloned());
    let end = piece.place(f64::MAX);
    if text.is_empty() || (is_filler(text) && hardly_any(piece)) {
        return Transcript { language, ..Transcript::complete("", piece.from, end) };
    }
    let inside = |at: f64| all || kept.iter().any(|stretch| (stretch.start..=stretch.end).contains(&at));
    let words: Vec<Word> = heard
        .words
        .iter()
        .filter(|word| inside(f64::midpoint(word.start, word.end)))
        .map(|word| {
            let from = piece.place(word.start);
            Word { text: word.word.trim().to_owned(), from, to: piece.place(word.end).max(from) }
        })
        .collect();
    let from = words.first().map_or(piece.from, |word| word.from);
    let to = words.last().map_or(end, |word| word.to);
    Transcript { words, language, confidence: confidence(&kept), ..Transcript::complete(text, from, to) }
}

fn is_made_up(stretch: &Stretch) -> bool {
    let no_speech = stretch.no_speech_prob.is_some_and(|probability| probability > NO_SPEECH)
        && stretch.avg_logprob.is_some_and(|logprob| logprob < UNSURE_LOGPROB);
    no_speech || stretch.compression_ratio.is_some_and(|ratio| ratio > REPEATS)
}

fn is_filler(text: &str) -> bool {
    let words = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    let bare = words.map(str::to_lowercase).collect::<Vec<_>>().join(" ");
    MADE_UP.contains(&bare.as_str())
}

fn hardly_any(piece: &Piece) -> bool {
    piece.sound < HARDLY_LONG || piece.loudest_dbfs < HARDLY_LOUD_DBFS
}

/// The mean probability of a token, weighed by length.
fn confidence(stretches: &[&Stretch]) -> Option<f32> {
    let mut sum = (0.0, 0.0);
    for stretch in stretches {
        let length = (stretch.end - stretch.start).max(0.01);
        sum = (sum.0 + stretch.avg_logprob?.min(0.0) * length, sum.1 + length);
    }
    (sum.1 > 0.0).then(|| (sum.0 / sum.1).exp() as f32)
}

#[cfg(test)]
mod tests {
    use domain::MediaTime;

    use super::*;
    use crate::wire::heard::SpokenWord;

    fn piece(sound_ms: u64, loudest_dbfs: f32) -> Piece {
        let sound = Duration::from_millis(sound_ms);
        Piece {
            rate_hz: 16_000,
            samples: vec![0; 32_000],
            from: MediaTime::from_millis(5_000),
            sound,
            loudest_dbfs,
        }
    }

    fn text(text: &str) -> Heard {
        Heard { text: text.to_owned(), ..Heard::default() }
    }

    fn stretch(text: &str, start: f64, end: f64) -> Stretch {
        Stretch { text: text.to_owned(), start, end, avg_logprob: Some(-0.1), ..Stretch::default() }
    }

    #[test]
    fn thanks_for_nothing_are_made_up_and_real_thanks_are_not() {
        for made_up in ["Thank you.", " you", "Bye-bye!", "Thanks for watching!"] {
            assert_eq!(judged(text(made_up), &piece(160, -20.0), None).text, "", "{made_up} of a click");
            assert_eq!(judged(text(made_up), &piece(900, -45.0), None).text, "", "{made_up} of a murmur");
        }
        assert_eq!(judged(text("Thank you."), &piece(700, -20.0), None).text, "Thank you.");
        assert_eq!(judged(text("No."), &piece(160, -20.0), None).text, "No.");
    }

    #[test]
    fn stretches_that_the_model_doubts_are_left_out_with_their_words() {
        let word = |word: &str, start: f64, end: f64| SpokenWord { word: word.to_owned(), start, end };
        let silent =
            Stretch { no_speech_prob: Some(0.8), avg_logprob: Some(-1.2), ..stretch(" Amen.", 1.0, 1.5) };
        let repeated = Stretch { compression_ratio: Some(3.0), ..stretch(" la la la la", 1.5, 2.0) };
        let heard = Heard {
            text: "Good day. Amen. la la la la".to_owned(),
            stretches: vec![stretch(" Good day.", 0.0, 1.0), silent, repeated],
            words: vec![
                word("Good", 0.2, 0.5),
                word("day", 0.5, 0.9),
                word("Amen", 1.1, 1.4),
                word("la", 1.6, 1.7),
            ],
            ..Heard::default()
        };
        let told = judged(heard, &piece(1_000, -20.0), Some(&Language("en".to_owned())));
        assert_eq!(told.text, "Good day.");
        let words: Vec<(&str, u64)> =
            told.words.iter().map(|word| (word.text.as_str(), word.from.as_millis())).collect();
        assert_eq!(words, [("Good", 5_200), ("day", 5_500)]);
        assert_eq!((told.from.as_millis(), told.to.as_millis()), (5_200, 5_900));
        assert!((told.confidence.expect("known") - 0.904_8).abs() < 0.001);
        assert_eq!(told.language, Some(Language("en".to_owned())));
    }

    #[test]
    fn doubt_alone_or_silence_alone_is_no_reason() {
        for stretch in [
            Stretch { no_speech_prob: Some(0.8), ..stretch("Yes.", 0.0, 1.0) },
            Stretch { avg_logprob: Some(-1.5), ..stretch("Yes.", 0.0, 1.0) },
        ] {
            let heard = Heard { stretches: vec![stretch], ..text("Yes.") };
            assert_eq!(judged(heard, &piece(500, -20.0), None).text, "Yes.");
        }
    }

    #[test]
    fn text_alone_covers_the_whole_piece() {
        let told = judged(text(" Hello there. "), &piece(1_000, -20.0), None);
        assert_eq!((told.text.as_str(), told.confidence), ("Hello there.", None));
        assert_eq!((told.from.as_millis(), told.to.as_millis()), (5_000, 7_000));
        assert!(told.is_final() && told.words.is_empty());
    }
}
