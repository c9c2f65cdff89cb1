//! `v1/speak` over a socket: text is spoken when it is flushed, and flushes are few.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use providers_link::pcm::Samples;
use providers_link::{Endpoint, Fault, Frame, SpeakingProtocol, Spoken};
use tokio::time::Instant;

use crate::wire::{self, Say, control, fault, read};

/// More than 20 flushes a minute on one connection are answered with warnings. A turn's are counted from its begin, so that the
/// minute is taken somewhat longer.
const FLUSHES: usize = 20;
const MINUTE: Duration = Duration::from_secs(90);
/// A turn takes no more than this of what is left: there are turns after it.
const FLUSHES_PER_TURN: usize = 8;

/// Flushes on each connection of late, shared by all turns.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flushes(Arc<Mutex<HashMap<u64, VecDeque<Instant>>>>);

impl Flushes {
    fn left(&self, connection: u64, now: Instant) -> usize {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, flushes| {
            flushes.retain(|at| now.saturating_duration_since(*at) < MINUTE);
            !flushes.is_empty()
        });
        FLUSHES.saturating_sub(known.get(&connection).map_or(0, VecDeque::len))
    }

    /// When a turn will find what it may take; `None`: it would now.
    fn enough_at(&self, connection: u64, now: Instant) -> Option<Instant> {
        self.left(connection, now); // forgets the old ones
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_late = known.get(&connection)?;
        // The last that has to grow old, so that a turn's and the one for its end are left.
        let last = of_late.len().checked_sub(FLUSHES - FLUSHES_PER_TURN)?;
        Some(*of_late.get(last)? + MINUTE)
    }

    fn add(&self, connection: u64, now: Instant) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(connection).or_default().push_back(now);
    }
}

pub(crate) struct Reply {
    endpoint: Endpoint,
    flushes: Flushes,
    /// The connection and when the turn began on it.
    on: Option<(u64, Instant)>,
    /// Sentences that may be flushed one by one; the rest is flushed at the end.
    left: usize,
    /// Sentences sent, and to where each flush that is not answered reaches.
    sent: usize,
    flushed_to: VecDeque<usize>,
    unflushed: bool,
    ended: bool,
    samples: Samples,
    cleared: bool,
}

impl Reply {
    pub(crate) fn new(endpoint: Endpoint, flushes: Flushes) -> Self {
        Self {
            endpoint,
            flushes,
            on: None,
            left: 0,
            sent: 0,
            flushed_to: VecDeque::new(),
            unflushed: false,
            ended: false,
            samples: Samples::default(),
            cleared: false,
        }
    }

    fn flush(&mut self, out: &mut Vec<Frame>) {
        if let Some((connection, now)) = self.on {
            self.flushes.add(connection, now);
        }
        self.unflushed = false;
        self.flushed_to.push_back(self.sent);
        out.push(control(&Say::Flush));
    }

    fn text(&mut self, text: &str, spoken: &mut Vec<Spoken>) -> Result<(), Fault> {
        match read(text)? {
            wire::Spoken::Flushed => {
                if let Some(sentences) = self.flushed_to.pop_front() {
                    spoken.extend(sentences.checked_sub(1).map(Spoken::SentencesDone));
                }
                if self.is_done() {
                    spoken.push(Spoken::TurnDone);
                }
            }
            wire::Spoken::Warning { warn_code } => tracing::warn!(code = warn_code, "deepgram warns"),
            wire::Spoken::Error { err_code, description } => return Err(fault(&err_code, &description)),
            wire::Spoken::Cleared | wire::Spoken::Other => {}
        }
        Ok(())
    }
}

impl SpeakingProtocol for Reply {
    fn endpoint(&self) -> Endpoint {
        self.endpoint.clone()
    }

    fn connected(&mut self, connection: u64, now: Instant) {
        self.on = Some((connection, now));
        // One is kept for the end.
        self.left = self.flushes.left(connection, now).saturating_sub(1).min(FLUSHES_PER_TURN);
    }

    fn rests_until(&self, now: Instant) -> Option<Instant> {
        let (connection, _) = self.on?;
        self.flushes.enough_at(connection, now)
    }

    fn sentence(&mut self, _index: usize, text: &str, out: &mut Vec<Frame>) {
        out.push(control(&Say::Speak { text }));
        (self.sent, self.unflushed) = (self.sent + 1, true);
        if self.left > 0 {
            self.left -= 1;
            self.flush(out);
        }
    }

    fn end(&mut self, out: &mut Vec<Frame>) {
        self.ended = true;
        if self.unflushed {
            self.flush(out);
        }
    }

    fn is_done(&self) -> bool {
        self.ended && !self.unflushed && self.flushed_to.is_empty()
    }

    fn cancel(&mut self, out: &mut Vec<Frame>) -> bool {
        out.push(control(&Say::Clear));
        true
    }

    fn is_settled(&mut self, last: Option<&Frame>) -> bool {
        if let Some(Frame::Text(text)) = last {
            self.cleared |= matches!(read(text), Ok(wire::Spoken::Cleared));
        }
        self.cleared
    }

    fn received(&mut self, frame: Frame, spoken: &mut Vec<Spoken>) -> Result<(), Fault> {
        match frame {
            Frame::Binary(audio) => {
                let samples = self.samples.push(&audio);
                if !samples.is_empty() {
                    spoken.push(Spoken::Audio(samples));
                }
                Ok(())
            }
            Frame::Text(text) => self.text(&text, spoken),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(flushes: &Flushes, now: Instant) -> Reply {
        let mut reply = Reply::new(Endpoint::new("wss://x/v1/speak".to_owned()), flushes.clone());
        reply.connected(7, now);
        reply
    }

    fn flushes_of(out: &[Frame]) -> usize {
        out.iter().filter(|frame| **frame == control(&Say::Flush)).count()
    }

    fn hear(reply: &mut Reply, text: &str) -> Vec<Spoken> {
        let mut spoken = Vec::new();
        reply.received(Frame::Text(text.to_owned()), &mut spoken).expect("documented");
        spoken
    }

    #[test]
    fn each_flush_answers_for_the_sentences_before_it_and_the_last_for_the_turn() {
        let mut reply = reply(&Flushes::default(), Instant::now());
        let mut out = Vec::new();
        reply.sentence(0, "One.", &mut out);
        reply.sentence(1, "Two.", &mut out);
        reply.end(&mut out);
        assert_eq!(out.len(), 4);
        let flushed = r#"{"type":"Flushed","sequence_id":0}"#;
        assert_eq!(hear(&mut reply, flushed), [Spoken::SentencesDone(0)]);
        assert!(!reply.is_done());
        assert_eq!(hear(&mut reply, flushed), [Spoken::SentencesDone(1), Spoken::TurnDone]);
    }

    #[test]
    fn a_turn_whose_last_answer_came_before_its_end_is_done_with_it() {
        let mut reply = reply(&Flushes::default(), Instant::now());
        reply.sentence(0, "One.", &mut Vec::new());
        assert_eq!(hear(&mut reply, r#"{"type":"Flushed","sequence_id":0}"#), [Spoken::SentencesDone(0)]);
        reply.end(&mut Vec::new());
        assert!(reply.is_done());
    }

    #[test]
    fn no_connection_is_flushed_more_than_twenty_times_a_minute() {
        let (flushes, now) = (Flushes::default(), Instant::now());
        let mut out = Vec::new();
        for turn in 0..4 {
            let mut reply = reply(&flushes, now + Duration::from_secs(turn));
            for index in 0..9 {
                reply.sentence(index, "Again.", &mut out);
            }
            reply.end(&mut out);
        }
        // The fourth turn had nothing left but the flush it cannot do without.
        assert_eq!(flushes_of(&out), FLUSHES + 1);
        // The nine of the first turn and one more have to grow old before another turn finds what it may take.
        let second = now + Duration::from_secs(1);
        assert_eq!(flushes.enough_at(7, now), Some(second + MINUTE));
        let later = now + MINUTE + Duration::from_secs(5);
        assert_eq!((flushes.enough_at(7, later), flushes.enough_at(8, now)), (None, None));
        assert_eq!(flushes.left(7, later), FLUSHES);
    }

    #[test]
    fn a_turn_that_is_cut_off_is_over_when_the_vendor_says_so() {
        let mut reply = reply(&Flushes::default(), Instant::now());
        let mut out = Vec::new();
        assert!(reply.cancel(&mut out) && out == [control(&Say::Clear)]);
        assert!(!reply.is_settled(None) && !reply.is_settled(Some(&Frame::Binary(vec![0, 0].into()))));
        assert!(!reply.is_settled(Some(&Frame::Text(r#"{"type":"Flushed"}"#.to_owned()))));
        assert!(reply.is_settled(Some(&Frame::Text(r#"{"type":"Cleared","sequence_id":0}"#.to_owned()))));
    }
}
