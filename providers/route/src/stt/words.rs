//! Words that are owed for a voice, words that are taken back, words that come twice.

use domain::{MediaTime, Transcript};
use providers_api::{Ability, Error, ErrorKind, SttEvent};
use tokio::time::Instant;

use super::Hearing;

impl Hearing {
    /// There is speech: words are waited for.
    pub(super) fn spoken(&mut self, now: Instant) {
        let partials = self.gives_partials();
        let Some(ear) = &mut self.ear else { return };
        ear.line.tried.asked(now);
        // Since its last words, where it gave some: pauses do not count.
        let since = if self.worded { now.checked_sub(self.fresh.as_duration()) } else { Some(now) };
        if partials && !(self.worded && self.doubted) {
            self.speech = self.speech.or(since);
        }
    }

    pub(super) fn gives_partials(&self) -> bool {
        self.ear.as_ref().is_some_and(|ear| self.ways.way(ear.line.index).partials)
    }

    /// Whether the voice went on for as long as first words take. The first of a turn are owed for less.
    pub(super) fn owes_words(&self, index: usize) -> bool {
        !self.worded || self.fresh.as_duration() >= self.ways.first_within(index)
    }

    /// What a gone ear told is not what the turn is committed with.
    pub(super) fn take_back(&mut self) {
        if !self.demanded.is_empty() && std::mem::take(&mut self.void) {
            let at = self.log.heard_to();
            self.ready.push_back(Ok(SttEvent::Transcript(Transcript::partial(String::new(), at, at))));
        }
    }

    /// So many words, where others may have heard fewer.
    pub(super) fn heard_more(&mut self, words: usize, now: Instant) {
        self.empty = None;
        self.episode = None;
        for (tried, _) in self.suspects.extract_if(.., |(_, told)| *told < words) {
            let name = tried.info().name.clone();
            let reason = "heard no words where another did";
            tried.failed(Error::new(Ability::Stt, ErrorKind::TimedOut, name, reason), now);
        }
    }
}

/// Takes out the words that an earlier final has told.
pub(super) fn drop_told(transcript: &mut Transcript, finished: MediaTime) {
    let told = |from: MediaTime, to: MediaTime| MediaTime(u64::midpoint(from.0, to.0)) < finished;
    if !transcript.words.iter().any(|word| told(word.from, word.to)) {
        return;
    }
    transcript.words.retain(|word| !told(word.from, word.to));
    transcript.text = transcript.words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
    transcript.from = transcript.from.max(finished);
}
