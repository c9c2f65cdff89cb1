//! The speech files with their texts, and how far a transcript is from a text.

use std::path::{Path, PathBuf};

#[derive(Debug, Clone)]
pub(crate) struct Clip {
    pub(crate) file: String,
    pub(crate) text: String,
    /// `human` or `tts`.
    pub(crate) kind: String,
}

impl Clip {
    /// 16 kHz mono.
    pub(crate) fn samples(&self) -> Vec<i16> {
        let mut reader = hound::WavReader::open(directory().join(&self.file)).expect("a WAV file");
        assert_eq!((reader.spec().sample_rate, reader.spec().channels), (16_000, 1), "{}", self.file);
        reader.samples().map(|sample| sample.expect("a whole file")).collect()
    }
}

pub(crate) fn clips() -> Vec<Clip> {
    let table = std::fs::read_to_string(directory().join("transcripts.tsv")).expect("testkit/speech");
    let row = |line: &str| {
        let mut cells = line.split('\t').map(str::to_owned);
        let mut cell = || cells.next().expect("four columns");
        Clip { file: cell(), text: cell(), kind: cell() }
    };
    table.lines().skip(1).filter(|line| !line.is_empty()).map(row).collect()
}

pub(crate) fn clip(file: &str) -> Clip {
    clips().into_iter().find(|clip| clip.file == file).expect("a clip of this name")
}

/// Words in the wrong, and words in all.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Errors {
    pub(crate) wrong: usize,
    pub(crate) words: usize,
}

impl Errors {
    pub(crate) fn of(reference: &str, heard: &str) -> Self {
        let (reference, heard) = (words(reference), words(heard));
        Self { wrong: distance(&reference, &heard), words: reference.len() }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.wrong += other.wrong;
        self.words += other.words;
    }

    pub(crate) fn percent(self) -> f64 {
        100.0 * self.wrong as f64 / self.words.max(1) as f64
    }
}

/// Lower-case words; digits as they are spoken one by one, small numbers as words.
fn words(text: &str) -> Vec<String> {
    const DIGITS: [&str; 10] =
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    const TEENS: [&str; 3] = ["ten", "eleven", "twelve"];
    let text =
        text.to_lowercase().replace(['\u{2019}', '\''], "").replace("mm hmm", "mhm").replace("mm-hmm", "mhm");
    let mut words = Vec::new();
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        match word.parse::<usize>() {
            Ok(number @ 10..=12) if word.len() == 2 => words.push(TEENS[number - 10].to_owned()),
            Ok(_) => words.extend(word.bytes().map(|digit| DIGITS[usize::from(digit - b'0')].to_owned())),
            Err(_) if word == "ok" => words.push("okay".to_owned()),
            Err(_) => words.push(word.to_owned()),
        }
    }
    words
}

fn distance(a: &[String], b: &[String]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(left != right);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testkit/speech")
}

#[test]
fn errors_are_counted_in_words() {
    assert_eq!(Errors::of("My number is four two.", "my number is 42").wrong, 0);
    assert_eq!(Errors::of("at ten, okay", "At 10 OK").wrong, 0);
    let errors = Errors::of("one two three four", "one too three four five");
    assert_eq!((errors.wrong, errors.words), (2, 4));
}
