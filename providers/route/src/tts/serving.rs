//! The voice that speaks the turn: what it gives, and what is left of the sentence when it is gone.

use domain::{AudioFrame, MediaTime, Word};
use providers_api::{Error, ErrorKind, TtsEvent};
use tokio::time::Instant;

use super::{AVOIDED_FOR, Speaker, Turn, is_audible};
use crate::health::lock;
use crate::line::Came;
use crate::spoken::Broken;
use crate::ways::keep;

impl Turn {
    pub(super) fn take_serving(&mut self, came: Came<TtsEvent>, now: Instant) {
        let Some(speaker) = &mut self.serving else { return };
        let index = speaker.line.index;
        let error = |kind, reason| self.shared.ways.error(index, kind, reason);
        match came {
            Came::Opened => {}
            Came::Event(TtsEvent::Audio(frame)) => self.audio(frame, now),
            Came::Event(TtsEvent::Words { sentence, words }) => {
                if let Some(sentence) = speaker.sentences.get(sentence).copied() {
                    self.take_words(sentence, words);
                }
            }
            Came::Event(TtsEvent::SentenceDone { .. }) => {
                if self.spoken.owes_sound() {
                    self.serving_failed(error(ErrorKind::Protocol, "a sentence was done without audio"), now);
                } else if !self.is_plausible() {
                    let reason = "a sentence was done after a fraction of it";
                    self.serving_failed(error(ErrorKind::Protocol, reason), now);
                } else if self.spoken.is_waiting() {
                    self.since = self.since.max(now);
                    let done = self.spoken.done();
                    self.ahead.push(done);
                }
            }
            Came::Event(TtsEvent::Usage(usage)) => {
                speaker.line.tried.used(usage);
                self.ready.push_back(Ok(TtsEvent::Usage(usage)));
            }
            Came::Event(served @ TtsEvent::Served(_)) => self.ready.push_back(Ok(served)),
            Came::Failed(error) => self.serving_failed(error, now),
            Came::Ended if self.spoken.is_waiting() => {
                self.serving_failed(error(ErrorKind::Closed, "ended before all was spoken"), now);
            }
            // All was spoken: the next sentence, if one comes, begins anew.
            Came::Ended => {
                if let Some(speaker) = self.serving.take() {
                    speaker.line.tried.served(now);
                }
            }
        }
    }

    /// Whether what came can be the sentence that is said to be done. Where nobody else could say it, it is believed.
    fn is_plausible(&self) -> bool {
        let Some(speaker) = self.serving.as_ref().filter(|_| self.spoken.has_sounded()) else { return true };
        let (ways, index) = (&self.shared.ways, speaker.line.index);
        let (letters, audio) = self.spoken.so_far();
        if !ways.can_be_spoken(index, letters, audio, speaker.speed) {
            return !self.has_another(index);
        }
        ways.letters_took(index, letters, audio, speaker.speed);
        true
    }

    fn audio(&mut self, frame: AudioFrame, now: Instant) {
        let Some(speaker) = self.serving.as_mut().filter(|_| self.spoken.is_waiting()) else { return };
        if frame.samples.is_empty() {
            return;
        }
        if !self.spoken.has_sounded() && !is_audible(&frame) {
            speaker.held.push_back(TtsEvent::Audio(frame));
            return;
        }
        let held = std::mem::take(&mut speaker.held);
        self.ready.extend(self.spoken.sounds().map(Ok));
        for event in held {
            if let TtsEvent::Audio(silence) = event {
                self.give(silence, now);
            }
        }
        self.give(frame, now);
    }

    fn give(&mut self, mut frame: AudioFrame, now: Instant) {
        let Some(speaker) = &mut self.serving else { return };
        frame.at = speaker.offset + MediaTime::from_samples(speaker.samples, frame.rate_hz);
        speaker.samples += frame.samples.len() as u64;
        self.spoken.gave(frame.end());
        let length = frame.duration().as_duration();
        speaker.line.tried.given.audio_out += length;
        self.since = self.since.max(now);
        self.ahead.push(TtsEvent::Audio(frame));
        self.ahead.let_out(now, &mut self.ready);
    }

    fn take_words(&mut self, sentence: usize, mut words: Vec<Word>) {
        let Some(speaker) = &self.serving else { return };
        for word in &mut words {
            word.from += speaker.offset;
            word.to += speaker.offset;
        }
        self.ready.extend(self.spoken.words(sentence, words).map(Ok));
    }

    pub(super) fn serving_failed(&mut self, error: Error, now: Instant) {
        let Some(Speaker { line, .. }) = self.serving.take() else { return };
        let index = line.index;
        line.tried.failed(error.clone(), now);
        self.failed.push(index);
        self.silent = now.saturating_duration_since(self.since.max(self.ahead.dry()));
        self.since = self.since.max(now);
        let broken = self.spoken.broke_off(self.ahead.out());
        let end = self.ahead.cut_off(self.spoken.given());
        self.spoken.gave(end);
        match broken {
            Broken::GoesOn => {}
            Broken::Anew(event) => self.ready.push_back(Ok(event)),
            Broken::Done(event) => self.ahead.push(event),
            Broken::Unknown => return self.break_off(index, &error, now),
        }
        keep(&mut self.hopeful, error);
    }

    /// Nobody here knows what is left of the sentence.
    fn break_off(&mut self, index: usize, error: &Error, now: Instant) {
        let mut avoided = lock(&self.shared.avoided);
        avoided.retain(|_, (_, until)| *until > now);
        avoided.insert(self.session, (self.failed.clone(), now + AVOIDED_FOR));
        drop(avoided);
        // What came of the sentence is the session's, which alone knows what it may still play.
        self.ready.extend(self.ahead.all().map(Ok));
        self.ready.push_back(Err(self.shared.ways.error(index, ErrorKind::Closed, &error.reason)));
    }
}
