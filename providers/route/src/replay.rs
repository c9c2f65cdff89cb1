//! What the caller said since the last final, kept so that another recogniser can hear it again.
//!
//! Pure. Inputs lie in their order, `Finalize` among the audio, so that whoever takes over answers each at its place.
//! What a final has answered is forgotten; of audio never more than `KEPT` is kept.

use std::collections::VecDeque;

use domain::{AudioFrame, MediaTime};
use providers_api::SttInput;

/// Audio kept since the last final.
pub(crate) const KEPT: MediaTime = MediaTime::from_millis(10_000);
/// Silence before the first speech is not worth hearing again, but for this much.
const LEAD: MediaTime = MediaTime::from_millis(600);
/// Longest piece given to a recogniser that catches up.
const PIECE: MediaTime = MediaTime::from_millis(500);
/// Mean amplitude of a stretch that may be speech (about -41 dBFS).
const VOICED: u64 = 300;

#[derive(Debug)]
enum Item {
    Audio { frame: AudioFrame, voiced: bool },
    Finalize,
}

#[derive(Debug, Default)]
pub(crate) struct Log {
    items: VecDeque<Item>,
    /// Number of the first item; numbers never go back.
    base: u64,
    audio: MediaTime,
    voiced: MediaTime,
    owed: usize,
    /// Up to here finals have told what was said.
    finished: MediaTime,
    /// Just after the last audio.
    heard_to: MediaTime,
}

impl Log {
    /// Gives whether the frame may be speech.
    pub(crate) fn audio(&mut self, frame: AudioFrame) -> bool {
        let sum: u64 = frame.samples.iter().map(|sample| u64::from(sample.unsigned_abs())).sum();
        let voiced = sum > VOICED * frame.samples.len() as u64;
        self.heard_to = frame.end();
        self.audio += frame.duration();
        self.voiced += if voiced { frame.duration() } else { MediaTime::ZERO };
        self.items.push_back(Item::Audio { frame, voiced });
        while self.audio > KEPT && self.drop_oldest_audio() {}
        voiced
    }

    pub(crate) fn finalize(&mut self) {
        self.owed += 1;
        self.items.push_back(Item::Finalize);
    }

    /// How much of what is kept may be speech.
    pub(crate) const fn voiced(&self) -> MediaTime {
        self.voiced
    }

    pub(crate) const fn finished(&self) -> MediaTime {
        self.finished
    }

    pub(crate) const fn heard_to(&self) -> MediaTime {
        self.heard_to
    }

    pub(crate) fn end(&self) -> u64 {
        self.base + self.items.len() as u64
    }

    /// Where a new recogniser begins: shortly before the first speech.
    pub(crate) fn start(&self) -> u64 {
        let first = self
            .items
            .iter()
            .position(|item| matches!(item, Item::Audio { voiced: true, .. } | Item::Finalize));
        let mut start = first.unwrap_or(self.items.len());
        let mut lead = MediaTime::ZERO;
        while start > 0 && lead < LEAD {
            start -= 1;
            if let Some(Item::Audio { frame, .. }) = self.items.get(start) {
                lead += frame.duration();
            }
        }
        self.base + start as u64
    }

    /// What comes at `cursor`, and where it goes on. Frames that follow each other are one piece for one that catches up.
    pub(crate) fn piece(&self, cursor: u64) -> Option<(SttInput, u64)> {
        let skip = cursor.max(self.base) - self.base;
        let mut items = self.items.iter().skip(skip as usize);
        let mut next = self.base + skip + 1;
        let mut piece = match items.next()? {
            Item::Finalize => return Some((SttInput::Finalize, next)),
            Item::Audio { frame, .. } => frame.clone(),
        };
        for item in items {
            let Item::Audio { frame, .. } = item else { break };
            let fits = piece.duration() + frame.duration() <= PIECE;
            if !fits || frame.at != piece.end() || frame.rate_hz != piece.rate_hz {
                break;
            }
            piece.samples.extend_from_slice(&frame.samples);
            next += 1;
        }
        Some((SttInput::Audio(piece), next))
    }

    /// The oldest `Finalize` was answered: everything before it is told.
    pub(crate) fn answered(&mut self) {
        if self.owed == 0 {
            return;
        }
        while let Some(item) = self.pop() {
            if matches!(item, Item::Finalize) {
                return;
            }
        }
    }

    /// A final came that nobody had asked for: what lies before its end is told.
    pub(crate) fn told(&mut self, to: MediaTime) {
        while let Some(Item::Audio { frame, .. }) = self.items.front()
            && frame.end() <= to
        {
            self.pop();
        }
        self.finished = self.finished.max(to);
    }

    fn pop(&mut self) -> Option<Item> {
        let item = self.items.pop_front()?;
        self.base += 1;
        match &item {
            Item::Audio { frame, voiced } => {
                self.audio = self.audio - frame.duration();
                self.voiced = if *voiced { self.voiced - frame.duration() } else { self.voiced };
                self.finished = self.finished.max(frame.end());
            }
            Item::Finalize => self.owed -= 1, // counted when it was pushed
        }
        Some(item)
    }

    /// A demand for a final stays, even where its audio is too old.
    fn drop_oldest_audio(&mut self) -> bool {
        let Some(Item::Audio { .. }) = self.items.front() else { return false };
        let finished = self.finished;
        self.pop();
        self.finished = finished; // forgotten, not told
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(n: u64, voiced: bool) -> AudioFrame {
        let samples = vec![if voiced { 4_000 } else { 0 }; 320];
        AudioFrame { samples, rate_hz: 16_000, at: MediaTime::from_millis(n * 20) }
    }

    fn said(frames: u64) -> Log {
        let mut log = Log::default();
        for n in 0..frames {
            log.audio(frame(n, n >= frames / 2));
        }
        log
    }

    fn replayed(log: &Log) -> Vec<SttInput> {
        let mut cursor = log.start();
        std::iter::from_fn(|| {
            let (input, next) = log.piece(cursor)?;
            cursor = next;
            Some(input)
        })
        .collect()
    }

    #[test]
    fn what_is_heard_again_begins_shortly_before_the_speech() {
        let log = said(200);
        let pieces = replayed(&log);
        let SttInput::Audio(first) = &pieces[0] else { panic!("audio first") };
        assert_eq!((first.at, first.duration()), (MediaTime::from_millis(1_400), PIECE));
        let total: u64 = pieces
            .iter()
            .map(|p| if let SttInput::Audio(f) = p { f.duration().as_millis() } else { 0 })
            .sum();
        assert_eq!(total, 2_600);
    }

    #[test]
    fn each_demand_for_a_final_keeps_its_place() {
        let mut log = said(10);
        log.finalize();
        log.audio(frame(10, true));
        log.finalize();
        let kinds: Vec<_> = replayed(&log).iter().map(|input| matches!(input, SttInput::Finalize)).collect();
        assert_eq!((kinds, log.owed), (vec![false, true, false, true], 2));
        log.answered();
        let SttInput::Audio(rest) = &replayed(&log)[0] else { panic!("audio first") };
        assert_eq!(
            (rest.at, log.owed, log.finished()),
            (MediaTime::from_millis(200), 1, MediaTime::from_millis(200))
        );
    }

    #[test]
    fn a_caller_who_is_silent_for_an_hour_costs_ten_seconds() {
        let mut log = Log::default();
        for n in 0..180_000 {
            log.audio(frame(n, false));
        }
        assert_eq!((log.audio, log.items.len(), log.voiced()), (KEPT, 500, MediaTime::ZERO));
        assert_eq!(log.end(), 180_000);
    }

    #[test]
    fn a_final_nobody_asked_for_tells_what_lies_before_it() {
        let mut log = said(10);
        log.told(MediaTime::from_millis(130));
        assert_eq!((log.items.len(), log.finished()), (4, MediaTime::from_millis(130)));
    }
}
