//! The books of one recognition: what audio was given, what of it has settled, what is told twice. Plain data, no waiting.
//!
//! Samples are counted from the first of the stream, over all its connections and over gaps in the track ("places"). Vendors count from
//! the first sample of their connection, listeners in positions of the track; both are translated here.

use std::collections::VecDeque;
use std::time::Duration;

use domain::{AudioFrame, Language, MediaTime, Transcript, TranscriptKind, Word};

use super::{Piece, PieceWord};

/// So much audio without a settled segment is kept for the next connection; older audio is lost with its connection.
const KEPT: Duration = Duration::from_secs(10);
/// At a quiet moment no word is under way, except one that the vendor has not told yet.
const QUIET: Duration = Duration::from_secs(2);
/// Gaps of the track that are remembered; vendors speak of the last seconds.
const GAPS: usize = 64;
/// Positions of frames are rounded; less than this is no gap.
const NO_GAP: MediaTime = MediaTime::from_millis(1);
/// What vendors' positions are off by, at most.
const ROUNDED: Duration = Duration::from_millis(100);

pub(super) struct Joining {
    rate_hz: u32,
    /// Told with pieces that name none.
    language: Option<Language>,
    /// The last audio; its first sample has the place `kept_from`.
    kept: VecDeque<i16>,
    kept_from: u64,
    /// Places where the track goes on somewhere else, in order.
    gaps: VecDeque<(u64, MediaTime)>,
    /// Place of the connection's first sample.
    base: u64,
    /// Place of the next sample for the connection.
    sent: u64,
    /// Sent and not yet billed, in samples.
    unbilled: u64,
    /// Where a new connection has to begin.
    settled_to: u64,
    /// Up to here words were told in a final that the vendor did not answer for: what it says of them later is dropped, and what it
    /// says beyond them is told on.
    told_to: u64,
    /// How many words of the last segment that was.
    told_words: usize,
    /// End of the audio when the final was asked for.
    asked_at: u64,
    /// Since our last final.
    settled: Vec<Transcript>,
    partial: Option<Transcript>,
    /// The place where it ends.
    partial_to: u64,
}

impl Joining {
    pub(super) fn new(rate_hz: u32, language: Option<Language>) -> Self {
        Self {
            rate_hz: rate_hz.max(1),
            language,
            kept: VecDeque::new(),
            kept_from: 0,
            gaps: VecDeque::new(),
            base: 0,
            sent: 0,
            unbilled: 0,
            settled_to: 0,
            told_to: 0,
            told_words: 0,
            asked_at: 0,
            settled: Vec::new(),
            partial: None,
            partial_to: 0,
        }
    }

    pub(super) fn push(&mut self, frame: &AudioFrame) {
        let expected = self.end();
        let continues = !self.gaps.is_empty()
            && frame.at.saturating_sub(expected) < NO_GAP
            && expected.saturating_sub(frame.at) < NO_GAP;
        if !continues {
            if self.gaps.len() == GAPS {
                self.gaps.pop_front();
            }
            self.gaps.push_back((self.given(), frame.at));
        }
        self.kept.extend(&frame.samples);
        self.forget();
    }

    /// The next audio for the connection, `samples` long, or whatever there is when it is the `last` for now; none of it behind `upto`.
    pub(super) fn next_message(&mut self, samples: usize, last: bool, upto: u64) -> Option<Vec<i16>> {
        let from = usize::try_from(self.sent.saturating_sub(self.kept_from)).ok()?;
        let allowed = usize::try_from(upto.saturating_sub(self.sent)).unwrap_or(usize::MAX);
        let waiting = self.kept.len().saturating_sub(from).min(allowed);
        let count = if waiting >= samples { samples } else { waiting };
        if count == 0 || (count < samples && !last) {
            return None;
        }
        let message = self.kept.range(from..from + count).copied().collect();
        self.sent += count as u64;
        self.unbilled += count as u64;
        Some(message)
    }

    /// Audio given to connections since this was last asked.
    pub(super) fn take_unbilled(&mut self) -> Duration {
        let samples = std::mem::take(&mut self.unbilled);
        MediaTime::from_samples(samples, self.rate_hz).as_duration()
    }

    /// A new connection begins: with the audio since the last settled segment, or, in a `quiet` moment, with the end of it.
    pub(super) fn begin_connection(&mut self, quiet: bool) {
        let mut base = self.settled_to.max(self.kept_from);
        if quiet {
            base = base.max(self.given().saturating_sub(self.samples(QUIET)).min(self.sent));
        }
        self.keep_words_before(base);
        (self.base, self.sent) = (base, base);
    }

    /// Words that the old connection told and the new one cannot hear any more.
    fn keep_words_before(&mut self, base: u64) {
        let Some(partial) = &self.partial else { return };
        let base = self.begin_of(base);
        let words: Vec<Word> = partial.words.iter().filter(|word| word.to <= base).cloned().collect();
        let (Some(first), Some(last)) = (words.first(), words.last()) else { return };
        let text = words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
        let kept = Transcript {
            language: partial.language.clone(),
            confidence: partial.confidence,
            ..Transcript::complete(text, first.from, last.to)
        };
        self.settled.push(Transcript { words, ..kept });
        self.partial = None;
    }

    /// What is told of a partial, if anything.
    pub(super) fn partial(&mut self, piece: Piece) -> Option<Transcript> {
        let to = if piece.to.is_zero() { self.sent } else { self.place(piece.to) };
        let partial = self.heard(piece)?;
        self.partial = Some(partial);
        self.partial_to = to;
        Some(self.joined(TranscriptKind::Partial, true))
    }

    /// What is told of a settled segment in mid-turn, if anything.
    pub(super) fn settle(&mut self, piece: Piece) -> Option<Transcript> {
        let to = self.place(piece.to);
        let settled = self.heard(piece);
        self.settled_to = self.settled_to.max(to);
        self.partial = None;
        self.forget();
        self.settled.push(settled?);
        Some(self.joined(TranscriptKind::Settled, false))
    }

    /// Whether nothing is under way that a new connection would have to hear again.
    pub(super) const fn is_quiet(&self) -> bool {
        self.partial.is_none()
    }

    /// The place at the end of everything pushed so far.
    pub(super) fn pushed(&self) -> u64 {
        self.given()
    }

    /// A final of everything before the place is wanted.
    pub(super) fn ask(&mut self, place: u64) {
        self.asked_at = place;
    }

    pub(super) const fn asked_at(&self) -> u64 {
        self.asked_at
    }

    /// Whether the vendor has settled more than what lies before the place, beyond what it rounds.
    pub(super) fn settled_beyond(&self, place: u64) -> bool {
        self.settled_to > place + self.samples(ROUNDED)
    }

    /// The final. `answered`: the vendor has settled everything; otherwise its last partial is taken, and what comes of it later dropped.
    pub(super) fn finish(&mut self, answered: bool) -> Transcript {
        let told = self.joined(TranscriptKind::Final, !answered);
        self.settled.clear();
        let partial = self.partial.take();
        if answered {
            self.settled_to = self.settled_to.max(self.asked_at.min(self.sent));
        } else {
            let partial = partial.map(|partial| (self.partial_to, partial.text.split_whitespace().count()));
            (self.told_to, self.told_words) = partial.unwrap_or((self.settled_to, 0));
            self.settled_to = self.settled_to.max(self.told_to);
        }
        self.forget();
        told
    }

    /// Position at the end of the audio that the vendor has.
    pub(super) fn heard_to(&self) -> MediaTime {
        self.end_of(self.sent)
    }

    fn given(&self) -> u64 {
        self.kept_from + self.kept.len() as u64
    }

    /// Position at the end of the audio pushed.
    fn end(&self) -> MediaTime {
        self.end_of(self.given())
    }

    /// Drops audio that no connection can need.
    fn forget(&mut self) {
        let oldest = self.given().saturating_sub(self.samples(KEPT));
        let wanted = self.settled_to.min(self.sent).max(oldest);
        let count = wanted.saturating_sub(self.kept_from).min(self.kept.len() as u64);
        self.kept.drain(..usize::try_from(count).unwrap_or(0));
        self.kept_from += count;
        if self.sent < self.kept_from {
            // Nothing was sent for so long, since the vendor was not there or not ready: it begins later.
            (self.base, self.sent) = (self.base + (self.kept_from - self.sent), self.kept_from);
        }
    }

    /// Everything since our last final.
    fn joined(&self, kind: TranscriptKind, with_partial: bool) -> Transcript {
        let partial = self.partial.as_ref().filter(|_| with_partial);
        let pieces: Vec<&Transcript> = self.settled.iter().chain(partial).collect();
        let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else {
            let end = self.end();
            return Transcript {
                kind,
                language: self.language.clone(),
                ..Transcript::complete("", end, end)
            };
        };
        let text = pieces.iter().map(|piece| piece.text.as_str()).collect::<Vec<_>>().join(" ");
        Transcript {
            kind,
            words: pieces.iter().flat_map(|piece| piece.words.clone()).collect(),
            confidence: pieces.iter().filter_map(|piece| piece.confidence).reduce(f32::min),
            language: pieces.iter().find_map(|piece| piece.language.clone()),
            ..Transcript::complete(text, first.from, last.to.max(first.from))
        }
    }

    /// The piece in positions of the track, without words that were told; `None` where nothing is left.
    fn heard(&self, piece: Piece) -> Option<Transcript> {
        let text = piece.text.trim();
        if text.is_empty() {
            return None;
        }
        let timeless = piece.to.is_zero();
        let (from, to) =
            if timeless { (self.base, self.sent) } else { (self.place(piece.from), self.place(piece.to)) };
        if !timeless && self.told_to > self.base && to <= self.told_to {
            return None;
        }
        // Vendors shift a word a little when they settle it: its middle tells.
        let middle = |word: &PieceWord| u64::midpoint(self.place(word.from), self.place(word.to));
        let is_new = |word: &&PieceWord| self.told_to <= self.base || middle(word) > self.told_to;
        let fresh: Vec<&PieceWord> = piece.words.iter().filter(is_new).collect();
        let all = fresh.len() == piece.words.len();
        if fresh.is_empty() && !all {
            return None;
        }
        let text = if !all {
            fresh.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
        } else if piece.words.is_empty() && from < self.told_to {
            // Without times of words their number tells what is new.
            text.split_whitespace().skip(self.told_words).collect::<Vec<_>>().join(" ")
        } else {
            text.to_owned()
        };
        if text.is_empty() {
            return None;
        }
        let from = if all { from } else { fresh.first().map_or(from, |word| self.place(word.from)) };
        let words = fresh
            .into_iter()
            .map(|word| Word {
                text: word.text.clone(),
                from: self.begin_of(self.place(word.from)),
                to: self.end_of(self.place(word.to)),
            })
            .collect();
        Some(Transcript {
            words,
            confidence: piece.confidence,
            language: piece.language.or_else(|| self.language.clone()),
            ..Transcript::complete(text, self.begin_of(from), self.end_of(to))
        })
    }

    /// Of a position on the connection; vendors round, and what was not sent they have not heard.
    fn place(&self, position: Duration) -> u64 {
        (self.base + self.samples(position)).min(self.sent.max(self.base))
    }

    fn samples(&self, length: Duration) -> u64 {
        // Rounded: positions come as seconds in floating point.
        let nanos = length.as_nanos() * u128::from(self.rate_hz) + 500_000_000;
        u64::try_from(nanos / 1_000_000_000).unwrap_or(u64::MAX / 2)
    }

    fn begin_of(&self, place: u64) -> MediaTime {
        self.position(place, |gap| gap <= place)
    }

    /// At a gap the end lies before it.
    fn end_of(&self, place: u64) -> MediaTime {
        self.position(place, |gap| gap < place)
    }

    fn position(&self, place: u64, before: impl Fn(u64) -> bool) -> MediaTime {
        let gap = self.gaps.iter().rev().find(|(gap, _)| before(*gap)).or_else(|| self.gaps.front());
        gap.map_or(MediaTime::ZERO, |&(gap, at)| {
            at + MediaTime::from_samples(place.saturating_sub(gap), self.rate_hz)
        })
    }
}

#[cfg(test)]
mod tests;
