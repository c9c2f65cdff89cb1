//! The books of one turn's synthesis: which sentences are spoken, which are done, where the audio stands. Plain data.

use domain::{AudioFrame, MediaTime, Word};
use providers_api::{TtsEvent, Usage};

use crate::codes::Fault;
use crate::speaking::SpokenWord;

/// Sentences with nothing to speak are not given to the vendor: it counts the others alone, from 0.
#[derive(Debug)]
pub(crate) struct Sentences {
    rate_hz: u32,
    samples: u64,
    /// All sentences, and so many of them were told as done.
    count: usize,
    told: usize,
    /// For each sentence of the vendor, which of ours it is.
    ours: Vec<usize>,
    /// So many of the vendor's are done.
    done: usize,
}

impl Sentences {
    pub(crate) const fn new(rate_hz: u32) -> Self {
        Self { rate_hz, samples: 0, count: 0, told: 0, ours: Vec::new(), done: 0 }
    }

    /// The next sentence; its number at the vendor, unless there is nothing to speak.
    pub(crate) fn add(&mut self, text: &str) -> Option<usize> {
        self.count += 1;
        if !text.chars().any(char::is_alphanumeric) {
            return None;
        }
        self.ours.push(self.count - 1);
        Some(self.ours.len() - 1)
    }

    pub(crate) fn audio(&mut self, samples: Vec<i16>) -> Option<TtsEvent> {
        if samples.is_empty() {
            return None;
        }
        let at = MediaTime::from_samples(self.samples, self.rate_hz);
        self.samples += samples.len() as u64;
        Some(TtsEvent::Audio(AudioFrame { samples, rate_hz: self.rate_hz, at }))
    }

    pub(crate) fn words(&self, vendors: usize, words: Vec<SpokenWord>) -> Option<TtsEvent> {
        let sentence = *self.ours.get(vendors)?;
        let word = |word: SpokenWord| Word {
            text: word.text,
            from: MediaTime::from_duration(word.from),
            to: MediaTime::from_duration(word.to),
        };
        Some(TtsEvent::Words { sentence, words: words.into_iter().map(word).collect() })
    }

    /// The vendor's sentences up to this one are done.
    ///
    /// # Errors
    /// When it claims so without having given any audio.
    pub(crate) fn done(&mut self, vendors: usize) -> Result<(), Fault> {
        let done = (vendors + 1).min(self.ours.len());
        if done > 0 && self.samples == 0 {
            return Err(Fault::protocol("no audio came for what was to be spoken"));
        }
        self.done = self.done.max(done);
        Ok(())
    }

    /// Everything that was given is done.
    ///
    /// # Errors
    /// As `done`.
    pub(crate) fn done_all(&mut self) -> Result<(), Fault> {
        self.ours.len().checked_sub(1).map_or(Ok(()), |last| self.done(last))
    }

    /// What can be told as done now, in order.
    pub(crate) fn tell(&mut self) -> impl Iterator<Item = TtsEvent> + use<> {
        let until = self.ours.get(self.done).copied().unwrap_or(self.count);
        let from = self.told;
        self.told = from.max(until);
        (from..until).map(|sentence| TtsEvent::SentenceDone { sentence })
    }

    /// Whether the vendor owes nothing.
    pub(crate) fn is_done(&self) -> bool {
        self.done == self.ours.len()
    }

    /// Of all audio so far.
    pub(crate) fn length(&self) -> MediaTime {
        MediaTime::from_samples(self.samples, self.rate_hz)
    }

    /// With so many samples more.
    pub(crate) fn length_with(&self, samples: usize) -> MediaTime {
        MediaTime::from_samples(self.samples + samples as u64, self.rate_hz)
    }

    /// The audio that a turn gave, for its end.
    pub(crate) fn used(&self) -> Option<TtsEvent> {
        let audio_out = self.length().as_duration();
        (!audio_out.is_zero()).then(|| TtsEvent::Usage(Usage { audio_out, ..Usage::default() }))
    }
}

/// What a request was told to have used: our count when it is sent, then what the vendor counts beyond it.
#[derive(Debug, Default)]
pub(crate) struct Charge {
    characters: u64,
}

impl Charge {
    pub(crate) fn sent(&mut self, text: &str) -> TtsEvent {
        let characters = text.chars().count() as u64;
        self.characters += characters;
        TtsEvent::Usage(Usage { characters, estimated: true, ..Usage::default() })
    }

    pub(crate) fn counted(&mut self, vendors: Usage) -> Option<TtsEvent> {
        let characters = vendors.characters.saturating_sub(self.characters);
        self.characters = self.characters.max(vendors.characters);
        let beyond = Usage { characters, ..vendors };
        (beyond != Usage::default()).then_some(TtsEvent::Usage(beyond))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(sentences: &mut Sentences) -> Vec<usize> {
        sentences
            .tell()
            .map(|event| match event {
                TtsEvent::SentenceDone { sentence } => sentence,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn blank_sentences_are_done_in_their_turn_and_the_vendor_counts_without_them() {
        let mut sentences = Sentences::new(16_000);
        assert_eq!(sentences.add("…"), None);
        assert_eq!(told(&mut sentences), [0]);
        assert_eq!(
            (sentences.add("One."), sentences.add(" - "), sentences.add("Two.")),
            (Some(0), None, Some(1))
        );
        assert!(told(&mut sentences).is_empty());
        sentences.audio(vec![1; 16]);
        sentences.done(0).expect("audio came");
        assert_eq!(told(&mut sentences), [1, 2]);
        assert_eq!(sentences.add("!"), None);
        assert!(told(&mut sentences).is_empty() && !sentences.is_done());
        sentences.done_all().expect("audio came");
        assert_eq!(told(&mut sentences), [3, 4]);
        assert!(sentences.is_done());
    }

    #[test]
    fn a_claim_of_success_without_audio_is_none() {
        let mut sentences = Sentences::new(16_000);
        sentences.add("One.");
        assert!(sentences.done(0).is_err());
        assert!(Sentences::new(16_000).done_all().is_ok());
    }

    #[test]
    fn what_the_vendor_counts_is_told_beyond_our_own_count() {
        let mut charge = Charge::default();
        charge.sent("Four");
        let vendors = |characters| Usage { characters, ..Usage::default() };
        assert_eq!(charge.counted(vendors(4)), None);
        assert_eq!(charge.counted(vendors(6)), Some(TtsEvent::Usage(vendors(2))));
    }

    #[test]
    fn audio_is_placed_without_gaps() {
        let mut sentences = Sentences::new(8_000);
        let at = |event: Option<TtsEvent>| match event {
            Some(TtsEvent::Audio(frame)) => frame.at,
            other => panic!("{other:?}"),
        };
        assert_eq!(at(sentences.audio(vec![0; 80])), MediaTime::ZERO);
        assert_eq!(at(sentences.audio(vec![0; 8])), MediaTime::from_millis(10));
        assert!(sentences.audio(Vec::new()).is_none());
        assert_eq!(sentences.length(), MediaTime::from_millis(11));
    }
}
